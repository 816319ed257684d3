//! How long scaling takes after a step of the load.

use super::steps::{Steps, at};
use crate::record::fold::{Answer, AtStep};

pub use crate::record::fold::ScalingLatency;

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
    let before = desired.partition_point(|(time, _)| *time < step.time);
    let mut answer = Answer::new(AtStep {
        time: step.time,
        demand: step.demand,
        enough: step.demand,
        before: before.checked_sub(1).map_or(0.0, |last| desired[last].1),
        desired: at(desired, step.time),
        ready: at(ready, step.time),
        utilization: at(utilization, step.time),
        limit: step.target * (1.0 + step.tolerance),
        hold: step.hold,
    });
    for &(time, value) in after(step, desired) {
        answer.desired(time, value);
    }
    for &(time, value) in after(step, ready) {
        answer.ready(time, value);
    }
    for &(time, value) in after(step, utilization) {
        answer.utilization(time, value);
    }
    answer.finish(step.end)
}

/// The part of a curve after a step, up to the end of its observation.
fn after<'a>(step: &LoadStep, curve: &'a Steps) -> &'a Steps {
    let from = curve.partition_point(|(time, _)| *time <= step.time);
    let to = curve.partition_point(|(time, _)| *time <= step.end);
    &curve[from..to.max(from)]
}
