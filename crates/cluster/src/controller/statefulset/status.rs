//! The StatefulSet's status, from what its pods report
//! (`stateful_set_control.go`, `updateStatus`; `stateful_set_utils.go`).

use super::revision::Revisions;
use super::spec::UpdateStrategy;
use super::view::{Pod, RevisionKey, StatefulSet};
use crate::sim::SimTime;

/// `status` of a StatefulSet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatefulSetStatus {
    /// `observedGeneration`: the generation that the controller last acted on.
    pub observed_generation: i64,
    /// `replicas`: pods that exist, those being deleted included.
    pub replicas: i32,
    /// `readyReplicas`.
    pub ready_replicas: i32,
    /// `availableReplicas`: ready for `minReadySeconds`.
    pub available_replicas: i32,
    /// `currentReplicas`: pods of the current revision that are not being deleted.
    pub current_replicas: i32,
    /// `updatedReplicas`: pods of the update revision that are not being deleted.
    pub updated_replicas: i32,
    /// `currentRevision`: what the last complete roll-out rolled out; `None` before the first
    /// sync.
    pub current_revision: Option<RevisionKey>,
    /// `updateRevision`: the revision of the template.
    pub update_revision: Option<RevisionKey>,
}

/// The status that the pods make.
pub(super) fn calculate(
    set: &StatefulSet<'_>,
    pods: &[Pod],
    revisions: &Revisions,
    now: SimTime,
) -> StatefulSetStatus {
    let min_ready_seconds = set.spec.min_ready_seconds;
    let count = |is: &dyn Fn(&&Pod) -> bool| pods.iter().filter(is).count() as i32;
    let of = |key: RevisionKey| count(&|pod| !pod.terminating && pod.revision == key);
    StatefulSetStatus {
        observed_generation: set.generation,
        replicas: count(&|_| true),
        ready_replicas: count(&|pod| pod.is_running_and_ready()),
        available_replicas: count(&|pod| {
            pod.is_running_and_ready() && pod.is_available(min_ready_seconds, now)
        }),
        current_replicas: of(revisions.current),
        updated_replicas: of(revisions.update),
        current_revision: Some(revisions.current),
        update_revision: Some(revisions.update),
    }
}

impl StatefulSetStatus {
    /// Ends the roll-out when all pods have been updated and are ready
    /// (`completeRollingUpdate`).
    pub(super) fn complete_rolling_update(&mut self, set: &StatefulSet<'_>) {
        let replicas = set.spec.replicas;
        if matches!(
            set.spec.update_strategy,
            UpdateStrategy::RollingUpdate { .. }
        ) && self.updated_replicas == replicas
            && self.ready_replicas == replicas
            && self.replicas == replicas
        {
            self.current_replicas = self.updated_replicas;
            self.current_revision = self.update_revision;
        }
    }

    /// Whether this is to be written in place of an earlier status (`inconsistentStatus`).
    pub(super) fn differs_from(&self, earlier: &Self) -> bool {
        let unobserved = |status: &Self| Self {
            observed_generation: 0,
            ..*status
        };
        self.observed_generation > earlier.observed_generation
            || unobserved(self) != unobserved(earlier)
    }
}
