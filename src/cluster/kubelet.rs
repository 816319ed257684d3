//! The kubelet's part of a pod's life: pull, start, readiness, crashes, termination.
//!
//! Follows `pkg/kubelet` (prober/worker.go, kuberuntime_manager.go) in its timing; every
//! length is a parameter of the scenario.

use super::effect::{ClusterEffect, EventKind};
use super::pod::{Pod, PodId, PodPhase, Stage};
use super::spec::{ProbeSpec, WorkloadKind};
use super::state::{Cluster, ClusterEvent, Context};
use crate::sim::{SimDuration, SimTime};

/// What a container has between SIGTERM and SIGKILL at least (`minimumGracePeriodInSeconds`).
const SHORTEST_GRACE: SimDuration = SimDuration::from_secs(2);

impl Cluster {
    /// The kubelet sees a pod: pull the image if need be, then start the containers.
    pub(super) fn admit<E: Copy + From<ClusterEvent>>(
        &mut self,
        id: PodId,
        node: usize,
        context: &mut Context<'_, E>,
    ) {
        let Some(pod) = self.pods.get_mut(id) else {
            return;
        };
        // The kubelet's first status says that the pod is not ready yet.
        pod.start_time = Some(context.now.truncate_to_second());
        pod.ready_transition = context.now.truncate_to_second();
        let (workload, run) = (pod.workload, pod.run);
        let state = &self.workloads[workload];
        let startup = &state.spec.startup;
        // Drawn even if not needed: what follows does not depend on the node.
        let pull = SimDuration::from_secs_f64(startup.image_pull.sample(&mut pod.stream));
        let start = SimDuration::from_secs_f64(startup.container_start.sample(&mut pod.stream));
        let image = self.image_of[workload];
        let host = &mut self.nodes[node];
        let pulled = if let Some(time) = host.image_at[image] {
            time.max(context.now)
        } else {
            let text = state.spec.template.containers.first().map(|c| &c.image);
            context
                .log
                .pod_event((workload, &pod.name), EventKind::Normal, "Pulling", || {
                    format!("Pulling image \"{}\"", text.map_or("", String::as_str))
                });
            host.pulls_until = host.pulls_until.max(context.now) + pull;
            host.image_at[image] = Some(host.pulls_until);
            host.pulls_until
        };
        context
            .queue
            .schedule(pulled + start, ClusterEvent::Start(id, run));
    }

    /// All containers of a pod start.
    pub(super) fn start_containers<E: Copy + From<ClusterEvent>>(
        &mut self,
        id: PodId,
        run: u16,
        context: &mut Context<'_, E>,
    ) {
        if self
            .pods
            .get(id)
            .is_none_or(|pod| pod.run != run || pod.deletion.is_some())
        {
            return;
        }
        let now = context.now;
        self.change(id, |pod| {
            pod.stage = Stage::Running;
            pod.phase = PodPhase::Running;
            for container in &mut pod.containers {
                container.running_since = Some(now);
            }
        });
        let containers = self.pods.get(id).map_or(0, |pod| pod.containers.len());
        for container in 0..containers {
            let container = container as u16;
            context.log.push(ClusterEffect::ContainerStarted {
                pod: id,
                container,
                at: now,
            });
        }
        self.pod_event(
            id,
            EventKind::Normal,
            "Started",
            || "Started containers".to_owned(),
            context,
        );
        self.begin_start_up(id, run, context);
    }

    /// Schedules the end of the application's start-up and the probe that notices it.
    pub(super) fn begin_start_up<E: Copy + From<ClusterEvent>>(
        &mut self,
        id: PodId,
        run: u16,
        context: &mut Context<'_, E>,
    ) {
        let Some(pod) = self.pods.get_mut(id) else {
            return;
        };
        let state = &self.workloads[pod.workload];
        let app = SimDuration::from_secs_f64(state.spec.startup.ready.sample(&mut pod.stream));
        let relist = SimDuration((self.config.pleg_relist.0 as f64 * pod.stream.unit()) as i64);
        let status_write = self.config.api_latency;
        let probe = state
            .spec
            .template
            .containers
            .iter()
            .filter_map(|c| c.readiness_probe)
            .max_by_key(|p| p.period);
        let noticed = match probe {
            // Without a probe a container is ready as soon as it is seen to run.
            None => relist,
            Some(probe) => first_success(probe, relist, app),
        };
        context.after(app, ClusterEvent::AppStarted(id, run));
        context.after(noticed + status_write, ClusterEvent::Ready(id, run));
    }

    pub(super) fn app_started<E>(&mut self, id: PodId, run: u16, context: &mut Context<'_, E>) {
        if self
            .pods
            .get(id)
            .is_some_and(|pod| pod.run == run && pod.stage == Stage::Running)
        {
            context.log.push(ClusterEffect::AppStarted(id));
        }
    }

    pub(super) fn became_ready<E: Copy + From<ClusterEvent>>(
        &mut self,
        id: PodId,
        run: u16,
        context: &mut Context<'_, E>,
    ) {
        let current =
            |pod: &&Pod| pod.run == run && pod.stage == Stage::Running && pod.deletion.is_none();
        let Some(workload) = self.pods.get(id).filter(current).map(|pod| pod.workload) else {
            return;
        };
        let now = context.now;
        self.change(id, |pod| {
            pod.ready = true;
            pod.ready_transition = now.truncate_to_second();
        });
        context.log.push(ClusterEffect::ReadyChanged(id));
        let delay = self.endpoints_delay(id);
        context.after(delay, ClusterEvent::EndpointAdd(id, run));
        if matches!(
            self.workloads[workload].spec.kind,
            WorkloadKind::StatefulSet { .. }
        ) {
            self.schedule_sync(workload, self.config.api_latency, context);
        }
    }

    pub(super) fn endpoints_delay(&mut self, id: PodId) -> SimDuration {
        let delay = |pod: &mut Pod| self.config.endpoints_delay.sample(&mut pod.stream);
        SimDuration::from_secs_f64(self.pods.get_mut(id).map_or(0.0, delay))
    }

    pub(super) fn endpoint_add<E>(&mut self, id: PodId, run: u16, context: &mut Context<'_, E>) {
        let current = |pod: &&mut Pod| pod.run == run && pod.ready && pod.deletion.is_none();
        let Some(pod) = self.pods.get_mut(id).filter(current) else {
            return;
        };
        // Another start's removal that is still on its way has been overtaken.
        if pod.endpoint_of.replace(run).is_some() {
            context.log.push(ClusterEffect::EndpointRemoved(id));
        }
        context.log.push(ClusterEffect::EndpointAdded(id));
    }

    /// kube-proxy forgets a pod, if it knows it by that start; the pod may be gone by now.
    pub(super) fn endpoint_remove<E>(&mut self, id: PodId, run: u16, context: &mut Context<'_, E>) {
        if let Some(pod) = self.pods.get_mut(id) {
            if pod.endpoint_of != Some(run) {
                return;
            }
            pod.endpoint_of = None;
        }
        context.log.push(ClusterEffect::EndpointRemoved(id));
    }

    /// A delete call arrives: the grace period begins.
    pub(super) fn delete<E: Copy + From<ClusterEvent>>(
        &mut self,
        id: PodId,
        context: &mut Context<'_, E>,
    ) {
        let Some(pod) = self.pods.get(id).filter(|pod| pod.deletion.is_none()) else {
            return;
        };
        let (workload, phase) = (pod.workload, pod.phase);
        self.job_pod_deleted(workload, phase, context.now);
        let Some(pod) = self.pods.get(id) else {
            return;
        };
        let template = &self.workloads[workload].spec.template;
        let grace = template.termination_grace;
        let pre_stop = template
            .containers
            .iter()
            .map(|c| c.pre_stop)
            .max()
            .unwrap_or_default()
            .min(grace);
        let (now, stage, was_ready, run) = (context.now, pod.stage, pod.ready, pod.run);
        if let Some(node) = pod.node.filter(|_| pod.occupies_node()) {
            self.nodes[node].pods_of[workload] -= 1;
        }
        let runs = stage == Stage::Running;
        let deadline = if runs { now + grace } else { now };
        // However long the hook took, SIGKILL leaves SIGTERM some time.
        let kill = if grace > SimDuration::ZERO {
            grace.max(pre_stop + SHORTEST_GRACE)
        } else {
            grace
        };
        self.change(id, |pod| {
            pod.deletion = Some(deadline);
            pod.ready = false;
            pod.doomed = true;
        });
        context.log.push(ClusterEffect::ReadyChanged(id));
        self.schedule_sync(workload, self.config.api_latency, context);
        if stage == Stage::Ended {
            context.after(SimDuration::ZERO, ClusterEvent::Remove(id));
            return;
        }
        if !runs {
            self.end(id, context);
            return;
        }
        self.pod_event(
            id,
            EventKind::Normal,
            "Killing",
            || "Stopping containers".to_owned(),
            context,
        );
        if was_ready {
            let delay = self.endpoints_delay(id);
            context.after(delay, ClusterEvent::EndpointRemove(id, run));
        }
        context.after(pre_stop, ClusterEvent::Terminate(id));
        context.after(kill, ClusterEvent::Kill(id));
    }

    pub(super) fn terminate<E>(&mut self, id: PodId, context: &mut Context<'_, E>) {
        if self
            .pods
            .get(id)
            .is_some_and(|pod| pod.stage == Stage::Running)
        {
            self.change(id, |pod| pod.stage = Stage::Terminating);
            context.log.push(ClusterEffect::Terminating(id));
        }
    }

    /// The last request of a terminating pod is done: it exits after its shutdown.
    pub fn drained<E: Copy + From<ClusterEvent>>(
        &mut self,
        id: PodId,
        now: SimTime,
        queue: &mut crate::sim::EventQueue<E>,
    ) {
        let Some(pod) = self
            .pods
            .get_mut(id)
            .filter(|pod| pod.stage == Stage::Terminating)
        else {
            return;
        };
        let shutdown = &self.workloads[pod.workload].spec.startup.shutdown;
        let delay = SimDuration::from_secs_f64(shutdown.sample(&mut pod.stream));
        queue.schedule(now + delay, ClusterEvent::Exit(id));
    }

    /// The containers are gone: the node is free again, the object goes soon.
    pub(super) fn end<E: Copy + From<ClusterEvent>>(
        &mut self,
        id: PodId,
        context: &mut Context<'_, E>,
    ) {
        if self.pods.get(id).is_none_or(Pod::has_ended) {
            return;
        }
        self.release_node(id);
        let containers = self.pods.get(id).map_or(0, |pod| pod.containers.len());
        for container in 0..containers {
            let stopped = self
                .change(id, |pod| pod.containers[container].running_since.take())
                .flatten();
            if stopped.is_some() {
                let container = container as u16;
                context
                    .log
                    .push(ClusterEffect::ContainerStopped { pod: id, container });
            }
        }
        self.change(id, |pod| pod.stage = Stage::Ended);
        let Some(pod) = self.pods.get_mut(id) else {
            return;
        };
        let removal = self.config.pod_removal.sample(&mut pod.stream);
        let removal = SimDuration::from_secs_f64(removal);
        context.after(removal, ClusterEvent::Remove(id));
        self.room_appeared(id, context);
    }

    pub(super) fn remove<E: Copy + From<ClusterEvent>>(
        &mut self,
        id: PodId,
        context: &mut Context<'_, E>,
    ) {
        let Some(workload) = self.pods.get(id).map(|pod| pod.workload) else {
            return;
        };
        self.announce_removal(id, context.log);
        // A StatefulSet waits for the object to be gone.
        self.schedule_sync(workload, self.config.api_latency, context);
    }
}

/// When a readiness probe has succeeded often enough, from the container's start: the first
/// attempt follows the container being seen to run, the next ones its period.
fn first_success(probe: ProbeSpec, seen: SimDuration, app_started: SimDuration) -> SimDuration {
    let earliest = app_started.max(probe.initial_delay);
    let waits = (earliest - seen).max(SimDuration::ZERO);
    let attempts = (waits.0 + probe.period.0 - 1) / probe.period.0.max(1);
    seen + probe.period * (attempts + i64::from(probe.success_threshold.max(1)) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_follows_the_application_by_less_than_a_period() {
        let seconds = SimDuration::from_secs;
        let probe = ProbeSpec {
            initial_delay: seconds(0),
            period: seconds(10),
            success_threshold: 1,
            failure_threshold: 3,
        };
        assert_eq!(first_success(probe, seconds(1), seconds(0)), seconds(1));
        assert_eq!(first_success(probe, seconds(1), seconds(12)), seconds(21));
        let delayed = ProbeSpec {
            initial_delay: seconds(15),
            ..probe
        };
        assert_eq!(first_success(delayed, seconds(1), seconds(2)), seconds(21));
        let thrice = ProbeSpec {
            success_threshold: 3,
            ..probe
        };
        assert_eq!(first_success(thrice, seconds(1), seconds(0)), seconds(21));
    }

    #[test]
    fn times_of_the_status_are_whole_seconds() {
        assert_eq!(
            SimTime::from_millis(1999).truncate_to_second(),
            SimTime::from_secs(1)
        );
    }
}
