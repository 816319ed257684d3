//! Jobs: `spec`, completed and checked as the API server does.
//!
//! Upstream: `SetDefaults_Job` of `pkg/apis/batch/v1/defaults.go`, `validateJobSpec` of
//! `pkg/apis/batch/validation/validation.go`.

use std::sync::Arc;

use k8s_openapi::api::batch::v1 as batch;

use super::container::seconds;
use super::workload::{check_pods, need_spec, workload};
use super::{Context, WorkloadObject, typed};
use crate::cluster::spec::WorkloadKind;
use crate::controller::job::{
    FailureAction, FailureAsks, FailureRule, Indexes, JobSpec, SuccessRule,
};

/// `parallelism` of an Indexed Job at most (`maxParallelismForIndexedJob`).
const MOST_INDEXED: i32 = 100_000;

pub(super) fn job(context: &mut Context<'_>) -> Option<WorkloadObject> {
    let object: batch::Job = typed::read(context)?;
    let spec = need_spec(object.spec, context)?;
    let kind = WorkloadKind::Job(Arc::new(job_spec(&spec, context)));
    let metadata = &object.metadata;
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
        let words =
            format!("Unsupported value: \"{mode}\": supported values: \"Indexed\", \"NonIndexed\"");
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
    true
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
            let words = format!(
                "Unsupported value: \"{other}\": supported values: \"Never\", \"OnFailure\""
            );
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

fn unsupported(value: &str, supported: &[&str]) -> String {
    let quoted: Vec<String> = supported.iter().map(|one| format!("\"{one}\"")).collect();
    let quoted = quoted.join(", ");
    format!("Unsupported value: \"{value}\": supported values: {quoted}")
}

fn failure_rules(spec: &batch::JobSpec, context: &mut Context<'_>) -> Option<Arc<[FailureRule]>> {
    let policy = spec.pod_failure_policy.as_ref()?;
    let mut made = Vec::new();
    for (place, rule) in policy.rules.iter().enumerate() {
        let path = format!("spec.podFailurePolicy.rules[{place}]");
        let action = action(rule, spec, &path, context);
        let conditions = rule.on_pod_conditions.as_deref().unwrap_or_default();
        let asks = match (&rule.on_exit_codes, conditions) {
            (Some(_), [_, ..]) => {
                let words = "Invalid value: specifying both OnExitCodes and OnPodConditions is not supported";
                context.refuse(&path, words, None);
                None
            }
            (None, []) => {
                let words =
                    "Invalid value: specifying one of OnExitCodes and OnPodConditions is required";
                context.refuse(&path, words, None);
                None
            }
            (Some(codes), []) => {
                let path = format!("{path}.onExitCodes");
                Some(exit_codes(codes, spec, &path, context))
            }
            (None, conditions) => {
                let all = conditions.iter();
                let status = |one: &batch::PodFailurePolicyOnPodConditionsPattern| {
                    let status = one.status.as_deref().unwrap_or_default();
                    // The API server fills in True.
                    if status.is_empty() { "True" } else { status }.to_owned()
                };
                let all = all.map(|one| (one.type_.clone(), status(one)));
                Some(FailureAsks::Conditions(all.collect()))
            }
        };
        made.extend((action.zip(asks)).map(|(action, asks)| FailureRule { action, asks }));
    }
    Some(made.into())
}

fn action(
    rule: &batch::PodFailurePolicyRule,
    spec: &batch::JobSpec,
    path: &str,
    context: &mut Context<'_>,
) -> Option<FailureAction> {
    let path = format!("{path}.action");
    let mut all = FailureAction::ALL.into_iter();
    let found = all.find(|one| one.name() == rule.action);
    if found.is_none() {
        let names = FailureAction::ALL.map(FailureAction::name);
        let words = unsupported(&rule.action, &names);
        context.refuse(&path, words, None);
    }
    if found == Some(FailureAction::FailIndex) && spec.backoff_limit_per_index.is_none() {
        let words = "Invalid value: \"FailIndex\": requires the backoffLimitPerIndex to be set";
        context.refuse(&path, words, None);
    }
    found
}

fn exit_codes(
    codes: &batch::PodFailurePolicyOnExitCodesRequirement,
    spec: &batch::JobSpec,
    path: &str,
    context: &mut Context<'_>,
) -> FailureAsks {
    let operator = codes.operator.as_str();
    if !matches!(operator, "In" | "NotIn") {
        let words = unsupported(operator, &["In", "NotIn"]);
        context.refuse(&format!("{path}.operator"), words, None);
    }
    let pod = spec.template.spec.clone().unwrap_or_default();
    let init = pod.init_containers.unwrap_or_default();
    let mut names = pod.containers.iter().chain(&init).map(|one| &one.name);
    if let Some(name) = &codes.container_name
        && !names.any(|one| one == name)
    {
        let words = format!(
            "Invalid value: \"{name}\": must be one of the container or initContainer names in the pod template"
        );
        context.refuse(&format!("{path}.containerName"), words, None);
    }
    let values = &codes.values;
    let place = format!("{path}.values");
    if values.is_empty() {
        context.refuse(
            &place,
            "Invalid value: []: at least one value is required",
            None,
        );
    } else if operator == "In" && values.contains(&0) {
        context.refuse(
            &place,
            "Invalid value: 0: must not be 0 for the In operator",
            None,
        );
    } else if !values.is_sorted() {
        let words = format!("Invalid value: {values:?}: must be ordered");
        context.refuse(&place, words.replace(", ", ","), None);
    }
    FailureAsks::ExitCodes {
        container: codes.container_name.clone(),
        not_in: operator == "NotIn",
        values: values.clone(),
    }
}

fn success_rules(
    spec: &batch::JobSpec,
    indexed: bool,
    completions: i32,
    context: &mut Context<'_>,
) -> Option<Arc<[SuccessRule]>> {
    let policy = spec.success_policy.as_ref()?;
    if !indexed {
        let words = "Invalid value: requires indexed completion mode";
        let help = Some("add `completionMode: Indexed`");
        context.refuse("spec.successPolicy", words, help);
        return None;
    }
    if policy.rules.is_empty() {
        let words = "Required value: at least one rules must be specified when the successPolicy is specified";
        context.refuse("spec.successPolicy.rules", words, None);
    }
    let mut made = Vec::new();
    for (place, rule) in policy.rules.iter().enumerate() {
        let path = format!("spec.successPolicy.rules[{place}]");
        let text = rule.succeeded_indexes.as_deref();
        let indexes = text.map(|text| Indexes::parse(text, completions));
        if text.is_none() && rule.succeeded_count.is_none() {
            let words = "Required value: at least one of succeededCount or succeededIndexes must be specified";
            context.refuse(&path, words, None);
        }
        if let Some(count) = rule.succeeded_count {
            let most = indexes.as_ref().map_or(completions, Indexes::total);
            let what = match &indexes {
                None => "specified completions",
                Some(_) => "indexes in the specified succeededIndexes field",
            };
            if count > most {
                let words = format!(
                    "Invalid value: {count}: must be less than or equal to {most} (the number of {what})"
                );
                context.refuse(&format!("{path}.succeededCount"), words, None);
            }
        }
        made.push(SuccessRule {
            indexes,
            count: rule.succeeded_count,
        });
    }
    Some(made.into())
}
