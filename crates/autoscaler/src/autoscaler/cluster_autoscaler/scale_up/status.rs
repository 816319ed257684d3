//! What a scale-up came to.
//!
//! Source: `processors/status/scale_up_status_processor.go`, `eventing_scale_up_processor.go`.

use std::collections::BTreeMap;

use crate::autoscaler::cluster_autoscaler::events::{Events, Involved};
use crate::autoscaler::cluster_autoscaler::expander::ExpansionOption;
use crate::autoscaler::cluster_autoscaler::model::{GroupId, Observation};

/// How a scale-up ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScaleUpResult {
    /// Groups were grown.
    Successful,
    /// Something went wrong.
    Error,
    /// No group can help.
    NoOptionsAvailable,
    /// No pod waits.
    NotNeeded,
    /// The loop ended before.
    NotTried,
    /// All pods are very new.
    InCooldown,
    /// The cluster is as large as it may be.
    LimitedByMaxNodesTotal,
}

impl ScaleUpResult {
    /// Upstream's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Successful => "ScaleUpSuccessful",
            Self::Error => "ScaleUpError",
            Self::NoOptionsAvailable => "ScaleUpNoOptionsAvailable",
            Self::NotNeeded => "ScaleUpNotNeeded",
            Self::NotTried => "ScaleUpNotTried",
            Self::InCooldown => "ScaleUpInCooldown",
            Self::LimitedByMaxNodesTotal => "ScaleUpLimitedByMaxNodesTotal",
        }
    }
}

/// A group's growth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScaleUpInfo {
    /// The group.
    pub group: GroupId,
    /// Its size before.
    pub current: i64,
    /// Its size after.
    pub new: i64,
    /// Its greatest size.
    pub max: i64,
}

/// Why groups do not help.
pub type GroupReasons = BTreeMap<GroupId, Vec<String>>;

/// Pods of one kind that got no node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoScaleUpInfo {
    /// The pods.
    pub pods: Vec<u32>,
    /// Groups whose nodes do not suit them.
    pub rejected: GroupReasons,
    /// Groups that could not be grown.
    pub skipped: GroupReasons,
}

/// What the expanders chose.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// What they were offered.
    pub options: Vec<ExpansionOption>,
    /// Those that are equally good, by their place.
    pub equally_good: Vec<usize>,
    /// The one taken.
    pub chosen: usize,
}

/// What a scale-up came to.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaleUpStatus {
    /// How it ended.
    pub result: ScaleUpResult,
    /// What grew.
    pub groups: Vec<ScaleUpInfo>,
    /// The pods for which it was.
    pub pods_triggered: Vec<u32>,
    /// The pods that nothing was done for.
    pub pods_remain_unschedulable: Vec<NoScaleUpInfo>,
    /// The pods that a later loop can help.
    pub pods_await_evaluation: Vec<u32>,
    /// Groups that could not be resized.
    pub failed_resize: Vec<GroupId>,
    /// What went wrong.
    pub error: Option<String>,
}

impl ScaleUpStatus {
    /// A bare result.
    pub const fn new(result: ScaleUpResult) -> Self {
        Self {
            result,
            groups: Vec::new(),
            pods_triggered: Vec::new(),
            pods_remain_unschedulable: Vec::new(),
            pods_await_evaluation: Vec::new(),
            failed_resize: Vec::new(),
            error: None,
        }
    }

    /// The events on the pods concerned.
    pub fn record(&self, seen: &Observation<'_>, events: &mut Events) {
        let now = seen.now;
        let object = |pod: u32| Involved::Pod(seen.pods[pod as usize].id);
        if !matches!(
            self.result,
            ScaleUpResult::Successful | ScaleUpResult::Error
        ) {
            for info in &self.pods_remain_unschedulable {
                let reasons = self.reasons(info);
                for pod in &info.pods {
                    let message = format!("pod didn't trigger scale-up: {reasons}");
                    events.normal(now, "NotTriggerScaleUp", object(*pod), message);
                }
            }
        }
        if self.groups.is_empty() {
            return;
        }
        let plan: Vec<String> = self.groups.iter().map(|info| info.text(seen)).collect();
        let message = format!("pod triggered scale-up: [{}]", plan.join(" "));
        for pod in &self.pods_triggered {
            events.normal(now, "TriggeredScaleUp", object(*pod), message.as_str());
        }
    }

    /// How many groups have each reason.
    fn reasons(&self, info: &NoScaleUpInfo) -> String {
        if self.result == ScaleUpResult::LimitedByMaxNodesTotal {
            return "max total nodes in cluster reached".to_owned();
        }
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for reason in info
            .rejected
            .values()
            .chain(info.skipped.values())
            .flatten()
        {
            *counts.entry(reason).or_default() += 1;
        }
        let counted: Vec<String> = counts
            .iter()
            .map(|(reason, count)| format!("{count} {reason}"))
            .collect();
        counted.join(", ")
    }
}

impl ScaleUpInfo {
    /// As Go prints it.
    pub fn text(&self, seen: &Observation<'_>) -> String {
        let name = &seen.group(self.group).name;
        format!(
            "{{{name} {}->{} (max: {})}}",
            self.current, self.new, self.max
        )
    }
}
