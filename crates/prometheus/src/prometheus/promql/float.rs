//! Arithmetic in the order and with the corner cases of Prometheus and of Go.

use std::cmp::Ordering;

/// A sum with what rounding took from it (Kahan and Neumaier; `util/kahansum`).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct KahanSum {
    pub(super) sum: f64,
    pub(super) lost: f64,
}

impl KahanSum {
    pub(super) fn add(&mut self, value: f64) {
        let total = self.sum + value;
        if total.is_infinite() {
            self.lost = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.lost += (self.sum - total) + value;
        } else {
            self.lost += (value - total) + self.sum;
        }
        self.sum = total;
    }

    pub(super) fn total(self) -> f64 {
        self.sum + self.lost
    }
}

/// A mean: a sum over a count, or a running mean once the sum would overflow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mean {
    /// The sum, or the mean itself.
    value: KahanSum,
    count: f64,
    running: bool,
}

impl Mean {
    pub(super) fn of(first: f64) -> Self {
        Self {
            value: KahanSum {
                sum: first,
                lost: 0.0,
            },
            count: 1.0,
            running: false,
        }
    }

    pub(super) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.running {
            let mut next = self.value;
            next.add(value);
            if !next.sum.is_infinite() {
                self.value = next;
                return;
            }
            self.running = true;
            self.value.sum /= self.count - 1.0;
            self.value.lost /= self.count - 1.0;
        }
        let rest = (self.count - 1.0) / self.count;
        self.value.sum *= rest;
        self.value.lost *= rest;
        self.value.add(value / self.count);
    }

    pub(super) fn mean(self) -> f64 {
        if self.running {
            self.value.total()
        } else {
            self.value.sum / self.count + self.value.lost / self.count
        }
    }
}

/// A quantile with linear interpolation; NaN counts as the smallest value.
pub(super) fn quantile(q: f64, mut values: Vec<f64>) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(|a, b| nan_first(*a, *b));
    let last = (values.len() - 1) as f64;
    let rank = q * last;
    let lower = rank.floor().max(0.0);
    let upper = last.min(lower + 1.0);
    let weight = rank - rank.floor();
    values[lower as usize] * (1.0 - weight) + values[upper as usize] * weight
}

/// Ascending order, NaN before all numbers.
pub(super) fn nan_first(a: f64, b: f64) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
    }
}

/// Sorts by "comes before" as Go sorts short lists: equal ones keep their order, also where the
/// rule contradicts itself, as Prometheus' does on NaN. Longer lists have no order of equals there.
pub(super) fn sort_short<T>(list: &mut [T], before: impl Fn(&T, &T) -> bool) {
    if list.len() <= 12 {
        for end in 1..list.len() {
            let mut at = end;
            while at > 0 && before(&list[at], &list[at - 1]) {
                list.swap(at, at - 1);
                at -= 1;
            }
        }
    } else {
        list.sort_by(|a, b| match (before(a, b), before(b, a)) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            _ => Ordering::Equal,
        });
    }
}

/// `math.Max`.
pub(super) fn max(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a == 0.0 && b == 0.0 {
        if a.is_sign_negative() { b } else { a }
    } else {
        a.max(b)
    }
}

/// `math.Min`.
pub(super) fn min(a: f64, b: f64) -> f64 {
    -max(-a, -b)
}

/// A slope and where the line stands at `origin` (milliseconds), by least squares.
pub(super) fn line(points: &[(i64, f64)], origin: i64) -> (f64, f64) {
    let first = points[0].1;
    let (mut n, mut x_sum, mut y_sum) = (0.0, KahanSum::default(), KahanSum::default());
    let (mut xy_sum, mut xx_sum) = (KahanSum::default(), KahanSum::default());
    for &(t, y) in points {
        let x = (t - origin) as f64 / 1e3;
        n += 1.0;
        x_sum.add(x);
        y_sum.add(y);
        xy_sum.add(x * y);
        xx_sum.add(x * x);
    }
    if points.iter().skip(1).all(|&(_, y)| y == first) {
        if first.is_infinite() {
            return (f64::NAN, f64::NAN);
        }
        return (0.0, first);
    }
    let (x, y) = (x_sum.total(), y_sum.total());
    let covariance = xy_sum.total() - x * y / n;
    let variance = xx_sum.total() - x * x / n;
    let slope = covariance / variance;
    (slope, y / n - slope * x / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_keep_what_rounding_takes() {
        let mut sum = KahanSum::default();
        for value in [1.0, 1e100, 1.0, -1e100] {
            sum.add(value);
        }
        assert_eq!(sum.total(), 2.0);
    }

    #[test]
    fn a_mean_whose_sum_overflows_is_a_running_one() {
        let mut mean = Mean::of(f64::MAX);
        mean.add(f64::MAX);
        assert_eq!(mean.mean(), f64::MAX);
        let mut small = Mean::of(1.0);
        small.add(2.0);
        assert_eq!(small.mean(), 1.5);
    }

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(0.5, vec![4.0, 1.0]), 2.5);
        assert_eq!(quantile(-0.1, vec![1.0]), f64::NEG_INFINITY);
        assert_eq!(quantile(1.1, vec![1.0]), f64::INFINITY);
        assert!(quantile(f64::NAN, vec![1.0]).is_nan());
        assert!(quantile(0.5, vec![]).is_nan());
        assert_eq!(quantile(1.0, vec![f64::NAN, 3.0, 2.0]), 3.0);
    }

    #[test]
    fn extremes_of_go() {
        assert!(max(f64::NAN, 1.0).is_nan());
        assert_eq!(max(f64::NAN, f64::INFINITY), f64::INFINITY);
        assert_eq!(min(f64::NAN, f64::NEG_INFINITY), f64::NEG_INFINITY);
        assert_eq!(min(2.0, 1.0), 1.0);
    }
}
