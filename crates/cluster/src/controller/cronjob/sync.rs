//! One look at a CronJob (`sync`, `syncCronJob`, `cleanupFinishedJobs`).

use std::sync::Arc;

use super::missed::{Missed, most_recent, until_next};
use super::spec::{ConcurrencyPolicy, CronJobSpec};
use crate::api::{ActiveJob, CronJobStatus, EventKind, JobId, Uid};
use crate::controller::job::JobEnd;
use crate::sim::Zone;

const NANOS: i64 = 1_000_000_000;

/// A CronJob as the controller sees it.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// `metadata.name`.
    pub name: &'a str,
    /// `metadata.creationTimestamp`, in seconds since 1970.
    pub created: i64,
    /// `spec`.
    pub spec: &'a CronJobSpec,
    /// `status`.
    pub status: &'a CronJobStatus,
    /// The time, in nanoseconds since 1970.
    pub now: i64,
}

/// A Job that belongs to a CronJob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// Its key.
    pub id: JobId,
    /// `metadata.name`.
    pub name: Arc<str>,
    /// `metadata.uid`.
    pub uid: Uid,
    /// `status.startTime`, in whole seconds of the run.
    pub started: Option<i64>,
    /// How it has ended.
    pub end: Option<JobEnd>,
    /// `status.completionTime`, in seconds since 1970.
    pub completed: Option<i64>,
}

/// What the controller does, one after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It reports an event.
    Event(EventKind, &'static str, String),
    /// It deletes a Job, and reports that.
    Delete(JobId, Arc<str>),
    /// It creates the Job that is due at this time, in seconds since 1970.
    Create(i64),
}

/// The outcome of a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What to do.
    pub steps: Vec<Step>,
    /// The status after it, without the Job that is created.
    pub status: CronJobStatus,
    /// Whether the status is written.
    pub writes_status: bool,
    /// When to look again: so many nanoseconds after the last step.
    pub again: Option<i64>,
}

impl Decision {
    fn event(&mut self, kind: EventKind, reason: &'static str, message: String) {
        self.steps.push(Step::Event(kind, reason, message));
    }

    fn delete(&mut self, id: JobId, name: &Arc<str>) {
        self.steps.push(Step::Delete(id, Arc::clone(name)));
        self.status.active.retain(|job| job.id != id);
        self.writes_status = true;
    }
}

/// The name of the Job that is due at a time.
pub fn job_name(cron_job: &str, due: i64) -> String {
    format!("{cron_job}-{}", due / 60)
}

/// How long from now, in nanoseconds, until the next start is looked for.
pub fn next_wake(of: &View<'_>) -> i64 {
    until_next(of)
}

/// Looks at a CronJob and its Jobs, which come by name.
pub fn sync(of: &View<'_>, jobs: &[Child]) -> Decision {
    let mut outcome = Decision {
        steps: Vec::new(),
        status: of.status.clone(),
        writes_status: false,
        again: None,
    };
    clean_up(of.spec, jobs, &mut outcome);
    see_jobs(jobs, &mut outcome);
    let view = View {
        status: &outcome.status.clone(),
        ..*of
    };
    start(&view, &mut outcome);
    outcome
}

/// Deletes the oldest finished Jobs beyond the limits.
fn clean_up(spec: &CronJobSpec, jobs: &[Child], outcome: &mut Decision) {
    for (failed, limit) in [
        (false, spec.successful_jobs_history_limit),
        (true, spec.failed_jobs_history_limit),
    ] {
        let is_such = |job: &&Child| job.end.is_some_and(|end| end.failed == failed);
        let mut finished: Vec<&Child> = jobs.iter().filter(is_such).collect();
        let excess = finished.len().saturating_sub(limit.max(0) as usize);
        // One that never started counts as the youngest (`byJobStartTime`).
        let age = |job: &Child| (job.started.is_none(), job.started);
        finished.sort_by(|a, b| (age(a), &a.name).cmp(&(age(b), &b.name)));
        for job in finished.into_iter().take(excess) {
            outcome.delete(job.id, &job.name);
        }
    }
}

/// Brings the list of active Jobs up to date.
fn see_jobs(jobs: &[Child], outcome: &mut Decision) {
    for job in jobs {
        let found = outcome.status.active.iter().any(|one| one.id == job.id);
        let Some(end) = job.end else {
            if !found {
                let message = format!(
                    "Saw a job that the controller did not create or forgot: {}",
                    job.name
                );
                outcome.event(EventKind::Warning, "UnexpectedJob", message);
            }
            continue;
        };
        if found {
            outcome.status.active.retain(|one| one.id != job.id);
            let condition = if end.failed { "Failed" } else { "Complete" };
            let message = format!("Saw completed job: {}, condition: {condition}", job.name);
            outcome.event(EventKind::Normal, "SawCompletedJob", message);
            outcome.writes_status = true;
        }
        if !end.failed && job.completed > outcome.status.last_successful_time {
            outcome.status.last_successful_time = job.completed;
            outcome.writes_status = true;
        }
    }
    let is_there = |active: &ActiveJob| jobs.iter().any(|job| job.id == active.id);
    let active = std::mem::take(&mut outcome.status.active);
    let (there, missing): (Vec<_>, Vec<_>) = active.into_iter().partition(is_there);
    outcome.status.active = there;
    for job in missing {
        let message = format!("Active job went missing: {}", job.name);
        outcome.event(EventKind::Normal, "MissingJob", message);
        outcome.writes_status = true;
    }
}

/// Starts the Job that is due.
fn start(of: &View<'_>, outcome: &mut Decision) {
    let spec = of.spec;
    if spec.suspend {
        return;
    }
    let recent = match most_recent(of, true) {
        Ok(recent) => recent,
        Err(error) => {
            let message = format!("invalid schedule: {} : {error}", spec.schedule);
            outcome.event(EventKind::Warning, "InvalidSchedule", message);
            return;
        }
    };
    outcome.again = Some(until_next(of));
    let Some(due) = recent.due else { return };
    if recent.missed == Missed::Many {
        let message = "too many missed start times. Set or decrease \
             .spec.startingDeadlineSeconds or check clock skew";
        outcome.event(EventKind::Warning, "TooManyMissedTimes", message.to_owned());
    }
    let deadline = spec.starting_deadline;
    if deadline.is_some_and(|seconds| due.saturating_add(seconds).saturating_mul(NANOS) < of.now) {
        let time = Zone::default().print(due, "%a, %d %b %Y %H:%M:%S %z");
        let message = format!("Missed scheduled time to start a job: {time}");
        outcome.event(EventKind::Warning, "MissSchedule", message);
        return;
    }
    let name = job_name(of.name, due);
    let is_active = outcome.status.active.iter().any(|job| *job.name == *name);
    if is_active || outcome.status.last_schedule_time == Some(due) {
        return;
    }
    match spec.concurrency_policy {
        ConcurrencyPolicy::Allow => {}
        ConcurrencyPolicy::Forbid => {
            if !outcome.status.active.is_empty() {
                let message = "Not starting job because prior execution is running and \
                     concurrency policy is Forbid";
                outcome.event(EventKind::Normal, "JobAlreadyActive", message.to_owned());
                return;
            }
        }
        ConcurrencyPolicy::Replace => {
            for job in std::mem::take(&mut outcome.status.active) {
                outcome.delete(job.id, &job.name);
            }
        }
    }
    outcome.steps.push(Step::Create(due));
    outcome.writes_status = true;
    // What follows counts from this start.
    let status = CronJobStatus {
        last_schedule_time: Some(due),
        ..outcome.status.clone()
    };
    outcome.again = Some(until_next(&View {
        status: &status,
        ..*of
    }));
}
