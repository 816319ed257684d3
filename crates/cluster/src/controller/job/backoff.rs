//! How long a Job waits after failures.
//!
//! Upstream: `pkg/controller/job/backoff_utils.go`.

use super::view::PodView;
use crate::sim::{SimDuration, SimTime};

const FIRST_BACKOFF: SimDuration = SimDuration::from_secs(10);
const LONGEST_BACKOFF: SimDuration = SimDuration::from_secs(600);

/// Failures since the last success, as the controller remembers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Backoff {
    failures: i32,
    last: SimTime,
}

impl Backoff {
    /// With pods that have ended since (`newBackoffRecord`).
    pub(super) fn with(self, succeeded: &[&PodView], failed: &[&PodView]) -> Self {
        let latest = |pods: &[&PodView]| pods.iter().map(|pod| pod.finished).max();
        match (latest(succeeded), latest(failed)) {
            (None, None) => self,
            (None, Some(last)) => Self {
                failures: self.failures + failed.len() as i32,
                last,
            },
            (Some(_), None) => Self::default(),
            (Some(success), Some(last)) => {
                let later = failed.iter().filter(|pod| pod.finished > success);
                match later.count() {
                    0 => Self::default(),
                    failures => Self {
                        failures: failures as i32,
                        last,
                    },
                }
            }
        }
    }

    /// How long to wait.
    pub(super) fn remaining(self, now: SimTime) -> SimDuration {
        remaining(self.failures, self.last, now)
    }
}

/// How long to wait before a pod takes the place of one that has failed in an index
/// (`getRemainingTimePerIndex`).
pub(super) fn remaining_of_index(failed: Option<&PodView>, now: SimTime) -> SimDuration {
    failed.map_or(SimDuration::ZERO, |pod| {
        remaining(pod.all_failures() + 1, pod.finished, now)
    })
}

fn remaining(failures: i32, last: SimTime, now: SimTime) -> SimDuration {
    if failures == 0 {
        return SimDuration::ZERO;
    }
    let doublings = (failures - 1).clamp(0, 10) as u32;
    let length = (FIRST_BACKOFF * 2i64.pow(doublings)).min(LONGEST_BACKOFF);
    (last + length - now).max(SimDuration::ZERO)
}
