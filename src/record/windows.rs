//! Requests by the window of their arrival, and the histograms of their latencies.

use std::collections::VecDeque;

use hdrhistogram::Histogram;

use super::request::Outcome;
use crate::sim::{SimDuration, SimTime};

/// Percentiles of a set of latencies, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LatencyStats {
    /// How many.
    pub count: u64,
    /// Mean.
    pub mean_ms: f64,
    /// Median.
    pub p50_ms: f64,
    /// 95th percentile.
    pub p95_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// Largest.
    pub max_ms: f64,
    /// The percentile of the objective.
    pub slo_ms: f64,
}

/// What became of the requests that arrived in a window.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Window {
    /// Its start.
    pub start: SimTime,
    /// Requests issued.
    pub issued: u64,
    /// Requests ended, in the order of [`Outcome::ALL`].
    pub ended: [u64; Outcome::ALL.len()],
    /// Latency of the successful ones.
    pub latency: LatencyStats,
    /// Successful ones within the objective's latency.
    pub good: u64,
}

impl Window {
    /// Requests that did not succeed.
    pub fn failed(&self) -> u64 {
        self.ended[1..].iter().sum()
    }
}

/// Latencies in microseconds up to an hour, three significant digits.
fn histogram() -> Histogram<u32> {
    Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("the bounds are valid constants")
}

fn stats(histogram: &Histogram<u32>, percentile: f64) -> LatencyStats {
    let count = histogram.len();
    if count == 0 {
        return LatencyStats::default();
    }
    let at = |percent: f64| histogram.value_at_percentile(percent) as f64 / 1000.0;
    LatencyStats {
        count,
        mean_ms: histogram.mean() / 1000.0,
        p50_ms: at(50.0),
        p95_ms: at(95.0),
        p99_ms: at(99.0),
        max_ms: histogram.max() as f64 / 1000.0,
        slo_ms: at(percentile),
    }
}

struct Open {
    window: Window,
    histogram: Histogram<u32>,
}

/// The windows of one service. A window is closed when all of its requests have ended.
pub(super) struct Windows {
    length: SimDuration,
    percentile: f64,
    good_us: u64,
    warm_up: SimTime,
    first_open: i64,
    open: VecDeque<Open>,
    closed: Vec<Window>,
    spare: Vec<Histogram<u32>>,
    overall: Histogram<u32>,
}

impl Windows {
    pub(super) fn new(
        length: SimDuration,
        percentile: f64,
        good: Option<SimDuration>,
        warm_up: SimTime,
    ) -> Self {
        Self {
            length,
            percentile,
            good_us: good.map_or(u64::MAX, |limit| (limit.0 / 1000) as u64),
            warm_up,
            first_open: 0,
            open: VecDeque::new(),
            closed: Vec::new(),
            spare: Vec::new(),
            overall: histogram(),
        }
    }

    fn place(&mut self, arrival: SimTime) -> usize {
        let index = arrival.0.div_euclid(self.length.0);
        while self.first_open + self.open.len() as i64 <= index {
            let number = self.first_open + self.open.len() as i64;
            let window = Window {
                start: SimTime(number * self.length.0),
                ..Window::default()
            };
            let histogram = self.spare.pop().unwrap_or_else(histogram);
            self.open.push_back(Open { window, histogram });
        }
        (index - self.first_open) as usize
    }

    pub(super) fn issue(&mut self, now: SimTime) {
        let place = self.place(now);
        self.open[place].window.issued += 1;
    }

    pub(super) fn answer(&mut self, arrival: SimTime, now: SimTime, outcome: Outcome) {
        let place = self.place(arrival);
        let good_us = self.good_us;
        let open = &mut self.open[place];
        open.window.ended[outcome as usize] += 1;
        if outcome == Outcome::Ok {
            let us = ((now - arrival).0 / 1000).max(1) as u64;
            open.histogram.saturating_record(us);
            open.window.good += u64::from(us <= good_us);
            if arrival >= self.warm_up {
                self.overall.saturating_record(us);
            }
        }
    }

    /// Closes the windows that ended before `now` and have nothing in flight.
    pub(super) fn close(&mut self, now: SimTime) {
        while let Some(front) = self.open.front() {
            let ended: u64 = front.window.ended.iter().sum();
            if front.window.start + self.length > now || ended < front.window.issued {
                break;
            }
            self.close_front();
        }
    }

    fn close_front(&mut self) {
        let Some(mut open) = self.open.pop_front() else {
            return;
        };
        open.window.latency = stats(&open.histogram, self.percentile);
        self.closed.push(open.window);
        open.histogram.reset();
        self.spare.push(open.histogram);
        self.first_open += 1;
    }

    /// Closes everything and returns the windows and the figures over all.
    pub(super) fn finish(mut self) -> (Vec<Window>, LatencyStats) {
        while !self.open.is_empty() {
            self.close_front();
        }
        let overall = stats(&self.overall, self.percentile);
        (self.closed, overall)
    }
}
