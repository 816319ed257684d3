//! Readiness probes: when the first success is noticed.

use crate::api::ProbeSpec;
use crate::sim::SimDuration;

/// When a readiness probe has succeeded often enough, from the container's start: the first
/// attempt follows the container being seen to run, the next ones its period.
pub(super) fn first_success(
    probe: ProbeSpec,
    seen: SimDuration,
    app_started: SimDuration,
) -> SimDuration {
    let earliest = app_started.max(probe.initial_delay);
    let waits = (earliest - seen).max(SimDuration::ZERO);
    let attempts = waits
        .0
        .unsigned_abs()
        .div_ceil(probe.period.0.max(1).unsigned_abs());
    let attempts = i64::try_from(attempts).unwrap_or(i64::MAX);
    let more = i64::from(probe.success_threshold.max(1)) - 1;
    seen + probe.period * attempts.saturating_add(more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::SimTime;

    #[test]
    fn readiness_follows_the_application_by_less_than_a_period() {
        let seconds = SimDuration::from_secs;
        let probe = ProbeSpec {
            initial_delay: seconds(0),
            period: seconds(10),
            success_threshold: 1,
            failure_threshold: 3,
        };
        assert_eq!(first_success(probe, seconds(1), seconds(0)), seconds(1));
        assert_eq!(first_success(probe, seconds(1), seconds(12)), seconds(21));
        let delayed = ProbeSpec {
            initial_delay: seconds(15),
            ..probe
        };
        assert_eq!(first_success(delayed, seconds(1), seconds(2)), seconds(21));
        let never = SimDuration::MAX;
        assert_eq!(first_success(probe, seconds(1), never), never);
        let thrice = ProbeSpec {
            success_threshold: 3,
            ..probe
        };
        assert_eq!(first_success(thrice, seconds(1), seconds(0)), seconds(21));
    }

    #[test]
    fn times_of_the_status_are_whole_seconds() {
        assert_eq!(
            SimTime::from_millis(1999).truncate_to_second(),
            SimTime::from_secs(1)
        );
    }
}
