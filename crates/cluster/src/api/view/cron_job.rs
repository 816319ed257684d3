//! CronJobs.

use serde_json::{Value, json};

use super::template::template;
use super::{Clock, labels, list, meta};
use crate::api::store::Store;
use crate::api::workload::CronJob;
use crate::controller::job::JobSpec;
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
    let spec = &object.spec.job;
    let default = JobSpec::default();
    let one = spec.parallelism == 1 && spec.completions == Some(1);
    let limit = spec.backoff_limit;
    let is_default = |limit| limit == default.backoff_limit || limit == i32::MAX;
    let mut made = super::job::stated(spec);
    made["backoffLimit"] = json!((!is_default(limit)).then_some(limit));
    made["completionMode"] = json!(spec.indexed.then_some("Indexed"));
    made["completions"] = json!(spec.completions.filter(|_| !one));
    made["parallelism"] = json!((!one).then_some(spec.parallelism));
    made["suspend"] = json!(spec.suspend.then_some(true));
    made["template"] = template(&object.template, &object.template.labels);
    made
}
