//! Evictions, compared with the pods that replace the evicted ones.

use std::collections::VecDeque;

use super::Simulation;
use crate::api::{Pod, PodId, Resources, WorkloadId};

/// Evictions whose replacements are still to come: what the evicted pods had, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Evictions(VecDeque<Vec<Resources>>);

/// What a pod's containers have.
fn resources(pod: &Pod) -> Vec<Resources> {
    let containers = pod.containers.iter();
    containers.map(|status| status.resources).collect()
}

impl Simulation<'_> {
    /// A VPA evicts a pod.
    pub(super) fn note_eviction(&mut self, index: usize, pod: PodId) {
        if let Some(pod) = self.store.pod(pod) {
            self.vpas.all[index].evictions.0.push_back(resources(pod));
        }
    }

    /// A pod is created, and admitted by a VPA: if it takes an evicted one's place, the eviction
    /// has changed its resources or was in vain.
    pub(in crate::world) fn compare_with_evicted(
        &mut self,
        id: PodId,
        workload: WorkloadId,
        admitted_by: Option<usize>,
    ) {
        let Some(pod) = self.store.pod(id) else {
            return;
        };
        for index in 0..self.vpas.all.len() {
            let vpa = &mut self.vpas.all[index];
            let targets = (vpa.target.as_ref()).is_ok_and(|target| target.workload == workload);
            let evicted = targets.then(|| vpa.evictions.0.pop_front()).flatten();
            let record = vpa.record;
            if let (Some(evicted), Some(record)) = (evicted, record)
                && evicted == resources(pod)
            {
                let other = admitted_by.filter(|other| *other != index);
                let record = &mut self.recorder.recording.vpas[record];
                record.evictions_in_vain += 1;
                record.overruled_by = other.and_then(|other| self.vpas.all[other].record);
            }
        }
    }
}
