//! CronJobs.

use serde_json::{Value, json};

use super::template::{seconds, template};
use super::{Clock, labels, list, meta};
use crate::api::store::Store;
use crate::api::workload::{CronJob, JobSpec};
use crate::sim::SimTime;

pub(super) fn view(object: &CronJob, store: &Store, clock: Clock) -> Value {
    let (spec, status) = (&object.spec, &object.status);
    let active = status.active.iter().map(|job| {
        json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": &*job.name,
            "namespace": &*object.meta.namespace,
            "uid": job.uid.to_string(),
        })
    });
    let time = |unix: Option<i64>| {
        let start = clock.calendar.unix_start;
        clock.maybe(unix.map(|unix| SimTime::from_secs(unix - start)))
    };
    json!({
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": meta::plain(&object.meta, store, clock),
        "spec": {
            "concurrencyPolicy": spec.concurrency_policy.name(),
            "failedJobsHistoryLimit": spec.failed_jobs_history_limit,
            "jobTemplate": {
                "metadata": {
                    "annotations": labels(&spec.job_annotations),
                    "labels": labels(&spec.job_labels),
                },
                "spec": job_spec(object),
            },
            "schedule": spec.schedule,
            "startingDeadlineSeconds": spec.starting_deadline,
            "successfulJobsHistoryLimit": spec.successful_jobs_history_limit,
            "suspend": spec.suspend,
            "timeZone": spec.time_zone,
        },
        "status": {
            "active": list(active.collect()),
            "lastScheduleTime": time(status.last_schedule_time),
            "lastSuccessfulTime": time(status.last_successful_time),
        },
    })
}

/// `spec.jobTemplate.spec`: the defaults of Jobs come with the Jobs.
fn job_spec(object: &CronJob) -> Value {
    let JobSpec {
        parallelism,
        completions,
        backoff_limit,
        active_deadline,
        restarts_in_place,
    } = object.spec.job;
    let one = parallelism == 1 && completions == Some(1);
    let policy = if restarts_in_place {
        "OnFailure"
    } else {
        "Never"
    };
    json!({
        "activeDeadlineSeconds": active_deadline.map(seconds),
        "backoffLimit": (backoff_limit != 6).then_some(backoff_limit),
        "completions": completions.filter(|_| !one),
        "parallelism": (!one).then_some(parallelism),
        "template": template(&object.template, &object.template.labels, policy),
    })
}
