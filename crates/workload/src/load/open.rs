//! Open arrivals: requests come whether or not earlier ones were answered.
//!
//! The n-th arrival comes when the integral of the rate reaches the sum of n unit steps: of
//! exponential steps for a Poisson process (inversion of the rate integral, Çinlar 1975), of
//! steps of one for even spacing. Only the next arrival is held.

use super::answer::{Answer, AnswerCounts};
use super::latency::LatencyHistogram;
use super::shape::Piece;
use super::span;
use super::spec::{Arrivals, ProfileSpec};
use crate::sim::{SimDuration, SimTime, Stream};

/// Longer than any run. Later arrivals need not be looked for, which a rate of nearly 0 that
/// repeats for good would take for ever.
const HORIZON: SimDuration = SimDuration::from_secs(366 * 86_400);

/// A source of open arrivals.
#[derive(Debug, Clone)]
pub struct Open {
    spec: ProfileSpec,
    stream: Stream,
    started: Option<SimTime>,
    ended: Option<SimTime>,
    next: Option<SimTime>,
    /// The current piece, with the arrivals expected in it.
    piece: Option<(Piece, f64)>,
    index: usize,
    /// Expected arrivals in the current piece up to the last one.
    expected: f64,
    in_flight: u64,
    pub(super) answers: AnswerCounts,
    pub(super) latencies: LatencyHistogram,
}

impl Open {
    pub(super) fn new(spec: &ProfileSpec, stream: Stream) -> Self {
        Self {
            spec: spec.clone(),
            stream,
            started: None,
            ended: None,
            next: None,
            piece: None,
            index: 0,
            expected: 0.0,
            in_flight: 0,
            answers: AnswerCounts::default(),
            latencies: LatencyHistogram::new(),
        }
    }

    pub(super) fn start(&mut self, now: SimTime) {
        self.started = Some(now);
        self.begin_piece(0);
        self.advance(now, now);
    }

    fn begin_piece(&mut self, index: usize) {
        self.index = index;
        let piece = self.spec.shape.piece(index);
        let piece = piece.filter(|piece| piece.start < HORIZON);
        self.piece = piece.map(|piece| (piece, piece.total()));
    }

    pub(super) fn stop(&mut self, now: SimTime) {
        self.next = None;
        self.ended.get_or_insert(now);
    }

    #[inline]
    pub(super) fn next_due(&self) -> Option<SimTime> {
        self.next
    }

    /// Takes the arrival that is due and works out the one after it.
    #[inline]
    pub(super) fn take_due(&mut self, now: SimTime) -> Option<u32> {
        let due = self.next.filter(|&at| at <= now)?;
        if let Some(start) = self.started {
            self.advance(start, due);
        }
        self.in_flight += 1;
        Some(0)
    }

    /// Takes up to `most` arrivals before a time, at least one if there is any.
    pub(super) fn take_until(&mut self, until: SimTime, most: usize, times: &mut Vec<SimTime>) {
        let Some(start) = self.started else { return };
        while let Some(due) = self.next.filter(|&due| due < until || times.is_empty())
            && times.len() < most
        {
            times.push(due);
            self.advance(start, due);
        }
        self.in_flight += times.len() as u64;
    }

    #[inline]
    fn advance(&mut self, start: SimTime, last: SimTime) {
        let step: f64 = match self.spec.arrivals {
            Arrivals::Poisson => self.stream.exponential(),
            Arrivals::Even => 1.0,
        };
        let mut target = self.expected + step;
        while let Some((piece, total)) = self.piece {
            if target <= total {
                let offset = piece.start + span(piece.invert(target));
                self.expected = target;
                self.next = Some((start + offset).max(last));
                return;
            }
            target -= total;
            self.begin_piece(self.index + 1);
        }
        self.next = None;
        self.ended.get_or_insert(last);
    }

    #[inline]
    pub(super) fn answered(&mut self, sent: SimTime, now: SimTime, answer: Answer) {
        self.in_flight -= 1;
        self.answers.add(answer);
        if answer.status().is_some() {
            self.latencies.record(now.since(sent));
        }
    }

    /// Answers of status 200 to requests, with when those were sent.
    pub(super) fn served_block(
        &mut self,
        times: impl ExactSizeIterator<Item = (SimTime, SimTime)>,
    ) {
        self.in_flight -= times.len() as u64;
        self.answers.ok += times.len() as u64;
        for (sent, now) in times {
            self.latencies.record(now.since(sent));
        }
    }

    #[inline]
    pub(super) fn is_finished(&self) -> bool {
        self.started.is_some() && self.next.is_none() && self.in_flight == 0
    }

    pub(super) fn is_even(&self) -> bool {
        self.spec.arrivals == Arrivals::Even
    }

    pub(super) fn span(&self) -> (Option<SimTime>, Option<SimTime>) {
        (self.started, self.ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::spec::Shape;
    use crate::sim::Streams;

    fn arrivals(shape: Shape, arrivals: Arrivals, until: i64) -> Vec<f64> {
        let spec = ProfileSpec {
            shape,
            arrivals,
            timeout: None,
        };
        let mut open = Open::new(&spec, Streams::new(1).stream("arrivals"));
        open.start(SimTime::ZERO);
        let mut times = Vec::new();
        while let Some(at) = open.next_due().filter(|&at| at < SimTime::from_secs(until)) {
            open.take_due(at);
            times.push(at.as_secs_f64());
        }
        times
    }

    #[test]
    fn even_arrivals_come_when_the_integral_reaches_whole_numbers() {
        let constant = arrivals(Shape::Constant { rate: 4.0 }, Arrivals::Even, 2);
        assert_eq!(constant, [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75]);
        let ramp = Shape::Ramp {
            from: 0.0,
            to: 2.0,
            over: SimDuration::from_secs(10),
        };
        let times = arrivals(ramp, Arrivals::Even, 12);
        // The integral is t²/10 up to 10 s, then 10 + 2 (t − 10).
        for (n, at) in times.iter().enumerate() {
            let n = (n + 1) as f64;
            let expected = if n <= 10.0 {
                (10.0 * n).sqrt()
            } else {
                10.0 + (n - 10.0) / 2.0
            };
            assert!((at - expected).abs() < 2e-9, "{n}: {at}");
        }
        assert_eq!(times.len(), 13);
    }

    #[test]
    fn arrivals_end_with_the_last_positive_rate() {
        let s = SimDuration::from_secs;
        let shape = Shape::Steps(vec![(s(1), 2.0), (s(3), 0.0)]);
        assert_eq!(arrivals(shape, Arrivals::Even, 100), [1.5, 2.0, 2.5, 3.0]);
    }

    #[test]
    fn a_rate_of_zero_that_repeats_has_no_arrivals() {
        let shape = Shape::Diurnal {
            mean: 0.0,
            amplitude: 0.0,
            period: SimDuration::from_secs(86_400),
            peak_at: SimDuration::ZERO,
            weekend: 1.0,
        };
        assert!(arrivals(shape, Arrivals::Poisson, 100).is_empty());
    }

    #[test]
    fn poisson_counts_have_the_mean_and_variance_of_the_integral() {
        let s = SimDuration::from_secs;
        let shape = Shape::Spike {
            base: 20.0,
            peak: 100.0,
            at: s(100),
            rise: s(50),
            hold: s(100),
            fall: s(50),
        };
        let times = arrivals(shape.clone(), Arrivals::Poisson, 1000);
        // 10 s windows: counts against the integral of the rate.
        let (mut chi, mut windows) = (0.0, 0.0);
        for window in 0..100 {
            let (from, to) = (f64::from(window) * 10.0, f64::from(window + 1) * 10.0);
            let count = times.iter().filter(|&&at| at >= from && at < to).count() as f64;
            let mean = 10.0 * shape.rate_at(SimDuration::from_secs_f64(f64::midpoint(from, to)));
            chi += (count - mean).powi(2) / mean;
            windows += 1.0;
        }
        // Chi square with 100 degrees of freedom: 99.9 % below 149.4, 0.1 % below 61.9.
        assert!(chi > 61.9 && chi < 149.4, "{chi} over {windows}");
    }
}
