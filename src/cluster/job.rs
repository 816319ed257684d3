//! The Job controller: so many pods at once until enough have succeeded, with a back-off
//! after failures; follows `pkg/controller/job`.

use super::pod::{PodId, PodPhase, Stage};
use super::spec::WorkloadKind;
use super::state::{Cluster, ClusterEvent, Context};
use crate::sim::SimDuration;

const FIRST_BACKOFF: SimDuration = SimDuration::from_secs(10);
const LONGEST_BACKOFF: SimDuration = SimDuration::from_secs(600);

impl Cluster {
    pub(super) fn sync_job<E: Copy + From<ClusterEvent>>(
        &mut self,
        workload: usize,
        context: &mut Context<'_, E>,
    ) {
        let state = &self.workloads[workload];
        let WorkloadKind::Job {
            parallelism,
            completions,
            backoff_limit,
            active_deadline,
        } = state.spec.kind
        else {
            return;
        };
        let past_deadline =
            active_deadline.is_some_and(|limit| context.now >= state.spec.created_at + limit);
        if past_deadline || state.failed > backoff_limit {
            for id in self.active_pods(workload) {
                self.request_delete(id, context);
            }
            return;
        }
        let left = completions.map_or(parallelism, |completions| completions - state.succeeded);
        let wanted = parallelism.min(left).max(0);
        let creating = state.creating;
        let missing = wanted - self.active_pods(workload).len() as i32 - creating;
        if missing > 0 {
            self.create_many(workload, missing as usize, context);
        }
    }

    /// A Job's pod ends by itself: it stays, without using its node.
    pub(super) fn end_job_pod<E: Copy + From<ClusterEvent>>(
        &mut self,
        id: PodId,
        succeeded: bool,
        context: &mut Context<'_, E>,
    ) {
        let phase = if succeeded {
            PodPhase::Succeeded
        } else {
            PodPhase::Failed
        };
        self.release_node(id);
        self.change(id, |pod| {
            pod.stage = Stage::Ended;
            pod.phase = phase;
            pod.ready = false;
        });
        let Some(workload) = self.pods.get(id).map(|pod| pod.workload) else {
            return;
        };
        let state = &mut self.workloads[workload];
        let delay = if succeeded {
            state.succeeded += 1;
            SimDuration::from_secs(1)
        } else {
            state.failed += 1;
            let doublings = (state.failed - 1).clamp(0, 10) as u32;
            (FIRST_BACKOFF * 2i64.pow(doublings)).min(LONGEST_BACKOFF)
        };
        self.schedule_sync(workload, delay, context);
        self.room_appeared(id, context);
    }
}
