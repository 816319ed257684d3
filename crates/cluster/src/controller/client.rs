//! A client's rate limit: so many calls a second, with a burst (client-go's `flowcontrol`).
//!
//! Each controller of kube-controller-manager has a client, and a limit, of its own.

use crate::sim::{SimDuration, SimTime};

/// Tokens of a client; reservations may drive them below zero.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    tokens: f64,
    filled_at: SimTime,
    qps: f64,
    burst: f64,
}

impl TokenBucket {
    /// A full bucket: `qps` calls a second, `burst` at once.
    pub fn new(qps: f64, burst: u32) -> Self {
        Self {
            tokens: f64::from(burst),
            filled_at: SimTime::ZERO,
            qps,
            burst: f64::from(burst),
        }
    }

    /// Takes a token if there is one.
    pub fn take(&mut self, time: SimTime) -> bool {
        self.fill(time);
        let has = self.tokens >= 1.0;
        if has {
            self.tokens -= 1.0;
        }
        has
    }

    fn fill(&mut self, time: SimTime) {
        let elapsed = (time - self.filled_at).as_secs_f64().max(0.0);
        self.tokens = (self.tokens + elapsed * self.qps).min(self.burst);
        self.filled_at = self.filled_at.max(time);
    }

    /// Reserves a call at or after `time` and returns when it may be made.
    pub fn reserve(&mut self, time: SimTime) -> SimTime {
        self.fill(time);
        self.tokens -= 1.0;
        if self.tokens >= 0.0 {
            return time;
        }
        self.filled_at + SimDuration::from_secs_f64(-self.tokens / self.qps)
    }
}
