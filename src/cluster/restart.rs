//! Containers that end before their pod does, and start again.

use super::effect::{ClusterEffect, EffectLog, EventKind};
use super::job::SYNC_BATCH;
use super::pod::{Pod, PodId, Stage, TerminationReason};
use super::spec::WorkloadKind;
use super::state::{Cluster, ClusterEvent, Context};
use crate::sim::{EventQueue, SimDuration, SimTime};

impl Cluster {
    /// A container ended by itself or was killed by the kernel: it restarts after its
    /// back-off, or ends its Job's pod.
    pub fn container_exited<E: Copy + From<ClusterEvent>>(
        &mut self,
        id: PodId,
        container: u16,
        reason: TerminationReason,
        now: SimTime,
        queue: &mut EventQueue<E>,
        log: &mut EffectLog,
    ) {
        let context = &mut Context { now, queue, log };
        let Some(started) = self.stop_container(id, container, reason, context) else {
            return;
        };
        let Some((workload, deleted)) =
            (self.pods.get(id)).map(|pod| (pod.workload, pod.deletion.is_some()))
        else {
            return;
        };
        if reason == TerminationReason::OomKilled {
            let name = self.workloads[workload].spec.template.containers[usize::from(container)]
                .name
                .clone();
            let message = || format!("Memory limit reached, killed container {name}");
            self.pod_event(id, EventKind::Warning, "OOMKilling", message, context);
        }
        if let WorkloadKind::Job {
            restarts_in_place, ..
        } = self.workloads[workload].spec.kind
        {
            let succeeded = reason == TerminationReason::Completed;
            if deleted {
                // It has counted as failed when it was deleted.
                self.end(id, context);
                return;
            }
            if succeeded || !restarts_in_place {
                self.end_job_pod(id, succeeded, context);
                return;
            }
        }
        let (initial, longest) = (self.config.crash_loop_initial, self.config.crash_loop_max);
        let Some(pod) = self.pods.get_mut(id) else {
            return;
        };
        let crash_loop = &mut pod.containers[usize::from(container)].crash_loop;
        let delay = crash_loop.next_delay(now - started, initial, longest);
        if delay > SimDuration::ZERO {
            let message = || "Back-off restarting failed container".to_owned();
            self.pod_event(id, EventKind::Warning, "BackOff", message, context);
        }
        context.after(delay, ClusterEvent::Restart(id, container));
    }

    /// A container of a running pod is gone; returns when it had started.
    fn stop_container<E: Copy + From<ClusterEvent>>(
        &mut self,
        id: PodId,
        container: u16,
        reason: TerminationReason,
        context: &mut Context<'_, E>,
    ) -> Option<SimTime> {
        let now = context.now;
        let pod = self
            .pods
            .get(id)
            .filter(|pod| pod.stage == Stage::Running)?;
        let (run, was_ready) = (pod.run, pod.ready);
        let started = pod.containers[usize::from(container)].running_since?;
        self.change(id, |pod| {
            let status = &mut pod.containers[usize::from(container)];
            status.running_since = None;
            status.last_termination = Some((reason, started, now));
            pod.run = pod.run.wrapping_add(1);
            if pod.ready {
                pod.ready = false;
                pod.ready_transition = now.truncate_to_second();
            }
        });
        context
            .log
            .push(ClusterEffect::ContainerStopped { pod: id, container });
        if was_ready {
            context.log.push(ClusterEffect::ReadyChanged(id));
            let delay = self.endpoints_delay(id);
            context.after(delay, ClusterEvent::EndpointRemove(id, run));
        }
        Some(started)
    }

    /// A container starts again because its `resizePolicy` asks for that: no back-off.
    pub(super) fn restart_for_resize<E: Copy + From<ClusterEvent>>(
        &mut self,
        id: PodId,
        container: u16,
        context: &mut Context<'_, E>,
    ) {
        let reason = TerminationReason::Completed;
        if self
            .stop_container(id, container, reason, context)
            .is_some()
        {
            context.after(SimDuration::ZERO, ClusterEvent::Restart(id, container));
        }
    }

    pub(super) fn restart<E: Copy + From<ClusterEvent>>(
        &mut self,
        id: PodId,
        container: u16,
        context: &mut Context<'_, E>,
    ) {
        let now = context.now;
        let alive = |pod: &&Pod| pod.stage == Stage::Running && pod.deletion.is_none();
        let Some((run, workload)) =
            (self.pods.get(id).filter(alive)).map(|pod| (pod.run, pod.workload))
        else {
            return;
        };
        self.change(id, |pod| {
            let status = &mut pod.containers[usize::from(container)];
            status.restarts += 1;
            status.running_since = Some(now);
        });
        context.log.push(ClusterEffect::ContainerStarted {
            pod: id,
            container,
            at: now,
        });
        self.begin_start_up(id, run, context);
        // A Job counts restarts.
        if matches!(self.workloads[workload].spec.kind, WorkloadKind::Job { .. }) {
            self.schedule_sync(workload, SYNC_BATCH, context);
        }
    }
}
