//! Changes and effects: what one component did, carried to the others.

use std::sync::Arc;

use super::build::{class_of, unstated};
use super::traffic::{Effect, ServerId};
use super::{PodLink, Simulation};
use crate::api::{Change, Kind, ObjectId, Pod, PodId, TerminationReason, What, WorkloadId, Write};
use crate::metrics::MetricsPodId;
use crate::record::{
    Counts, DisruptionKind, DisruptionRecord, EventRecord, Report, WorkloadRecord,
};
use crate::sim::SimTime;

impl Simulation<'_> {
    /// Carries changes and effects on until there are none left.
    #[inline]
    pub(super) fn settle(&mut self, now: SimTime) {
        let is_calm = self.traffic.is_calm() && self.store.is_calm() && self.events.is_empty();
        if !is_calm {
            self.carry_all(now);
        }
    }

    fn carry_all(&mut self, now: SimTime) {
        loop {
            let effects = self.traffic.take_effects();
            let mut idle = effects.is_empty();
            for effect in effects {
                self.apply_traffic(effect, now);
            }
            while let Some(change) = self.store.next_change() {
                idle = false;
                self.carry(change, now);
            }
            if idle && !self.traffic.share_totals(&mut self.queue) {
                break;
            }
        }
        if !self.events.is_empty() {
            self.record_object_events(now);
        }
        while let Some(pod) = self.store.take_removed() {
            self.store.commit(now, Write::Forget(pod));
        }
    }

    fn uid(&self, pod: PodId) -> u64 {
        self.store.pod(pod).map_or(0, |pod| pod.meta.uid.0)
    }

    pub(super) fn record_object_events(&mut self, now: SimTime) {
        let nowhere = Arc::default();
        self.events.take_each(|event, message| {
            let meta = self.store.meta(event.object);
            self.recorder.report(&Report {
                time: now,
                kind: event.kind.name(),
                reason: &event.reason,
                namespace: meta.map_or(&nowhere, |meta| &meta.namespace),
                object: (
                    event.object.kind().name(),
                    meta.map_or("", |meta| &meta.name),
                ),
                uid: meta.map_or(0, |meta| meta.uid.0),
                version: meta.map_or(0, |meta| meta.resource_version),
                message,
            });
        });
    }

    fn carry(&mut self, change: Change, now: SimTime) {
        if let Some(watched) = &mut self.watched {
            watched.push((now, change));
        }
        if let ObjectId::Pod(id) = change.object {
            self.carry_pod(id, change.what, now);
            self.note_node_wait(id, change.what, now);
            self.tell_cluster_autoscaler(id, change.what, now);
            self.tell_karpenter(id, change.what, now);
        }
        if let ObjectId::Node(id) = change.object {
            self.tell_cluster_autoscaler_of_node(id);
            self.node_changed(id, change.what, now);
        }
        if change.what != What::Status {
            self.tell_cluster_autoscaler_of_scale(change.object);
        }
        if let ObjectId::Deployment(id) = change.object {
            self.note_progress(change, id, now);
        }
        self.tell_controllers(change, now);
        if self.watching > 0 {
            self.look_again(change, now);
        }
    }

    fn apply_traffic(&mut self, effect: Effect, now: SimTime) {
        match effect {
            Effect::OutOfMemory(server) => {
                if let Some((pod, container)) = self.pod_of(server) {
                    self.record_oom_kill(pod, now);
                    self.container_exited(pod, container, TerminationReason::OomKilled, now);
                }
            }
            Effect::Drained(server) => {
                if let Some((pod, _)) = self.pod_of(server) {
                    self.drained(pod, now);
                }
            }
            Effect::Exited {
                load,
                client,
                failed,
            } => {
                let pods = &self.links.clients[load as usize];
                let pod = pods[client as usize];
                // Its pod may be gone by now.
                if self.pods[pod.slot()].client == Some((load as usize, client)) {
                    let reason = if failed {
                        TerminationReason::Error
                    } else {
                        TerminationReason::Completed
                    };
                    self.container_exited(pod, 0, reason, now);
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
                    ..EventRecord::default()
                });
            }
        }
    }

    pub(super) fn record_oom_kill(&mut self, pod: PodId, now: SimTime) {
        if let Some(pod) = self.store.pod(pod) {
            self.recorder.disruption(DisruptionRecord {
                time: now,
                workload: self.records_of[pod.workload.index()],
                vpa: None,
                kind: DisruptionKind::OomKill,
            });
        }
    }

    /// A pod has ended: perhaps because its node ran out of memory, or has shut down.
    fn record_end_by_node(&mut self, pod: PodId, now: SimTime) {
        let Some(of) = self.store.pod(pod) else {
            return;
        };
        let why = of.failure.as_ref().map(|why| &*why.0);
        let workload = of.workload.index();
        if why == Some("Terminated") {
            self.blame_silence(pod, now);
        } else if why == Some("Evicted") {
            self.recorder.disruption(DisruptionRecord {
                time: now,
                workload: self.records_of[workload],
                vpa: None,
                kind: DisruptionKind::NodePressure,
            });
        }
    }

    fn pod_of(&self, server: ServerId) -> Option<(PodId, u16)> {
        let id = (*self.server_pods.get(server.slot())?)?;
        let pod = self.store.pod(id)?;
        let service = self.links.service_of(pod.workload)?;
        Some((id, self.scenario.services[service].container as u16))
    }

    /// A pod is gone. The next of a StatefulSet's has its name, and metrics-server goes by names.
    fn forget_metrics(&mut self, id: PodId, metrics: MetricsPodId) {
        match self.store.pod(id) {
            Some(pod) if matches!(pod.meta.owner, Some(ObjectId::StatefulSet(_))) => {
                self.metrics.leave_behind(metrics);
                let key = (pod.workload, pod.ordinal);
                if let Some(older) = self.former.insert(key, metrics) {
                    self.metrics.untrack_pod(older);
                }
            }
            _ => self.metrics.untrack_pod(metrics),
        }
    }

    fn carry_pod(&mut self, id: PodId, what: What, now: SimTime) {
        if what == What::EndpointRemoved {
            self.endpoint_removed(id);
        }
        if let What::EndpointElsewhere(host, is_endpoint) = what {
            self.endpoint_elsewhere(id, host, is_endpoint);
        }
        let Some(workload) = self.store.pod(id).map(|pod| pod.workload) else {
            return;
        };
        match what {
            What::Created => self.pod_created(id, workload, now),
            What::ContainerStarted(container) => {
                self.recorder.pod_started(self.pods[id.slot()].record, now);
                self.container_started(id, container, now);
            }
            What::AppStarted => {
                if let Some(server) = self.pods[id.slot()].server {
                    self.traffic
                        .started(server, &mut self.queue, &mut self.recorder);
                }
            }
            What::EndpointAdded => {
                if let Some(server) = self.pods[id.slot()].server {
                    self.traffic
                        .add_endpoint(server, &mut self.queue, &mut self.recorder);
                }
            }
            What::Terminating => match self.pods[id.slot()].server {
                Some(server) => self.traffic.terminate(server, &mut self.queue),
                // A shell that loops ignores SIGTERM as process 1; anything else exits.
                None if self.links.load_of(workload).is_some() => {}
                None => self.drained(id, now),
            },
            What::ContainerStopped(container) => {
                self.container_stopped(id, container, now);
                self.observe_kill(id, container, now);
            }
            What::Deleted => {
                self.pod_exports_no_more(id, now);
                let link = &mut self.pods[id.slot()];
                let mut containers = std::mem::take(&mut link.containers);
                containers.clear();
                let link = std::mem::replace(
                    link,
                    PodLink {
                        containers,
                        ..PodLink::default()
                    },
                );
                if let Some(metrics) = link.metrics {
                    self.forget_metrics(id, metrics);
                }
                if self.store.workload(workload).kind == Kind::Pod
                    && let Some(load) = self.links.load_of(workload)
                {
                    self.traffic.stop_load(load, &mut self.queue);
                }
                self.vpas.pod_deleted(link.vpa.as_ref(), self.store.pod(id));
                self.recorder.pod_deleted(link.record, self.uid(id), now);
            }
            What::Resized => self.pod_resized(id, now),
            What::Ended => {
                self.sidecars_stopped(id);
                self.recorder.pod_ended(self.pods[id.slot()].record, now);
                self.record_end_by_node(id, now);
            }
            What::Scheduled => {
                let node = self.store.pod(id).and_then(|pod| pod.node);
                let machine = node.and_then(|node| self.machine(node));
                let node = machine.and_then(|one| self.cloud.instance(one.instance).record);
                let record = self.pods[id.slot()].record;
                self.recorder.pod_scheduled(record, node, now);
            }
            What::Ready => {
                if self.store.pod(id).is_some_and(Pod::is_ready) {
                    self.recorder.pod_ready(self.pods[id.slot()].record, now);
                }
            }
            What::Status => self.note_waiting(id, workload, now),
            What::Spec => self.retarget(id, now),
            What::Deleting => {
                let node = self.store.pod(id).and_then(|pod| pod.node);
                let kubelet = &self.components.kubelet;
                if node.is_some_and(|node| kubelet.silence(node).is_some()) {
                    self.blame_silence(id, now);
                }
            }
            What::Scaled { .. }
            | What::GraceShortened
            | What::ResizeRequested
            | What::ResizeAllocated
            | What::EndpointRemoved
            | What::EndpointElsewhere(..) => {}
        }
        self.hpas.pods_changed(workload);
        self.record_counts(workload, now);
        // Another workload's controller may have adopted it.
        let listed = self.store.pod(id).map(|pod| pod.listed);
        if let Some(listed) = listed.filter(|listed| *listed != workload) {
            self.hpas.pods_changed(listed);
            self.record_counts(listed, now);
        }
    }

    /// kube-proxy removes a pod, or the server of a pod that is gone.
    fn endpoint_removed(&mut self, id: PodId) {
        let gone: Vec<ServerId> = (self.stopped)
            .extract_if(.., |(pod, _)| *pod == id)
            .map(|(_, server)| server)
            .collect();
        let alive = || self.store.pod(id).and(self.pods[id.slot()].server);
        let servers = if gone.is_empty() {
            alive().into_iter().collect()
        } else {
            gone
        };
        for server in servers {
            self.traffic.remove_endpoint(server, &mut self.queue);
        }
    }

    /// kube-proxy sends a pod the traffic of another workload's Services, or no more.
    fn endpoint_elsewhere(&mut self, id: PodId, host: WorkloadId, is_endpoint: bool) {
        let Some(service) = self.links.service_of(host) else {
            return;
        };
        let lent = |(pod, to, _): &mut (PodId, usize, ServerId)| *pod == id && *to == service;
        for (.., server) in self.lent.extract_if(.., lent) {
            self.traffic.take_back(server, service);
        }
        let server = self.store.pod(id).and(self.pods[id.slot()].server);
        if let Some(server) = server.filter(|_| is_endpoint) {
            self.traffic.lend(server, service, &mut self.queue);
            self.lent.push((id, service, server));
        }
    }

    /// The recording's place of a workload; made if it appeared during the run.
    pub(super) fn record_of(&mut self, workload: WorkloadId) -> usize {
        while self.records_of.len() <= workload.index() {
            let entry = &self.store.workloads()[self.records_of.len()];
            let template = entry.object.and_then(|object| self.store.template(object));
            let is_daemon_set = matches!(entry.object, Some(ObjectId::DaemonSet(_)));
            let told = template.map(|template| {
                let unstated = unstated(template, is_daemon_set);
                (class_of(template), unstated)
            });
            let (class, unstated) = told.unwrap_or_default();
            let place = self.recorder.add_workload(WorkloadRecord {
                class,
                unstated,
                kind: entry.kind.name().into(),
                namespace: Arc::clone(&entry.namespace),
                name: entry.name.to_string(),
                ..WorkloadRecord::default()
            });
            self.records_of.push(place);
        }
        self.records_of[workload.index()]
    }

    fn record_counts(&mut self, workload: WorkloadId, now: SimTime) {
        let place = self.record_of(workload);
        let counts = self.store.workload(workload).counts;
        let counts = Counts {
            pending: counts.pending,
            starting: counts.starting,
            running: counts.running,
            ready: counts.ready,
            terminating: counts.terminating,
        };
        if self.counts_told.len() <= place {
            self.counts_told.resize(place + 1, None);
        }
        if self.counts_told[place].replace(counts) != Some(counts) {
            self.recorder.counts(place, now, counts);
        }
    }
}
