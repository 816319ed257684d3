//! Kind `keda_fallback`: failing metrics and what replaces them, fetch by fetch.

use serde::Deserialize;

use super::super::table::{difference, rows};
use super::super::{ReplayError, Report};
use super::agree;
use crate::autoscaler::keda::{
    Amount, Fallback, FallbackBehavior, MetricSpec, MetricTarget, MetricValue, ScaledObject,
    Status, Target, with_fallback,
};

#[derive(Debug, Deserialize)]
struct Case {
    id: String,
    failure_threshold: i32,
    fallback_replicas: i32,
    behavior: FallbackBehavior,
    target_type: String,
    target: f64,
    polls: Vec<Poll>,
    expected: Vec<Expected>,
}

#[derive(Debug, Deserialize)]
struct Poll {
    scaler_ok: bool,
    #[serde(default)]
    value: f64,
    current_replicas: i32,
    ready_replicas: i32,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Expected {
    error_to_hpa: bool,
    metric_value: Option<f64>,
    fallback_active: bool,
    failures: i32,
}

/// Replays every fetch.
pub(in super::super) fn replay(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in rows::<Case>(text)? {
        report.cases += 1;
        let mut object = ScaledObject::default();
        object.spec.fallback = Some(Fallback {
            failure_threshold: case.failure_threshold,
            replicas: case.fallback_replicas,
            behavior: case.behavior,
        });
        let target = MetricTarget::milli(&case.target_type, case.target);
        let spec = MetricSpec::external(0, "metric", target);
        let mut status = Status::default();
        for (number, (poll, expected)) in case.polls.iter().zip(&case.expected).enumerate() {
            let target = Target::with_replicas(poll.current_replicas, poll.ready_replicas);
            let fetched = if poll.scaler_ok {
                Ok(vec![MetricValue {
                    name: "s0-metric".to_owned(),
                    value: Amount::from_f64(poll.value),
                }])
            } else {
                Err("the scaler failed".to_owned())
            };
            let fetched = with_fallback(&object, &mut status, &target, &spec, fetched);
            let health = status.health.get("s0-metric").copied().unwrap_or_default();
            let mut got = Expected {
                error_to_hpa: fetched.error.is_some(),
                metric_value: fetched.metrics.first().map(|metric| metric.value.as_f64()),
                fallback_active: fetched.fallback_active,
                failures: health.failures,
            };
            if agree(expected.metric_value, got.metric_value) {
                got.metric_value = expected.metric_value;
            }
            let place = format!("{} poll {number}", case.id);
            report.step(difference(place, expected, &got, poll));
        }
    }
    Ok(report)
}
