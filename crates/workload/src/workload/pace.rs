//! Waits that take longer the more requests are in them: a database whose queries get in each other's
//! way, an inference server whose batch takes longer the more sequences are in it.
//!
//! A wait is counted in units of its own clock, which is slowed down by what the curve says for the number
//! of requests that wait. Whoever waits keeps the place in the order of that clock.

use super::spec::Slowdown;
use crate::sim::SimTime;

/// Parts of a nanosecond that the clock keeps.
const PART: u128 = 1 << 32;

/// The clock of a server's waits.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    curve: Slowdown,
    at: SimTime,
    /// What the clock shows, in nanoseconds and parts of one.
    clock: u128,
    waiting: u32,
    /// Parts of a nanosecond of the clock in a nanosecond of time.
    speed: u128,
}

impl Pace {
    pub(super) fn new(now: SimTime, curve: &Slowdown) -> Self {
        Self {
            curve: curve.clone(),
            at: now,
            clock: 0,
            waiting: 0,
            speed: PART,
        }
    }

    /// What the clock shows now, in nanoseconds.
    pub(super) fn advance(&mut self, now: SimTime) -> u64 {
        self.clock += (now - self.at).0.max(0) as u128 * self.speed;
        self.at = now;
        (self.clock / PART) as u64
    }

    /// So many wait from now on; the clock has been advanced to now.
    pub(super) fn set_waiting(&mut self, waiting: u32) {
        if waiting != self.waiting {
            self.waiting = waiting;
            let factor = self.curve.at(f64::from(waiting)).max(1e-6);
            self.speed = (PART as f64 / factor) as u128;
        }
    }

    /// When the clock will show so much; the clock has been advanced.
    pub(super) fn when(&self, key: u64) -> SimTime {
        let left = (u128::from(key) * PART).saturating_sub(self.clock);
        let nanos = left.div_ceil(self.speed.max(1)).min(i64::MAX as u128 / 4);
        SimTime(self.at.0.saturating_add(nanos as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_has_straight_lines_between_its_points_and_beyond() {
        let curve = Slowdown(vec![(1.0, 1.0), (11.0, 1.0), (21.0, 3.0)]);
        let at = |count| curve.at(count);
        assert_eq!(
            [at(0.0), at(1.0), at(6.0), at(16.0), at(31.0)],
            [1.0, 1.0, 1.0, 2.0, 5.0]
        );
        assert_eq!(Slowdown::default().at(7.0), 1.0);
        assert_eq!(Slowdown(vec![(1.0, 2.0)]).at(7.0), 2.0);
    }

    #[test]
    fn the_clock_goes_as_fast_as_the_number_lets_it() {
        let second = |n| SimTime::from_secs(n);
        let mut pace = Pace::new(second(0), &Slowdown(vec![(1.0, 1.0), (5.0, 5.0)]));
        pace.set_waiting(4);
        assert_eq!(pace.when(2_000_000_000), second(8));
        assert_eq!(pace.advance(second(4)), 1_000_000_000);
        pace.set_waiting(2);
        assert_eq!(pace.when(2_000_000_000), second(6));
        assert_eq!(pace.advance(pace.when(2_000_000_000)), 2_000_000_000);
    }
}
