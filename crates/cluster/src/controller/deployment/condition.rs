//! The Deployment's conditions and their reasons
//! (`pkg/controller/deployment/util/deployment_util.go`).

use std::borrow::Cow;
use std::fmt;

use crate::sim::SimTime;

/// The types of condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionType {
    /// Enough pods are available: `replicas` less maxUnavailable.
    Available,
    /// The roll-out goes on, or has ended well.
    Progressing,
    /// A ReplicaSet could not create or delete a pod.
    ReplicaFailure,
}

impl fmt::Display for ConditionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A condition's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It cannot be told.
    Unknown,
}

impl fmt::Display for ConditionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// One condition of the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Its type.
    pub kind: ConditionType,
    /// Its status.
    pub status: ConditionStatus,
    /// The reason, one word.
    pub reason: Cow<'static, str>,
    /// The sentence.
    pub message: Cow<'static, str>,
    /// When it was written last, in whole seconds.
    pub last_update: SimTime,
    /// When its status changed last, in whole seconds.
    pub last_transition: SimTime,
}

impl Condition {
    /// A condition that was found at `now` (`NewDeploymentCondition`).
    pub(super) fn new(
        kind: ConditionType,
        status: ConditionStatus,
        reason: &'static str,
        message: impl Into<Cow<'static, str>>,
        now: SimTime,
    ) -> Self {
        let now = now.truncate_to_second();
        Self {
            kind,
            status,
            reason: Cow::Borrowed(reason),
            message: message.into(),
            last_update: now,
            last_transition: now,
        }
    }
}

/// The condition of a type (`GetDeploymentCondition`).
pub(super) fn get(conditions: &[Condition], kind: ConditionType) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.kind == kind)
}

/// Puts a condition in place of the one of its type, at the end; one with the same status and
/// reason stays as it is (`SetDeploymentCondition`).
pub(super) fn set(conditions: &mut Vec<Condition>, mut condition: Condition) {
    if let Some(current) = get(conditions, condition.kind)
        && current.status == condition.status
    {
        if current.reason == condition.reason {
            return;
        }
        condition.last_transition = current.last_transition;
    }
    remove(conditions, condition.kind);
    conditions.push(condition);
}

/// Takes the condition of a type away (`RemoveDeploymentCondition`).
pub(super) fn remove(conditions: &mut Vec<Condition>, kind: ConditionType) {
    conditions.retain(|condition| condition.kind != kind);
}

/// The reasons that the controller gives.
pub mod reason {
    /// Progressing: a ReplicaSet was scaled or its pods became ready.
    pub const REPLICA_SET_UPDATED: &str = "ReplicaSetUpdated";
    /// Progressing: the new ReplicaSet could not be created; also an event's reason.
    pub const REPLICA_SET_CREATE_ERROR: &str = "ReplicaSetCreateError";
    /// Progressing: the new ReplicaSet was created.
    pub const NEW_REPLICA_SET_CREATED: &str = "NewReplicaSetCreated";
    /// Progressing: a ReplicaSet with the template was already there.
    pub const FOUND_NEW_REPLICA_SET: &str = "FoundNewReplicaSet";
    /// Progressing: the roll-out is complete.
    pub const NEW_REPLICA_SET_AVAILABLE: &str = "NewReplicaSetAvailable";
    /// Progressing: no progress for `progressDeadlineSeconds`.
    pub const PROGRESS_DEADLINE_EXCEEDED: &str = "ProgressDeadlineExceeded";
    /// Progressing: the Deployment is paused.
    pub const DEPLOYMENT_PAUSED: &str = "DeploymentPaused";
    /// Progressing: the Deployment was paused and no longer is.
    pub const DEPLOYMENT_RESUMED: &str = "DeploymentResumed";
    /// Available: enough pods are.
    pub const MINIMUM_REPLICAS_AVAILABLE: &str = "MinimumReplicasAvailable";
    /// Available: too few pods are.
    pub const MINIMUM_REPLICAS_UNAVAILABLE: &str = "MinimumReplicasUnavailable";
    /// The event of a ReplicaSet's new size.
    pub const SCALING_REPLICA_SET: &str = "ScalingReplicaSet";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn available(status: ConditionStatus, reason: &'static str, at: i64) -> Condition {
        let now = SimTime::from_millis(at);
        Condition::new(ConditionType::Available, status, reason, "said so", now)
    }

    #[test]
    fn an_equal_condition_keeps_its_times() {
        let mut conditions = vec![available(ConditionStatus::True, "A", 1_500)];
        set(
            &mut conditions,
            available(ConditionStatus::True, "A", 9_000),
        );
        assert_eq!(conditions[0].last_update, SimTime::from_secs(1));
    }

    #[test]
    fn a_new_reason_keeps_the_transition_and_a_new_status_does_not() {
        let mut conditions = vec![available(ConditionStatus::True, "A", 1_000)];
        set(
            &mut conditions,
            available(ConditionStatus::True, "B", 5_900),
        );
        let times = |conditions: &[Condition]| {
            let first = &conditions[0];
            (first.last_update, first.last_transition)
        };
        let seconds = SimTime::from_secs;
        assert_eq!(times(&conditions), (seconds(5), seconds(1)));
        set(
            &mut conditions,
            available(ConditionStatus::False, "C", 7_000),
        );
        assert_eq!(times(&conditions), (seconds(7), seconds(7)));
    }
}
