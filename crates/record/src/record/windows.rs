//! Requests by the window of their arrival, and the histograms of their latencies.

use std::collections::VecDeque;

use hdrhistogram::Histogram;

use super::request::Outcome;
use crate::sim::{Counts, LONGEST, SimDuration, SimTime, histogram, place};

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

/// The requests that arrived in a window, by outcome.
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

    /// Requests without an answer at the end of the run.
    pub fn unanswered(&self) -> u64 {
        self.issued - self.ended.iter().sum::<u64>()
    }
}

/// Up to so many latencies a window keeps as they are: to sort those is less than to look through the
/// places of counts and to clear them.
const FEW: usize = 1024;

/// How long a request took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Latency {
    /// At least one.
    micros: u64,
    /// Where it is counted.
    place: usize,
}

impl Latency {
    #[inline]
    pub(super) fn new(arrival: SimTime, now: SimTime) -> Self {
        let micros = ((now - arrival).0 / 1000).max(1) as u64;
        Self {
            micros,
            place: place(micros),
        }
    }

    #[inline]
    pub(super) fn count(self, counts: &mut Counts) {
        counts.add_at(self.place, self.micros);
    }
}

pub(super) fn stats(histogram: &Histogram<u32>, percentile: f64) -> LatencyStats {
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

/// The same of counts, by the rules of the histogram that they would fill.
pub(super) fn stats_of(counts: &Counts, percentile: f64) -> LatencyStats {
    if counts.total() == 0 {
        return LatencyStats::default();
    }
    let Some(groups) = counts.groups() else {
        let mut filled: Histogram<u32> = histogram();
        counts.fill(&mut filled);
        return stats(&filled, percentile);
    };
    let total = counts.total() as f64;
    let quantiles = [50.0, 95.0, 99.0, percentile].map(|percent: f64| (percent / 100.0).min(1.0));
    let ranks = quantiles.map(|quantile| ((quantile * total).ceil() as u64).max(1));
    let (mut at, mut seen) = ([0; 4], 0);
    let mut next = ranks.into_iter().min().unwrap_or(0);
    let (mut mean, mut max) = (0.0, 0);
    for group in groups {
        let before = seen;
        seen += u64::from(group.count);
        if next <= seen {
            for (place, rank) in ranks.iter().enumerate() {
                if before < *rank && *rank <= seen {
                    let is_least = quantiles[place] == 0.0;
                    at[place] = if is_least { group.least } else { group.most };
                }
            }
            let later = ranks.into_iter().filter(|&rank| rank > seen);
            next = later.min().unwrap_or(u64::MAX);
        }
        mean += group.middle as f64 * f64::from(group.count) / total;
        max = group.most;
    }
    let [p50_ms, p95_ms, p99_ms, slo_ms] = at.map(|micros| micros as f64 / 1000.0);
    LatencyStats {
        count: counts.total(),
        mean_ms: mean / 1000.0,
        p50_ms,
        p95_ms,
        p99_ms,
        max_ms: max as f64 / 1000.0,
        slo_ms,
    }
}

/// The same of few latencies, to the three digits that `ruler` keeps of them; it is made if need be.
fn stats_of_few(
    values: &mut [u32],
    ruler: &mut Option<Histogram<u32>>,
    percentile: f64,
) -> LatencyStats {
    values.sort_unstable();
    let (Some(last), count) = (values.last(), values.len() as f64) else {
        return LatencyStats::default();
    };
    let ruler = ruler.get_or_insert_with(histogram);
    let at = |percent: f64| {
        let quantile = (percent / 100.0).min(1.0);
        let rank = ((quantile * count).ceil() as usize).max(1);
        let value = u64::from(values[rank - 1]);
        let kept = if quantile == 0.0 {
            ruler.lowest_equivalent(value)
        } else {
            ruler.highest_equivalent(value)
        };
        kept as f64 / 1000.0
    };
    let same = |a: &u32, b: &u32| u64::from(*b) <= ruler.highest_equivalent(u64::from(*a));
    let mean = values.chunk_by(same).fold(0.0, |mean, equal| {
        let middle = ruler.median_equivalent(u64::from(equal[0]));
        mean + middle as f64 * equal.len() as f64 / count
    });
    LatencyStats {
        count: values.len() as u64,
        mean_ms: mean / 1000.0,
        p50_ms: at(50.0),
        p95_ms: at(95.0),
        p99_ms: at(99.0),
        max_ms: ruler.highest_equivalent(u64::from(*last)) as f64 / 1000.0,
        slo_ms: at(percentile),
    }
}

/// A window with requests in flight, or to come.
struct Open {
    window: Window,
    /// Latencies in microseconds, as long as they are few.
    few: Vec<u32>,
    many: Option<Counts>,
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
    spare_few: Vec<Vec<u32>>,
    spare_many: Vec<Counts>,
    /// Empty: it says which latencies are equal to three digits. Only services with requests have it:
    /// clearing its places takes as long as a short run.
    ruler: Option<Histogram<u32>>,
    overall: Counts,
    /// The window of the last request: its number and bounds.
    last: (i64, SimTime, SimTime),
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
            spare_few: Vec::new(),
            spare_many: Vec::new(),
            ruler: None,
            overall: Counts::default(),
            last: (0, SimTime::ZERO, SimTime::ZERO),
        }
    }

    #[inline]
    fn place(&mut self, arrival: SimTime) -> usize {
        let (index, start, end) = self.last;
        if arrival >= start && arrival < end {
            return (index - self.first_open) as usize;
        }
        self.find(arrival)
    }

    fn find(&mut self, arrival: SimTime) -> usize {
        let index = arrival.0.div_euclid(self.length.0);
        let start = SimTime(index * self.length.0);
        self.last = (index, start, start + self.length);
        while self.first_open + self.open.len() as i64 <= index {
            let number = self.first_open + self.open.len() as i64;
            let window = Window {
                start: SimTime(number * self.length.0),
                ..Window::default()
            };
            self.open.push_back(Open {
                window,
                few: self.spare_few.pop().unwrap_or_default(),
                many: None,
            });
        }
        (index - self.first_open) as usize
    }

    #[inline]
    pub(super) fn issue(&mut self, now: SimTime) {
        let place = self.place(now);
        self.open[place].window.issued += 1;
    }

    /// Many of them, in order of time.
    pub(super) fn issue_block(&mut self, times: &[SimTime]) {
        let mut left = times;
        while let (Some(&first), Some(&last)) = (left.first(), left.last()) {
            let place = self.place(first);
            let (_, _, end) = self.last;
            let own = if last < end {
                left.len()
            } else {
                left.partition_point(|&time| time < end)
            };
            self.open[place].window.issued += own as u64;
            left = &left[own..];
        }
    }

    #[inline]
    pub(super) fn answer(&mut self, arrival: SimTime, latency: Latency, outcome: Outcome) {
        let place = self.place(arrival);
        let good_us = self.good_us;
        let open = &mut self.open[place];
        open.window.ended[outcome as usize] += 1;
        if outcome == Outcome::Ok {
            if let Some(many) = &mut open.many {
                latency.count(many);
            } else {
                open.few.push(latency.micros.min(LONGEST) as u32);
                if open.few.len() > FEW {
                    let mut many = self.spare_many.pop().unwrap_or_default();
                    for us in open.few.drain(..) {
                        many.add(u64::from(us));
                    }
                    open.many = Some(many);
                }
            }
            open.window.good += u64::from(latency.micros <= good_us);
            if arrival >= self.warm_up {
                latency.count(&mut self.overall);
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

    /// The windows closed since the last call.
    pub(super) fn take_closed(&mut self) -> std::vec::Drain<'_, Window> {
        self.closed.drain(..)
    }

    fn close_front(&mut self) {
        let Some(mut open) = self.open.pop_front() else {
            return;
        };
        if let Some(mut many) = open.many.take() {
            open.window.latency = stats_of(&many, self.percentile);
            many.clear();
            self.spare_many.push(many);
        } else {
            open.window.latency = stats_of_few(&mut open.few, &mut self.ruler, self.percentile);
        }
        self.closed.push(open.window);
        open.few.clear();
        self.spare_few.push(open.few);
        self.first_open += 1;
    }

    /// Closes everything and returns the windows and the figures over all.
    pub(super) fn finish(mut self) -> (Vec<Window>, LatencyStats) {
        while !self.open.is_empty() {
            self.close_front();
        }
        let overall = stats_of(&self.overall, self.percentile);
        (self.closed, overall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn few_latencies_have_the_figures_of_their_histogram(
            mut values in prop::collection::vec(1..4_000_000u32, 0..300),
            scale in 1..900u32,
            percentile in 0.0..=100.0f64,
        ) {
            let mut all: Histogram<u32> = histogram();
            for value in &mut values {
                *value = *value / scale + 1;
                all.saturating_record(u64::from(*value));
            }
            let expected = stats(&all, percentile);
            prop_assert_eq!(stats_of_few(&mut values, &mut None, percentile), expected);
        }

        #[test]
        fn counts_have_the_figures_of_their_histogram(
            values in prop::collection::vec((1..4_000_000u64, 0..12u32), 0..300),
            longest in any::<bool>(),
            percentile in prop_oneof![Just(0.0), Just(100.0), 0.0..=100.0f64],
        ) {
            let (mut all, mut counts): (Histogram<u32>, _) = (histogram(), Counts::default());
            for (value, shift) in values.into_iter().chain(longest.then_some((LONGEST, 1))) {
                let value = (value << shift >> 6).max(1);
                all.saturating_record(value);
                counts.add(value);
            }
            prop_assert_eq!(stats_of(&counts, percentile), stats(&all, percentile));
        }
    }

    #[test]
    fn a_window_goes_over_to_a_histogram_when_it_holds_many() {
        let length = SimDuration::from_secs(15);
        let mut windows = Windows::new(length, 95.0, None, SimTime::ZERO);
        let mut all: Histogram<u32> = histogram();
        for place in 1..=3 * FEW as i64 {
            let now = SimTime(place * 1_000_000);
            windows.issue(SimTime::ZERO);
            windows.answer(SimTime::ZERO, Latency::new(SimTime::ZERO, now), Outcome::Ok);
            all.saturating_record(place as u64 * 1000);
        }
        let (closed, overall) = windows.finish();
        assert_eq!(closed[0].latency, stats(&all, 95.0));
        assert_eq!(overall, closed[0].latency);
    }
}
