//! `*_over_time`, `changes`, `resets` and the line through a window's samples.

use super::RangeFunction;
use crate::prometheus::promql::float::{self, KahanSum, Mean, quantile};
use crate::prometheus::storage::Point;

/// One number of a window's samples, of which there is at least one.
pub(super) fn aggregate(function: RangeFunction, points: &[Point], parameter: f64) -> f64 {
    let values = || points.iter().map(|point| point.v);
    let pairs = || points.windows(2).map(|pair| (pair[0].v, pair[1].v));
    let first = points[0].v;
    match function {
        RangeFunction::Avg => {
            let mut mean = Mean::of(first);
            values().skip(1).for_each(|v| mean.add(v));
            mean.mean()
        }
        RangeFunction::Sum => {
            let mut sum = KahanSum::default();
            values().for_each(|v| sum.add(v));
            if sum.sum.is_infinite() {
                sum.sum
            } else {
                sum.total()
            }
        }
        RangeFunction::Min => values().fold(first, |least, v| {
            if v < least || least.is_nan() {
                v
            } else {
                least
            }
        }),
        RangeFunction::Max => {
            values().fold(
                first,
                |most, v| {
                    if v > most || most.is_nan() { v } else { most }
                },
            )
        }
        RangeFunction::Quantile => quantile(parameter, values().collect()),
        RangeFunction::Stddev => variance(values()).sqrt(),
        RangeFunction::Stdvar => variance(values()),
        RangeFunction::First => first,
        RangeFunction::Last => points[points.len() - 1].v,
        RangeFunction::Present => 1.0,
        RangeFunction::Changes => pairs()
            .filter(|(before, now)| now != before && !(now.is_nan() && before.is_nan()))
            .count() as f64,
        RangeFunction::Resets => pairs().filter(|(before, now)| now < before).count() as f64,
        _ => points.len() as f64,
    }
}

fn variance(values: impl Iterator<Item = f64>) -> f64 {
    let mut count = 0.0;
    let (mut mean, mut squares) = (KahanSum::default(), KahanSum::default());
    for value in values {
        count += 1.0;
        let delta = value - mean.total();
        mean.add(delta / count);
        squares.add(delta * (value - mean.total()));
    }
    squares.total() / count
}

/// The slope per second and where the line stands at a time; nothing of fewer than two samples.
pub(super) fn line(points: &[Point], origin: i64) -> Option<(f64, f64)> {
    if points.len() < 2 {
        return None;
    }
    let pairs: Vec<_> = points.iter().map(|point| (point.t, point.v)).collect();
    Some(float::line(&pairs, origin))
}
