//! How long scaling takes after a step of the load.

use super::steps::{Steps, at};

/// Times from the step on, in seconds; `None` where it did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ScalingLatency {
    /// First write above the desired number just before the step.
    pub first_decision: Option<f64>,
    /// Desired at least the demand.
    pub full_decision: Option<f64>,
    /// Ready at least the demand.
    pub ready: Option<f64>,
    /// Utilization back within the target's tolerance, and staying so for the hold.
    pub recover: Option<f64>,
    /// Largest number of ready replicas after the step, above the demand.
    pub overshoot: f64,
}

/// A step up of the load and what counts as recovered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoadStep {
    /// When, in seconds.
    pub time: f64,
    /// Replicas needed from then on.
    pub demand: f64,
    /// Target utilization, in the unit of the utilization curve.
    pub target: f64,
    /// Tolerance of the target.
    pub tolerance: f64,
    /// How long utilization must stay low to count as recovered, in seconds.
    pub hold: f64,
    /// End of the observation, in seconds.
    pub end: f64,
}

/// Measures one step over the curves of desired and ready replicas and of utilization.
pub fn scaling_latency(
    step: &LoadStep,
    desired: &Steps,
    ready: &Steps,
    utilization: &Steps,
) -> ScalingLatency {
    let before = desired
        .iter()
        .rev()
        .find(|(time, _)| *time < step.time)
        .map_or(0.0, |(_, value)| *value);
    let first = |curve: &Steps, holds: &dyn Fn(f64) -> bool| {
        if holds(at(curve, step.time)) {
            return Some(0.0);
        }
        let later = curve
            .iter()
            .find(|(time, value)| *time > step.time && *time <= step.end && holds(*value));
        later.map(|(time, _)| time - step.time)
    };
    let peak = ready
        .iter()
        .filter(|(time, _)| *time > step.time && *time <= step.end)
        .map(|(_, value)| *value)
        .fold(at(ready, step.time), f64::max);
    ScalingLatency {
        first_decision: first(desired, &|value| value > before),
        full_decision: first(desired, &|value| value >= step.demand),
        ready: first(ready, &|value| value >= step.demand),
        recover: recover(step, utilization),
        overshoot: (peak - step.demand).max(0.0),
    }
}

/// The first t ≥ t0 with utilization at most target × (1 + tolerance) on [t, t + hold).
fn recover(step: &LoadStep, utilization: &Steps) -> Option<f64> {
    let limit = step.target * (1.0 + step.tolerance);
    let starts = utilization
        .iter()
        .map(|(time, _)| *time)
        .filter(|time| *time > step.time);
    for start in std::iter::once(step.time).chain(starts) {
        if start + step.hold > step.end {
            return None;
        }
        let stays = at(utilization, start) <= limit
            && utilization.iter().all(|(time, value)| {
                *time <= start || *time >= start + step.hold || *value <= limit
            });
        if stays {
            return Some(start - step.time);
        }
    }
    None
}
