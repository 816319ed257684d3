//! The StatefulSet controller: ordinals in order, one at a time (or all at once with
//! `podManagementPolicy: Parallel`); follows `pkg/controller/statefulset`.

use super::pod::{Pod, PodId};
use super::state::{Cluster, ClusterEvent, Context};
use super::token_bucket::Client;

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
        let healthy = |id: PodId| {
            let is_healthy = |pod: &Pod| pod.ready && pod.deletion.is_none();
            self.pods.get(id).is_some_and(is_healthy)
        };
        let of_ordinal = |ordinal: u32| {
            let place = pods.binary_search_by_key(&ordinal, |(ordinal, _)| *ordinal);
            place.ok().map(|place| pods[place].1)
        };
        let condemned: Vec<PodId> = pods
            .iter()
            .rev()
            .take_while(|(ordinal, _)| *ordinal >= wanted)
            .map(|(_, id)| *id)
            .collect();
        if parallel {
            let missing = (0..wanted)
                .filter(|ordinal| of_ordinal(*ordinal).is_none())
                .count();
            if missing > 0 {
                self.create_many(workload, missing, context);
            }
            for id in condemned {
                self.request_delete(id, Client::StatefulSets, context);
            }
            return;
        }
        // The first that is not there or not healthy is all there is to do, or to wait for.
        let unsettled = (0..wanted)
            .map(of_ordinal)
            .find(|pod| !pod.is_some_and(healthy));
        match unsettled {
            Some(None) => self.create_many(workload, 1, context),
            Some(Some(_)) => {}
            None => {
                let Some(last) = condemned.first().copied() else {
                    return;
                };
                // An unhealthy pod blocks those above it, not its own deletion.
                let first = condemned.iter().rev().find(|id| !healthy(**id));
                if healthy(last) || first == Some(&last) {
                    self.request_delete(last, Client::StatefulSets, context);
                }
            }
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
