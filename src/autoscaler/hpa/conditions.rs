//! The HPA's conditions and the sentences that go with their reasons.

use std::borrow::Cow;
use std::fmt;

use crate::sim::SimTime;

/// The types of condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionType {
    /// The controller can read and write the scale, and is not held back by stabilization.
    AbleToScale,
    /// A number of replicas could be computed from metrics.
    ScalingActive,
    /// The number was limited.
    ScalingLimited,
    /// The controller itself scaled the target to zero.
    ScaledToZero,
}

impl fmt::Display for ConditionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A condition's status; the controller never sets Unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
}

impl fmt::Display for ConditionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl From<bool> for ConditionStatus {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
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
    pub reason: &'static str,
    /// The sentence.
    pub message: Cow<'static, str>,
    /// When the status changed last, cut to whole seconds.
    pub last_transition: SimTime,
}

/// Sets a condition; the time moves only when the status changes (`setConditionInList`).
pub(super) fn set(
    conditions: &mut Vec<Condition>,
    now: SimTime,
    kind: ConditionType,
    status: bool,
    reason: &'static str,
    message: impl Into<Cow<'static, str>>,
) {
    let (status, message) = (ConditionStatus::from(status), message.into());
    match conditions
        .iter_mut()
        .find(|condition| condition.kind == kind)
    {
        Some(condition) => {
            if condition.status != status {
                condition.status = status;
                condition.last_transition = now.truncate_to_second();
            }
            condition.reason = reason;
            condition.message = message;
        }
        None => conditions.push(Condition {
            kind,
            status,
            reason,
            message,
            last_transition: now.truncate_to_second(),
        }),
    }
}

/// Why the number of replicas was or was not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    ScaleUpLimit,
    ScaleDownLimit,
    TooManyReplicas,
    TooFewReplicas,
    DesiredWithinRange,
}

impl Limit {
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::ScaleUpLimit => "ScaleUpLimit",
            Self::ScaleDownLimit => "ScaleDownLimit",
            Self::TooManyReplicas => "TooManyReplicas",
            Self::TooFewReplicas => "TooFewReplicas",
            Self::DesiredWithinRange => "DesiredWithinRange",
        }
    }

    pub(super) fn message(self) -> &'static str {
        match self {
            Self::ScaleUpLimit => {
                "the desired replica count is increasing faster than the maximum scale rate"
            }
            Self::ScaleDownLimit => {
                "the desired replica count is decreasing faster than the maximum scale rate"
            }
            Self::TooManyReplicas => {
                "the desired replica count is more than the maximum replica count"
            }
            Self::TooFewReplicas => {
                "the desired replica count is less than the minimum replica count"
            }
            Self::DesiredWithinRange => "the desired count is within the acceptable range",
        }
    }
}
