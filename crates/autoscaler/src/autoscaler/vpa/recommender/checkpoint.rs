//! Checkpoints: what of a container's aggregate survives a restart of the recommender.
//!
//! Follows `SaveToCheckpoint` and `LoadFromCheckpoint` in `pkg/recommender/model` and
//! `pkg/recommender/util` (version v3). Weights are kept relative to the largest, in ten
//! thousandths; times as the API server stores them, in whole seconds.

use super::aggregation::Aggregation;
use super::container_state::Aggregate;
use super::histogram::Histogram;
use crate::sim::SimTime;

/// What the largest bucket's weight becomes.
const MAX_WEIGHT: f64 = 10_000.0;

/// The status of a `VerticalPodAutoscalerCheckpoint`.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// `containerName`.
    pub container_name: String,
    /// `firstSampleStart`; absent without samples.
    pub first_sample_start: Option<SimTime>,
    /// `lastSampleStart`; absent without samples.
    pub last_sample_start: Option<SimTime>,
    /// `totalSamplesCount`: CPU samples.
    pub total_samples_count: i64,
    /// `cpuHistogram`.
    pub cpu: HistogramCheckpoint,
    /// `memoryHistogram`.
    pub memory: HistogramCheckpoint,
}

/// A histogram as a checkpoint keeps it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HistogramCheckpoint {
    /// `referenceTimestamp`; absent before the first sample.
    pub reference_timestamp: Option<SimTime>,
    /// `bucketWeights`: number of the bucket and its weight, 1 to 10,000.
    pub bucket_weights: Vec<(usize, u32)>,
    /// `totalWeight`.
    pub total_weight: f64,
}

/// Why a checkpoint cannot be loaded.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CheckpointError {
    /// The total weight is negative or no number.
    #[error("the total weight {0} is not a positive number")]
    TotalWeight(f64),
    /// A bucket that the histogram does not have.
    #[error("bucket {bucket} does not exist, the last one is {last}")]
    Bucket {
        /// The bucket.
        bucket: usize,
        /// The last that exists.
        last: usize,
    },
}

impl Checkpoint {
    pub(super) fn save(container_name: &str, aggregate: &Aggregate) -> Self {
        let whole = |time: Option<SimTime>| time.map(SimTime::truncate_to_second);
        Self {
            container_name: container_name.to_owned(),
            first_sample_start: whole(aggregate.first_sample_start),
            last_sample_start: whole(aggregate.last_sample_start),
            total_samples_count: aggregate.total_samples_count,
            cpu: HistogramCheckpoint::save(&aggregate.cpu_usage),
            memory: HistogramCheckpoint::save(&aggregate.memory_peaks),
        }
    }

    pub(super) fn load(
        &self,
        config: &Aggregation,
        now: SimTime,
    ) -> Result<Aggregate, CheckpointError> {
        let mut aggregate = Aggregate::new(config, now);
        aggregate.total_samples_count = self.total_samples_count;
        aggregate.first_sample_start = self.first_sample_start;
        aggregate.last_sample_start = self.last_sample_start;
        self.memory.load(&mut aggregate.memory_peaks)?;
        self.cpu.load(&mut aggregate.cpu_usage)?;
        Ok(aggregate)
    }
}

impl HistogramCheckpoint {
    fn save(histogram: &Histogram) -> Self {
        let largest = histogram
            .buckets()
            .map(|(_, weight)| weight)
            .fold(0.0, f64::max);
        let ratio = MAX_WEIGHT / largest;
        let kept = |(bucket, weight): (usize, f64)| {
            let weight = (weight * ratio + 0.5).floor() as u32;
            (weight > 0).then_some((bucket, weight))
        };
        Self {
            reference_timestamp: histogram.reference().map(SimTime::truncate_to_second),
            bucket_weights: histogram.buckets().filter_map(kept).collect(),
            total_weight: histogram.total(),
        }
    }

    fn load(&self, histogram: &mut Histogram) -> Result<(), CheckpointError> {
        if !self.total_weight.is_finite() || self.total_weight < 0.0 {
            return Err(CheckpointError::TotalWeight(self.total_weight));
        }
        let last = histogram.bucket_count() - 1;
        if let Some(&(bucket, _)) = self
            .bucket_weights
            .iter()
            .find(|(bucket, _)| *bucket > last)
        {
            return Err(CheckpointError::Bucket { bucket, last });
        }
        let sum: i64 = self
            .bucket_weights
            .iter()
            .map(|(_, weight)| i64::from(*weight))
            .sum();
        let (ratio, total) = match sum {
            0 => (0.0, 0.0),
            _ => (self.total_weight / sum as f64, self.total_weight),
        };
        let weights = self.bucket_weights.iter().filter(|(_, weight)| *weight > 0);
        let weights = weights.map(|&(bucket, weight)| (bucket, f64::from(weight) * ratio));
        histogram.load(weights, total, self.reference_timestamp);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::container_state::ContainerState;
    use super::*;
    use crate::autoscaler::vpa::{RecommenderFlags, WallClock};
    use crate::sim::SimDuration;

    fn config() -> Aggregation {
        Aggregation::new(&RecommenderFlags::default(), WallClock::default())
    }

    fn aggregate(samples: &[(i64, i64)]) -> Aggregate {
        let config = config();
        let (mut aggregate, mut container) = (
            Aggregate::new(&config, SimTime::ZERO),
            ContainerState::default(),
        );
        let mut time = SimTime::ZERO;
        for &(cpu, memory) in samples {
            container.add_cpu_sample(&mut aggregate, cpu, time);
            container.add_memory_sample(&mut aggregate, memory, time);
            time += SimDuration::from_secs(7200);
        }
        aggregate
    }

    #[test]
    fn nothing_is_saved_of_nothing() {
        let saved = Checkpoint::save("api", &aggregate(&[]));
        assert_eq!(saved.cpu, HistogramCheckpoint::default());
        assert_eq!(saved.first_sample_start, None);
        let loaded = saved
            .load(&config(), SimTime::ZERO)
            .expect("an empty checkpoint");
        assert!(loaded.is_empty());
    }

    #[test]
    fn weights_without_a_reference_fade_with_the_next_sample() {
        let mut saved = Checkpoint::save("api", &aggregate(&[(100, 1 << 28)]));
        saved.cpu.reference_timestamp = None;
        let mut loaded = saved
            .load(&config(), SimTime::ZERO)
            .expect("no more is missing");
        assert!(loaded.cpu_usage.percentile(1.0) > 0.1);
        loaded.cpu_usage.add(0.005, 0.1, SimTime::ZERO);
        assert!(loaded.cpu_usage.percentile(1.0) < 0.02);
        assert_eq!(loaded.cpu_usage.total(), 0.1);
    }

    #[test]
    fn a_checkpoint_of_more_than_was_there_is_read_again() {
        let mut both = aggregate(&[(100, 1 << 28)]);
        let mut other = ContainerState::default();
        // A window's peak that went to another aggregate is taken out of this one.
        other.add_memory_sample(&mut aggregate(&[]), 1 << 33, SimTime::ZERO);
        other.subtract_current_peak(&mut both, SimTime::ZERO);
        let saved = Checkpoint::save("api", &both);
        assert_eq!(saved.memory.total_weight, 0.0);
        assert!(saved.load(&config(), SimTime::ZERO).is_ok());
    }

    #[test]
    fn impossible_checkpoints_are_refused() {
        let mut saved = Checkpoint::save("api", &aggregate(&[(100, 1 << 28)]));
        saved.cpu.bucket_weights.push((176, 1));
        let refused = saved.load(&config(), SimTime::ZERO).err();
        assert_eq!(
            refused,
            Some(CheckpointError::Bucket {
                bucket: 176,
                last: 175
            })
        );
        saved.memory.total_weight = -1.0;
        let refused = saved.load(&config(), SimTime::ZERO).err();
        assert_eq!(refused, Some(CheckpointError::TotalWeight(-1.0)));
    }

    proptest! {
        #[test]
        fn a_second_round_trip_changes_nothing_more(
            samples in prop::collection::vec((0..4000i64, 0..1i64 << 33), 1..80),
        ) {
            let first = Checkpoint::save("api", &aggregate(&samples));
            let loaded = first.load(&config(), SimTime::ZERO).expect("a saved checkpoint");
            let second = Checkpoint::save("api", &loaded);
            prop_assert_eq!(&second.cpu.reference_timestamp, &first.cpu.reference_timestamp);
            prop_assert_eq!(second.cpu.total_weight, first.cpu.total_weight);
            // Weights are relative to the largest, which rounding leaves at 10,000.
            prop_assert_eq!(second.cpu.bucket_weights, first.cpu.bucket_weights);
            prop_assert_eq!(second.memory.bucket_weights, first.memory.bucket_weights);
            prop_assert_eq!(second.total_samples_count, first.total_samples_count);
        }

        #[test]
        fn percentiles_survive_but_for_neighbouring_buckets(
            samples in prop::collection::vec((0..4000i64, 0..1i64 << 33), 1..80),
        ) {
            let original = aggregate(&samples);
            let saved = Checkpoint::save("api", &original);
            let loaded = saved.load(&config(), SimTime::ZERO).expect("a saved checkpoint");
            let (least, most) = (original.cpu_usage.percentile(0.0), original.cpu_usage.percentile(1.0));
            let median = loaded.cpu_usage.percentile(0.5);
            prop_assert!((least..=most).contains(&median));
            prop_assert!((loaded.cpu_usage.total() - original.cpu_usage.total()).abs() < 1e-9);
        }
    }
}
