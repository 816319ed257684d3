//! Piecewise constant curves as lists of (second, value).

use crate::record::{Curve, Differ};
use crate::sim::SimTime;

/// From each second on, this value.
pub type Steps = [(f64, f64)];

/// The value at an instant; 0 before the first step.
pub fn at(curve: &Steps, time: f64) -> f64 {
    let after = curve.partition_point(|(from, _)| *from <= time);
    after.checked_sub(1).map_or(0.0, |place| curve[place].1)
}

/// A recorded curve as steps, times in seconds.
pub fn of<T: Copy + PartialEq + Differ>(
    curve: &Curve<T>,
    value: impl Fn(T) -> f64,
) -> Vec<(f64, f64)> {
    let mut steps: Vec<(f64, f64)> = Vec::with_capacity(curve.len());
    for (time, item) in curve.iter() {
        let value = value(item);
        if steps.last().is_none_or(|last| last.1 != value) {
            steps.push((seconds(time), value));
        }
    }
    steps
}

/// An instant in seconds.
pub fn seconds(time: SimTime) -> f64 {
    time.as_secs_f64()
}
