//! One sync of a StatefulSet (`stateful_set.go`, `syncStatefulSet`; `stateful_set_control.go`,
//! `UpdateStatefulSet`).

use super::outcome::{Step, SyncResult};
use super::process::Process;
use super::revision;
use super::status::{self, StatefulSetStatus};
use super::view::{ControllerRevision, Pod, StatefulSet};
use crate::sim::{SimDuration, SimTime};

/// One sync of a StatefulSet that has these ControllerRevisions and owns these pods.
pub fn sync(
    set: &StatefulSet<'_>,
    revisions: &[ControllerRevision],
    pods: &[Pod],
    now: SimTime,
) -> SyncResult {
    let mut steps = Vec::new();
    let history = revision::sorted(revisions);
    let live = revision::find(set, &history, &mut steps);
    // What a sync creates and deletes shows in the status of the next one.
    let mut status = status::calculate(set, pods, &live, now);
    if !set.deleting {
        status.current_replicas -= Process::new(set, pods, live, now, &mut steps).run();
    }
    status.complete_rolling_update(set);
    if status.differs_from(set.status) {
        steps.push(Step::UpdateStatus(status));
    }
    revision::truncate_history(set, pods, &history, &live, &mut steps);
    SyncResult {
        steps,
        requeue_after: next_availability(set, &status, pods, now),
    }
}

/// When the next ready pod becomes available (`FindMinNextPodAvailabilityCheck`).
fn next_availability(
    set: &StatefulSet<'_>,
    status: &StatefulSetStatus,
    pods: &[Pod],
    now: SimTime,
) -> Option<SimDuration> {
    let min_ready_seconds = set.spec.min_ready_seconds;
    if min_ready_seconds == 0 || status.ready_replicas == status.available_replicas {
        return None;
    }
    let next = pods
        .iter()
        .filter_map(|pod| pod.available_from(min_ready_seconds))
        .filter(|from| *from > now)
        .min();
    let fallback = SimDuration::from_secs(min_ready_seconds.into());
    Some(next.map_or(fallback, |next| next - now))
}
