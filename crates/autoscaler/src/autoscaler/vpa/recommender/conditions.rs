//! The conditions of a VPA's status that the recommender sets.
//!
//! Follows `UpdateConditions` in `pkg/recommender/model/vpa.go`, and `LoadVPAs` in
//! `pkg/recommender/input/cluster_feeder.go`.

use std::borrow::Cow;
use std::fmt;

use crate::sim::SimTime;

/// `type` of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConditionType {
    /// The target cannot be scaled: it does not exist, or something else controls it.
    ConfigUnsupported,
    /// No pod matches the VPA.
    NoPodsMatched,
    /// There is a recommendation.
    RecommendationProvided,
}

impl fmt::Display for ConditionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ConfigUnsupported => "ConfigUnsupported",
            Self::NoPodsMatched => "NoPodsMatched",
            Self::RecommendationProvided => "RecommendationProvided",
        })
    }
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// `type`.
    pub kind: ConditionType,
    /// `status`.
    pub status: bool,
    /// `reason`; empty for none.
    pub reason: &'static str,
    /// `message`; empty for none.
    pub message: Cow<'static, str>,
    /// `lastTransitionTime`.
    pub last_transition: SimTime,
}

/// All conditions, in the order of their types' names.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions(Vec<Condition>);

impl Conditions {
    pub(super) fn all(&self) -> &[Condition] {
        &self.0
    }

    /// Sets why the target cannot be scaled, or that it can.
    pub(super) fn set_unsupported(&mut self, reason: Option<String>, now: SimTime) {
        match reason {
            Some(reason) => self.set(
                ConditionType::ConfigUnsupported,
                true,
                ("", Cow::Owned(reason)),
                now,
            ),
            None => (self.0).retain(|condition| condition.kind != ConditionType::ConfigUnsupported),
        }
    }

    /// Sets the other two conditions after a pass.
    pub(super) fn update(&mut self, pods_matched: bool, has_recommendation: bool, now: SimTime) {
        let (reason, message) = if pods_matched {
            ("", "")
        } else {
            ("NoPodsMatched", "No pods match this VPA object")
        };
        if pods_matched {
            self.0
                .retain(|condition| condition.kind != ConditionType::NoPodsMatched);
        } else {
            let why = (reason, message.into());
            self.set(ConditionType::NoPodsMatched, true, why, now);
        }
        let why = if has_recommendation {
            ("", "".into())
        } else {
            (reason, message.into())
        };
        self.set(
            ConditionType::RecommendationProvided,
            has_recommendation,
            why,
            now,
        );
    }

    fn set(
        &mut self,
        kind: ConditionType,
        status: bool,
        (reason, message): (&'static str, Cow<'static, str>),
        now: SimTime,
    ) {
        let old = self
            .0
            .iter()
            .find(|condition| condition.kind == kind && condition.status == status);
        let last_transition = old.map_or(now.truncate_to_second(), |old| old.last_transition);
        self.0.retain(|condition| condition.kind != kind);
        self.0.push(Condition {
            kind,
            status,
            reason,
            message,
            last_transition,
        });
        self.0.sort_by_key(|condition| condition.kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unsupported_target_stands_first_until_it_is_there() {
        let mut conditions = Conditions::default();
        let at = SimTime::from_secs;
        conditions.set_unsupported(Some("Cannot read targetRef".to_owned()), at(60));
        conditions.update(false, false, at(60));
        conditions.set_unsupported(Some("Cannot read targetRef".to_owned()), at(120));
        let first = &conditions.all()[0];
        assert_eq!(
            (first.kind, first.last_transition),
            (ConditionType::ConfigUnsupported, at(60))
        );
        conditions.set_unsupported(None, at(180));
        assert_eq!(conditions.all()[0].kind, ConditionType::NoPodsMatched);
    }

    #[test]
    fn a_transition_is_dated_only_when_the_status_changes() {
        let mut conditions = Conditions::default();
        let at = SimTime::from_secs;
        conditions.update(false, false, at(60));
        let kinds: Vec<_> = conditions
            .all()
            .iter()
            .map(|c| (c.kind, c.status))
            .collect();
        let none = [
            (ConditionType::NoPodsMatched, true),
            (ConditionType::RecommendationProvided, false),
        ];
        assert_eq!(kinds, none);
        conditions.update(true, true, at(120));
        conditions.update(true, true, at(180));
        let [provided] = conditions.all() else {
            panic!("NoPodsMatched is gone: {conditions:?}");
        };
        assert!(provided.status && provided.reason.is_empty());
        assert_eq!(provided.last_transition, at(120));
    }
}
