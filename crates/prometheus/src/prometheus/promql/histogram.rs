//! `histogram_quantile` and `histogram_fraction` over classic buckets (`promql/quantile.go`).

use indexmap::IndexMap;

use super::Sample;
use crate::prometheus::labels::{BUCKET, Labels, METRIC_NAME};

/// Counts this close together, relative to their sum, differ by rounding alone.
const SMALL_DELTA: f64 = 1e-12;

/// A bucket: observations up to a bound, those of lower buckets among them.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bucket {
    bound: f64,
    count: f64,
}

/// A quantile per histogram.
pub(super) fn quantiles(q: f64, vector: &[Sample]) -> Vec<Sample> {
    of_each(vector, |buckets| quantile(q, buckets))
}

/// Per histogram, the share of observations between two values.
pub(super) fn fractions(lower: f64, upper: f64, vector: &[Sample]) -> Vec<Sample> {
    of_each(vector, |buckets| fraction(lower, upper, buckets))
}

/// A number per histogram; series without a bound are left out.
fn of_each(vector: &[Sample], number: impl Fn(Vec<Bucket>) -> f64) -> Vec<Sample> {
    let mut histograms: IndexMap<Labels, Vec<Bucket>> = IndexMap::new();
    for sample in vector {
        let Ok(bound) = sample.labels.get(BUCKET).parse() else {
            continue;
        };
        let histogram = histograms.entry(sample.labels.drop(&[BUCKET])).or_default();
        histogram.push(Bucket {
            bound,
            count: sample.value,
        });
    }
    histograms
        .into_iter()
        .map(|(labels, buckets)| Sample {
            labels: labels.drop(&[METRIC_NAME]).drop_metadata(),
            value: number(buckets),
        })
        .collect()
}

fn quantile(q: f64, buckets: Vec<Bucket>) -> f64 {
    if q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let Some(mut buckets) = in_order(buckets) else {
        return f64::NAN;
    };
    make_monotonic(&mut buckets);
    let last = buckets.len() - 1;
    let observations = buckets[last].count;
    if last == 0 || observations == 0.0 {
        return f64::NAN;
    }
    let rank = q * observations;
    let found = buckets[..last].partition_point(|bucket| bucket_below(bucket.count, rank));
    let bucket = buckets[found];
    if found == last {
        return buckets[last - 1].bound;
    }
    if found == 0 {
        if bucket.bound <= 0.0 {
            return bucket.bound;
        }
        return bucket.bound * (rank / bucket.count);
    }
    let before = buckets[found - 1];
    let share = (rank - before.count) / (bucket.count - before.count);
    before.bound + (bucket.bound - before.bound) * share
}

/// `BucketFraction`: counts are interpolated within buckets, the lowest of which begins at zero or,
/// if its bound is not above zero, has no beginning. Unlike for quantiles, counts may fall.
fn fraction(lower: f64, upper: f64, buckets: Vec<Bucket>) -> f64 {
    let Some(buckets) = in_order(buckets) else {
        return f64::NAN;
    };
    let count = buckets[buckets.len() - 1].count;
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let first = if buckets[0].bound <= 0.0 {
        f64::NEG_INFINITY
    } else {
        0.0
    };
    let rank_of = |value: f64| {
        let (mut start, mut rank) = (first, 0.0);
        for bucket in &buckets {
            if start >= value {
                return rank;
            }
            if bucket.bound > value {
                // Of a bucket without a beginning all is counted, of one without an end nothing.
                return if start == f64::NEG_INFINITY {
                    bucket.count
                } else {
                    rank + (bucket.count - rank) * (value - start) / (bucket.bound - start)
                };
            }
            (start, rank) = (bucket.bound, bucket.count);
        }
        count
    };
    let most = |rank: f64| if rank > count { count } else { rank };
    (most(rank_of(upper)) - most(rank_of(lower))) / count
}

/// Buckets by their bounds, the last of which has to be infinite.
fn in_order(mut buckets: Vec<Bucket>) -> Option<Vec<Bucket>> {
    buckets.sort_by(|a, b| a.bound.total_cmp(&b.bound));
    (buckets.last()?.bound == f64::INFINITY).then(|| coalesce(buckets))
}

/// Not `count >= rank`, which for NaN is not `count < rank`.
#[allow(clippy::neg_cmp_op_on_partial_ord)]
fn bucket_below(count: f64, rank: f64) -> bool {
    !(count >= rank)
}

/// Buckets of one bound become one.
fn coalesce(buckets: Vec<Bucket>) -> Vec<Bucket> {
    let mut merged: Vec<Bucket> = Vec::with_capacity(buckets.len());
    for bucket in buckets {
        match merged.last_mut() {
            Some(last) if last.bound == bucket.bound => last.count += bucket.count,
            _ => merged.push(bucket),
        }
    }
    merged
}

/// A count below the one before it, or above it by rounding alone, becomes that one.
fn make_monotonic(buckets: &mut [Bucket]) {
    let mut before = buckets[0].count;
    for bucket in &mut buckets[1..] {
        if bucket.count == before {
            continue;
        }
        if nearly_equal(before, bucket.count) || bucket.count < before {
            bucket.count = before;
        } else {
            before = bucket.count;
        }
    }
}

fn nearly_equal(a: f64, b: f64) -> bool {
    if a.is_nan() && b.is_nan() || a == b {
        return true;
    }
    let sum = a.abs() + b.abs();
    let difference = (a - b).abs();
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < SMALL_DELTA * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < SMALL_DELTA
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(q: f64, pairs: &[(f64, f64)]) -> f64 {
        let buckets = pairs.iter().map(|&(bound, count)| Bucket { bound, count });
        quantile(q, buckets.collect())
    }

    #[test]
    fn interpolates_within_a_bucket_and_from_zero_in_the_lowest() {
        let buckets = [(f64::INFINITY, 10.0), (1.0, 4.0), (2.0, 8.0)];
        assert_eq!(of(0.2, &buckets), 0.5);
        assert_eq!(of(0.6, &buckets), 1.5);
        assert_eq!(of(0.9, &buckets), 2.0);
        assert_eq!(of(0.1, &[(-1.0, 4.0), (f64::INFINITY, 10.0)]), -1.0);
    }

    #[test]
    fn what_is_no_histogram_has_no_quantile() {
        assert!(of(0.5, &[(1.0, 4.0), (2.0, 8.0)]).is_nan());
        assert!(of(0.5, &[(f64::INFINITY, 8.0)]).is_nan());
        assert!(of(0.5, &[(1.0, 0.0), (f64::INFINITY, 0.0)]).is_nan());
        assert!(of(f64::NAN, &[(1.0, 1.0), (f64::INFINITY, 1.0)]).is_nan());
        assert_eq!(of(-1.0, &[(1.0, 1.0)]), f64::NEG_INFINITY);
        assert_eq!(of(2.0, &[(1.0, 1.0)]), f64::INFINITY);
    }

    #[test]
    fn a_fraction_interpolates_at_both_ends() {
        const INF: f64 = f64::INFINITY;
        let of = |lower, upper, pairs: &[(f64, f64)]| {
            let buckets = pairs.iter().map(|&(bound, count)| Bucket { bound, count });
            fraction(lower, upper, buckets.collect())
        };
        let positive = [(INF, 10.0), (1.0, 4.0), (2.0, 8.0)];
        assert_eq!(of(0.5, 1.5, &positive), 0.4);
        assert_eq!(of(-INF, INF, &positive), 1.0);
        assert_eq!(of(-5.0, 1.0, &positive), 0.4);
        // Nothing of the last bucket lies below a finite value.
        assert_eq!(of(1.0, 1e9, &positive), 0.4);
        assert_eq!(of(2.0, INF, &positive), 0.2);
        assert_eq!(of(2.0, 1.0, &positive), 0.0);
        let negative = [(-1.0, 4.0), (1.0, 8.0), (INF, 8.0)];
        // All of the first bucket lies below any value in it.
        assert_eq!(of(-2.0, 0.0, &negative), 0.25);
        assert_eq!(of(-INF, 0.0, &negative), 0.75);
        assert!(of(f64::NAN, 1.0, &positive).is_nan());
        assert!(of(0.0, 1.0, &[(1.0, 4.0)]).is_nan());
        assert!(of(0.0, 1.0, &[(1.0, 0.0), (INF, 0.0)]).is_nan());
    }

    #[test]
    fn counts_never_fall_and_equal_bounds_are_one_bucket() {
        let falling = [(1.0, 5.0), (2.0, 4.0), (f64::INFINITY, 10.0)];
        assert_eq!(of(0.25, &falling), 0.5);
        assert_eq!(of(0.75, &falling), 2.0);
        let twice = [(1.0, 2.0), (1.0, 2.0), (f64::INFINITY, 4.0)];
        assert_eq!(of(0.5, &twice), 0.5);
    }
}
