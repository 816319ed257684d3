//! A server that takes so many requests a second: a token bucket.

use super::spec::RateLimit;
use crate::sim::SimTime;

/// A token bucket, full at first.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    limit: RateLimit,
    tokens: f64,
    at: SimTime,
}

impl Bucket {
    pub(super) fn new(now: SimTime, limit: RateLimit) -> Self {
        Self {
            limit,
            tokens: f64::from(limit.burst),
            at: now,
        }
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&mut self, now: SimTime) -> bool {
        let came = (now - self.at).as_secs_f64() * self.limit.rate;
        self.at = now;
        self.tokens = (self.tokens + came).min(f64::from(self.limit.burst));
        // A token that is there but for rounding is there.
        let is_there = self.tokens >= 1.0 - 1e-9;
        self.tokens -= f64::from(u8::from(is_there));
        is_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_rate_get_through() {
        let limit = RateLimit {
            rate: 10.0,
            burst: 5,
        };
        let mut bucket = Bucket::new(SimTime::ZERO, limit);
        let through = |bucket: &mut Bucket, from: i64, to: i64| {
            let times = (from..to).step_by(10).map(SimTime::from_millis);
            times.filter(|now| bucket.take(*now)).count()
        };
        // A hundred a second come: the burst, and one in a tenth of a second.
        assert_eq!(through(&mut bucket, 0, 2_000), 5 + 19);
        // After a rest there is no more than a burst.
        assert_eq!(through(&mut bucket, 60_000, 60_050), 5);
    }
}
