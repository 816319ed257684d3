//! Effects: what one subsystem did, carried to the others.

use super::World;
use super::traffic::{Effect, ServerId};
use crate::cluster::{ClusterEffect, EventKind, ObjectRef, PodId, TerminationReason};
use crate::record::{Counts, DisruptionKind, DisruptionRecord, EventRecord};
use crate::sim::SimTime;

impl World<'_> {
    /// Carries effects on until there are none left.
    pub(super) fn apply_effects(&mut self, now: SimTime) {
        loop {
            let traffic: Vec<Effect> = self.traffic.effects().collect();
            for effect in &traffic {
                self.apply_traffic(*effect, now);
            }
            let mut effects = std::mem::take(&mut self.log.effects);
            for effect in effects.drain(..) {
                self.apply_cluster(effect, now);
            }
            let idle = traffic.is_empty() && self.log.effects.is_empty();
            if self.log.effects.is_empty() {
                self.log.effects = effects; // keeps the allocation
            }
            if idle {
                break;
            }
        }
        if !self.log.events.is_empty() {
            self.record_object_events(now);
        }
    }

    fn record_object_events(&mut self, now: SimTime) {
        for event in self.log.events.drain(..) {
            let workloads = &self.recorder.recording.workloads;
            let (workload, object) = match event.object {
                ObjectRef::Workload(workload) => (workload, workloads[workload].object()),
                ObjectRef::Pod { workload, name } => (workload, format!("Pod/{name}")),
            };
            let namespace = workloads[workload].namespace.clone();
            let kind = if event.kind == EventKind::Normal {
                "Normal"
            } else {
                "Warning"
            };
            self.recorder.event(|| EventRecord {
                time: now,
                kind,
                reason: event.reason.to_owned(),
                namespace,
                object,
                message: event.message,
            });
        }
    }

    fn apply_traffic(&mut self, effect: Effect, now: SimTime) {
        match effect {
            Effect::OutOfMemory(server) => {
                if let Some((pod, container)) = self.pod_of(server) {
                    self.record_oom_kill(pod, now);
                    let (queue, log) = (&mut self.queue, &mut self.log);
                    self.cluster.container_exited(
                        pod,
                        container,
                        TerminationReason::OomKilled,
                        now,
                        queue,
                        log,
                    );
                }
            }
            Effect::Drained(server) => {
                if let Some((pod, _)) = self.pod_of(server) {
                    self.cluster.drained(pod, now, &mut self.queue);
                }
            }
            Effect::LoadFinished(load) => {
                let record = &self.recorder.recording.loads[load];
                let (namespace, name) = (record.namespace.clone(), record.name.clone());
                self.recorder.event(|| EventRecord {
                    time: now,
                    kind: "Normal",
                    reason: "LoadFinished".to_owned(),
                    namespace,
                    object: format!("Load/{name}"),
                    message: "The load has ended".to_owned(),
                });
            }
        }
    }

    fn record_oom_kill(&mut self, pod: PodId, now: SimTime) {
        if let Some(pod) = self.cluster.pod(pod) {
            self.recorder.disruption(DisruptionRecord {
                time: now,
                workload: pod.workload,
                kind: DisruptionKind::OomKill,
            });
        }
    }

    fn pod_of(&self, server: ServerId) -> Option<(PodId, u16)> {
        let id = (*self.server_pods.get(server.slot())?)?;
        let pod = self.cluster.pod(id)?;
        let service = self.links.service_of[pod.workload]?;
        Some((id, self.scenario.services[service].container as u16))
    }

    fn apply_cluster(&mut self, effect: ClusterEffect, now: SimTime) {
        let (ClusterEffect::PodCreated(id)
        | ClusterEffect::PodScheduled(id)
        | ClusterEffect::ContainerStarted { pod: id, .. }
        | ClusterEffect::AppStarted(id)
        | ClusterEffect::ReadyChanged(id)
        | ClusterEffect::Resized(id)
        | ClusterEffect::EndpointAdded(id)
        | ClusterEffect::EndpointRemoved(id)
        | ClusterEffect::Terminating(id)
        | ClusterEffect::ContainerStopped { pod: id, .. }
        | ClusterEffect::PodDeleted(id)) = effect;
        if matches!(effect, ClusterEffect::EndpointRemoved(_)) {
            self.endpoint_removed(id);
        }
        let Some(workload) = self.cluster.pod(id).map(|pod| pod.workload) else {
            return;
        };
        match effect {
            ClusterEffect::PodCreated(_) => self.pod_created(id, workload, now),
            ClusterEffect::ContainerStarted { container, at, .. } => {
                self.recorder.pod_started(self.pods[id.slot()].record, now);
                self.container_started(id, container, at, now);
                self.observe_restart(id, container);
            }
            ClusterEffect::AppStarted(_) => {
                if let Some(server) = self.pods[id.slot()].server {
                    self.traffic
                        .started(server, &mut self.queue, &mut self.recorder);
                }
            }
            ClusterEffect::EndpointAdded(_) => {
                if let Some(server) = self.pods[id.slot()].server {
                    self.traffic
                        .add_endpoint(server, &mut self.queue, &mut self.recorder);
                }
            }
            ClusterEffect::EndpointRemoved(_) => {}
            ClusterEffect::Terminating(_) => match self.pods[id.slot()].server {
                Some(server) => self.traffic.terminate(server, &mut self.queue),
                // A shell that loops ignores SIGTERM as process 1; anything else exits.
                None if self.links.load_of[workload].is_some() => {}
                None => self.cluster.drained(id, now, &mut self.queue),
            },
            ClusterEffect::ContainerStopped { container, .. } => {
                self.container_stopped(id, container, now);
            }
            ClusterEffect::PodDeleted(_) => {
                let link = std::mem::take(&mut self.pods[id.slot()]);
                if let Some(metrics) = link.metrics {
                    self.metrics.untrack_pod(metrics);
                }
                self.vpas.pod_deleted(workload, link.vpa);
                self.recorder.pod_deleted(link.record, now);
            }
            ClusterEffect::Resized(_) => self.pod_resized(id, now),
            ClusterEffect::PodScheduled(_) => {
                self.recorder
                    .pod_scheduled(self.pods[id.slot()].record, now);
            }
            ClusterEffect::ReadyChanged(_) => {
                if self.cluster.pod(id).is_some_and(|pod| pod.ready) {
                    self.recorder.pod_ready(self.pods[id.slot()].record, now);
                }
            }
        }
        self.record_counts(workload, now);
    }

    /// kube-proxy forgets a pod, which may be gone, or else its server that is gone.
    fn endpoint_removed(&mut self, id: PodId) {
        let gone: Vec<ServerId> = (self.stopped)
            .extract_if(.., |(pod, _)| *pod == id)
            .map(|(_, server)| server)
            .collect();
        let alive = || self.cluster.pod(id).and(self.pods[id.slot()].server);
        let servers = if gone.is_empty() {
            alive().into_iter().collect()
        } else {
            gone
        };
        for server in servers {
            self.traffic.remove_endpoint(server, &mut self.queue);
        }
    }

    fn record_counts(&mut self, workload: usize, now: SimTime) {
        let counts = self.cluster.workloads()[workload].counts;
        let counts = Counts {
            pending: counts.pending,
            starting: counts.starting,
            running: counts.running,
            ready: counts.ready,
            terminating: counts.terminating,
        };
        self.recorder.counts(workload, now, counts);
    }
}
