//! The HPA's conditions: reasons and messages.

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
#[derive(Debug, PartialEq, Eq)]
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

impl Clone for Condition {
    fn clone(&self) -> Self {
        Self {
            message: self.message.clone(),
            ..*self
        }
    }

    fn clone_from(&mut self, other: &Self) {
        self.message.clone_from(&other.message);
        self.kind = other.kind;
        self.status = other.status;
        self.reason = other.reason;
        self.last_transition = other.last_transition;
    }
}

/// The message of a metric that was found, before its name.
const FOUND: &str = "the HPA was able to successfully calculate a replica count from ";

/// What a reconcile reports about the HPA: each finding is one condition's status, reason and
/// message.
pub(super) enum Finding<'a> {
    FailedGetScale(&'a str),
    SucceededGetScale,
    FailedUpdateScale(&'a str),
    SucceededRescale(i32),
    ReadyForNewScale,
    ScaleUpStabilized,
    ScaleDownStabilized,
    ScalingDisabled,
    MissingSelector,
    InvalidSelector(String),
    AmbiguousSelector(String),
    FailedMetric {
        reason: &'static str,
        cause: &'a str,
    },
    ValidMetricFound(&'a str),
    WithinRange,
    Limited(Limit),
    ScaledToZero,
    NotScaledToZero,
}

impl Finding<'_> {
    fn kind(&self) -> ConditionType {
        match self {
            Self::FailedGetScale(_)
            | Self::SucceededGetScale
            | Self::FailedUpdateScale(_)
            | Self::SucceededRescale(_)
            | Self::ReadyForNewScale
            | Self::ScaleUpStabilized
            | Self::ScaleDownStabilized => ConditionType::AbleToScale,
            Self::ScalingDisabled
            | Self::MissingSelector
            | Self::InvalidSelector(_)
            | Self::AmbiguousSelector(_)
            | Self::FailedMetric { .. }
            | Self::ValidMetricFound(_) => ConditionType::ScalingActive,
            Self::WithinRange | Self::Limited(_) => ConditionType::ScalingLimited,
            Self::ScaledToZero | Self::NotScaledToZero => ConditionType::ScaledToZero,
        }
    }

    fn holds(&self) -> bool {
        matches!(
            self,
            Self::SucceededGetScale
                | Self::SucceededRescale(_)
                | Self::ReadyForNewScale
                | Self::ScaleUpStabilized
                | Self::ScaleDownStabilized
                | Self::ValidMetricFound(_)
                | Self::Limited(_)
                | Self::ScaledToZero
        )
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::FailedGetScale(_) => "FailedGetScale",
            Self::SucceededGetScale => "SucceededGetScale",
            Self::FailedUpdateScale(_) => "FailedUpdateScale",
            Self::SucceededRescale(_) => "SucceededRescale",
            Self::ReadyForNewScale => "ReadyForNewScale",
            Self::ScaleUpStabilized => "ScaleUpStabilized",
            Self::ScaleDownStabilized => "ScaleDownStabilized",
            Self::ScalingDisabled => "ScalingDisabled",
            Self::MissingSelector | Self::InvalidSelector(_) => "InvalidSelector",
            Self::AmbiguousSelector(_) => "AmbiguousSelector",
            Self::FailedMetric { reason, .. } => reason,
            Self::ValidMetricFound(_) => "ValidMetricFound",
            Self::WithinRange => "DesiredWithinRange",
            Self::Limited(limit) => limit.reason(),
            Self::ScaledToZero => "ScaledToZero",
            Self::NotScaledToZero => "NotScaledToZero",
        }
    }

    fn message(self) -> Cow<'static, str> {
        match self {
            Self::FailedGetScale(error) => format!(
                "the HPA controller was unable to get the target's current scale: {error}"
            )
            .into(),
            Self::SucceededGetScale => {
                "the HPA controller was able to get the target's current scale".into()
            }
            Self::FailedUpdateScale(error) => {
                format!("the HPA controller was unable to update the target scale: {error}").into()
            }
            Self::SucceededRescale(desired) => {
                format!("the HPA controller was able to update the target scale to {desired}")
                    .into()
            }
            Self::ReadyForNewScale => "recommended size matches current size".into(),
            Self::ScaleUpStabilized => "recent recommendations were lower than current one, applying the lowest recent recommendation".into(),
            Self::ScaleDownStabilized => "recent recommendations were higher than current one, applying the highest recent recommendation".into(),
            Self::ScalingDisabled => {
                "scaling is disabled since the replica count of the target is zero".into()
            }
            Self::MissingSelector => "the HPA target's scale is missing a selector".into(),
            Self::InvalidSelector(error) | Self::AmbiguousSelector(error) => error.into(),
            Self::FailedMetric { cause, .. } => {
                format!("the HPA was unable to compute the replica count: {cause}").into()
            }
            Self::ValidMetricFound(name) => {
                format!("{FOUND}{name}").into()
            }
            Self::WithinRange => "the desired count is within the acceptable range".into(),
            Self::Limited(limit) => limit.message().into(),
            Self::ScaledToZero => "the HPA controller scaled the workload to zero".into(),
            Self::NotScaledToZero => {
                "the HPA controller did not scale the workload to zero".into()
            }
        }
    }

    /// Sets the finding's condition; its time moves only when the status changes
    /// (`setConditionInList`). The time is exact until the status is stored.
    pub(super) fn set_in(self, conditions: &mut Vec<Condition>, now: SimTime) {
        let (kind, status) = (self.kind(), ConditionStatus::from(self.holds()));
        let reason = self.reason();
        match conditions
            .iter_mut()
            .find(|condition| condition.kind == kind)
        {
            Some(condition) => {
                if condition.status != status {
                    condition.status = status;
                    condition.last_transition = now;
                }
                condition.reason = reason;
                if !self.is_told_by(&condition.message) {
                    condition.message = self.message();
                }
            }
            None => conditions.push(Condition {
                kind,
                status,
                reason,
                message: self.message(),
                last_transition: now,
            }),
        }
    }

    /// Whether a message is known to be the finding's: to write it anew takes longer.
    fn is_told_by(&self, message: &str) -> bool {
        match self {
            Self::ValidMetricFound(name) => message.strip_prefix(FOUND) == Some(name),
            _ => false,
        }
    }
}

/// What held the number of replicas back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The rate limit upward.
    ScaleUpLimit,
    /// The rate limit downward.
    ScaleDownLimit,
    /// `maxReplicas`.
    TooManyReplicas,
    /// `minReplicas`.
    TooFewReplicas,
}

impl Limit {
    /// The reason of condition ScalingLimited.
    pub fn reason(self) -> &'static str {
        match self {
            Self::ScaleUpLimit => "ScaleUpLimit",
            Self::ScaleDownLimit => "ScaleDownLimit",
            Self::TooManyReplicas => "TooManyReplicas",
            Self::TooFewReplicas => "TooFewReplicas",
        }
    }

    /// The message of condition ScalingLimited.
    pub fn message(self) -> &'static str {
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
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_moves_with_the_status_only() {
        let mut conditions = Vec::new();
        let at = |millis| SimTime::from_millis(millis);
        Finding::SucceededGetScale.set_in(&mut conditions, at(1_700));
        Finding::ReadyForNewScale.set_in(&mut conditions, at(2_000));
        assert_eq!(conditions.len(), 1);
        assert_eq!(conditions[0].last_transition, at(1_700));
        assert_eq!(conditions[0].reason, "ReadyForNewScale");
        Finding::FailedGetScale("gone").set_in(&mut conditions, at(3_999));
        assert_eq!(conditions[0].last_transition, at(3_999));
        assert_eq!(conditions[0].status, ConditionStatus::False);
    }
}
