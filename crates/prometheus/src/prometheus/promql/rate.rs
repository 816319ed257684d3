//! `rate`, `increase` and `delta`: what the samples of a window say about the whole window.

use super::Edition;
use crate::prometheus::storage::Point;

/// A window of time, milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) start: i64,
    pub(super) end: i64,
}

/// The increase over the window, extrapolated to its edges; nothing of fewer than two samples.
///
/// A counter falls only when it starts anew, and cannot have been below zero.
pub(super) fn increase(
    edition: Edition,
    points: &[Point],
    window: Window,
    counter: bool,
    per_second: bool,
) -> Option<f64> {
    let ([first, .., last], gaps) = (points, points.len().saturating_sub(1)) else {
        return None;
    };
    let mut increase = last.v - first.v;
    if counter {
        for pair in points.windows(2) {
            if pair[1].v < pair[0].v {
                increase += pair[0].v;
            }
        }
    }
    let seconds = |millis: i64| millis as f64 / 1000.0;
    let mut to_start = seconds(first.t - window.start);
    let mut to_end = seconds(window.end - last.t);
    let sampled = seconds(last.t - first.t);
    let gap = sampled / gaps as f64;
    let threshold = gap * 1.1;
    let to_zero = if counter && increase > 0.0 && first.v >= 0.0 {
        sampled * (first.v / increase)
    } else {
        f64::INFINITY
    };

    if edition == Edition::Two && to_zero < to_start {
        to_start = to_zero;
    }
    if to_start >= threshold {
        to_start = gap / 2.0;
    }
    if edition == Edition::Three && to_zero < to_start {
        to_start = to_zero;
    }
    if to_end >= threshold {
        to_end = gap / 2.0;
    }
    let mut factor = if sampled == 0.0 && edition == Edition::Three {
        1.0
    } else {
        (sampled + to_start + to_end) / sampled
    };
    if per_second {
        factor /= range_seconds(window.end - window.start);
    }
    Some(increase * factor)
}

/// A range as Go's `Duration.Seconds` has it, whose last bit is not that of a division.
fn range_seconds(millis: i64) -> f64 {
    (millis / 1000) as f64 + (millis % 1000 * 1_000_000) as f64 / 1e9
}

/// `irate` and `idelta`: what the last two samples say.
pub(super) fn instant(points: &[Point], counter: bool) -> Option<f64> {
    let [.., before, last] = points else {
        return None;
    };
    let millis = last.t - before.t;
    if millis == 0 {
        return None;
    }
    // A counter that fell started from zero.
    let change = if counter && last.v < before.v {
        last.v
    } else {
        last.v - before.v
    };
    Some(if counter {
        change / (millis as f64 / 1000.0)
    } else {
        change
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(pairs: &[(i64, f64)]) -> Vec<Point> {
        pairs.iter().map(|&(t, v)| Point { t, v }).collect()
    }

    fn rate_of(edition: Edition, pairs: &[(i64, f64)], start: i64, end: i64) -> Option<f64> {
        increase(edition, &points(pairs), Window { start, end }, true, true)
    }

    #[test]
    fn one_sample_is_no_rate() {
        assert_eq!(rate_of(Edition::Three, &[(0, 1.0)], -1000, 1000), None);
        assert_eq!(instant(&points(&[(0, 1.0)]), true), None);
    }

    #[test]
    fn a_new_counters_first_rate_is_too_low() {
        // 10/s since its start at 0, scraped at 5 s and 65 s, over two minutes.
        let got = rate_of(
            Edition::Three,
            &[(5_000, 50.0), (65_000, 650.0)],
            -55_000,
            65_000,
        );
        assert!((got.unwrap() - 10.0 * 65.0 / 120.0).abs() < 1e-12);
    }

    #[test]
    fn the_zero_point_bounds_before_or_after_the_distance_is_judged() {
        // The zero point lies 1 s before the first sample, the window's edge 60 s.
        let pairs = [(60_000, 0.5), (61_000, 1.0), (62_000, 1.5)];
        let two = rate_of(Edition::Two, &pairs, 0, 62_000).unwrap();
        let three = rate_of(Edition::Three, &pairs, 0, 62_000).unwrap();
        assert!((two * 62.0 - 1.5).abs() < 1e-12);
        assert!((three * 62.0 - 1.25).abs() < 1e-12);
    }

    #[test]
    fn a_counter_that_falls_started_anew() {
        let pairs = [(0, 5.0), (1000, 2.0), (2000, 4.0)];
        let got = increase(
            Edition::Three,
            &points(&pairs),
            Window {
                start: 0,
                end: 2000,
            },
            true,
            false,
        );
        assert_eq!(got, Some(4.0));
        assert_eq!(instant(&points(&pairs[..2]), true), Some(2.0));
        assert_eq!(instant(&points(&pairs[..2]), false), Some(-3.0));
    }
}
