//! From the deletion timestamp to the object's end: preStop, SIGTERM, SIGKILL, removal.

use std::sync::Arc;

use super::{Event, Kubelet};
use crate::api::{Context, ObjectId, Pod, PodId, PodPhase, PodWrite, TerminationReason, Write};
use crate::sim::SimDuration;

/// What a container has between SIGTERM and SIGKILL at least (`minimumGracePeriodInSeconds`).
pub(super) const SHORTEST_GRACE: SimDuration = SimDuration::from_secs(2);

impl Kubelet {
    /// A pod has got its deletion timestamp: the grace period begins.
    pub(super) fn delete(&mut self, id: PodId, context: &mut Context<'_, Event>) {
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        match pod.phase {
            PodPhase::Succeeded | PodPhase::Failed => {
                context.after(SimDuration::ZERO, Event::Remove(id));
            }
            PodPhase::Pending if !pod.runs() => self.end(id, PodPhase::Failed, context),
            PodPhase::Pending | PodPhase::Running => {
                let grace = pod.grace();
                self.stop_containers(id, grace, context);
            }
        }
    }

    /// A pod that is being deleted gets less time: its containers are stopped anew, within what
    /// it has now.
    pub(super) fn shorten_grace(&mut self, id: PodId, context: &mut Context<'_, Event>) {
        let runs = |pod: &&Pod| pod.phase == PodPhase::Running || pod.runs();
        let Some(pod) = context.store.pod(id).filter(runs) else {
            return;
        };
        let grace = pod.grace();
        self.stop_containers(id, grace, context);
    }

    /// A pod's containers are to stop within a grace period (`killContainer`).
    pub(super) fn stop_containers(
        &mut self,
        id: PodId,
        grace: SimDuration,
        context: &mut Context<'_, Event>,
    ) {
        self.break_off_hook(id, context);
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let template = Arc::clone(&pod.template);
        let up = pod.containers.iter().enumerate();
        let up = up.filter(|(_, status)| status.running_since.is_some());
        let up: Vec<usize> = up.map(|(place, _)| place).collect();
        self.worker(id).broken_off.clear();
        for place in &up {
            let sentence: [&str; 2] = ["Stopping container ", &template.containers[*place].name];
            let object = ObjectId::Pod(id);
            context.events.normal_of(object, "Killing", &sentence);
        }
        let mut pre_stop = SimDuration::ZERO;
        for place in up {
            pre_stop = pre_stop.max(self.begin_pre_stop(id, place, grace, context));
        }
        // However long the hook took, SIGKILL leaves SIGTERM some time.
        let kill = grace.max(pre_stop + SHORTEST_GRACE);
        self.stop_sidecars(id, grace, context);
        context.after(pre_stop, Event::Terminate(id));
        context.after(kill, Event::Kill(id));
    }

    pub(super) fn terminate(&mut self, id: PodId, context: &mut Context<'_, Event>) {
        let lasts = |pod: &Pod| !pod.has_ended() && !pod.removed;
        let was_told = std::mem::replace(&mut self.worker(id).terminating, true);
        if !was_told && context.store.pod(id).is_some_and(lasts) {
            context.write_pod(id, PodWrite::Terminate);
        }
    }

    /// The last request of a terminating pod is done: it exits after its shutdown.
    pub fn drained(&mut self, id: PodId, context: &mut Context<'_, Event>) {
        let lasts = |pod: &&Pod| !pod.has_ended() && !pod.removed;
        let Some(pod) = context.store.pod(id).filter(lasts) else {
            return;
        };
        let worker = self.worker(id);
        if !worker.terminating {
            if worker.killing.is_some() {
                self.ends_in_place(id, context);
            }
            return;
        }
        let shutdown = &self.startup_of(pod).shutdown;
        let delay = context.draws.delay(id, shutdown);
        context.after(delay, Event::Exit(id));
    }

    /// The containers have exited; their sidecars do once their hooks are over.
    pub(super) fn exit(&mut self, id: PodId, context: &mut Context<'_, Event>) {
        let stop = self.worker(id).sidecars_stop;
        if stop > context.now {
            context.at(stop, Event::Exit(id));
            return;
        }
        self.end(id, PodPhase::Succeeded, context);
    }

    pub(super) fn kill(&mut self, id: PodId, context: &mut Context<'_, Event>) {
        self.end(id, PodPhase::Failed, context);
    }

    /// The containers are gone: the node is free again, the object goes soon.
    pub(super) fn end(&mut self, id: PodId, phase: PodPhase, context: &mut Context<'_, Event>) {
        if context
            .store
            .pod(id)
            .is_none_or(|pod| pod.has_ended() || pod.removed)
        {
            return;
        }
        while let Some(place) = self.worker(id).broken_off.first().copied() {
            self.break_off_pre_stop(id, place, context);
        }
        if let Some(why) = self.worker(id).ending.take() {
            // Its object stays, unless somebody deletes it.
            if context.store.pod(id).is_some_and(|pod| pod.ready) {
                context.write_pod(id, PodWrite::Ready(false));
            }
            let reason = if phase == PodPhase::Succeeded {
                TerminationReason::Completed
            } else {
                super::kill::KILLED
            };
            let containers = context.store.pod(id).map_or(0, |pod| pod.containers.len());
            for container in 0..containers as u16 {
                context.write_pod(id, PodWrite::StopContainer(container, reason));
            }
            context.write_pod(id, PodWrite::Failure(why));
            context.write_pod(id, PodWrite::End(PodPhase::Failed));
            if !context.store.pod(id).is_some_and(Pod::is_deleting) {
                return;
            }
        } else {
            context.write_pod(id, PodWrite::End(phase));
        }
        let removal = context.draws.delay(id, &self.config.pod_removal);
        context.after(removal, Event::Remove(id));
    }

    pub(super) fn remove(id: PodId, context: &mut Context<'_, Event>) {
        context.commit(Write::RemovePod(id));
    }
}
