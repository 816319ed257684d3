//! The StatefulSet controller: ordinals in order, one at a time (or all at once with
//! `podManagementPolicy: Parallel`); follows `pkg/controller/statefulset`.

use super::state::{Cluster, ClusterEvent, Context};

impl Cluster {
    pub(super) fn sync_stateful_set<E: Copy + From<ClusterEvent>>(
        &mut self,
        workload: usize,
        parallel: bool,
        context: &mut Context<'_, E>,
    ) {
        let state = &self.workloads[workload];
        let wanted = state.replicas.max(0) as u32;
        let mut pods: Vec<_> = state
            .pods
            .iter()
            .filter_map(|id| self.pods.get(*id).map(|pod| (pod.ordinal, *id)))
            .collect();
        pods.sort_unstable();
        let healthy = |id| {
            self.pods
                .get(id)
                .is_some_and(|pod| pod.ready && pod.deletion.is_none())
        };
        let all_healthy = pods.iter().all(|(_, id)| healthy(*id));
        let missing = (0..wanted)
            .filter(|ordinal| pods.iter().all(|(other, _)| other != ordinal))
            .count();
        let surplus: Vec<_> = pods
            .iter()
            .rev()
            .filter(|(ordinal, _)| *ordinal >= wanted)
            .map(|(_, id)| *id)
            .collect();
        let under_way = self.workloads[workload].creating as usize;
        if missing > under_way {
            if parallel {
                self.create_many(workload, missing - under_way, context);
            } else if under_way == 0 && all_healthy {
                self.create_many(workload, 1, context);
            }
        } else if parallel {
            for id in surplus {
                self.request_delete(id, context);
            }
        } else if let Some(last) = surplus.first()
            && all_healthy
        {
            self.request_delete(*last, context);
        }
    }

    /// The lowest ordinal that no pod of a StatefulSet has; 0 for other kinds.
    pub(super) fn free_ordinal(&self, workload: usize) -> u32 {
        let state = &self.workloads[workload];
        if !matches!(
            state.spec.kind,
            super::spec::WorkloadKind::StatefulSet { .. }
        ) {
            return 0;
        }
        let taken: Vec<u32> = state
            .pods
            .iter()
            .filter_map(|id| self.pods.get(*id))
            .map(|pod| pod.ordinal)
            .collect();
        (0..=taken.len() as u32)
            .find(|ordinal| !taken.contains(ordinal))
            .unwrap_or_default()
    }
}
