//! Jobs and CronJobs (`job.go`, `cronjob.go`).

use super::family::{Family, Samples, Seen, annotations, created, labels, owner};
use crate::api::{CronJob, Job, JobCounts};
use crate::controller::job::JobConditionType;

/// Reasons of a failed Job that are exported by name.
const FAILURES: [&str; 3] = ["BackoffLimitExceeded", "DeadlineExceeded", "Evicted"];

pub(super) const JOBS: &[Family<Job, JobCounts>] = &[
    ("kube_job_info", |_, out| out.one(1.0)),
    ("kube_job_created", created),
    ("kube_job_spec_parallelism", |j, out| {
        out.one(j.of.spec.parallelism.into());
    }),
    ("kube_job_spec_completions", |j, out| {
        if let Some(completions) = j.of.spec.completions {
            out.one(completions.into());
        }
    }),
    ("kube_job_spec_active_deadline_seconds", |j, out| {
        if let Some(deadline) = j.of.spec.active_deadline {
            out.one(deadline.as_secs_f64());
        }
    }),
    ("kube_job_status_succeeded", |j, out| {
        out.one(j.of.status.succeeded.into());
    }),
    ("kube_job_status_failed", failed),
    ("kube_job_status_active", |j, out| {
        out.one(j.status.active.into());
    }),
    ("kube_job_status_ready", |j, out| {
        out.one(j.status.ready.into());
    }),
    ("kube_job_complete", |j, out| {
        condition(j, JobConditionType::Complete, out);
    }),
    ("kube_job_failed", |j, out| {
        condition(j, JobConditionType::Failed, out);
    }),
    ("kube_job_status_start_time", |j, out| {
        if let Some(at) = j.of.status.start_time {
            out.one(j.unix(at));
        }
    }),
    ("kube_job_status_completion_time", |j, out| {
        if let Some(at) = j.of.status.completion_time {
            out.one(j.unix(at));
        }
    }),
    ("kube_job_status_suspended", |j, out| {
        for one in of_type(j, JobConditionType::Suspended) {
            out.flag(&[], one);
        }
    }),
    ("kube_job_owner", owner),
    ("kube_job_labels", labels),
    ("kube_job_annotations", annotations),
];

/// The statuses of a Job's conditions of a type.
fn of_type(j: &Seen<'_, Job, JobCounts>, kind: JobConditionType) -> impl Iterator<Item = bool> {
    let all = j.of.status.conditions.iter();
    all.filter(move |one| one.kind == kind)
        .map(|one| one.status)
}

fn condition(j: &Seen<'_, Job, JobCounts>, kind: JobConditionType, out: &mut Samples<'_>) {
    for status in of_type(j, kind) {
        out.condition(&[], "condition", Some(status));
    }
}

fn failed(j: &Seen<'_, Job, JobCounts>, out: &mut Samples<'_>) {
    let failed = f64::from(j.of.status.failed);
    if failed == 0.0 {
        out.one(0.0);
        return;
    }
    let mut is_known = false;
    let conditions = j.of.status.conditions.iter();
    for one in conditions.filter(|one| one.kind == JobConditionType::Failed) {
        for reason in FAILURES {
            is_known |= one.reason == reason;
            out.flag(&[("reason", reason)], one.reason == reason);
        }
    }
    if !is_known {
        out.labelled(&[("reason", "")], failed);
    }
}

pub(super) const CRON_JOBS: &[Family<CronJob>] = &[
    ("kube_cronjob_info", |c, out| {
        let spec = &c.of.spec;
        let labels = [
            ("concurrency_policy", spec.concurrency_policy.name()),
            ("schedule", &spec.schedule),
            ("timezone", spec.time_zone.as_deref().unwrap_or("local")),
        ];
        out.labelled(&labels, 1.0);
    }),
    ("kube_cronjob_created", created),
    ("kube_cronjob_status_active", |c, out| {
        out.one(c.of.status.active.len() as f64);
    }),
    ("kube_cronjob_status_last_schedule_time", |c, out| {
        if let Some(at) = c.of.status.last_schedule_time {
            out.one(at as f64);
        }
    }),
    ("kube_cronjob_status_last_successful_time", |c, out| {
        if let Some(at) = c.of.status.last_successful_time {
            out.one(at as f64);
        }
    }),
    ("kube_cronjob_spec_suspend", |c, out| {
        out.flag(&[], c.of.spec.suspend);
    }),
    ("kube_cronjob_spec_starting_deadline_seconds", |c, out| {
        if let Some(deadline) = c.of.spec.starting_deadline {
            out.one(deadline as f64);
        }
    }),
    ("kube_cronjob_next_schedule_time", |c, out| {
        let spec = &c.of.spec;
        let last = c.of.status.last_schedule_time;
        let from = last.unwrap_or_else(|| c.unix(c.meta.created) as i64);
        if let Some(next) = spec.next(from).filter(|_| !spec.suspend) {
            out.one(next as f64);
        }
    }),
    (
        "kube_cronjob_spec_successful_job_history_limit",
        |c, out| {
            out.one(c.of.spec.successful_jobs_history_limit.into());
        },
    ),
    ("kube_cronjob_spec_failed_job_history_limit", |c, out| {
        out.one(c.of.spec.failed_jobs_history_limit.into());
    }),
    ("kube_cronjob_metadata_resource_version", |c, out| {
        out.one(c.meta.resource_version as f64);
    }),
    ("kube_cronjob_labels", labels),
    ("kube_cronjob_annotations", annotations),
];
