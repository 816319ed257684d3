//! Kind `keda_scale_loop`: the executor's decisions, poll by poll.

use serde::Deserialize;

use super::super::table::{difference, rows};
use super::super::{ReplayError, Report};
use crate::autoscaler::keda::{
    Activity, ConditionType, Conditions, Fallback, ScaledObject, Status, Target, request_scale,
};
use crate::sim::SimTime;

#[derive(Debug, Deserialize)]
struct Case {
    id: String,
    spec: Spec,
    start_replicas: i32,
    polls: Vec<Poll>,
    expected: Vec<Expected>,
}

#[derive(Debug, Deserialize)]
struct Spec {
    cooldown_period_s: Option<i32>,
    initial_cooldown_period_s: Option<i32>,
    idle_replica_count: Option<i32>,
    min_replica_count: Option<i32>,
    max_replica_count: Option<i32>,
    fallback_replicas: Option<i32>,
    annotations: Option<std::collections::BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
struct Poll {
    t_s: f64,
    active: bool,
    error: bool,
    #[serde(rename = "replicas_set_by_others_before_poll")]
    set_by_others: Option<i32>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Expected {
    replicas_before: i32,
    replicas_after: i32,
    last_active_time_s: Option<i64>,
    active_status: String,
    active_reason: String,
    ready_status: String,
    ready_reason: String,
}

/// Replays every poll.
pub(in super::super) fn replay(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in rows::<Case>(text)? {
        report.cases += 1;
        let object = case.spec.object();
        // The recording has the executor alone: nobody has initialized the conditions.
        let mut status = Status {
            conditions: Some(Conditions::default()),
            ..Status::default()
        };
        let mut replicas = case.start_replicas;
        for (poll, expected) in case.polls.iter().zip(&case.expected) {
            replicas = poll.set_by_others.unwrap_or(replicas);
            let before = replicas;
            let activity = Activity {
                active: poll.active,
                error: poll.error,
                ..Activity::default()
            };
            let now = SimTime::from_millis((poll.t_s * 1e3).round() as i64);
            let target = Target::with_replicas(replicas, replicas);
            let result = request_scale(
                &object,
                &status,
                SimTime::ZERO,
                &target,
                None,
                &activity,
                now,
            );
            replicas = result.set_replicas.unwrap_or(replicas);
            status.last_active_time = result.last_active_time.or(status.last_active_time);
            status.conditions_mut().apply(&result.conditions);
            let conditions = status.known_conditions();
            let condition = |kind| {
                let condition = conditions.get(kind);
                condition.map_or_else(Default::default, |condition| {
                    (condition.status.name().to_owned(), condition.reason.clone())
                })
            };
            let (active_status, active_reason) = condition(ConditionType::Active);
            let (ready_status, ready_reason) = condition(ConditionType::Ready);
            let got = Expected {
                replicas_before: before,
                replicas_after: replicas,
                last_active_time_s: status.last_active_time.map(|at| at.0 / 1_000_000_000),
                active_status,
                active_reason,
                ready_status,
                ready_reason,
            };
            let place = format!("{} t={}", case.id, poll.t_s);
            report.step(difference(place, expected, &got, &(&case.spec, poll)));
        }
    }
    Ok(report)
}

impl Spec {
    fn object(&self) -> ScaledObject {
        let mut object = ScaledObject::default();
        object.metadata.annotations.clone_from(&self.annotations);
        object.spec.cooldown_period = self.cooldown_period_s;
        object.spec.initial_cooldown_period = self.initial_cooldown_period_s;
        object.spec.idle_replica_count = self.idle_replica_count;
        object.spec.min_replica_count = self.min_replica_count;
        object.spec.max_replica_count = self.max_replica_count;
        object.spec.fallback = self.fallback_replicas.map(|replicas| Fallback {
            replicas,
            ..Fallback::default()
        });
        object
    }
}
