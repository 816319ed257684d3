//! The pod objects: made, changed, taken away, with their workload's counts kept in step.

use super::crash_loop::CrashLoop;
use super::effect::{ClusterEffect, EffectLog};
use super::pod::{ContainerStatus, Pod, PodId, PodPhase, Resources, Stage};
use super::spec::WorkloadKind;
use super::state::Cluster;
use super::workload::random_suffix;
use crate::sim::SimTime;

impl Cluster {
    /// Changes a pod and keeps its workload's counts in step.
    pub(super) fn change<R>(&mut self, id: PodId, change: impl FnOnce(&mut Pod) -> R) -> Option<R> {
        let pod = self.pods.get_mut(id)?;
        let counts = &mut self.workloads[pod.workload].counts;
        if let Some(count) = counts.of(pod) {
            *count -= 1;
        }
        let result = change(pod);
        if let Some(count) = counts.of(pod) {
            *count += 1;
        }
        Some(result)
    }

    /// Makes a pod object; its name follows its owner's kind.
    pub(super) fn insert_pod(&mut self, workload: usize, created: SimTime) -> PodId {
        let ordinal = self.free_ordinal(workload);
        let state = &mut self.workloads[workload];
        let suffix = random_suffix(&mut state.stream, 5);
        let name = match state.spec.kind {
            WorkloadKind::Deployment => {
                format!("{}-{}-{suffix}", state.spec.name, state.template_hash)
            }
            WorkloadKind::StatefulSet { .. } => format!("{}-{ordinal}", state.spec.name),
            WorkloadKind::ReplicaSet | WorkloadKind::Job { .. } => {
                format!("{}-{suffix}", state.spec.name)
            }
        };
        let uid = format!("{:016x}", (state.stream.unit() * 2f64.powi(53)) as u64);
        let mut stream = state.pod_stream(state.created);
        state.created += 1;
        let lot = stream.unit();
        let containers = state
            .spec
            .template
            .containers
            .iter()
            .map(|container| ContainerStatus {
                resources: Resources {
                    cpu_request: container.cpu_request,
                    cpu_limit: container.cpu_limit,
                    memory_request: container.memory_request,
                    memory_limit: container.memory_limit,
                },
                running_since: None,
                restarts: 0,
                crash_loop: CrashLoop::default(),
                changed: [false; 2],
                last_termination: None,
            });
        let pod = Pod {
            name,
            uid,
            serial: self.created,
            workload,
            ordinal,
            node: None,
            phase: PodPhase::Pending,
            created,
            start_time: None,
            ready: false,
            ready_transition: created,
            deletion: None,
            resize: None,
            containers: containers.collect(),
            stage: Stage::Unscheduled,
            doomed: false,
            reported_unschedulable: false,
            evicted: false,
            desired: Vec::new(),
            resizes: 0,
            run: 0,
            endpoint_of: None,
            lot,
            stream,
        };
        state.counts.pending += 1;
        let id = self.pods.insert(pod);
        state.pods.push(id);
        let name = |id| self.pods.get(id).map(|pod| &pod.name);
        let place = state
            .by_name
            .partition_point(|other| name(*other) < name(id));
        state.by_name.insert(place, id);
        self.created += 1;
        id
    }

    pub(super) fn announce_removal(&mut self, id: PodId, log: &mut EffectLog) {
        self.change(id, |pod| pod.stage = Stage::Removed);
        log.push(ClusterEffect::PodDeleted(id));
        self.graveyard.push(id);
    }

    /// Takes away the pods whose deletion was announced with the event before.
    pub(super) fn bury(&mut self) {
        for id in std::mem::take(&mut self.graveyard) {
            let Some(pod) = self.pods.remove(id) else {
                continue;
            };
            let workload = &mut self.workloads[pod.workload];
            workload.pods.retain(|other| *other != id);
            workload.by_name.retain(|other| *other != id);
            self.deleted += 1;
        }
    }
}
