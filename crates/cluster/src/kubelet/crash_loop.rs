//! The kubelet's back-off between restarts of a container (`pkg/kubelet`, `client-go`'s
//! `flowcontrol.Backoff`), without the jitter of the next look at the pod.

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
        let delay = self.current(initial, longest);
        self.crashes += 1;
        delay
    }

    /// As [`Self::next_delay`], of a container that the kubelet itself has ended after it `ran` so
    /// long. The sync that ends it starts the next one, and knows of the run before it only, which
    /// ended so long ago: the back-off counts from there (`doBackOff`).
    pub fn after_kill(
        &mut self,
        ran: SimDuration,
        since: Option<SimDuration>,
        (initial, longest): (SimDuration, SimDuration),
    ) -> SimDuration {
        let Some(since) = since else {
            return SimDuration::ZERO;
        };
        if ran > CRASH_FREE {
            self.crashes = 0;
        }
        if since < self.current(initial, longest) {
            return self.next_delay(ran, initial, longest);
        }
        self.crashes += 1;
        SimDuration::ZERO
    }

    /// The back-off that holds now.
    fn current(self, initial: SimDuration, longest: SimDuration) -> SimDuration {
        match self.crashes {
            0 => SimDuration::ZERO,
            n => (initial * 2i64.pow((n - 1).min(20))).min(longest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(seconds: i64) -> SimDuration {
        SimDuration::from_secs(seconds)
    }

    /// The delays after runs of these lengths.
    fn delays(runs: &[i64], longest: i64) -> Vec<i64> {
        let mut crash_loop = CrashLoop::default();
        let delay = |run: &i64| crash_loop.next_delay(secs(*run), secs(10), secs(longest));
        runs.iter()
            .map(delay)
            .map(|delay| delay.0 / 1_000_000_000)
            .collect()
    }

    #[test]
    fn the_longest_back_off_is_the_nodes_and_ten_minutes_begin_anew() {
        assert_eq!(delays(&[1; 8], 300), [0, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(delays(&[1; 5], 25), [0, 10, 20, 25, 25]);
        // Below the first one it counts from the first on (`maxContainerRestartPeriod`).
        assert_eq!(delays(&[1; 3], 4), [0, 4, 4]);
        assert_eq!(delays(&[1, 1, 600, 601, 1], 300), [0, 10, 20, 0, 10]);
    }
}
