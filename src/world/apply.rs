//! Effects: what one subsystem did, carried to the others.

use super::sample::declared_cpu;
use super::traffic::{Effect, ServerId};
use super::{PodLink, World};
use crate::cluster::{ClusterEffect, EventKind, ObjectRef, PodId, TerminationReason, cpu_weight};
use crate::metrics::Tracked;
use crate::record::{Counts, EventRecord, PodRecord};
use crate::sim::SimTime;
use crate::units::{Bytes, Millicores};
use crate::workload::ServerLimits;

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
            let object = match event.object {
                ObjectRef::Workload(workload) => {
                    self.recorder.recording.workloads[workload].name.clone()
                }
                ObjectRef::Pod { name, .. } => format!("Pod/{name}"),
            };
            let kind = if event.kind == EventKind::Normal {
                "Normal"
            } else {
                "Warning"
            };
            self.recorder.event(|| EventRecord {
                time: now,
                kind,
                reason: event.reason.to_owned(),
                object,
                message: event.message,
            });
        }
    }

    fn apply_traffic(&mut self, effect: Effect, now: SimTime) {
        match effect {
            Effect::OutOfMemory(server) => {
                if let Some((pod, container)) = self.pod_of(server) {
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
                let name = self.recorder.recording.loads[load].name.clone();
                self.recorder.event(|| EventRecord {
                    time: now,
                    kind: "Normal",
                    reason: "LoadFinished".to_owned(),
                    object: format!("Load/{name}"),
                    message: "The load has ended".to_owned(),
                });
            }
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
        | ClusterEffect::EndpointAdded(id)
        | ClusterEffect::EndpointRemoved(id)
        | ClusterEffect::Terminating(id)
        | ClusterEffect::ContainerStopped { pod: id, .. }
        | ClusterEffect::PodDeleted(id)) = effect;
        let Some(workload) = self.cluster.pod(id).map(|pod| pod.workload) else {
            return;
        };
        match effect {
            ClusterEffect::PodCreated(_) => self.pod_created(id, workload, now),
            ClusterEffect::ContainerStarted { container, at, .. } => {
                self.pod_record(id).started.get_or_insert(now);
                self.container_started(id, container, at, now);
            }
            ClusterEffect::AppStarted(_) => {
                if let Some(server) = self.pods[id.slot()].server {
                    self.traffic
                        .set_background(server, Millicores::ZERO, &mut self.queue);
                }
            }
            ClusterEffect::EndpointAdded(_) => {
                if let Some(server) = self.pods[id.slot()].server {
                    self.traffic
                        .add_endpoint(server, &mut self.queue, &mut self.recorder);
                }
            }
            ClusterEffect::EndpointRemoved(_) => {
                if let Some(server) = self.pods[id.slot()].server {
                    self.traffic.remove_endpoint(server, &mut self.queue);
                }
            }
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
                self.recorder.recording.pods[link.record].deleted = Some(now);
            }
            ClusterEffect::PodScheduled(_) => self.pod_record(id).scheduled = Some(now),
            ClusterEffect::ReadyChanged(_) => {
                if self.cluster.pod(id).is_some_and(|pod| pod.ready) {
                    self.pod_record(id).ready.get_or_insert(now);
                }
            }
        }
        self.record_counts(workload, now);
    }

    fn pod_record(&mut self, id: PodId) -> &mut PodRecord {
        &mut self.recorder.recording.pods[self.pods[id.slot()].record]
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
        self.recorder.recording.workloads[workload]
            .counts
            .set(now, counts);
    }

    fn pod_created(&mut self, id: PodId, workload: usize, now: SimTime) {
        let slot = id.slot();
        if self.pods.len() <= slot {
            self.pods.resize(slot + 1, PodLink::default());
        }
        let Some(pod) = self.cluster.pod(id) else {
            return;
        };
        let template = &self.scenario.workloads[workload].template;
        let record = PodRecord {
            name: pod.name.clone(),
            workload,
            created: now,
            scheduled: None,
            started: None,
            ready: None,
            deleted: None,
            cpu_request: pod.cpu_request(template).cores(),
            memory_request: pod.memory_request(template).gib(),
            resized: Vec::new(),
        };
        self.pods[slot] = PodLink {
            pod: Some(id),
            containers: vec![None; pod.containers.len()],
            record: self.recorder.recording.pods.len(),
            ..PodLink::default()
        };
        self.recorder.recording.pods.push(record);
    }

    fn container_started(&mut self, id: PodId, container: u16, at: SimTime, now: SimTime) {
        let Some(pod) = self.cluster.pod(id) else {
            return;
        };
        let (workload, node) = (pod.workload, pod.node.unwrap_or_default());
        let resources = pod.containers[usize::from(container)].resources;
        let service = self.links.service_of[workload];
        let serving =
            service.filter(|&s| self.scenario.services[s].container == usize::from(container));
        let settled = at < SimTime::ZERO;
        if let Some(service) = serving {
            let limits = ServerLimits {
                cpu_limit: resources.cpu_limit,
                cpu_weight: cpu_weight(
                    resources.cpu_request,
                    self.scenario.controllers.cluster.cpu_weight_model,
                ),
                memory_limit: resources.memory_limit,
            };
            let server =
                self.traffic
                    .add_server(service, self.nodes[node], limits, &mut self.queue);
            let startup = self.scenario.workloads[workload].startup.startup_cpu;
            if !settled && startup > 0.0 {
                self.traffic.set_background(
                    server,
                    Millicores::from_cores_round(startup),
                    &mut self.queue,
                );
            }
            if self.server_pods.len() <= server.slot() {
                self.server_pods.resize(server.slot() + 1, None);
            }
            self.server_pods[server.slot()] = Some(id);
            self.pods[id.slot()].server = Some(server);
        } else if let Some(load) = self.links.load_of[workload]
            && container == 0
        {
            let client = self.links.next_client[load];
            self.links.next_client[load] += 1;
            self.pods[id.slot()].client = Some((load, client));
            self.traffic.start_client(load, client, &mut self.queue);
        }
        self.track(id, container, serving, node, at, now);
    }

    /// Begins to measure a container.
    fn track(
        &mut self,
        id: PodId,
        container: u16,
        serving: Option<usize>,
        node: usize,
        at: SimTime,
        now: SimTime,
    ) {
        let link = &mut self.pods[id.slot()];
        let pod = *link
            .metrics
            .get_or_insert_with(|| self.metrics.track_pod(node));
        let tracked = Tracked {
            pod: id.slot() as u64,
            container,
        };
        let tracked = if at < SimTime::ZERO {
            let (cores, memory) = self.settled_usage(id, container, serving);
            self.metrics
                .track_settled(pod, tracked, at, cores, memory, &mut self.queue)
        } else {
            self.metrics.track(pod, tracked, now, &mut self.queue)
        };
        self.pods[id.slot()].containers[usize::from(container)] = Some(tracked);
    }

    /// What a container used before the start: its background, and what is declared for the
    /// start.
    fn settled_usage(&self, id: PodId, container: u16, serving: Option<usize>) -> (f64, Bytes) {
        if let (Some(service), Some(server)) = (serving, self.pods[id.slot()].server) {
            let memory = self.traffic.usage(server, SimTime::ZERO).memory;
            let spec = &self.scenario.services[service];
            let pods = self.scenario.workloads[spec.workload].replicas.max(1);
            let declared = declared_cpu(spec, SimTime::ZERO, f64::from(pods)) / f64::from(pods);
            return (spec.background_cpu.cores() + declared, memory);
        }
        let workload = self.cluster.pod(id).map_or(0, |pod| pod.workload);
        let spec = &self.scenario.workloads[workload].template.containers[usize::from(container)];
        (spec.idle_cpu.cores(), spec.idle_memory)
    }

    fn container_stopped(&mut self, id: PodId, container: u16, now: SimTime) {
        let Some(workload) = self.cluster.pod(id).map(|pod| pod.workload) else {
            return;
        };
        let service = self.links.service_of[workload];
        let serves =
            service.is_some_and(|s| self.scenario.services[s].container == usize::from(container));
        let link = &mut self.pods[id.slot()];
        if let Some(tracked) = link.containers[usize::from(container)].take() {
            self.metrics.untrack(tracked);
        }
        if let Some((load, client)) = link.client.take() {
            self.traffic.stop_client(load, client, &mut self.queue);
        }
        if serves && let (Some(server), Some(service)) = (link.server.take(), service) {
            self.usage
                .retire(service, self.traffic.usage(server, now).cpu);
            self.traffic
                .kill(server, &mut self.queue, &mut self.recorder);
            self.server_pods[server.slot()] = None;
        }
    }
}
