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
    let attempts = (waits.0 + probe.period.0 - 1) / probe.period.0.max(1);
    seen + probe.period * (attempts + i64::from(probe.success_threshold.max(1)) - 1)
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
