//! Rates over time as linear pieces, with their integral and its inverse.
//!
//! Every shape is a sequence of pieces on which the rate is linear, so the expected number
//! of arrivals up to a time is a quadratic per piece and is inverted in closed form. The
//! diurnal sine is cut into 1,440 chords a period: the chord differs from the sine by less
//! than 2.4e-6 of the amplitude.

use std::f64::consts::TAU;

use super::spec::Shape;
use crate::sim::SimDuration;

const CHORDS: i64 = 1440;

/// A stretch of time on which the rate is linear.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Piece {
    /// Its beginning, since the start of the load.
    pub(super) start: SimDuration,
    /// Its length; the last piece has none and its rate is constant.
    pub(super) length: Option<SimDuration>,
    pub(super) from: f64,
    pub(super) to: f64,
}

impl Piece {
    fn constant(start: SimDuration, length: Option<SimDuration>, rate: f64) -> Self {
        Self {
            start,
            length,
            from: rate,
            to: rate,
        }
    }

    /// Expected arrivals in the whole piece.
    #[inline]
    pub(super) fn total(&self) -> f64 {
        self.length.map_or(
            if self.from > 0.0 { f64::INFINITY } else { 0.0 },
            |length| f64::midpoint(self.from, self.to) * length.as_secs_f64(),
        )
    }

    /// Seconds from the beginning of the piece until `count` arrivals are expected.
    #[inline]
    pub(super) fn invert(&self, count: f64) -> f64 {
        if self.from == self.to {
            return count / self.from;
        }
        let length = self.length.map_or(f64::INFINITY, SimDuration::as_secs_f64);
        // from x + slope x²/2 = count, in the form that does not cancel.
        let slope = (self.to - self.from) / length;
        let root = (self.from * self.from + 2.0 * slope * count)
            .max(0.0)
            .sqrt();
        (2.0 * count / (self.from + root)).min(length)
    }

    fn rate_at(&self, offset: SimDuration) -> f64 {
        let Some(length) = self.length else {
            return self.from;
        };
        let part = (offset - self.start).as_secs_f64() / length.as_secs_f64();
        self.from + (self.to - self.from) * part
    }
}

impl Shape {
    /// The piece of this number; `None` after the last.
    pub(super) fn piece(&self, index: usize) -> Option<Piece> {
        match self {
            Self::Constant { rate } => {
                (index == 0).then(|| Piece::constant(SimDuration::ZERO, None, *rate))
            }
            Self::Ramp { from, to, over } => match index {
                0 => Some(Piece {
                    start: SimDuration::ZERO,
                    length: Some(*over),
                    from: *from,
                    to: *to,
                }),
                1 => Some(Piece::constant(*over, None, *to)),
                _ => None,
            },
            Self::Steps(steps) => points(steps, index, false),
            Self::Trace {
                points: given,
                linear,
            } => points(given, index, *linear),
            Self::Spike {
                base,
                peak,
                at,
                rise,
                hold,
                fall,
            } => {
                let corners = [(*at, *base), (*rise, *peak), (*hold, *peak), (*fall, *base)];
                spike(*base, corners, index)
            }
            Self::Diurnal { .. } => Some(self.chord(index)),
        }
    }

    fn chord(&self, index: usize) -> Piece {
        let Self::Diurnal {
            mean,
            amplitude,
            period,
            peak_at,
            weekend,
        } = self
        else {
            return Piece::constant(SimDuration::ZERO, None, 0.0);
        };
        let index = index as i64;
        let (day, chord) = (index / CHORDS, index % CHORDS);
        let corner = |chord: i64| {
            SimDuration((i128::from(period.0) * i128::from(chord) / i128::from(CHORDS)) as i64)
        };
        let factor = if day % 7 >= 5 { *weekend } else { 1.0 };
        let rate = |at: SimDuration| {
            let phase = (at - *peak_at).as_secs_f64() / period.as_secs_f64();
            ((mean + amplitude * (TAU * phase).cos()) * factor).max(0.0)
        };
        let (start, end) = (corner(chord), corner(chord + 1));
        Piece {
            start: *period * day + start,
            length: Some(end - start),
            from: rate(start),
            to: rate(end),
        }
    }

    /// Jumps and quick rises of the rate: from when to when, since the start of the load. Those of
    /// a trace are told from its noise.
    pub fn rises(&self) -> Vec<(SimDuration, SimDuration)> {
        let zero = SimDuration::ZERO;
        let start = (self.rate_at(zero) > 0.0).then_some((zero, zero));
        let jumps = |given: &[(SimDuration, f64)], is_jump: &dyn Fn(usize) -> bool| {
            let ups = (1..given.len()).filter(|place| is_jump(*place));
            let first = given
                .first()
                .filter(|first| first.0 > zero && first.1 > 0.0);
            let all = first.map(|first| first.0).into_iter();
            let all = all.chain(ups.map(|place| given[place].0));
            all.map(|at| (at, at)).collect::<Vec<_>>()
        };
        let later = match self {
            Self::Steps(steps) => jumps(steps, &|place| steps[place].1 > steps[place - 1].1),
            Self::Trace {
                points,
                linear: false,
            } => {
                let range = range(points);
                jumps(points, &|place| stands_out(points, place, range))
            }
            Self::Spike {
                base,
                peak,
                at,
                rise,
                ..
            } if peak > base => vec![(*at, *at + *rise)],
            Self::Ramp { from, to, over } if to > from => vec![(zero, *over)],
            _ => Vec::new(),
        };
        start.into_iter().chain(later).collect()
    }

    /// The rate at a time since the load's start, in requests per second.
    pub fn rate_at(&self, offset: SimDuration) -> f64 {
        let mut index = match self {
            Self::Diurnal { period, .. } => {
                (i128::from(offset.0) * i128::from(CHORDS) / i128::from(period.0)) as usize
            }
            Self::Steps(given) | Self::Trace { points: given, .. } => given
                .partition_point(|&(at, _)| at <= offset)
                .saturating_sub(1),
            _ => 0,
        };
        while let Some(piece) = self.piece(index) {
            let end = piece
                .length
                .map_or(SimDuration::MAX, |length| piece.start + length);
            if offset < piece.start {
                return 0.0;
            }
            if offset < end {
                return piece.rate_at(offset);
            }
            index += 1;
        }
        0.0
    }
}

/// From the least rate of a trace to its largest.
fn range(points: &[(SimDuration, f64)]) -> f64 {
    let rates = points.iter().map(|point| point.1);
    let most = rates.clone().fold(0.0, f64::max);
    most - rates.fold(most, f64::min)
}

/// Whether a trace jumps at a point: from the one before and also from some minutes to the next its
/// rate grows by a quarter, and by a tenth of all that it ever differs by.
fn stands_out(points: &[(SimDuration, f64)], place: usize, range: f64) -> bool {
    const FACTOR: f64 = 1.25;
    const PART: f64 = 0.1;
    const MINUTES: SimDuration = SimDuration::from_secs(300);
    let grows = |before: f64, after: f64| after > FACTOR * before && after - before >= PART * range;
    let at = points[place].0;
    grows(points[place - 1].1, points[place].1)
        && grows(
            mean(points, at - MINUTES, at),
            mean(points, at, at + MINUTES),
        )
}

/// The mean rate of points that hold until the next, over the part of a stretch of time in which
/// there are some.
fn mean(points: &[(SimDuration, f64)], from: SimDuration, to: SimDuration) -> f64 {
    let first = points.partition_point(|point| point.0 <= from);
    let (mut sum, mut length) = (0.0, 0.0);
    for (place, &(start, rate)) in points.iter().enumerate().skip(first.saturating_sub(1)) {
        if start >= to {
            break;
        }
        let end = points.get(place + 1).map_or(to, |next| next.0.min(to));
        let seconds = (end - start.max(from)).as_secs_f64();
        sum += rate * seconds;
        length += seconds;
    }
    sum / length
}

/// Points as pieces: held until the next, or linear to it; the last is held for good.
fn points(given: &[(SimDuration, f64)], index: usize, linear: bool) -> Option<Piece> {
    let &(start, from) = given.get(index)?;
    Some(match given.get(index + 1) {
        Some(&(end, to)) => Piece {
            start,
            length: Some(end - start),
            from,
            to: if linear { to } else { from },
        },
        None => Piece::constant(start, None, from),
    })
}

/// A trapezoid: four pieces of the given lengths, the first before the rise, then the base.
fn spike(base: f64, corners: [(SimDuration, f64); 4], index: usize) -> Option<Piece> {
    let (mut start, mut from) = (SimDuration::ZERO, base);
    for &(length, to) in corners.iter().take(index) {
        start += length;
        from = to;
    }
    match corners.get(index) {
        Some(&(length, to)) => Some(Piece {
            start,
            length: Some(length),
            from,
            to,
        }),
        None if index == corners.len() => Some(Piece::constant(start, None, base)),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn s(seconds: i64) -> SimDuration {
        SimDuration::from_secs(seconds)
    }

    #[test]
    fn rates_are_those_of_the_shapes() {
        let ramp = Shape::Ramp {
            from: 10.0,
            to: 20.0,
            over: s(10),
        };
        assert_eq!(
            [ramp.rate_at(s(0)), ramp.rate_at(s(5)), ramp.rate_at(s(99))],
            [10.0, 15.0, 20.0]
        );
        let steps = Shape::Steps(vec![(s(5), 1.0), (s(10), 3.0)]);
        assert_eq!(
            [
                steps.rate_at(s(4)),
                steps.rate_at(s(5)),
                steps.rate_at(s(10))
            ],
            [0.0, 1.0, 3.0]
        );
        let spike = Shape::Spike {
            base: 1.0,
            peak: 5.0,
            at: s(10),
            rise: s(4),
            hold: s(6),
            fall: s(2),
        };
        let rates = [0, 10, 12, 14, 19, 21, 22, 50].map(|at| spike.rate_at(s(at)));
        assert_eq!(rates, [1.0, 1.0, 3.0, 5.0, 5.0, 3.0, 1.0, 1.0]);
        let trace = Shape::Trace {
            points: vec![(s(0), 0.0), (s(10), 10.0)],
            linear: true,
        };
        assert_eq!([trace.rate_at(s(4)), trace.rate_at(s(40))], [4.0, 10.0]);
    }

    #[test]
    fn a_day_has_its_peak_and_a_weekend_is_weaker() {
        let day = s(86_400);
        let shape = Shape::Diurnal {
            mean: 100.0,
            amplitude: 60.0,
            period: day,
            peak_at: s(14 * 3600),
            weekend: 0.5,
        };
        assert!((shape.rate_at(s(14 * 3600)) - 160.0).abs() < 1e-9);
        assert!((shape.rate_at(s(2 * 3600)) - 40.0).abs() < 1e-9);
        assert!((shape.rate_at(day * 5 + s(14 * 3600)) - 80.0).abs() < 1e-9);
        assert!((shape.rate_at(day * 7 + s(14 * 3600)) - 160.0).abs() < 1e-9);
        let at = s(10 * 3600 + 17);
        let exact = 100.0 + 60.0 * (TAU * (at.as_secs_f64() / 86_400.0 - 14.0 / 24.0)).cos();
        assert!((shape.rate_at(at) - exact).abs() < 60.0 * 2.4e-6);
    }

    #[test]
    fn a_trace_steps_up_where_more_than_its_noise_does() {
        let rises = |rates: &[f64]| {
            let points = rates.iter().enumerate();
            let points = points.map(|(minute, rate)| (s(60 * minute as i64), *rate));
            let shape = Shape::Trace {
                points: points.collect(),
                linear: false,
            };
            let rises = shape.rises().into_iter();
            rises.map(|(from, _)| from.0 / s(60).0).collect::<Vec<_>>()
        };
        let quiet = [5.0, 6.5, 4.0, 5.5, 4.2, 6.0, 3.8, 5.2, 6.3, 4.4];
        let busy = [35.0, 33.0, 36.0, 34.0, 35.5];
        assert_eq!(rises(&[quiet, quiet].concat()), [0]);
        let day = [&quiet[..], &busy, &quiet].concat();
        assert_eq!(rises(&day), [0, 10]);
        // One that is over before the minutes are counts as well, if it is high.
        let burst = [&quiet[..], &[60.0, 60.0], &quiet].concat();
        assert_eq!(rises(&burst), [0, 10]);
        // Rows that lie further apart than these minutes.
        let sparse = Shape::Trace {
            points: vec![(s(0), 10.0), (s(1000), 50.0)],
            linear: false,
        };
        assert_eq!(sparse.rises().len(), 2);
    }

    proptest! {
        #[test]
        fn inversion_reverses_the_integral(
            from in 0.0..100.0f64, to in 0.0..100.0f64, part in 0.0..1.0f64, seconds in 1i64..10_000,
        ) {
            let piece = Piece { start: SimDuration::ZERO, length: Some(s(seconds)), from, to };
            let x = part * seconds as f64;
            let slope = (to - from) / seconds as f64;
            let count = from * x + slope * x * x / 2.0;
            prop_assume!(count > 1e-6);
            let back = piece.invert(count);
            let again = from * back + slope * back * back / 2.0;
            prop_assert!((again - count).abs() < 1e-9 * (1.0 + count), "{back} for {x}");
        }
    }
}
