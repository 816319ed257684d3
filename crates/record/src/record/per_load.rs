//! What became of each load's requests, by the clock of the cluster: the same figures that its
//! service has, so that both can be compared.

use super::request::Outcome;
use super::windows::{Latency, LatencyStats, stats_of};
use crate::sim::{Counts, SimTime};

/// Requests of a load after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LoadCounts {
    /// Requests sent.
    pub sent: u64,
    /// Requests ended, in the order of [`Outcome::ALL`].
    pub ended: [u64; Outcome::ALL.len()],
    /// Latency of the successful ones.
    pub latency: LatencyStats,
}

impl LoadCounts {
    /// Requests that did not succeed.
    pub fn failed(&self) -> u64 {
        self.ended[1..].iter().sum()
    }

    /// Requests without an answer at the end of the run.
    pub fn unanswered(&self) -> u64 {
        self.sent - self.ended.iter().sum::<u64>()
    }
}

/// The requests of one load up to now.
pub(super) struct PerLoad {
    /// Requests before this time do not count.
    from: SimTime,
    /// Requests of all times, and those of them that have ended.
    pub(super) ever: (u64, u64),
    counts: LoadCounts,
    latencies: Counts,
}

impl PerLoad {
    pub(super) fn new(from: SimTime) -> Self {
        Self {
            from,
            ever: (0, 0),
            counts: LoadCounts::default(),
            latencies: Counts::default(),
        }
    }

    #[inline]
    pub(super) fn issue(&mut self, now: SimTime) {
        self.ever.0 += 1;
        self.counts.sent += u64::from(now >= self.from);
    }

    /// Many of them, in order of time.
    pub(super) fn issue_block(&mut self, times: &[SimTime]) {
        let early = times.partition_point(|&now| now < self.from);
        self.ever.0 += times.len() as u64;
        self.counts.sent += (times.len() - early) as u64;
    }

    #[inline]
    pub(super) fn answer(&mut self, arrival: SimTime, latency: Latency, outcome: Outcome) {
        self.ever.1 += 1;
        if arrival < self.from {
            return;
        }
        self.counts.ended[outcome as usize] += 1;
        if outcome == Outcome::Ok {
            latency.count(&mut self.latencies);
        }
    }

    /// What it came to.
    pub(super) fn finish(mut self) -> LoadCounts {
        self.counts.latency = stats_of(&self.latencies, 95.0);
        self.counts
    }
}
