//! `podFailurePolicy` and `successPolicy`.
//!
//! Upstream: `pod_failure_policy.go` and `success_policy.go` of `pkg/controller/job`.

use super::indexes::Indexes;
use super::view::PodView;

/// What a failure of a pod means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureAction {
    /// It does not count.
    Ignore,
    /// Its index has failed.
    FailIndex,
    /// It counts towards the limit.
    Count,
    /// The Job has failed.
    FailJob,
}

impl FailureAction {
    /// All actions.
    pub const ALL: [Self; 4] = [Self::Count, Self::FailIndex, Self::FailJob, Self::Ignore];

    /// The action as Kubernetes spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ignore => "Ignore",
            Self::FailIndex => "FailIndex",
            Self::Count => "Count",
            Self::FailJob => "FailJob",
        }
    }
}

/// A rule of `podFailurePolicy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureRule {
    /// `action`.
    pub action: FailureAction,
    /// What it asks for.
    pub asks: FailureAsks,
}

/// What a rule of `podFailurePolicy` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailureAsks {
    /// `onExitCodes`.
    ExitCodes {
        /// `containerName`.
        container: Option<String>,
        /// `operator: NotIn`.
        not_in: bool,
        /// `values`.
        values: Vec<i32>,
    },
    /// `onPodConditions`: types and statuses.
    Conditions(Vec<(String, String)>),
}

/// A rule of `successPolicy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuccessRule {
    /// `succeededIndexes`.
    pub indexes: Option<Indexes>,
    /// `succeededCount`.
    pub count: Option<i32>,
}

/// What a policy makes of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judgement {
    /// Why the Job has failed, if it has.
    pub(super) fails_job: Option<String>,
    /// Whether it counts as a failure.
    pub(super) counts: bool,
    /// Whether its index has failed.
    pub(super) fails_index: bool,
}

/// What the policy makes of a failed pod (`matchPodFailurePolicy`).
pub(super) fn judge(rules: Option<&[FailureRule]>, namespace: &str, pod: &PodView) -> Judgement {
    let rules = rules.unwrap_or_default().iter().enumerate();
    let mut found =
        rules.filter_map(|(place, rule)| Some((place, rule.action, matched(rule, pod)?)));
    let mut judgement = Judgement {
        fails_job: None,
        counts: true,
        fails_index: false,
    };
    if let Some((place, action, what)) = found.next() {
        let name = &pod.name;
        judgement.counts = action != FailureAction::Ignore;
        judgement.fails_index = action == FailureAction::FailIndex;
        judgement.fails_job = (action == FailureAction::FailJob).then(|| match what {
            Matched::Container(container, code) => format!(
                "Container {container} for pod {namespace}/{name} failed with exit code {code} matching FailJob rule at index {place}"
            ),
            Matched::Condition(condition) => format!(
                "Pod {namespace}/{name} has condition {condition} matching FailJob rule at index {place}"
            ),
        });
    }
    judgement
}

enum Matched<'a> {
    Container(&'a str, i32),
    Condition(&'a str),
}

fn matched<'a>(rule: &FailureRule, pod: &'a PodView) -> Option<Matched<'a>> {
    match &rule.asks {
        FailureAsks::ExitCodes {
            container,
            not_in,
            values,
        } => {
            let fits = |(name, code): &&(String, i32)| {
                container.as_ref().is_none_or(|asked| asked == name)
                    && *code != 0
                    && values.contains(code) != *not_in
            };
            let found = pod.exits.iter().find(fits)?;
            Some(Matched::Container(&found.0, found.1))
        }
        FailureAsks::Conditions(asked) => {
            let truth = |status: bool| if status { "True" } else { "False" };
            let fits = |(kind, status): &&(&'static str, bool)| {
                let mut asked = asked.iter();
                asked.any(|(asked, wanted)| asked == kind && wanted == truth(*status))
            };
            let found = pod.conditions.iter().find(fits)?;
            Some(Matched::Condition(found.0))
        }
    }
}

/// The rule that the indexes which have succeeded fulfil, in the words of the condition.
pub(super) fn success(rules: Option<&[SuccessRule]>, succeeded: &Indexes) -> Option<String> {
    if succeeded.is_empty() {
        return None;
    }
    let fulfils = |rule: &SuccessRule| match (&rule.indexes, rule.count) {
        (Some(asked), _) if asked.is_empty() => false,
        (Some(asked), count) => {
            let there = asked.shared(succeeded);
            there == asked.total() || count.is_some_and(|count| there >= count)
        }
        (None, Some(count)) => succeeded.total() >= count,
        (None, None) => false,
    };
    let place = rules?.iter().position(fulfils)?;
    Some(format!("Matched rules at index {place}"))
}
