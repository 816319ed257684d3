//! The updater's rate limits: a token bucket that lets its caller wait.
//!
//! Follows `golang.org/x/time/rate` (`Limiter.Wait`) as `getRateLimiter` in
//! `pkg/updater/logic/updater.go` sets it up: one token an action.

use crate::sim::{SimDuration, SimTime};

/// A bucket of tokens, full at the start.
#[derive(Debug, Clone)]
pub(super) struct RateLimiter {
    /// Tokens a second; 0 or less is no limit.
    rate: f64,
    burst: f64,
    tokens: f64,
    last: SimTime,
}

impl RateLimiter {
    pub(super) fn new(rate: f64, burst: i32) -> Self {
        let burst = f64::from(burst);
        Self {
            rate,
            burst,
            tokens: burst,
            last: SimTime::ZERO,
        }
    }

    /// Takes a token and returns the instant from which the caller may act; `None`, with
    /// no token taken, if that is after `deadline`.
    pub(super) fn wait(&mut self, now: SimTime, deadline: SimTime) -> Option<SimTime> {
        if self.rate <= 0.0 {
            return Some(now);
        }
        let gained = now.since(self.last).as_secs_f64() * self.rate;
        let tokens = (self.tokens + gained).min(self.burst) - 1.0;
        let wait = SimDuration(((-tokens).max(0.0) / self.rate * 1e9) as i64);
        if self.burst < 1.0 || wait > deadline.since(now) {
            return None;
        }
        self.tokens = tokens;
        self.last = now;
        Some(now + wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_burst_actions_wait_their_turn() {
        let mut limiter = RateLimiter::new(0.5, 2);
        let deadline = SimTime::from_secs(100);
        let mut now = SimTime::from_secs(60);
        let mut acted = Vec::new();
        for _ in 0..4 {
            now = limiter.wait(now, deadline).expect("there is time");
            acted.push(now.as_secs_f64());
        }
        assert_eq!(acted, [60.0, 60.0, 62.0, 64.0]);
    }

    #[test]
    fn a_turn_after_the_deadline_is_not_waited_for() {
        let mut limiter = RateLimiter::new(0.1, 1);
        let deadline = SimTime::from_secs(9);
        assert_eq!(limiter.wait(SimTime::ZERO, deadline), Some(SimTime::ZERO));
        assert_eq!(limiter.wait(SimTime::ZERO, deadline), None);
        let later = SimTime::from_secs(10);
        assert_eq!(limiter.wait(later, SimTime::MAX), Some(later));
    }

    #[test]
    fn without_a_rate_there_is_no_limit() {
        let mut limiter = RateLimiter::new(-1.0, 0);
        for _ in 0..10 {
            assert_eq!(
                limiter.wait(SimTime::ZERO, SimTime::ZERO),
                Some(SimTime::ZERO)
            );
        }
    }
}
