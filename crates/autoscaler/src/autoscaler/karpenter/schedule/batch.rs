//! When pending pods are looked at: together with those that come right after them.
//!
//! Upstream: `pkg/controllers/provisioning/batcher.go`.

use crate::sim::{SimDuration, SimTime};

/// `BATCH_IDLE_DURATION`: without another pod for so long.
pub const BATCH_IDLE: SimDuration = SimDuration::from_secs(1);
/// `BATCH_MAX_DURATION`: so long after the first pod.
pub const BATCH_MOST: SimDuration = SimDuration::from_secs(10);

/// Pods that came together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    first: SimTime,
    last: SimTime,
    idle: SimDuration,
    most: SimDuration,
}

impl Batch {
    /// A batch that a pod begins; it ends so long after its last pod, and so long after its first.
    pub fn begin(now: SimTime, idle: SimDuration, most: SimDuration) -> Self {
        Self {
            first: now,
            last: now,
            idle,
            most,
        }
    }

    /// Another pod came.
    pub fn push(&mut self, now: SimTime) {
        self.last = now;
    }

    /// When it is looked at, if no other pod comes.
    pub fn due(&self) -> SimTime {
        (self.last + self.idle).min(self.first + self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_waits_for_a_second_without_pods_and_ten_at_most() {
        let at = SimTime::from_millis;
        let mut batch = Batch::begin(at(0), BATCH_IDLE, BATCH_MOST);
        assert_eq!(batch.due(), at(1000));
        for time in (900..9900).step_by(900) {
            batch.push(at(time));
            assert_eq!(batch.due(), at((time + 1000).min(10_000)));
        }
    }
}
