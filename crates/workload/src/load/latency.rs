//! Latencies of a load's requests, compactly.
//!
//! `ab` and `hey` print statistics of every single request, so theirs are kept: whole
//! microseconds in 32 bits (up to 71 minutes; longer ones are held at that), 4 bytes a
//! request. Loops and profiles may run for days: theirs go into a histogram with a relative
//! error below 0.1 %, whose size does not grow.

use hdrhistogram::Histogram;

use crate::sim::{Counts, SimDuration, histogram};

/// A latency in whole microseconds, as the tools measure it.
pub(super) fn micros(latency: SimDuration) -> u32 {
    u32::try_from(latency.0 / 1000).unwrap_or(u32::MAX)
}

/// A summary of latencies in milliseconds; percentiles by nearest rank. Zeros if empty.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LatencySummary {
    /// How many latencies there are.
    pub count: u64,
    /// The mean.
    pub mean_ms: f64,
    /// The least.
    pub min_ms: f64,
    /// The median.
    pub p50_ms: f64,
    /// The 75th percentile.
    pub p75_ms: f64,
    /// The 90th percentile.
    pub p90_ms: f64,
    /// The 95th percentile.
    pub p95_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
    /// The greatest.
    pub max_ms: f64,
}

impl LatencySummary {
    /// Of latencies in microseconds in ascending order.
    pub(super) fn of_sorted(sorted: &[u32]) -> Self {
        let count = sorted.len();
        if count == 0 {
            return Self::default();
        }
        let ms = |micros: u32| f64::from(micros) / 1000.0;
        let rank = |p: usize| ms(sorted[(count * p).div_ceil(100).max(1) - 1]);
        let sum: u64 = sorted.iter().map(|&micros| u64::from(micros)).sum();
        Self {
            count: count as u64,
            mean_ms: sum as f64 / count as f64 / 1000.0,
            min_ms: ms(sorted[0]),
            p50_ms: rank(50),
            p75_ms: rank(75),
            p90_ms: rank(90),
            p95_ms: rank(95),
            p99_ms: rank(99),
            max_ms: ms(sorted[count - 1]),
        }
    }
}

/// Latencies in a histogram.
#[derive(Debug, Clone)]
pub(super) struct LatencyHistogram {
    counts: Counts,
    sum_micros: u64,
}

impl LatencyHistogram {
    pub(super) fn new() -> Self {
        Self {
            counts: Counts::default(),
            sum_micros: 0,
        }
    }

    #[inline]
    pub(super) fn record(&mut self, latency: SimDuration) {
        let micros = (latency.0 / 1000) as u64;
        self.counts.add(micros);
        self.sum_micros += micros;
    }

    pub(super) fn summary(&self) -> LatencySummary {
        let count = self.counts.total();
        if count == 0 {
            return LatencySummary::default();
        }
        let mut counts: Histogram<u64> = histogram();
        self.counts.fill(&mut counts);
        let quantile = |q: f64| counts.value_at_quantile(q) as f64 / 1000.0;
        LatencySummary {
            count,
            mean_ms: self.sum_micros as f64 / count as f64 / 1000.0,
            min_ms: counts.min() as f64 / 1000.0,
            p50_ms: quantile(0.5),
            p75_ms: quantile(0.75),
            p90_ms: quantile(0.9),
            p95_ms: quantile(0.95),
            p99_ms: quantile(0.99),
            max_ms: counts.max() as f64 / 1000.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_keeping_latencies_agree() {
        let mut list: Vec<u32> = (1..=1000).map(|i| i * i).collect();
        let mut histogram = LatencyHistogram::new();
        for &value in &list {
            histogram.record(SimDuration(i64::from(value) * 1000));
        }
        list.sort_unstable();
        let (exact, close) = (LatencySummary::of_sorted(&list), histogram.summary());
        assert_eq!(exact.p90_ms, 810.0);
        assert_eq!(exact.mean_ms, close.mean_ms);
        for (a, b) in [(exact.p50_ms, close.p50_ms), (exact.p99_ms, close.p99_ms)] {
            assert!((a - b).abs() <= 0.001 * a, "{a} {b}");
        }
    }

    #[test]
    fn no_latencies_make_a_summary_of_zeros() {
        assert_eq!(LatencySummary::of_sorted(&[]), LatencySummary::default());
        assert_eq!(LatencyHistogram::new().summary(), LatencySummary::default());
    }
}
