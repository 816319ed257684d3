//! Readiness probes: when the first success is noticed.

use crate::api::ProbeSpec;
use crate::sim::{SimDuration, SimTime};

/// When the kubelet sends a container's readiness probe, from its start.
///
/// The worker's first attempt follows the container being seen to run. It fails or is skipped, its
/// result becomes the initial failure, and that update has the pod synced at the next relist; the
/// sync sends the probe again and starts the ticker anew (`prober/worker.go`,
/// `prober_manager.go`, `pod_workers.go` of `pkg/kubelet`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempts {
    /// The first.
    pub first: SimDuration,
    /// The second; each later one follows a period after the one before.
    pub second: SimDuration,
}

/// When a readiness probe has succeeded often enough, from the container's start: of an
/// application that answers from `earliest` on, its initial delay included.
pub(super) fn first_success(
    probe: &ProbeSpec,
    attempts: Attempts,
    earliest: SimDuration,
) -> SimDuration {
    let needed = i64::from(probe.success_threshold.max(1));
    if earliest <= attempts.first && needed == 1 {
        return attempts.first;
    }
    if earliest <= attempts.first {
        return attempts.second + probe.period * (needed - 2);
    }
    let waits = (earliest - attempts.second).max(SimDuration::ZERO);
    let period = probe.period.0.max(1).unsigned_abs();
    let skipped = waits.0.unsigned_abs().div_ceil(period);
    let skipped = i64::try_from(skipped).unwrap_or(i64::MAX);
    attempts.second + probe.period * skipped.saturating_add(needed - 1)
}

/// The first tick of a probe's ticker from a time on: it ticks once a period from the pod's
/// admission on.
pub(super) fn tick(admitted: SimTime, period: SimDuration, from: SimTime) -> SimTime {
    let period = period.0.max(1);
    let since = (from - admitted).0.max(0);
    let over = since % period;
    from + SimDuration(if over == 0 { 0 } else { period - over })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(millis: i64) -> SimDuration {
        SimDuration(millis * 1_000_000)
    }

    fn probe(period: i64, success_threshold: u32) -> ProbeSpec {
        ProbeSpec {
            period: SimDuration::from_secs(period),
            success_threshold,
            ..ProbeSpec::default()
        }
    }

    #[test]
    fn readiness_follows_the_application_by_less_than_a_period() {
        let attempts = Attempts {
            first: millis(20),
            second: millis(700),
        };
        let after = |application, threshold| {
            first_success(&probe(10, threshold), attempts, millis(application))
        };
        assert_eq!(after(0, 1), millis(20));
        assert_eq!(after(500, 1), millis(700));
        assert_eq!(after(701, 1), millis(10_700));
        assert_eq!(after(20_700, 1), millis(20_700));
        assert_eq!(after(0, 3), millis(10_700));
        assert_eq!(after(500, 3), millis(20_700));
        let never = SimDuration::MAX;
        assert_eq!(first_success(&probe(10, 1), attempts, never), never);
    }

    /// Up to 1.35 the second attempt follows a relist after the first.
    #[test]
    fn an_application_ready_within_a_second_does_not_wait_for_a_period() {
        let attempts = Attempts {
            first: millis(600),
            second: millis(1600),
        };
        assert_eq!(
            first_success(&probe(10, 1), attempts, millis(800)),
            millis(1600)
        );
    }
}
