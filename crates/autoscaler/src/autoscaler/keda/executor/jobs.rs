//! `RequestJobScale`: how many jobs to create, which finished and superseded ones to delete.

use super::super::conditions::{ConditionStatus, ConditionType, Conditions};
use super::super::events::{Event, JOBS_CREATED, SCALED_JOB_ACTIVE, SCALED_JOB_INACTIVE};
use super::super::scaled_job::{Demand, ScaledJob};
use crate::sim::SimTime;

const DEFAULT_HISTORY_LIMIT: i32 = 100;

/// A job of the ScaledJob.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobObservation {
    /// Its name.
    pub name: String,
    /// The annotation `scaledjob.keda.sh/generation`.
    pub generation: Option<String>,
    /// Whether and how it has finished.
    pub finished: Option<FinishedJob>,
    /// Its pods: whether one is running or has succeeded, and its conditions that are true.
    pub pods: Vec<(bool, Vec<String>)>,
}

/// How a job has finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FinishedJob {
    /// Whether it failed.
    pub failed: bool,
    /// When it completed; failed jobs have no such time.
    pub completion_time: Option<SimTime>,
}

/// What is to be done and told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobScaleResult {
    /// Jobs to create.
    pub create: i64,
    /// Jobs to delete for the history limits, oldest first.
    pub delete: Vec<String>,
    /// Conditions to set.
    pub conditions: Conditions,
    /// The new time of last activity.
    pub last_active_time: Option<SimTime>,
    /// Events, in order.
    pub events: Vec<Event>,
}

/// Decides about one poll. `was_active` is the condition `Active` of before.
pub fn request_job_scale(
    job: &ScaledJob,
    jobs: &[JobObservation],
    demand: Demand,
    error: bool,
    was_active: bool,
    now: SimTime,
) -> JobScaleResult {
    let mut result = JobScaleResult::default();
    let unfinished = || jobs.iter().filter(|job| job.finished.is_none());
    let pending = unfinished().filter(|one| is_pending(job, one)).count() as i64;
    let (most, wanted) = scaling_decision(job, demand, unfinished().count() as i64, pending);
    if demand.active {
        result.last_active_time = Some(now.truncate_to_second());
        if most > 0 {
            result.create = wanted.min(most).max(0);
            let message = format!("Created {} jobs", wanted.min(most));
            result.events.push(Event::normal(JOBS_CREATED, message));
        }
    }
    ready(&mut result.conditions, demand.active, error);
    let (status, reason, message) = if demand.active {
        (
            ConditionStatus::True,
            "ScalerActive",
            "Scaling is performed because triggers are active",
        )
    } else {
        (
            ConditionStatus::False,
            "ScalerNotActive",
            "Scaling is not performed because triggers are not active",
        )
    };
    if demand.active != was_active {
        let changed = if demand.active {
            SCALED_JOB_ACTIVE
        } else {
            SCALED_JOB_INACTIVE
        };
        result.events.push(Event::normal(changed, message));
    }
    result
        .conditions
        .set(ConditionType::Active, status, reason, message);
    result.delete = beyond_history(job, jobs);
    result
}

fn ready(conditions: &mut Conditions, active: bool, error: bool) {
    let (status, reason, message) = match (error, active) {
        (false, _) => (
            ConditionStatus::True,
            "ScaledJobReady",
            "ScaledJob is defined correctly and is ready for scaling",
        ),
        (true, true) => (
            ConditionStatus::Unknown,
            "PartialTriggerError",
            "Some triggers defined in ScaledJob are not working correctly",
        ),
        (true, false) => (
            ConditionStatus::False,
            "TriggerError",
            "Triggers defined in ScaledJob are not working correctly",
        ),
    };
    conditions.set(ConditionType::Ready, status, reason, message);
}

/// No pod of the job runs or, if conditions are named, has all of them.
fn is_pending(job: &ScaledJob, one: &JobObservation) -> bool {
    let wanted = &job.spec.scaling_strategy.pending_pod_conditions;
    let has_started = |(started, conditions): &(bool, Vec<String>)| {
        if wanted.is_empty() {
            return *started;
        }
        // A condition that is named twice is never fulfilled twice.
        let mut fulfilled: Vec<&String> = conditions
            .iter()
            .filter(|one| wanted.contains(one))
            .collect();
        fulfilled.sort();
        fulfilled.dedup();
        fulfilled.len() == wanted.len()
    };
    !one.pods.iter().any(has_started)
}

/// `getScalingDecision`: the most jobs to create, and how many are wanted.
pub fn scaling_decision(job: &ScaledJob, demand: Demand, running: i64, pending: i64) -> (i64, i64) {
    let min = job.min_replicas();
    if running < min {
        return (min - running, min - running);
    }
    let running = running - min;
    let most = job.max_replicas();
    let (wanted, value) = (demand.queue_length, demand.max_value);
    let strategy = &job.spec.scaling_strategy;
    match strategy.strategy.as_str() {
        "custom" => match strategy
            .custom_scaling_running_job_percentage
            .parse::<f64>()
        {
            Ok(share) => {
                let deduction = strategy
                    .custom_scaling_queue_length_deduction
                    .map_or(0, i64::from);
                let left = value - deduction - (running as f64 * share) as i64;
                (left.min(most), wanted)
            }
            Err(_) => (value - running, wanted),
        },
        "accurate" if value + running - pending > most => (most - running, wanted),
        "accurate" => (value - pending, wanted),
        "eager" => ((most - running - pending).min(value), most),
        _ => (value - running, wanted),
    }
}

/// Names of finished jobs beyond the history limits: successful ones, then failed ones.
fn beyond_history(job: &ScaledJob, jobs: &[JobObservation]) -> Vec<String> {
    let mut names = Vec::new();
    for (failed, limit) in [
        (false, job.spec.successful_jobs_history_limit),
        (true, job.spec.failed_jobs_history_limit),
    ] {
        let limit = limit.unwrap_or(DEFAULT_HISTORY_LIMIT).max(0) as usize;
        let mut finished: Vec<(Option<SimTime>, &str)> = Vec::new();
        for one in jobs {
            let Some(end) = one.finished.filter(|end| end.failed == failed) else {
                continue;
            };
            // Sorting by insertion: a job without a time stays where it is.
            let mut at = finished.len();
            while at > 0 && earlier(end.completion_time, finished[at - 1].0) {
                at -= 1;
            }
            finished.insert(at, (end.completion_time, &one.name));
        }
        let beyond = finished.len().saturating_sub(limit);
        names.extend(
            finished[..beyond]
                .iter()
                .map(|(_, name)| (*name).to_owned()),
        );
    }
    names
}

fn earlier(time: Option<SimTime>, other: Option<SimTime>) -> bool {
    matches!((time, other), (Some(time), Some(other)) if time < other)
}

/// `deletePreviousVersionScaleJobs`: names of jobs made from an older spec, to be deleted at a
/// reconcile unless the rollout is gradual.
pub fn superseded(job: &ScaledJob, jobs: &[JobObservation]) -> Vec<String> {
    if !job.deletes_older_jobs() {
        return Vec::new();
    }
    let generation = job.metadata.generation.to_string();
    let older = |one: &&JobObservation| one.generation.as_ref() != Some(&generation);
    jobs.iter()
        .filter(older)
        .map(|one| one.name.clone())
        .collect()
}
