//! Containers that end before their pod does, and start again.

use super::{Event, Kubelet};
use crate::api::{Context, ObjectId, Pod, PodId, PodPhase, PodWrite, TerminationReason};
use crate::sim::{SimDuration, SimTime};

impl Kubelet {
    /// A container ended by itself or was killed by the kernel: it restarts after its
    /// back-off, or ends its Job's pod.
    pub fn container_exited(
        &mut self,
        id: PodId,
        container: u16,
        reason: TerminationReason,
        context: &mut Context<'_, Event>,
    ) {
        let Some(started) = self.stop_container(id, container, reason, context) else {
            return;
        };
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let (owner, deleted) = (pod.meta.owner, pod.is_deleting());
        let place = usize::from(container);
        if reason == TerminationReason::OomKilled {
            let name = &pod.template.containers[place].name;
            let message = || format!("Memory limit reached, killed container {name}");
            let object = ObjectId::Pod(id);
            context.events.warning(object, "OOMKilling", message);
        }
        if let Some(ObjectId::Job(job)) = owner {
            if deleted {
                // It was counted as failed when it was deleted.
                self.end(id, PodPhase::Failed, context);
                return;
            }
            let succeeded = reason == TerminationReason::Completed;
            let job = context.store.job(job);
            let restarts_in_place = job.is_some_and(|job| job.spec.restarts_in_place);
            if succeeded || !restarts_in_place {
                let phase = if succeeded {
                    PodPhase::Succeeded
                } else {
                    PodPhase::Failed
                };
                // The object stays but no longer uses its node.
                context.write_pod(id, PodWrite::End(phase));
                return;
            }
        }
        let (initial, longest) = (self.config.crash_loop_initial, self.config.crash_loop_max);
        let ran = context.now - started;
        let crash_loop = &mut self.worker(id).crash_loops[place];
        let delay = crash_loop.next_delay(ran, initial, longest);
        if delay > SimDuration::ZERO {
            let message = || "Back-off restarting failed container".to_owned();
            context
                .events
                .warning(ObjectId::Pod(id), "BackOff", message);
        }
        context.after(delay, Event::Restart(id, container));
    }

    /// A container of a running pod is gone; returns when it had started.
    fn stop_container(
        &mut self,
        id: PodId,
        container: u16,
        reason: TerminationReason,
        context: &mut Context<'_, Event>,
    ) -> Option<SimTime> {
        let runs = |pod: &&Pod| pod.phase == PodPhase::Running && !pod.removed;
        let pod = context.store.pod(id).filter(runs)?;
        let (was_ready, deleting) = (pod.ready, pod.is_deleting());
        let started = pod.containers[usize::from(container)].running_since?;
        let worker = self.worker(id);
        if worker.terminating {
            return None;
        }
        worker.run = worker.run.wrapping_add(1);
        context.write_pod(id, PodWrite::StopContainer(container, reason));
        if was_ready && !deleting {
            context.write_pod(id, PodWrite::Ready(false));
        }
        Some(started)
    }

    /// A container starts again because its `resizePolicy` asks for that: no back-off.
    pub(super) fn restart_for_resize(
        &mut self,
        id: PodId,
        container: u16,
        context: &mut Context<'_, Event>,
    ) {
        let reason = TerminationReason::Completed;
        if self
            .stop_container(id, container, reason, context)
            .is_some()
        {
            context.after(SimDuration::ZERO, Event::Restart(id, container));
        }
    }

    pub(super) fn restart(&mut self, id: PodId, container: u16, context: &mut Context<'_, Event>) {
        let runs = |pod: &Pod| pod.phase == PodPhase::Running && pod.is_active();
        if context.store.pod(id).is_some_and(runs) {
            let run = self.worker(id).run;
            context.write_pod(id, PodWrite::StartContainer(container));
            self.report_start(id, usize::from(container), None, context);
            self.begin_start_up(id, run, context);
        }
    }
}
