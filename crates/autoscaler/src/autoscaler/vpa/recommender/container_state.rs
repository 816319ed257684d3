//! What is remembered of containers: an [`Aggregate`] of all of one name and labels, and
//! each container's own [`ContainerState`], which decides what of its usage gets there.
//!
//! Follows `pkg/recommender/model/{aggregate_container_state,container}.go`. Every CPU sample
//! is kept; of memory only the peak of each window, in which an OOM kill
//! counts as a larger peak.

use super::aggregation::{Aggregation, Tuning};
use super::amount;
use super::histogram::Histogram;
use crate::sim::{SimDuration, SimTime};

/// Weight of a CPU sample (`minSampleWeight`); up to release 1.4 it was the CPU request.
const CPU_SAMPLE_WEIGHT: f64 = 0.1;
/// Weight of a memory peak.
const MEMORY_PEAK_WEIGHT: f64 = 1.0;

/// The usage of all containers that share name and labels (`AggregateContainerState`).
#[derive(Debug, Clone)]
pub(super) struct Aggregate {
    pub(super) cpu_usage: Histogram,
    pub(super) memory_peaks: Histogram,
    pub(super) first_sample_start: Option<SimTime>,
    pub(super) last_sample_start: Option<SimTime>,
    /// CPU samples only.
    pub(super) total_samples_count: i64,
    pub(super) tuning: Tuning,
    created: SimTime,
}

impl Aggregate {
    pub(super) fn new(config: &Aggregation, created: SimTime) -> Self {
        Self {
            cpu_usage: Histogram::new(&config.cpu),
            memory_peaks: Histogram::new(&config.memory),
            first_sample_start: None,
            last_sample_start: None,
            total_samples_count: 0,
            tuning: config.tuning,
            created,
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.cpu_usage.clear();
        self.memory_peaks.clear();
        self.first_sample_start = None;
        self.last_sample_start = None;
        self.total_samples_count = 0;
    }

    /// Adds another's samples; its histograms may be moved to a younger reference.
    pub(super) fn merge(&mut self, other: &mut Self) {
        self.cpu_usage.merge(&mut other.cpu_usage);
        self.memory_peaks.merge(&mut other.memory_peaks);
        self.first_sample_start = match (self.first_sample_start, other.first_sample_start) {
            (Some(own), Some(others)) => Some(own.min(others)),
            (own, others) => own.or(others),
        };
        self.last_sample_start = self.last_sample_start.max(other.last_sample_start);
        self.total_samples_count += other.total_samples_count;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.total_samples_count == 0
    }

    /// True if the last sample (or the creation, without any) is too long ago.
    pub(super) fn is_expired(&self, now: SimTime) -> bool {
        let last = self.last_sample_start.filter(|_| !self.is_empty());
        now - last.unwrap_or(self.created) >= self.tuning.window_length()
    }

    fn add_cpu(&mut self, usage: i64, time: SimTime) {
        self.cpu_usage
            .add(amount::to_cores(usage), CPU_SAMPLE_WEIGHT, time);
        self.last_sample_start = self.last_sample_start.max(Some(time));
        let first = self.first_sample_start.unwrap_or(time);
        self.first_sample_start = Some(first.min(time));
        self.total_samples_count += 1;
    }

    fn add_memory_peak(&mut self, usage: i64, time: SimTime) {
        self.memory_peaks
            .add(usage as f64, MEMORY_PEAK_WEIGHT, time);
    }

    fn subtract_memory_peak(&mut self, usage: i64, time: SimTime) {
        self.memory_peaks
            .subtract(usage as f64, MEMORY_PEAK_WEIGHT, time);
    }
}

/// One container's recent history (`ContainerState`).
#[derive(Debug, Clone, Default)]
pub(super) struct ContainerState {
    last_cpu_sample: Option<SimTime>,
    last_memory_sample: Option<SimTime>,
    /// The largest measured usage in the current window.
    memory_peak: i64,
    /// The largest usage concluded from a kill in the current window.
    oom_peak: i64,
    /// End of the current window, which does not belong to it.
    window_end: Option<SimTime>,
}

impl ContainerState {
    /// False for a CPU sample that is not younger than the last one.
    pub(super) fn accepts_cpu_sample(&self, usage: i64, time: SimTime) -> bool {
        usage >= 0 && self.last_cpu_sample.is_none_or(|last| time > last)
    }

    /// False for a memory sample that is older than the last one.
    pub(super) fn accepts_memory_sample(&self, usage: i64, time: SimTime) -> bool {
        usage >= 0 && self.last_memory_sample.is_none_or(|last| time >= last)
    }

    /// Adds a CPU sample in millicores; false if it is not younger than the last one.
    pub(super) fn add_cpu_sample(
        &mut self,
        aggregate: &mut Aggregate,
        usage: i64,
        time: SimTime,
    ) -> bool {
        if !self.accepts_cpu_sample(usage, time) {
            return false;
        }
        aggregate.add_cpu(usage, time);
        self.last_cpu_sample = Some(time);
        true
    }

    /// Adds a memory sample in bytes; false if it is older than the last one.
    pub(super) fn add_memory_sample(
        &mut self,
        aggregate: &mut Aggregate,
        usage: i64,
        time: SimTime,
    ) -> bool {
        if !self.accepts_memory_sample(usage, time) {
            return false;
        }
        if self.take_memory(aggregate, usage, time) {
            self.memory_peak = usage;
        }
        true
    }

    /// Adds what an OOM kill says of the need; false if it is too old.
    pub(super) fn record_oom(
        &mut self,
        aggregate: &mut Aggregate,
        requested: i64,
        time: SimTime,
    ) -> bool {
        // Not by the current window, which may have begun just now.
        let oldest = self
            .last_memory_sample
            .map(|last| last - aggregate.tuning.memory_interval);
        if oldest.is_some_and(|oldest| time < oldest) {
            return false;
        }
        // Without the peak of earlier kills, so that several do not add up.
        let used = requested.max(self.memory_peak);
        let Tuning {
            oom_bump_up_ratio,
            oom_min_bump_up,
            ..
        } = aggregate.tuning;
        let needed = (used + oom_min_bump_up).max(amount::scale(used, oom_bump_up_ratio));
        if self.take_memory(aggregate, needed, time) {
            self.oom_peak = needed;
        }
        true
    }

    /// Opens the next window if the time has come for it; true if the usage is the
    /// window's new peak.
    fn take_memory(&mut self, aggregate: &mut Aggregate, usage: i64, time: SimTime) -> bool {
        self.last_memory_sample = Some(time);
        let window_end = self.window_end.unwrap_or(time);
        if time < window_end {
            self.window_end = Some(window_end);
            let peak = self.peak();
            if peak == 0 || usage <= peak {
                return false;
            }
            aggregate.subtract_memory_peak(peak, window_end);
            aggregate.add_memory_peak(usage, window_end);
        } else {
            let interval = aggregate.tuning.memory_interval;
            let past = time - window_end;
            // `Truncate` leaves a span as it is if there is nothing to cut it to.
            let whole = match interval {
                SimDuration(..=0) => past,
                _ => past - past % interval,
            };
            let window_end = window_end + whole + interval;
            self.window_end = Some(window_end);
            (self.memory_peak, self.oom_peak) = (0, 0);
            aggregate.add_memory_peak(usage, window_end);
        }
        true
    }

    fn peak(&self) -> i64 {
        self.memory_peak.max(self.oom_peak)
    }

    /// Takes the current window's peak out of an aggregate that includes it, as checkpoints
    /// do: after a restart the window begins anew.
    pub(super) fn subtract_current_peak(&self, aggregate: &mut Aggregate, now: SimTime) {
        if let Some(end) = self.window_end.filter(|end| now < *end) {
            aggregate.subtract_memory_peak(self.peak(), end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autoscaler::vpa::{RecommenderFlags, WallClock};

    const HOUR: i64 = 3600;
    const GIB: i64 = 1 << 30;

    struct Rig {
        aggregate: Aggregate,
        container: ContainerState,
    }

    impl Rig {
        fn new() -> Self {
            let config = Aggregation::new(&RecommenderFlags::default(), WallClock::default());
            let aggregate = Aggregate::new(&config, SimTime::ZERO);
            Self {
                aggregate,
                container: ContainerState::default(),
            }
        }

        fn memory(&mut self, hours: i64, usage: i64) -> bool {
            let time = SimTime::from_secs(hours * HOUR);
            self.container
                .add_memory_sample(&mut self.aggregate, usage, time)
        }

        fn oom(&mut self, hours: i64, requested: i64) -> bool {
            let time = SimTime::from_secs(hours * HOUR);
            self.container
                .record_oom(&mut self.aggregate, requested, time)
        }

        /// Peaks in the histogram, counted in buckets that are not empty.
        fn peaks(&self) -> usize {
            let weights = self.aggregate.memory_peaks.buckets();
            weights.filter(|(_, weight)| *weight > 0.0).count()
        }

        fn largest(&self) -> f64 {
            self.aggregate.memory_peaks.percentile(1.0)
        }
    }

    #[test]
    fn a_window_contributes_its_peak_only() {
        let mut rig = Rig::new();
        assert!(rig.memory(0, GIB));
        assert!(rig.memory(1, 2 * GIB));
        assert!(rig.memory(2, GIB));
        assert_eq!(rig.peaks(), 1);
        assert!(rig.largest() > 2e9);
    }

    #[test]
    fn a_window_that_began_with_nothing_used_takes_no_further_peak() {
        let mut rig = Rig::new();
        rig.memory(0, 0);
        assert!(rig.memory(1, GIB), "not discarded");
        assert!(rig.largest() < 2e7, "but without effect");
        rig.memory(24, GIB);
        assert!(rig.largest() > GIB as f64);
    }

    #[test]
    fn the_next_window_adds_a_peak_of_its_own() {
        let mut rig = Rig::new();
        rig.memory(0, 2 * GIB);
        rig.memory(24, GIB);
        assert_eq!(rig.peaks(), 2);
        assert_eq!(
            rig.container.window_end,
            Some(SimTime::from_secs(48 * HOUR))
        );
        rig.memory(100, GIB / 2);
        assert_eq!(
            rig.container.window_end,
            Some(SimTime::from_secs(120 * HOUR))
        );
    }

    #[test]
    fn windows_without_length_begin_anew_with_every_sample() {
        let mut rig = Rig::new();
        rig.aggregate.tuning.memory_interval = SimDuration::ZERO;
        rig.memory(0, 2 * GIB);
        rig.memory(1, GIB);
        assert_eq!(rig.peaks(), 2);
        assert_eq!(rig.container.window_end, Some(SimTime::from_secs(HOUR)));
    }

    #[test]
    fn late_samples_are_discarded_but_not_late_kills() {
        let mut rig = Rig::new();
        rig.memory(0, GIB);
        rig.memory(2, GIB);
        assert!(!rig.memory(1, 3 * GIB));
        assert!(rig.oom(1, 3 * GIB));
        assert!(rig.largest() > 3.6 * GIB as f64);
    }

    #[test]
    fn a_kill_is_too_old_a_whole_interval_before_the_last_memory_sample() {
        let mut rig = Rig::new();
        rig.memory(0, GIB);
        rig.memory(24, GIB);
        assert!(rig.oom(1, 3 * GIB), "though the window began at 24 h");
        // The kill was itself the last memory sample.
        assert!(!rig.oom(-24, 3 * GIB));
        assert!(rig.oom(-23, 3 * GIB));
    }

    #[test]
    fn a_kill_raises_the_need_by_the_larger_of_ratio_and_amount() {
        let mut rig = Rig::new();
        rig.oom(0, GIB / 10);
        assert_eq!(rig.container.oom_peak, GIB / 10 + 100 * 1024 * 1024);
        let mut rig = Rig::new();
        rig.oom(0, 10 * GIB);
        assert_eq!(rig.container.oom_peak, 12 * GIB);
    }

    #[test]
    fn a_second_kill_starts_from_usage_not_from_the_first() {
        let mut rig = Rig::new();
        rig.oom(0, 10 * GIB);
        rig.oom(1, 10 * GIB);
        assert_eq!(rig.container.oom_peak, 12 * GIB);
    }

    #[test]
    fn cpu_samples_have_to_be_younger_than_the_last() {
        let mut rig = Rig::new();
        let mut add = |seconds, usage| {
            let time = SimTime::from_secs(seconds);
            rig.container
                .add_cpu_sample(&mut rig.aggregate, usage, time)
        };
        assert!(add(60, 500));
        assert!(!add(60, 600));
        assert!(!add(120, -1));
        assert!(add(120, 600));
        assert_eq!(rig.aggregate.total_samples_count, 2);
        assert_eq!(
            rig.aggregate.first_sample_start,
            Some(SimTime::from_secs(60))
        );
    }
}
