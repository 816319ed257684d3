//! How long requests took, as a service's own histogram counts them.

/// Counts by upper bound, as a classic Prometheus histogram keeps them.
#[derive(Debug, Clone, PartialEq)]
pub struct LatencyHistogram {
    /// Upper bounds in seconds, ascending.
    bounds: Vec<f64>,
    /// Requests up to each bound and above the one before; behind them those above all.
    counts: Vec<u64>,
    /// Nanoseconds of all requests.
    sum: i128,
}

impl LatencyHistogram {
    /// A histogram of these upper bounds in seconds, which ascend.
    pub fn new(bounds: &[f64]) -> Self {
        Self {
            bounds: bounds.to_vec(),
            counts: vec![0; bounds.len() + 1],
            sum: 0,
        }
    }

    /// Counts a request that took so many nanoseconds.
    pub(super) fn count(&mut self, nanos: i64) {
        let seconds = nanos as f64 / 1e9;
        let place = self.bounds.partition_point(|bound| *bound < seconds);
        self.counts[place] += 1;
        self.sum += i128::from(nanos);
    }

    /// Each upper bound in seconds with the requests up to it; the last bound is infinite.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        let up_to = self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        bounds.zip(up_to)
    }

    /// Seconds of all requests.
    pub fn sum(&self) -> f64 {
        self.sum as f64 / 1e9
    }

    /// Requests.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket_and_buckets_add_up() {
        let mut histogram = LatencyHistogram::new(&[0.1, 0.5]);
        for millis in [50, 100, 101, 500, 900] {
            histogram.count(millis * 1_000_000);
        }
        let buckets: Vec<(f64, u64)> = histogram.buckets().collect();
        assert_eq!(buckets, [(0.1, 2), (0.5, 4), (f64::INFINITY, 5)]);
        assert_eq!((histogram.sum(), histogram.total()), (1.651, 5));
    }
}
