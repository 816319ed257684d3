//! The Job controller: so many pods at once until enough have succeeded, with a back-off
//! after failures; follows `pkg/controller/job`.

use super::pod::{PodId, PodPhase, Stage};
use super::spec::WorkloadKind;
use super::state::{Cluster, ClusterEvent, Context};
use super::token_bucket::Client;
use crate::sim::{SimDuration, SimTime};

const FIRST_BACKOFF: SimDuration = SimDuration::from_secs(10);
/// Changes of pods are gathered for so long (`SyncJobBatchPeriod`).
pub(super) const SYNC_BATCH: SimDuration = SimDuration::from_secs(1);
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
            restarts_in_place,
        } = state.spec.kind
        else {
            return;
        };
        let past_deadline =
            active_deadline.is_some_and(|limit| context.now >= state.spec.created_at + limit);
        let active = self.active_pods(workload);
        let restarts = if restarts_in_place {
            self.restarts(workload)
        } else {
            0
        };
        let beyond_limit = state.failed > backoff_limit || restarts >= backoff_limit.max(1) as u32;
        if state.given_up || past_deadline || beyond_limit {
            self.workloads[workload].given_up = true;
            for id in active {
                self.request_delete(id, Client::Jobs, context);
            }
            return;
        }
        let wanted = match completions {
            Some(completions) => parallelism.min(completions - state.succeeded),
            None if state.succeeded == 0 => parallelism,
            // A queue of work that one pod found empty: the others come to their ends.
            None => active.len() as i32,
        };
        let missing = wanted - active.len() as i32;
        let wait = back_off(state.failing, context.now);
        if missing > 0 && wait > SimDuration::ZERO {
            self.schedule_sync(workload, wait, context);
        } else if missing > 0 {
            self.create_many(workload, missing as usize, context);
        }
    }

    /// How often the containers of a Job's unfinished pods were restarted in place.
    fn restarts(&self, workload: usize) -> u32 {
        let pods = self.workloads[workload].pods.iter();
        let unfinished = pods
            .filter_map(|id| self.pods.get(*id))
            .filter(|pod| matches!(pod.phase, PodPhase::Pending | PodPhase::Running));
        let restarts = unfinished.flat_map(|pod| pod.containers.iter().map(|one| one.restarts));
        restarts.sum()
    }

    /// A Job's pod is deleted, by an eviction for example: unless it has ended by itself, that
    /// is a failure of now.
    pub(super) fn job_pod_deleted(&mut self, workload: usize, phase: PodPhase, now: SimTime) {
        let state = &mut self.workloads[workload];
        let is_job = matches!(state.spec.kind, WorkloadKind::Job { .. });
        if is_job && state.exists && matches!(phase, PodPhase::Pending | PodPhase::Running) {
            state.failed += 1;
            state.failing = (state.failing.0 + 1, now);
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
        if succeeded {
            state.succeeded += 1;
            state.failing.0 = 0;
        } else {
            state.failed += 1;
            state.failing = (state.failing.0 + 1, context.now);
        }
        self.schedule_sync(workload, SYNC_BATCH, context);
        self.room_appeared(id, context);
    }
}

/// How long a Job that has failed so often in a row, the last time then, still waits.
fn back_off((failures, last): (u32, SimTime), now: SimTime) -> SimDuration {
    if failures == 0 {
        return SimDuration::ZERO;
    }
    let doublings = (failures - 1).min(10);
    let length = (FIRST_BACKOFF * 2i64.pow(doublings)).min(LONGEST_BACKOFF);
    (last + length - now).max(SimDuration::ZERO)
}
