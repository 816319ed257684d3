//! The life of a pod outside the cluster: its server, its client, its measurements, its record.

use std::sync::Arc;

use super::requests::changed_requests;
use super::sample::declared_cpu;
use super::{PodLink, Simulation};
use crate::api::{Pod, PodId, Resources, WorkloadId, qos_class};
use crate::kubelet::cpu_weight;
use crate::metrics::{MetricsNodeId, Tracked};
use crate::record::{Detail, PodRecord};
use crate::sim::SimTime;
use crate::units::Bytes;
use crate::workload::{ServerLimits, Tier};

impl Simulation<'_> {
    pub(super) fn pod_created(&mut self, id: PodId, workload: WorkloadId, now: SimTime) {
        let slot = id.slot();
        if self.pods.len() <= slot {
            self.pods.resize(slot + 1, PodLink::default());
        }
        // Pods that are there from the start have been admitted long ago.
        let is_new = now > SimTime::ZERO;
        let admitted_by = is_new.then(|| self.admit_pod(id)).flatten();
        self.compare_with_evicted(id, workload, admitted_by);
        let record_of = self.record_of(workload);
        let boost = self.pods[slot].boost.take();
        let Some(pod) = self.store.pod(id) else {
            return;
        };
        let requests = if admitted_by.is_some() {
            let resources: Vec<Resources> = pod.containers.iter().map(|c| c.resources).collect();
            Arc::new(changed_requests(&pod.template, &resources))
        } else {
            self.requests.of(&pod.template)
        };
        let asked = pod.requested();
        let former = self.former.remove(&(workload, pod.ordinal));
        let record = PodRecord {
            namespace: self.recorder.recording.workloads[record_of]
                .namespace
                .clone(),
            name: if self.recorder.detail == Detail::Full {
                pod.name().to_owned()
            } else {
                String::new()
            },
            workload: record_of,
            created: now,
            scheduled: None,
            started: None,
            ready: None,
            deleted: None,
            cpu_request: asked.cpu.cores(),
            memory_request: asked.memory.gib(),
            resized: Vec::new(),
        };
        // The list of a pod that had the slot before serves this one.
        let mut containers = std::mem::take(&mut self.pods[slot].containers);
        containers.resize(pod.template.lasting().count(), None);
        self.pods[slot] = PodLink {
            pod: Some(id),
            metrics: former,
            containers,
            requests,
            boost,
            record: self.recorder.pod_created(record),
            ..PodLink::default()
        };
    }

    pub(super) fn container_started(&mut self, id: PodId, container: u16, now: SimTime) {
        let Some(pod) = self.store.pod(id) else {
            return;
        };
        let workload = pod.workload;
        // Nothing starts on a machine whose place another has taken.
        let Some(machine) = pod.node.and_then(|node| self.machine(node)) else {
            return;
        };
        let status = &pod.containers[usize::from(container)];
        let (resources, at) = (status.resources, status.running_since.unwrap_or(now));
        let service = self.links.service_of(workload);
        let serving =
            service.filter(|&s| self.scenario.services[s].container == usize::from(container));
        let settled = at < SimTime::ZERO;
        if let Some(service) = serving {
            let limits = self.server_limits(pod, resources);
            let server = self
                .traffic
                .add_server(service, machine.cpu, limits, &mut self.queue);
            let startup = self.links.startup_cpu(workload);
            if settled {
                self.traffic.consume(server, &mut self.queue);
            } else {
                self.traffic.start_up(server, startup, &mut self.queue);
            }
            if self.server_pods.len() <= server.slot() {
                self.server_pods.resize(server.slot() + 1, None);
            }
            self.server_pods[server.slot()] = Some(id);
            let link = &mut self.pods[id.slot()];
            (link.server, link.serving) = (Some(server), container);
        } else if let Some(load) = self.links.load_of(workload)
            && container == 0
            && self.sends_requests(id)
        {
            let client = self.links.clients[load].len() as u32;
            self.links.clients[load].push(id);
            self.pods[id.slot()].client = Some((load, client));
            self.traffic.start_client(load, client, &mut self.queue);
        }
        self.track(id, container, serving, machine.metrics, at, now);
        if let Some(service) = serving {
            self.pod_exports(id, service, at);
        }
        self.track_sidecars(id, machine.metrics, at, now);
    }

    /// Whether a pod of a load runs its script: a command may make one of the same name that does
    /// something else.
    fn sends_requests(&self, id: PodId) -> bool {
        let Some(pod) = self.store.pod(id) else {
            return false;
        };
        let declared = self.scenario.workloads.get(pod.workload.index());
        let declared = declared.map_or(&[][..], |spec| &spec.template.containers);
        let commands = pod.template.containers.iter().zip(declared);
        commands
            .into_iter()
            .all(|(own, other)| own.command == other.command)
    }

    /// Begins to measure the sidecars of a pod whose first container has started: they have run
    /// before it, and go on when a container starts anew.
    fn track_sidecars(&mut self, id: PodId, node: MetricsNodeId, at: SimTime, now: SimTime) {
        let first = self.store.pod(id).map_or(0, |pod| pod.containers.len());
        for place in first..self.pods[id.slot()].containers.len() {
            if self.pods[id.slot()].containers[place].is_none() {
                self.track(id, place as u16, None, node, at, now);
            }
        }
    }

    /// A pod has ended, and its sidecars with it.
    pub(super) fn sidecars_stopped(&mut self, id: PodId) {
        let first = self.store.pod(id).map_or(0, |pod| pod.containers.len());
        for tracked in self.pods[id.slot()].containers.iter_mut().skip(first) {
            if let Some(tracked) = tracked.take() {
                self.metrics.untrack(tracked);
            }
        }
    }

    fn server_limits(&self, pod: &Pod, resources: Resources) -> ServerLimits {
        let model = self.scenario.controllers.cluster.cpu_weight_model;
        ServerLimits {
            cpu_limit: resources.cpu_limit,
            cpu_weight: cpu_weight(resources.cpu_request, model),
            memory_limit: resources.memory_limit,
            tier: match qos_class(pod) {
                "Guaranteed" => Tier::Guaranteed,
                "BestEffort" => Tier::BestEffort,
                _ => Tier::Burstable(pod.requested().cpu),
            },
        }
    }

    /// A resize in place is in force.
    pub(super) fn pod_resized(&mut self, id: PodId, now: SimTime) {
        let Some(pod) = self.store.pod(id) else {
            return;
        };
        let asked = pod.requested();
        let (cpu, memory) = (asked.cpu, asked.memory);
        let service = self.links.service_of(pod.workload);
        let serving =
            service.map(|s| pod.containers[self.scenario.services[s].container].resources);
        let record = self.pods[id.slot()].record;
        self.recorder
            .pod_resized(record, now, cpu.cores(), memory.gib());
        if let (Some(server), Some(resources)) = (self.pods[id.slot()].server, serving) {
            let limits = self.server_limits(pod, resources);
            self.traffic.resize(server, limits, &mut self.queue);
        }
    }

    /// Begins to measure a container.
    fn track(
        &mut self,
        id: PodId,
        container: u16,
        serving: Option<usize>,
        node: MetricsNodeId,
        at: SimTime,
        now: SimTime,
    ) {
        let uid = self.store.pod(id).map_or(0, |pod| pod.meta.uid.0);
        let source = self.source_of(id, container, serving, at);
        let link = &mut self.pods[id.slot()];
        let pod = match link.metrics {
            Some(pod) => {
                self.metrics.move_pod(pod, node, uid);
                pod
            }
            None => self.metrics.track_pod(node, uid),
        };
        link.metrics = Some(pod);
        let tracked = Tracked { source, container };
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
            let declared = declared_cpu(spec, (SimTime::ZERO, SimTime::ZERO), f64::from(pods))
                / f64::from(pods);
            return (spec.background_cpu.cores() + declared, memory);
        }
        let pod = self.store.pod(id);
        let spec = pod.and_then(|pod| pod.template.lasting_at(usize::from(container)));
        spec.map_or((0.0, Bytes(0)), |spec| {
            (spec.idle_cpu.cores(), spec.idle_memory)
        })
    }

    pub(super) fn container_stopped(&mut self, id: PodId, container: u16, now: SimTime) {
        let Some(workload) = self.store.pod(id).map(|pod| pod.workload) else {
            return;
        };
        let service = self.links.service_of(workload);
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
            let sink = &mut self.recorder;
            if self.traffic.stop(server, &mut self.queue, sink) {
                self.stopped.push((id, server));
            }
            self.server_pods[server.slot()] = None;
        }
    }
}
