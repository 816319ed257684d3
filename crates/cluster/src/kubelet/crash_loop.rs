//! The kubelet's back-off between restarts of a container (`pkg/kubelet`, `client-go`'s
//! `flowcontrol.Backoff`), without its retry jitter.

use crate::sim::SimDuration;

/// A container that ran longer than this starts the back-off anew.
const CRASH_FREE: SimDuration = SimDuration::from_secs(600);

/// Consecutive crashes of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CrashLoop {
    crashes: u32,
}

impl CrashLoop {
    /// The container has ended after it `ran` so long: how long to wait before its restart.
    /// Nothing at first, then `initial`, doubling up to `longest`.
    pub fn next_delay(
        &mut self,
        ran: SimDuration,
        initial: SimDuration,
        longest: SimDuration,
    ) -> SimDuration {
        if ran > CRASH_FREE {
            self.crashes = 0;
        }
        let earlier = self.crashes;
        self.crashes += 1;
        match earlier {
            0 => SimDuration::ZERO,
            n => (initial * 2i64.pow((n - 1).min(20))).min(longest),
        }
    }
}
