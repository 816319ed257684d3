//! Decaying histograms with exponential buckets: what the recommender remembers of usage.
//!
//! Follows `pkg/recommender/util/{histogram,histogram_options,decaying_histogram}.go`. A
//! sample's weight is multiplied by `2^((time - reference) / half-life)`, so that old samples
//! fade without being touched; when the exponent gets large the reference moves on and all
//! weights shrink. A bucket counts as empty while its weight is below [`EPSILON`].

use std::sync::{Arc, OnceLock};

use super::go_math::{exp2, ldexp, log, pow};
use crate::autoscaler::vpa::WallClock;
use crate::sim::{SimDuration, SimTime};

/// Growth of a bucket over the one before: 5 %.
const RATIO: f64 = 1.0 + 0.05;
/// The least weight of a sample (0.1) times the least that decay leaves of it (0.001).
pub(super) const EPSILON: f64 = 0.001 * 0.1;
/// Half-lives after which the reference moves on.
const MAX_DECAY_EXPONENT: i64 = 100;

/// Buckets, half-life and calendar: what histograms that can be merged share.
#[derive(Debug, PartialEq)]
pub(super) struct Shape {
    first_bucket: f64,
    log_ratio: f64,
    buckets: usize,
    /// Where each bucket starts, once anybody asks.
    starts: OnceLock<Box<[f64]>>,
    half_life: SimDuration,
    clock: WallClock,
}

impl Shape {
    /// Buckets from `first_bucket` wide to one that starts at `max_value` or beyond.
    pub(super) fn new(
        first_bucket: f64,
        max_value: f64,
        half_life: SimDuration,
        clock: WallClock,
    ) -> Arc<Self> {
        let log_ratio = log(RATIO);
        let growth = log(max_value * (RATIO - 1.0) / first_bucket + 1.0) / log_ratio;
        Arc::new(Self {
            first_bucket,
            log_ratio,
            buckets: growth.ceil() as usize + 1,
            starts: OnceLock::new(),
            half_life,
            clock,
        })
    }

    fn last(&self) -> usize {
        self.buckets - 1
    }

    /// Where a bucket starts.
    fn start(&self, bucket: usize) -> f64 {
        let start = |bucket| match bucket {
            0 => 0.0,
            _ => self.first_bucket * (pow(RATIO, bucket) - 1.0) / (RATIO - 1.0),
        };
        let starts = || (0..self.buckets as i32).map(start).collect();
        self.starts.get_or_init(starts)[bucket]
    }

    fn find_bucket(&self, value: f64) -> usize {
        if value < self.first_bucket {
            return 0;
        }
        let growth = log(value * (RATIO - 1.0) / self.first_bucket + 1.0) / self.log_ratio;
        (growth as usize).min(self.last())
    }
}

/// A histogram's weights, their total and the instant that they refer to.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    shape: Arc<Shape>,
    weights: Box<[f64]>,
    total: f64,
    /// The first bucket that is not empty; the last of all if every one is.
    min: usize,
    /// The last bucket that is not empty; 0 if every one is.
    max: usize,
    /// `None` is Go's zero time: no sample yet.
    reference: Option<SimTime>,
}

impl Histogram {
    pub(super) fn new(shape: &Arc<Shape>) -> Self {
        Self {
            shape: Arc::clone(shape),
            weights: vec![0.0; shape.buckets].into_boxed_slice(),
            total: 0.0,
            min: shape.last(),
            max: 0,
            reference: None,
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.weights.fill(0.0);
        self.total = 0.0;
        self.min = self.shape.last();
        self.max = 0;
        self.reference = None;
    }

    pub(super) fn add(&mut self, value: f64, weight: f64, time: SimTime) {
        let weight = weight * self.decay_factor(time);
        let bucket = self.shape.find_bucket(value);
        self.weights[bucket] += weight;
        self.total += weight;
        if self.weights[bucket] >= EPSILON {
            self.min = self.min.min(bucket);
            self.max = self.max.max(bucket);
        }
    }

    /// Takes back a sample that was added. What remains below [`EPSILON`] is dropped, of the
    /// bucket and, whatever that was, of the total: a total never turns negative, and is not
    /// the buckets' sum once more was taken from one than was in it.
    pub(super) fn subtract(&mut self, value: f64, weight: f64, time: SimTime) {
        let weight = weight * self.decay_factor(time);
        let bucket = self.shape.find_bucket(value);
        self.total = safe_subtract(self.total, weight);
        self.weights[bucket] = safe_subtract(self.weights[bucket], weight);
        self.update_min_and_max();
    }

    /// Adds all samples of another histogram of the same shape. Whichever has the older
    /// reference is moved to the younger one, also if that is the other.
    pub(super) fn merge(&mut self, other: &mut Self) {
        if let Some(younger) = other.reference.filter(|_| self.reference < other.reference) {
            self.shift(younger);
        } else if let Some(younger) = self.reference.filter(|_| other.reference < self.reference) {
            other.shift(younger);
        }
        if other.min <= other.max {
            let buckets = other.min..=other.max;
            for (own, others) in self.weights[buckets.clone()]
                .iter_mut()
                .zip(&other.weights[buckets])
            {
                *own += others;
            }
        }
        self.total += other.total;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// The value that a fraction of the weight does not exceed: the end of its bucket, 0 for
    /// an empty histogram.
    pub(super) fn percentile(&self, fraction: f64) -> f64 {
        if self.weights[self.min] < EPSILON {
            return 0.0;
        }
        let threshold = fraction * self.total;
        let (mut bucket, mut sum) = (self.min, 0.0);
        while bucket < self.max {
            sum += self.weights[bucket];
            if sum >= threshold {
                break;
            }
            bucket += 1;
        }
        self.shape.start((bucket + 1).min(self.shape.last()))
    }

    /// The factor on weights at an instant, after moving the reference if need be.
    fn decay_factor(&mut self, time: SimTime) -> f64 {
        let half_life = self.shape.half_life;
        let reference = match self.reference {
            Some(reference) if time <= reference + half_life * MAX_DECAY_EXPONENT => reference,
            _ => self.shift(time),
        };
        exp2(half_lives(reference, time, half_life))
    }

    /// Moves the reference to the whole number of half-lives nearest to an instant.
    fn shift(&mut self, time: SimTime) -> SimTime {
        let half_life = self.shape.half_life;
        let reference = self.shape.clock.round(time, half_life);
        // The year 1 is further away than Go's durations reach; weights without a reference,
        // of a checkpoint that has none, fade to nothing.
        let past = self
            .reference
            .map_or(i64::MIN as f64 / half_life.0 as f64, |old| {
                half_lives(reference, old, half_life)
            });
        self.scale(ldexp(1.0, (past + 0.5).floor() as i32));
        self.reference = Some(reference);
        reference
    }

    fn scale(&mut self, factor: f64) {
        if self.min <= self.max {
            for weight in &mut self.weights[self.min..=self.max] {
                *weight *= factor;
            }
        }
        self.total *= factor;
        self.update_min_and_max();
    }

    /// To be called after weights have become less.
    fn update_min_and_max(&mut self) {
        while self.weights[self.min] < EPSILON && self.min < self.shape.last() {
            self.min += 1;
        }
        while self.weights[self.max] < EPSILON && self.max > 0 {
            self.max -= 1;
        }
    }

    /// The buckets from the first to the last that is not empty, with their weights.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (usize, f64)> {
        let end = (self.max + 1).max(self.min);
        let weights = self.weights[self.min..end].iter().copied();
        weights
            .enumerate()
            .map(|(place, weight)| (self.min + place, weight))
    }

    pub(super) fn total(&self) -> f64 {
        self.total
    }

    /// The instant at which weights count as they are; `None` before the first sample.
    pub(super) fn reference(&self) -> Option<SimTime> {
        self.reference
    }

    pub(super) fn bucket_count(&self) -> usize {
        self.weights.len()
    }

    /// Adds weights of given buckets and takes over the reference that they belong to.
    pub(super) fn load(
        &mut self,
        weights: impl Iterator<Item = (usize, f64)>,
        total: f64,
        reference: Option<SimTime>,
    ) {
        for (bucket, weight) in weights {
            self.weights[bucket] += weight;
            self.min = self.min.min(bucket);
            self.max = self.max.max(bucket);
        }
        self.total += total;
        self.update_min_and_max();
        self.reference = reference;
    }
}

/// What remains of a weight, or 0 if that is as good as nothing (`safeSubtract`).
fn safe_subtract(weight: f64, subtracted: f64) -> f64 {
    let rest = weight - subtracted;
    if rest < EPSILON { 0.0 } else { rest }
}

/// The time from one instant to another in half-lives.
fn half_lives(from: SimTime, to: SimTime, half_life: SimDuration) -> f64 {
    to.0.saturating_sub(from.0) as f64 / half_life.0 as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 86_400;

    fn shape() -> Arc<Shape> {
        Shape::new(
            0.01,
            1000.0,
            SimDuration::from_secs(DAY),
            WallClock::default(),
        )
    }

    fn filled(samples: &[(f64, i64)]) -> Histogram {
        let mut histogram = Histogram::new(&shape());
        for &(value, seconds) in samples {
            histogram.add(value, 0.1, SimTime::from_secs(seconds));
        }
        histogram
    }

    #[test]
    fn buckets_grow_by_a_twentieth_and_reach_the_maximum() {
        let shape = shape();
        assert_eq!(shape.buckets, 176);
        assert_eq!([shape.start(0), shape.start(1)], [0.0, 0.01]);
        assert!(shape.start(175) >= 1000.0 && shape.start(174) < 1000.0);
        assert_eq!(shape.find_bucket(1e9), 175);
    }

    #[test]
    fn an_empty_histogram_has_no_percentiles() {
        assert_eq!(filled(&[]).percentile(0.9), 0.0);
    }

    #[test]
    fn a_percentile_is_the_end_of_its_bucket() {
        let histogram = filled(&[(0.005, 0), (0.015, 0), (0.5, 0)]);
        assert_eq!(histogram.percentile(0.3), histogram.shape.start(1));
        assert_eq!(histogram.percentile(0.6), histogram.shape.start(2));
        assert!(histogram.percentile(1.0) > 0.5);
    }

    #[test]
    fn a_sample_counts_half_after_a_half_life() {
        let histogram = filled(&[(0.005, 0), (0.5, DAY)]);
        let weights: Vec<f64> = histogram
            .buckets()
            .map(|(_, weight)| weight)
            .filter(|w| *w > 0.0)
            .collect();
        assert_eq!(weights, [0.1, 0.2]);
    }

    #[test]
    fn a_sample_long_after_moves_the_reference_and_empties_the_rest() {
        let mut histogram = filled(&[(0.005, 0)]);
        histogram.add(0.5, 0.1, SimTime::from_secs(101 * DAY));
        assert_eq!(histogram.reference(), Some(SimTime::from_secs(101 * DAY)));
        assert_eq!(histogram.min, histogram.max);
        assert!(histogram.percentile(0.0) > 0.5);
    }

    #[test]
    fn merging_moves_the_older_of_the_two() {
        let (mut old, mut young) = (filled(&[(0.005, 0)]), filled(&[(0.5, 3 * DAY)]));
        young.merge(&mut old);
        assert_eq!(old.reference(), Some(SimTime::from_secs(3 * DAY)));
        assert_eq!(young.weights[0], 0.0125);
        assert!((young.total() - 0.1125).abs() < 1e-15);
    }

    #[test]
    fn more_than_there_was_cannot_be_taken_out() {
        let mut histogram = filled(&[(0.005, 0), (0.5, 0)]);
        histogram.subtract(0.5, 0.15, SimTime::ZERO);
        assert_eq!(histogram.weights[0], 0.1);
        assert_eq!(histogram.max, 0, "the other bucket is empty");
        assert!((histogram.total() - 0.05).abs() < 1e-12);
        histogram.subtract(0.005, 0.07, SimTime::ZERO);
        assert_eq!(histogram.total(), 0.0);
        assert!(histogram.weights[0] > 0.02);
    }

    #[test]
    fn what_remains_below_epsilon_is_dropped() {
        let mut histogram = filled(&[(0.5, 0)]);
        histogram.subtract(0.5, 0.1 - 0.9 * EPSILON, SimTime::ZERO);
        assert_eq!((histogram.total(), histogram.percentile(1.0)), (0.0, 0.0));
    }

    fn samples() -> impl Strategy<Value = Vec<(f64, i64)>> {
        prop::collection::vec((0.0..20.0f64, 0..10 * DAY), 1..60)
    }

    proptest! {
        #[test]
        fn what_is_subtracted_leaves_what_was_there(kept in samples(), extra in (0.0..20.0f64, 0..10 * DAY)) {
            let reference = filled(&kept);
            let mut histogram = reference.clone();
            histogram.add(extra.0, 0.1, SimTime::from_secs(extra.1));
            histogram.subtract(extra.0, 0.1, SimTime::from_secs(extra.1));
            prop_assert!((histogram.total() - reference.total()).abs() < 2.0 * EPSILON + 1e-9 * reference.total());
        }

        #[test]
        fn merging_two_is_adding_to_one(one in samples(), two in samples()) {
            let both: Vec<_> = one.iter().chain(&two).copied().collect();
            let (expected, mut merged) = (filled(&both), filled(&one));
            merged.merge(&mut filled(&two));
            // References may differ by whole half-lives; percentiles do not see that.
            for fraction in [0.25, 0.5, 0.9, 0.95] {
                let (a, b) = (merged.percentile(fraction), expected.percentile(fraction));
                let (a, b) = (merged.shape.find_bucket(a), merged.shape.find_bucket(b));
                let close = |from: usize, to: usize| {
                    let between: f64 = expected.weights[from.min(to)..from.max(to)].iter().sum();
                    between <= 1e-9 * expected.total() + expected.weights[from.max(to).saturating_sub(1)]
                };
                prop_assert!(close(a, b), "{fraction}: bucket {a} or {b}");
            }
        }

        #[test]
        fn percentiles_do_not_fall_with_the_fraction(samples in samples(), a in 0.0..1.0f64, b in 0.0..1.0f64) {
            let histogram = filled(&samples);
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(histogram.percentile(low) <= histogram.percentile(high));
        }

        #[test]
        fn decay_alone_changes_no_percentile(samples in samples(), days in 0..8i64, fraction in 0.0..1.0f64) {
            // In order of time, so that no weight is near the least that counts.
            let mut samples = samples;
            samples.sort_by_key(|sample| sample.1);
            let histogram = filled(&samples);
            let mut faded = histogram.clone();
            let reference = histogram.reference().expect("it has samples");
            faded.shift(reference + SimDuration::from_secs(days * DAY));
            prop_assert!((faded.total() * 2f64.powi(days as i32) - histogram.total()).abs() <= 1e-12 * histogram.total());
            prop_assert_eq!(faded.percentile(fraction), histogram.percentile(fraction));
        }
    }
}
