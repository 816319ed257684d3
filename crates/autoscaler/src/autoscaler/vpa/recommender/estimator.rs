//! From a container's aggregate to lower bound, target and upper bound.
//!
//! Follows `pkg/recommender/logic/{estimator,recommender}.go`. In this order: percentile,
//! safety margin, confidence (bounds only), the pod's minimum shared by its containers.
//! Confidence grows with the history: little of it pushes the bounds apart.

use super::amount;
use super::container_state::Aggregate;
use super::go_math;
use super::histogram::Histogram;
use crate::autoscaler::vpa::{ControlledResources, RecommenderFlags};
use crate::sim::SimDuration;
use crate::units::{Bytes, Millicores};

/// Lower bound, target and upper bound of one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bounds<T> {
    /// Less is too little.
    pub lower: T,
    /// The right amount.
    pub target: T,
    /// More is too much.
    pub upper: T,
}

impl<T> Bounds<T> {
    pub(super) fn map<U>(self, f: impl Fn(T) -> U) -> Bounds<U> {
        Bounds {
            lower: f(self.lower),
            target: f(self.target),
            upper: f(self.upper),
        }
    }
}

/// The estimate for one container, before rounding, policies and maxima.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    /// The container.
    pub container_name: String,
    /// Absent if the policy does not list CPU.
    pub cpu: Option<Bounds<Millicores>>,
    /// Absent if the policy does not list memory.
    pub memory: Option<Bounds<Bytes>>,
}

/// The flags of one resource's estimation.
#[derive(Debug, Clone, Copy)]
struct Parameters {
    percentile: Bounds<f64>,
    confidence_interval: SimDuration,
    /// The pod's minimum.
    pod_minimum: i64,
}

/// How estimates are made.
#[derive(Debug, Clone)]
pub(super) struct Estimator {
    margin: f64,
    cpu: Parameters,
    memory: Parameters,
}

impl Estimator {
    pub(super) fn new(flags: &RecommenderFlags) -> Self {
        Self {
            margin: flags.recommendation_margin_fraction,
            cpu: Parameters {
                percentile: Bounds {
                    lower: flags.recommendation_lower_bound_cpu_percentile,
                    target: flags.target_cpu_percentile,
                    upper: flags.recommendation_upper_bound_cpu_percentile,
                },
                confidence_interval: flags.confidence_interval_cpu,
                pod_minimum: amount::from_cores(
                    flags.pod_recommendation_min_cpu_millicores * 0.001,
                ),
            },
            memory: Parameters {
                percentile: Bounds {
                    lower: flags.recommendation_lower_bound_memory_percentile,
                    target: flags.target_memory_percentile,
                    upper: flags.recommendation_upper_bound_memory_percentile,
                },
                confidence_interval: flags.confidence_interval_memory,
                pod_minimum: amount::from_float(
                    flags.pod_recommendation_min_memory_mb * 1024.0 * 1024.0,
                ),
            },
        }
    }

    /// The estimate for one of `containers` containers of a pod.
    pub(super) fn estimate(
        &self,
        container_name: &str,
        aggregate: &Aggregate,
        controlled: ControlledResources,
        containers: usize,
    ) -> Estimate {
        let fraction = 1.0 / containers as f64;
        let bounds = |parameters: &Parameters, histogram, convert: fn(f64) -> i64| {
            let usage = parameters
                .percentile
                .map(|percentile| convert(Histogram::percentile(histogram, percentile)));
            let confidence = confidence(aggregate, parameters.confidence_interval);
            let minimum = amount::scale(parameters.pod_minimum, fraction);
            self.bounds(usage, confidence)
                .map(|amount| amount.max(minimum))
        };
        Estimate {
            container_name: container_name.to_owned(),
            cpu: controlled.cpu.then(|| {
                bounds(&self.cpu, &aggregate.cpu_usage, amount::from_cores).map(Millicores)
            }),
            memory: controlled.memory.then(|| {
                bounds(&self.memory, &aggregate.memory_peaks, amount::from_float).map(Bytes)
            }),
        }
    }

    /// Margin on all three, then confidence on the bounds.
    fn bounds(&self, usage: Bounds<i64>, confidence: f64) -> Bounds<i64> {
        let with_margin = usage.map(|usage| usage + amount::scale(usage, self.margin));
        let spread =
            |multiplier: f64, exponent| go_math::pow(1.0 + multiplier / confidence, exponent);
        Bounds {
            lower: amount::scale(with_margin.lower, spread(0.001, -2)),
            target: with_margin.target,
            upper: amount::scale(with_margin.upper, spread(1.0, 1)),
        }
    }
}

/// How far history reaches, in confidence intervals: by the time between the first and last
/// sample or by their number, at one a minute, whichever is less.
fn confidence(aggregate: &Aggregate, interval: SimDuration) -> f64 {
    const NANOS_PER_MINUTE: i64 = 60_000_000_000;
    let lifespan = match (aggregate.first_sample_start, aggregate.last_sample_start) {
        (Some(first), Some(last)) => last - first,
        _ => SimDuration::ZERO,
    };
    let minutes = (interval.0 / NANOS_PER_MINUTE) as f64
        + (interval.0 % NANOS_PER_MINUTE) as f64 / NANOS_PER_MINUTE as f64;
    let samples = aggregate.total_samples_count as f64 / minutes;
    (lifespan.0 as f64 / interval.0 as f64).min(samples)
}

#[cfg(test)]
mod tests {
    use super::super::aggregation::Aggregation;
    use super::super::container_state::ContainerState;
    use super::*;
    use crate::autoscaler::vpa::WallClock;
    use crate::sim::SimTime;

    fn aggregate(minutes: i64) -> Aggregate {
        let config = Aggregation::new(&RecommenderFlags::default(), WallClock::default());
        let mut aggregate = Aggregate::new(&config, SimTime::ZERO);
        let mut container = ContainerState::default();
        for minute in 0..minutes {
            let time = SimTime::from_secs(60 * minute);
            container.add_cpu_sample(&mut aggregate, 1000, time);
            container.add_memory_sample(&mut aggregate, 1 << 30, time);
        }
        aggregate
    }

    fn estimate(minutes: i64, containers: usize) -> Estimate {
        let estimator = Estimator::new(&RecommenderFlags::default());
        let controlled = ControlledResources::default();
        estimator.estimate("api", &aggregate(minutes), controlled, containers)
    }

    #[test]
    fn one_sample_leaves_the_bounds_open() {
        let cpu = estimate(1, 1).cpu.expect("CPU is controlled");
        assert_eq!(cpu.lower, Millicores(25));
        assert_eq!(cpu.upper, Millicores(amount::MAX));
        assert!((1150..1250).contains(&cpu.target.0));
    }

    #[test]
    fn a_day_of_samples_doubles_the_upper_bound() {
        let cpu = estimate(1441, 1).cpu.expect("CPU is controlled");
        assert!((cpu.upper.0 - 2 * cpu.target.0).abs() <= 2, "{cpu:?}");
        assert!(cpu.lower < cpu.target && cpu.lower.0 * 1003 > cpu.target.0 * 1000);
    }

    #[test]
    fn the_pods_minimum_is_shared_by_its_containers() {
        let none = estimate(0, 4);
        assert_eq!(none.cpu.expect("CPU is controlled").target, Millicores(6));
        let memory = none.memory.expect("memory is controlled");
        assert_eq!(memory.target, Bytes(250 * 1024 * 1024 / 4));
    }
}
