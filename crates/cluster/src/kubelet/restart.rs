//! Containers that end before their pod does, and start again.

use std::sync::Arc;

use super::{Event, Kubelet};
use crate::api::{
    Context, EventSink, ObjectId, Pod, PodId, PodPhase, PodWrite, RestartPolicy, TerminationReason,
};
use crate::sim::{SimDuration, SimTime};

/// From one look at a pod to the next at most (`syncFrequency`), without its jitter.
const RESYNC: SimDuration = SimDuration::from_secs(60);
/// Looks come no closer together.
const SHORTEST_STEP: SimDuration = SimDuration::from_millis(1);

impl Kubelet {
    /// A container ended by itself or was killed by the kernel: it restarts after its
    /// back-off, or ends its pod by its `restartPolicy`.
    pub fn container_exited(
        &mut self,
        id: PodId,
        container: u16,
        reason: TerminationReason,
        context: &mut Context<'_, Event>,
    ) {
        self.ended(id, container, (reason, false), context);
    }

    /// A container has ended; `by_probe` tells whether the kubelet wanted it.
    pub(super) fn ended(
        &mut self,
        id: PodId,
        container: u16,
        (reason, by_probe): (TerminationReason, bool),
        context: &mut Context<'_, Event>,
    ) {
        let place = usize::from(container);
        if reason == TerminationReason::OomKilled && self.worker(id).terminating {
            self.runs_out_of_memory_in_the_end(id, container, context);
            return;
        }
        let pod = context.store.pod(id);
        let before = pod.and_then(|pod| pod.containers[place].last_termination);
        let Some(started) = self.stop_container(id, container, reason, context) else {
            return;
        };
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let (policy, deleted) = (pod.template.restart_policy, pod.is_deleting());
        if reason == TerminationReason::OomKilled && self.kernel_kills.last() != Some(&id) {
            report_oom(id, place, pod, context.events);
        }
        if self.worker(id).redefined.contains(&container) && !deleted {
            self.redefine_next(id, context);
            return;
        }
        if policy != RestartPolicy::Always {
            if deleted {
                // Its Job has counted it as failed when it was deleted.
                self.end(id, PodPhase::Failed, context);
                return;
            }
            let succeeded = reason == TerminationReason::Completed;
            if succeeded && !by_probe || policy == RestartPolicy::Never {
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
        let delay = if by_probe {
            let since = before.map(|(_, _, ended)| context.now - ended);
            crash_loop.after_kill(ran, since, (initial, longest))
        } else {
            crash_loop.next_delay(ran, initial, longest)
        };
        let template = Arc::clone(&pod.template);
        let delay = self.backs_off(id, &template.containers[place].name, delay, context);
        context.after(delay, Event::Restart(id, container));
    }

    /// The kernel kills a container that has got SIGTERM: its status says so, and with it the pod
    /// has failed.
    fn runs_out_of_memory_in_the_end(
        &mut self,
        id: PodId,
        container: u16,
        context: &mut Context<'_, Event>,
    ) {
        let place = usize::from(container);
        let runs = |pod: &&Pod| {
            let is_up = pod.containers[place].running_since.is_some();
            pod.runs() && is_up
        };
        let Some(pod) = context.store.pod(id).filter(runs) else {
            return;
        };
        if self.kernel_kills.last() != Some(&id) {
            report_oom(id, place, pod, context.events);
        }
        let reason = TerminationReason::OomKilled;
        context.write_pod(id, PodWrite::StopContainer(container, reason));
        self.end(id, PodPhase::Failed, context);
    }

    /// Reports a restart that has to wait, if it has; returns how long it does, with the jitter
    /// of the next look at the pod (`pod_workers.go`).
    pub(super) fn backs_off(
        &self,
        id: PodId,
        name: &str,
        delay: SimDuration,
        context: &mut Context<'_, Event>,
    ) -> SimDuration {
        let Some(pod) = context.store.pod(id).filter(|_| delay > SimDuration::ZERO) else {
            return delay;
        };
        let meta = &pod.meta;
        let message = || {
            format!(
                "Back-off restarting failed container {name} in pod {}_{}({})",
                meta.name, meta.namespace, meta.uid
            )
        };
        context
            .events
            .warning(ObjectId::Pod(id), "BackOff", message);
        let jitter = self.config.restart_jitter;
        if jitter <= 0.0 {
            return delay;
        }
        let mut waited = SimDuration::ZERO;
        while waited < delay {
            let step = (delay - waited).min(RESYNC).as_secs_f64();
            let drawn = context.draws.unit(id);
            waited += SimDuration::from_secs_f64(step * (1.0 + jitter * drawn)).max(SHORTEST_STEP);
        }
        waited
    }

    /// A container of a running pod is gone; returns when it had started.
    fn stop_container(
        &mut self,
        id: PodId,
        container: u16,
        reason: TerminationReason,
        context: &mut Context<'_, Event>,
    ) -> Option<SimTime> {
        let pod = context.store.pod(id).filter(|pod| pod.runs())?;
        let (was_ready, deleting) = (pod.ready, pod.is_deleting());
        let started = pod.containers[usize::from(container)].running_since?;
        let worker = self.worker(id);
        if worker.terminating {
            return None;
        }
        worker.run = worker.run.wrapping_add(1);
        (worker.killing, worker.mains_ready) = (None, false);
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
        let waits = |pod: &&Pod| {
            let stopped = pod.containers[usize::from(container)]
                .running_since
                .is_none();
            pod.is_active() && stopped
        };
        let Some(pod) = context.store.pod(id).filter(waits) else {
            return;
        };
        let (phase, template) = (pod.phase, Arc::clone(&pod.template));
        let now = context.now;
        let worker = self.worker(id);
        // One sync comes after the other.
        if let Some(hook) = worker.hook {
            context.at(hook.until, Event::Restart(id, container));
            return;
        }
        if phase != PodPhase::Running {
            return;
        }
        // One that gets another image waits for its turn.
        if worker.ending.is_some() || worker.redefined.contains(&container) {
            return;
        }
        let run = worker.run;
        let pulled_again = container == 0 && std::mem::take(&mut worker.pulling.again);
        let pull = worker.pull.filter(|_| pulled_again);
        context.write_pod(id, PodWrite::StartContainer(container));
        let spec = &template.containers[usize::from(container)];
        self.report_start(id, spec, pull, context);
        if spec.post_start.is_some() {
            self.worker(id).starts_from = Some(now);
            self.note_answers(id, container, context);
            if self.begin_hook(id, container, spec, context) {
                return;
            }
        }
        self.begin_start_up(id, run, context);
        self.redefine_next(id, context);
    }
}

/// What the kernel's kill of a container is told as.
fn report_oom(id: PodId, place: usize, pod: &Pod, events: &mut EventSink) {
    let name = &pod.template.containers[place].name;
    let message = || format!("Memory limit reached, killed container {name}");
    events.warning(ObjectId::Pod(id), "OOMKilling", message);
}
