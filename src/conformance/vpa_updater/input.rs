//! The recording's lines, and stored outputs beside ours.

use std::collections::BTreeMap;
use std::fmt::Debug;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::vpa_input::{PodJson, Result, VpaJson};
use crate::autoscaler::vpa::UpdaterFlags;
use crate::sim::SimDuration;

/// One case: `passes`, or the only pass as part of the case itself.
#[derive(Deserialize)]
pub(super) struct Case {
    pub(super) id: String,
    pub(super) flags: FlagsJson,
    passes: Option<Vec<Value>>,
    #[serde(flatten)]
    only: Map<String, Value>,
}

impl Case {
    /// The passes in order, and whether the case is one of several.
    pub(super) fn passes(&self) -> Result<(Vec<Pass>, bool)> {
        match &self.passes {
            Some(passes) => {
                let read = passes.iter().map(Pass::deserialize);
                Ok((read.collect::<Result<_>>()?, true))
            }
            None => Ok((vec![Pass::deserialize(&self.only)?], false)),
        }
    }
}

/// One pass: its time in seconds, what the updater saw, what it did.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pass {
    pub(super) now: i64,
    pub(super) replica_sets: IndexMap<String, i32>,
    pub(super) vpa: VpaJson,
    pub(super) pods: Vec<PodJson>,
    pub(super) out: Output,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub(super) struct FlagsJson {
    evict_after_oom_threshold_s: i64,
    eviction_tolerance: f64,
    in_recommendation_bounds_eviction_lifetime_threshold_s: i64,
    min_replicas: i32,
    pod_update_threshold: f64,
    #[serde(default)]
    in_place_skip_disruption_budget: bool,
    /// Left out for 0, which is no limit.
    #[serde(default)]
    eviction_rate_limit: f64,
    /// Left out for 0, with which a limit lets nothing pass.
    #[serde(default)]
    eviction_rate_burst: i32,
    /// The feature gate `InPlace`.
    #[serde(default)]
    pub(super) in_place_gate: bool,
}

impl FlagsJson {
    pub(super) fn read(&self) -> UpdaterFlags {
        UpdaterFlags {
            evict_after_oom_threshold: SimDuration::from_secs(self.evict_after_oom_threshold_s),
            eviction_tolerance: self.eviction_tolerance,
            in_recommendation_bounds_eviction_lifetime_threshold: SimDuration::from_secs(
                self.in_recommendation_bounds_eviction_lifetime_threshold_s,
            ),
            min_replicas: self.min_replicas,
            pod_update_threshold: self.pod_update_threshold,
            in_place_skip_disruption_budget: self.in_place_skip_disruption_budget,
            eviction_rate_limit: self.eviction_rate_limit,
            eviction_rate_burst: self.eviction_rate_burst,
            ..UpdaterFlags::default()
        }
    }
}

/// What a pass did; recordings of single passes say nothing of actions and their times.
#[derive(Deserialize, Debug, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    pub(super) priority: Vec<PriorityJson>,
    pub(super) can_evict_at_start: Vec<String>,
    pub(super) order: Vec<String>,
    pub(super) evicted: Vec<String>,
    /// Pod and what was done to it.
    pub(super) actions: Option<Vec<(String, String)>>,
    /// By pod the patch's paths and amounts.
    #[serde(default)]
    pub(super) resized: BTreeMap<String, BTreeMap<String, String>>,
    /// Milliseconds from the beginning of the pass to each action but those skipped.
    pub(super) at: Option<Vec<i64>>,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
pub(super) struct PriorityJson {
    pub(super) pod: String,
    pub(super) outside_recommended_range: bool,
    pub(super) scale_up: bool,
    pub(super) resource_diff: f64,
}

impl PartialEq for PriorityJson {
    /// Differences agree to 1e-12: upstream adds them up in the order of a map.
    fn eq(&self, other: &Self) -> bool {
        let tolerance = 1e-12 * self.resource_diff.abs().max(1.0);
        self.pod == other.pod
            && self.outside_recommended_range == other.outside_recommended_range
            && self.scale_up == other.scale_up
            && (self.resource_diff - other.resource_diff).abs() <= tolerance
    }
}

impl Output {
    /// The first recorded field that differs, with both values.
    pub(super) fn difference(&self, got: &Self) -> Option<(&'static str, String, String)> {
        type Found = Option<(&'static str, String, String)>;
        fn field<T: PartialEq + Debug>(name: &'static str, expected: &T, got: &T) -> Found {
            (expected != got).then(|| (name, format!("{expected:?}"), format!("{got:?}")))
        }
        fn recorded<T: PartialEq + Debug>(
            name: &'static str,
            expected: Option<&T>,
            got: Option<&T>,
        ) -> Found {
            expected.and_then(|_| field(name, &expected, &got))
        }
        let (can_evict, got_can_evict) = (&self.can_evict_at_start, &got.can_evict_at_start);
        field("priority", &self.priority, &got.priority)
            .or_else(|| field("canEvictAtStart", can_evict, got_can_evict))
            .or_else(|| field("order", &self.order, &got.order))
            .or_else(|| field("evicted", &self.evicted, &got.evicted))
            .or_else(|| recorded("actions", self.actions.as_ref(), got.actions.as_ref()))
            .or_else(|| {
                // Single passes were recorded without resizes.
                self.actions.as_ref()?;
                field("resized", &self.resized, &got.resized)
            })
            .or_else(|| recorded("at", self.at.as_ref(), got.at.as_ref()))
    }
}
