//! Jobs: `spec`, completed and checked as the API server does.
//!
//! Upstream: `SetDefaults_Job` of `pkg/apis/batch/v1/defaults.go`, `validateJobSpec` of
//! `pkg/apis/batch/validation/validation.go`.

use std::sync::Arc;

use k8s_openapi::api::batch::v1 as batch;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;

use super::container::seconds;
use super::job_policy::{failure_rules, success_rules};
use super::workload::{check_pods, need_spec, workload};
use super::{Context, WorkloadObject, names, selector, typed};
use crate::cluster::spec::{LabelSelector, WorkloadKind};
use crate::controller::job::JobSpec;

/// `parallelism` of an Indexed Job at most, and `maxFailedIndexes`
/// (`maxParallelismForIndexedJob`, `maxFailedIndexesForIndexedJob`).
const MOST_INDEXED: i32 = 100_000;
/// `completions` beyond which a Job with limits of its indexes has narrower ones
/// (`completionsSoftLimit`), and these
/// (`parallelismLimitForHighCompletions`, `maxFailedIndexesLimitForHighCompletions`).
const MANY_COMPLETIONS: i32 = 100_000;
const MOST_OF_MANY: i32 = 10_000;
/// Length of `managedBy` at most (`maxManagedByLength`).
const LONGEST_MANAGER: usize = 63;

pub(super) fn job(context: &mut Context<'_>) -> Option<WorkloadObject> {
    let object: batch::Job = typed::read(context)?;
    let spec = need_spec(object.spec, context)?;
    let metadata = &object.metadata;
    let mut made = job_spec(&spec, context);
    check_index_names(metadata.name.as_deref(), &spec, context);
    made.manual_selector = manual_selector(metadata.name.as_deref(), &spec, context);
    let kind = WorkloadKind::Job(Arc::new(made));
    Some(workload(kind, metadata, 0, None, &spec.template, context))
}

/// `spec` of a Job.
pub(super) fn job_spec(spec: &batch::JobSpec, context: &mut Context<'_>) -> JobSpec {
    check_numbers(spec, context);
    let indexed = check_mode(spec, context);
    // Neither parallelism nor completions: one pod.
    let completions = match (spec.completions, spec.parallelism) {
        (None, None) => Some(1),
        (given, _) => given,
    };
    let parallelism = spec.parallelism.unwrap_or(1);
    check_pods(parallelism, "parallelism", context);
    check_manager(spec.managed_by.as_deref(), context);
    let restarts_in_place = check_restarts(spec, context);
    let failure_rules = failure_rules(spec, context);
    let backoff_limit = match spec.backoff_limit_per_index {
        Some(_) => i32::MAX,
        None => JobSpec::BACKOFF_LIMIT,
    };
    JobSpec {
        parallelism,
        completions,
        backoff_limit: spec.backoff_limit.unwrap_or(backoff_limit),
        active_deadline: spec.active_deadline_seconds.map(seconds),
        restarts_in_place,
        suspend: spec.suspend.unwrap_or_default(),
        ttl: (spec.ttl_seconds_after_finished).map(|ttl| seconds(i64::from(ttl))),
        indexed,
        backoff_limit_per_index: spec.backoff_limit_per_index,
        max_failed_indexes: spec.max_failed_indexes,
        replaces_failed_only: replaces_failed_only(spec, context),
        failure_rules,
        success_rules: success_rules(spec, indexed, completions.unwrap_or(0), context),
        managed_by: spec.managed_by.as_deref().map(Arc::from),
        manual_selector: None,
    }
}

/// The last index becomes part of a host's name.
fn check_index_names(name: Option<&str>, spec: &batch::JobSpec, context: &mut Context<'_>) {
    let indexed = spec.completion_mode.as_deref() == Some("Indexed");
    let completions = spec.completions.filter(|number| indexed && *number > 0);
    let (Some(completions), Some(name)) = (completions, name) else {
        return;
    };
    let host = format!("{name}-{}", completions - 1);
    if !names::label(&host).is_empty() {
        let words = format!(
            "Invalid value: {name:?}: will not able to create pod with invalid DNS label: {host}"
        );
        context.refuse("metadata.name", words, None);
    }
}

/// The selector of a Job that has its own (`validateGeneratedSelector`): all others get theirs from
/// the API server, and may name nothing but what that would be.
fn manual_selector(
    name: Option<&str>,
    spec: &batch::JobSpec,
    context: &mut Context<'_>,
) -> Option<LabelSelector> {
    let path = "spec.selector";
    let given = spec.selector.as_ref();
    if spec.manual_selector != Some(true) {
        let is_generated = |(key, value): (&String, &String)| match key.as_str() {
            "job-name" | "batch.kubernetes.io/job-name" => Some(value.as_str()) == name,
            "controller-uid" | "batch.kubernetes.io/controller-uid" => true,
            _ => false,
        };
        let fits = |selector: &meta::LabelSelector| {
            let mut labels = selector.match_labels.iter().flatten();
            let expressions = selector.match_expressions.iter().flatten();
            labels.all(is_generated) && expressions.count() == 0
        };
        if let Some(selector) = given.filter(|selector| !fits(selector)) {
            let words = format!(
                "Invalid value: {}: `selector` not auto-generated",
                quoted(selector)
            );
            let help = Some("leave `selector` out");
            context.refuse(path, words, help);
        }
        return None;
    }
    let Some(selector) = given else {
        let help = Some("leave `manualSelector` out");
        context.refuse(path, "Required value", help);
        return None;
    };
    let metadata = spec.template.metadata.as_ref();
    let labels = metadata.and_then(|metadata| metadata.labels.clone());
    let labels = labels.unwrap_or_default();
    Some(selector::selector(selector, path, Some(&labels), context))
}

/// A selector as the API server quotes it.
pub(super) fn quoted(selector: &meta::LabelSelector) -> String {
    serde_json::to_string(selector).unwrap_or_default()
}

/// `IsDomainPrefixedPath`.
fn check_manager(name: Option<&str>, context: &mut Context<'_>) {
    let (Some(name), path) = (name, "spec.managedBy") else {
        return;
    };
    match name.split_once('/') {
        _ if name.is_empty() => context.refuse(path, "Required value", None),
        Some((host, rest)) if !host.is_empty() && !rest.is_empty() => {
            context.refuse_text(path, host, names::subdomain(host));
        }
        _ => {
            let words = "must be a domain-prefixed path (such as \"acme.io/foo\")";
            context.refuse(path, format!("Invalid value: {name:?}: {words}"), None);
        }
    }
    if name.len() > LONGEST_MANAGER {
        let words = format!("Too long: may not be more than {LONGEST_MANAGER} bytes");
        context.refuse(path, words, None);
    }
}

fn check_numbers(spec: &batch::JobSpec, context: &mut Context<'_>) {
    let wide = |value: Option<i32>| value.map(i64::from);
    for (value, field) in [
        (wide(spec.parallelism), "parallelism"),
        (wide(spec.completions), "completions"),
        (spec.active_deadline_seconds, "activeDeadlineSeconds"),
        (wide(spec.backoff_limit), "backoffLimit"),
        (
            wide(spec.ttl_seconds_after_finished),
            "ttlSecondsAfterFinished",
        ),
        (wide(spec.backoff_limit_per_index), "backoffLimitPerIndex"),
        (wide(spec.max_failed_indexes), "maxFailedIndexes"),
    ] {
        if let Some(value) = value.filter(|value| *value < 0) {
            let words = format!("Invalid value: {value}: must be greater than or equal to 0");
            context.refuse(&format!("spec.{field}"), words, None);
        }
    }
}

/// Checks `completionMode` and what goes with it; whether it is Indexed.
fn check_mode(spec: &batch::JobSpec, context: &mut Context<'_>) -> bool {
    let mode = spec.completion_mode.as_deref().unwrap_or("NonIndexed");
    let indexed = mode == "Indexed";
    if !indexed && mode != "NonIndexed" {
        let words = unsupported(mode, &["NonIndexed", "Indexed"]);
        context.refuse("spec.completionMode", words, None);
    }
    let most = spec.max_failed_indexes;
    if most.is_some() && spec.backoff_limit_per_index.is_none() {
        let words = "Required value: when maxFailedIndexes is specified";
        context.refuse("spec.backoffLimitPerIndex", words, None);
    }
    if !indexed {
        for (value, field) in [
            (spec.backoff_limit_per_index, "backoffLimitPerIndex"),
            (most, "maxFailedIndexes"),
        ] {
            if let Some(value) = value {
                let words = format!("Invalid value: {value}: requires indexed completion mode");
                let help = Some("add `completionMode: Indexed`");
                context.refuse(&format!("spec.{field}"), words, help);
            }
        }
        return false;
    }
    if spec.completions.is_none() {
        let words = "Required value: when completion mode is Indexed";
        context.refuse("spec.completions", words, None);
    }
    let parallelism = spec.parallelism.unwrap_or(1);
    if parallelism > MOST_INDEXED {
        let words = format!(
            "Invalid value: {parallelism}: must be less than or equal to {MOST_INDEXED} when completion mode is Indexed"
        );
        context.refuse("spec.parallelism", words, None);
    }
    if let (Some(completions), Some(most)) = (spec.completions, most)
        && most > completions
    {
        let words = format!("Invalid value: {most}: must be less than or equal to completions");
        context.refuse("spec.maxFailedIndexes", words, None);
    }
    if let Some(most) = most.filter(|most| *most > MOST_INDEXED) {
        let words = format!("Invalid value: {most}: must be less than or equal to {MOST_INDEXED}");
        context.refuse("spec.maxFailedIndexes", words, None);
    }
    if spec.completions > Some(MANY_COMPLETIONS) && spec.backoff_limit_per_index.is_some() {
        check_many(spec, context);
    }
    true
}

/// What a Job with limits of its indexes may have that has very many of them.
fn check_many(spec: &batch::JobSpec, context: &mut Context<'_>) {
    if spec.max_failed_indexes.is_none() {
        let words = format!(
            "Required value: must be specified when completions is above {MANY_COMPLETIONS}"
        );
        context.refuse("spec.maxFailedIndexes", words, None);
    }
    for (value, field) in [
        (spec.parallelism, "parallelism"),
        (spec.max_failed_indexes, "maxFailedIndexes"),
    ] {
        if let Some(value) = value.filter(|value| *value > MOST_OF_MANY) {
            let words = format!(
                "Invalid value: {value}: must be less than or equal to {MOST_OF_MANY} when completions are above {MANY_COMPLETIONS} and used with backoff limit per index"
            );
            context.refuse(&format!("spec.{field}"), words, None);
        }
    }
}

/// Checks `restartPolicy`; whether the kubelet restarts failed containers.
fn check_restarts(spec: &batch::JobSpec, context: &mut Context<'_>) -> bool {
    let path = "spec.template.spec.restartPolicy";
    let pod = spec.template.spec.as_ref();
    let policy = pod.and_then(|pod| pod.restart_policy.as_deref());
    match policy {
        None | Some("" | "Always") => {
            let words = "Required value: valid values: \"OnFailure\", \"Never\"";
            let help = Some("write `restartPolicy: Never` in the pod template");
            context.refuse(path, words, help);
        }
        Some("Never") => {}
        Some("OnFailure") if spec.pod_failure_policy.is_some() => {
            let words = "Invalid value: \"OnFailure\": only \"Never\" is supported when podFailurePolicy is specified";
            context.refuse(path, words, None);
        }
        Some("OnFailure") => return true,
        Some(other) => {
            let words = unsupported(other, &["OnFailure", "Never"]);
            context.refuse(path, words, None);
        }
    }
    false
}

/// Whether `podReplacementPolicy` is Failed, as it is beside a `podFailurePolicy`.
fn replaces_failed_only(spec: &batch::JobSpec, context: &mut Context<'_>) -> bool {
    let by_policy = spec.pod_failure_policy.is_some();
    let default = if by_policy {
        "Failed"
    } else {
        "TerminatingOrFailed"
    };
    let policy = spec.pod_replacement_policy.as_deref().unwrap_or(default);
    let supported: &[&str] = if by_policy {
        &["Failed"]
    } else {
        &["Failed", "TerminatingOrFailed"]
    };
    if !supported.contains(&policy) {
        let words = unsupported(policy, supported);
        context.refuse("spec.podReplacementPolicy", words, None);
    }
    policy == "Failed"
}

pub(super) fn unsupported(value: &str, supported: &[&str]) -> String {
    let quoted: Vec<String> = supported.iter().map(|one| format!("\"{one}\"")).collect();
    let quoted = quoted.join(", ");
    format!("Unsupported value: \"{value}\": supported values: {quoted}")
}
