//! CronJobs.
//!
//! Upstream: `pkg/apis/batch/v1/defaults.go`, `SetDefaults_CronJob`; `validation.go`,
//! `validateCronJobSpec`.

use std::sync::Arc;

use k8s_openapi::api::batch::v1 as batch;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::context::REFUSED;
use super::job::{job_spec, quoted};
use super::workload::{need_spec, workload};
use super::{Context, WorkloadObject, typed};
use crate::cluster::spec::WorkloadKind;
use crate::controller::cronjob::{ConcurrencyPolicy, CronJobSpec};
use crate::scenario::diagnostic::Diagnostic;
use crate::sim::Zone;
use crate::sim::cron::Schedule;

/// A name leaves room for the minute in the names of its Jobs.
const LONGEST_NAME: usize = 52;

pub(super) fn cron_job(context: &mut Context<'_>) -> Option<WorkloadObject> {
    let object: batch::CronJob = typed::read(context)?;
    let spec = object.spec;
    let (name, namespace) = context.identity(object.metadata);
    if name.len() > LONGEST_NAME {
        let words = format!("Invalid value: \"{name}\": must be no more than 52 characters");
        context.refuse("metadata.name", words, None);
    }
    let zone = zone(spec.time_zone.as_deref(), context);
    let timing = schedule(&spec.schedule, context);
    let concurrency_policy = policy(spec.concurrency_policy.as_deref(), context);
    for (field, value) in [
        ("startingDeadlineSeconds", spec.starting_deadline_seconds),
        (
            "successfulJobsHistoryLimit",
            spec.successful_jobs_history_limit.map(i64::from),
        ),
        (
            "failedJobsHistoryLimit",
            spec.failed_jobs_history_limit.map(i64::from),
        ),
    ] {
        if let Some(value) = value.filter(|value| *value < 0) {
            let words = format!("Invalid value: {value}: must be greater than or equal to 0");
            context.refuse(&format!("spec.{field}"), words, None);
        }
    }
    let metadata = spec.job_template.metadata.unwrap_or_default();
    let job = need_spec(spec.job_template.spec, context)?;
    // The places of the template are within `spec.jobTemplate`.
    let document = context.document;
    let template = document
        .get("spec")
        .and_then(|spec| spec.get("jobTemplate"));
    let before = context.diagnostics.list.len();
    let inner = &mut Context {
        document: template.unwrap_or(document),
        diagnostics: &mut *context.diagnostics,
    };
    check_selector(&job, inner);
    let made = CronJobSpec {
        timing: timing?,
        schedule: spec.schedule,
        zone: zone?,
        time_zone: spec.time_zone,
        concurrency_policy: concurrency_policy?,
        starting_deadline: spec.starting_deadline_seconds,
        suspend: spec.suspend.unwrap_or_default(),
        successful_jobs_history_limit: spec.successful_jobs_history_limit.unwrap_or(3),
        failed_jobs_history_limit: spec.failed_jobs_history_limit.unwrap_or(1),
        job: Arc::new(job_spec(&job, inner)),
        job_labels: Arc::new(metadata.labels.unwrap_or_default()),
        job_annotations: Arc::new(metadata.annotations.unwrap_or_default()),
    };
    let identity = ObjectMeta {
        name: Some(name),
        namespace: Some(namespace),
        ..ObjectMeta::default()
    };
    let kind = WorkloadKind::CronJob(Arc::new(made));
    let made = workload(kind, &identity, 0, None, &job.template, inner);
    place_below_template(context.diagnostics.list.split_off(before), context);
    Some(made)
}

/// Its Jobs get their selectors from the API server (`ValidateJobTemplateSpec`).
fn check_selector(spec: &batch::JobSpec, context: &mut Context<'_>) {
    if let Some(selector) = &spec.selector {
        let selector = quoted(selector);
        let words = format!("Invalid value: {selector}: `selector` will be auto-generated");
        context.refuse("spec.selector", words, Some("leave `selector` out"));
    }
    if spec.manual_selector == Some(true) {
        let words = "Unsupported value: true: supported values: \"nil\", \"false\"";
        let help = Some("leave `manualSelector` out");
        context.refuse("spec.manualSelector", words, help);
    }
}

/// What was found in the template was told by its place there. The name is the CronJob's, of which
/// all has been said.
fn place_below_template(found: Vec<Diagnostic>, context: &mut Context<'_>) {
    for mut one in found {
        let path = if one.label == REFUSED {
            &mut one.title
        } else {
            &mut one.label
        };
        if path.starts_with("spec") {
            path.insert_str(0, "spec.jobTemplate.");
            context.diagnostics.list.push(one);
        } else if !path.starts_with("metadata.name") {
            context.diagnostics.list.push(one);
        }
    }
}

fn schedule(text: &str, context: &mut Context<'_>) -> Option<Schedule> {
    let path = "spec.schedule";
    if text.is_empty() {
        context.refuse(path, "Required value", None);
        return None;
    }
    let wrong = if text.contains("TZ") {
        "cannot use TZ or CRON_TZ in schedule, use timeZone field instead".to_owned()
    } else {
        match text.parse::<Schedule>() {
            Ok(schedule) => return Some(schedule),
            Err(error) => error.to_string(),
        }
    };
    let help = "minute, hour, day of the month, month, day of the week: `*/5 * * * *`";
    let words = format!("Invalid value: \"{text}\": {wrong}");
    context.refuse(path, words, Some(help));
    None
}

fn zone(name: Option<&str>, context: &mut Context<'_>) -> Option<Zone> {
    let Some(name) = name else {
        return Some(Zone::default());
    };
    let wrong = if name.is_empty() {
        "timeZone must be nil or non-empty string".to_owned()
    } else if name.eq_ignore_ascii_case("Local") {
        "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
            .to_owned()
    } else {
        match Zone::named(name) {
            Some(zone) => return Some(zone),
            None => format!("unknown time zone {name}"),
        }
    };
    let words = format!("Invalid value: \"{name}\": {wrong}");
    let help = "a name of the list of time zones: `Europe/Berlin`, `Etc/UTC`";
    context.refuse("spec.timeZone", words, Some(help));
    None
}

fn policy(name: Option<&str>, context: &mut Context<'_>) -> Option<ConcurrencyPolicy> {
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return Some(ConcurrencyPolicy::default());
    };
    let found = ConcurrencyPolicy::ALL
        .into_iter()
        .find(|one| one.name() == name);
    if found.is_none() {
        let words = format!(
            "Unsupported value: \"{name}\": supported values: \"Allow\", \"Forbid\", \"Replace\""
        );
        context.refuse("spec.concurrencyPolicy", words, None);
    }
    found
}
