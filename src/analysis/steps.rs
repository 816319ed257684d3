//! Piecewise constant curves as lists of (second, value).

use crate::record::Curve;
use crate::sim::SimTime;

/// From each second on, this value.
pub type Steps = [(f64, f64)];

/// The value at an instant; 0 before the first step.
pub fn at(curve: &Steps, time: f64) -> f64 {
    let after = curve.partition_point(|(from, _)| *from <= time);
    after.checked_sub(1).map_or(0.0, |place| curve[place].1)
}

/// The integral of `f(a, b)` over [from, to), exact over the breakpoints of both curves.
pub fn integrate(a: &Steps, b: &Steps, from: f64, to: f64, f: impl Fn(f64, f64) -> f64) -> f64 {
    let mut times: Vec<f64> = a
        .iter()
        .chain(b)
        .map(|(time, _)| *time)
        .filter(|time| *time > from && *time < to)
        .collect();
    times.push(from);
    times.push(to);
    times.sort_by(f64::total_cmp);
    times.dedup();
    times
        .windows(2)
        .map(|pair| f(at(a, pair[0]), at(b, pair[0])) * (pair[1] - pair[0]))
        .sum()
}

/// Changes of value strictly inside (from, to).
pub fn changes(curve: &Steps, from: f64, to: f64) -> usize {
    let mut last = at(curve, from);
    let mut count = 0;
    for &(time, value) in curve {
        if time > from && time < to && value != last {
            count += 1;
        }
        if time > from {
            last = value;
        }
    }
    count
}

/// A recorded curve as steps, times in seconds.
pub fn of<T: Copy + PartialEq>(curve: &Curve<T>, value: impl Fn(T) -> f64) -> Vec<(f64, f64)> {
    let mut steps: Vec<(f64, f64)> = Vec::with_capacity(curve.steps().len());
    for &(time, item) in curve.steps() {
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
