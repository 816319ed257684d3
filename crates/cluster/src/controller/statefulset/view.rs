//! What the controller sees of the objects (`stateful_set_utils.go`).

use super::spec::StatefulSetSpec;
use super::status::StatefulSetStatus;
use crate::sim::{SimDuration, SimTime};

/// What the caller calls a ControllerRevision; pods and status name it by this, where upstream
/// has the revision's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RevisionKey(pub usize);

/// A StatefulSet.
#[derive(Debug, Clone, Copy)]
pub struct StatefulSet<'a> {
    /// `metadata.name`.
    pub name: &'a str,
    /// `metadata.generation`: counts the changes of the spec.
    pub generation: i64,
    /// Whether it has a deletion timestamp.
    pub deleting: bool,
    /// The key of the revision of its present template, whether there is such a
    /// ControllerRevision yet or not. Equal templates have equal keys.
    pub template: RevisionKey,
    /// `spec`.
    pub spec: StatefulSetSpec,
    /// `status`.
    pub status: &'a StatefulSetStatus,
}

/// A ControllerRevision of the StatefulSet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControllerRevision {
    /// Its key.
    pub key: RevisionKey,
    /// `revision`: higher is newer.
    pub revision: i64,
    /// `metadata.creationTimestamp`.
    pub created: SimTime,
}

/// `status.phase` of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodPhase {
    /// Not all containers have started.
    Pending,
    /// It runs.
    Running,
    /// All containers ended well.
    Succeeded,
    /// A container failed for good.
    Failed,
}

/// A pod of the StatefulSet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pod {
    /// What the caller calls it; steps name it by this.
    pub key: usize,
    /// The number at the end of its name.
    pub ordinal: i32,
    /// The label `controller-revision-hash`.
    pub revision: RevisionKey,
    /// `status.phase`.
    pub phase: PodPhase,
    /// Since when the condition Ready is True, in whole seconds; `None` if it is not.
    pub ready_since: Option<SimTime>,
    /// Whether it has a deletion timestamp.
    pub terminating: bool,
}

impl Pod {
    /// `isRunningAndReady`.
    pub(super) fn is_running_and_ready(&self) -> bool {
        self.phase == PodPhase::Running && self.ready_since.is_some()
    }

    /// Whether it has been ready for `minReadySeconds` (`IsPodAvailable`).
    pub(super) fn is_available(&self, min_ready_seconds: i32, now: SimTime) -> bool {
        let since = self.available_from(min_ready_seconds);
        since.is_some_and(|since| min_ready_seconds == 0 || since <= now)
    }

    /// When a ready pod is available from.
    pub(super) fn available_from(&self, min_ready_seconds: i32) -> Option<SimTime> {
        let span = SimDuration::from_secs(min_ready_seconds.into());
        self.ready_since
            .map(|since| since.truncate_to_second() + span)
    }

    /// `isUnavailable`.
    pub(super) fn is_unavailable(&self, min_ready_seconds: i32, now: SimTime) -> bool {
        self.terminating || !self.is_available(min_ready_seconds, now)
    }

    /// `isFailed` or `isSucceeded`.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.phase, PodPhase::Succeeded | PodPhase::Failed)
    }
}
