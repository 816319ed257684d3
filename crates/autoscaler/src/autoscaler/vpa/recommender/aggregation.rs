//! What the flags say of aggregation, and what of it a VPA may say for its containers.
//!
//! Follows `pkg/recommender/model/aggregations_config.go` and `UpdateFromPolicy` in
//! `aggregate_container_state.go`.

use std::sync::Arc;

use super::amount;
use super::histogram::Shape;
use crate::autoscaler::vpa::{ContainerPolicy, RecommenderFlags, WallClock};
use crate::sim::SimDuration;
use crate::units::Quantity;

/// What the flags say of aggregation (`AggregationsConfig`).
#[derive(Debug, Clone)]
pub(super) struct Aggregation {
    pub(super) cpu: Arc<Shape>,
    pub(super) memory: Arc<Shape>,
    /// Where no policy says otherwise.
    pub(super) tuning: Tuning,
}

impl Aggregation {
    pub(super) fn new(flags: &RecommenderFlags, clock: WallClock) -> Self {
        Self {
            cpu: Shape::new(0.01, 1000.0, flags.cpu_histogram_decay_half_life, clock),
            memory: Shape::new(1e7, 1e12, flags.memory_histogram_decay_half_life, clock),
            tuning: Tuning {
                memory_interval: flags.memory_aggregation_interval,
                memory_interval_count: flags.memory_aggregation_interval_count,
                oom_bump_up_ratio: flags.oom_bump_up_ratio,
                oom_min_bump_up: amount::from_float(flags.oom_min_bump_up_bytes),
            },
        }
    }
}

/// What a policy may set for its containers, with the feature gate `PerVPAConfig`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tuning {
    /// The length of a window that contributes one memory peak.
    pub(super) memory_interval: SimDuration,
    /// How many of them without a sample let an aggregate expire.
    pub(super) memory_interval_count: i64,
    /// The factor on the memory of an OOM-killed container.
    pub(super) oom_bump_up_ratio: f64,
    /// The least that is added to it, in bytes.
    pub(super) oom_min_bump_up: i64,
}

impl Tuning {
    /// How long an aggregate without samples is kept.
    pub(super) fn window_length(&self) -> SimDuration {
        self.memory_interval * self.memory_interval_count
    }

    /// Takes over what a policy sets; what it leaves out stays.
    pub(super) fn update(&mut self, policy: &ContainerPolicy) {
        let float = |amount: Quantity| amount.milli_value() as f64 / 1000.0;
        if let Some(ratio) = policy.oom_bump_up_ratio {
            self.oom_bump_up_ratio = float(ratio);
        }
        if let Some(bytes) = policy.oom_min_bump_up {
            self.oom_min_bump_up = amount::from_float(float(bytes));
        }
        if let Some(seconds) = policy.memory_aggregation_interval_seconds {
            self.memory_interval = SimDuration::from_secs(seconds.into());
        }
        if let Some(count) = policy.memory_aggregation_interval_count {
            self.memory_interval_count = count;
        }
    }
}
