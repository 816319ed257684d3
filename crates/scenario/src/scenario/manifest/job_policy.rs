//! `podFailurePolicy` and `successPolicy` of a Job, checked as the API server does.
//!
//! Upstream: `validatePodFailurePolicy` and `validateSuccessPolicy` of
//! `pkg/apis/batch/validation/validation.go`.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::batch::v1 as batch;

use super::job::unsupported;
use super::{Context, names};
use crate::controller::job::{FailureAction, FailureAsks, FailureRule, Indexes, SuccessRule};

/// Rules of a policy at most, and conditions of a rule (`maxPodFailurePolicyRules`,
/// `maxSuccessPolicyRule`, `maxPodFailurePolicyOnPodConditionsPatterns`).
const MOST_RULES: usize = 20;
/// Exit codes of a rule at most (`maxPodFailurePolicyOnExitCodesValues`).
const MOST_CODES: usize = 255;
/// Length of `succeededIndexes` at most (`maxJobSuccessPolicySucceededIndexesLimit`).
const LONGEST_INDEXES: usize = 64 * 1024;

fn check_number(number: usize, most: usize, path: &str, context: &mut Context<'_>) {
    if number > most {
        let words = format!("Too many: {number}: must have at most {most} items");
        context.refuse(path, words, None);
    }
}

pub(super) fn failure_rules(
    spec: &batch::JobSpec,
    context: &mut Context<'_>,
) -> Option<Arc<[FailureRule]>> {
    let policy = spec.pod_failure_policy.as_ref()?;
    let path = "spec.podFailurePolicy.rules";
    check_number(policy.rules.len(), MOST_RULES, path, context);
    let mut made = Vec::new();
    for (place, rule) in policy.rules.iter().enumerate() {
        let path = format!("{path}[{place}]");
        let action = action(rule, spec, &path, context);
        let conditions = rule.on_pod_conditions.as_deref().unwrap_or_default();
        let codes = rule.on_exit_codes.as_ref();
        let codes =
            codes.map(|codes| exit_codes(codes, spec, &format!("{path}.onExitCodes"), context));
        let conditions = (!conditions.is_empty()).then(|| {
            let path = format!("{path}.onPodConditions");
            check_number(conditions.len(), MOST_RULES, &path, context);
            let all = conditions.iter().enumerate();
            let all = all.map(|(place, one)| condition(one, &format!("{path}[{place}]"), context));
            FailureAsks::Conditions(all.collect())
        });
        let wrong = match (&codes, &conditions) {
            (Some(_), Some(_)) => {
                "specifying both OnExitCodes and OnPodConditions is not supported"
            }
            (None, None) => "specifying one of OnExitCodes and OnPodConditions is required",
            _ => "",
        };
        if !wrong.is_empty() {
            context.refuse(&path, format!("Invalid value: {wrong}"), None);
        }
        let asks = codes.or(conditions);
        made.extend((action.zip(asks)).map(|(action, asks)| FailureRule { action, asks }));
    }
    Some(made.into())
}

/// What is said of a text that is none of those that are known.
fn missing_or_unsupported(value: &str, supported: &[&str]) -> String {
    if !value.is_empty() {
        return unsupported(value, supported);
    }
    let quoted: Vec<String> = supported.iter().map(|one| format!("\"{one}\"")).collect();
    format!("Required value: valid values: [{}]", quoted.join(" "))
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
        context.refuse(&path, missing_or_unsupported(&rule.action, &names), None);
    }
    if found == Some(FailureAction::FailIndex) && spec.backoff_limit_per_index.is_none() {
        let words = "Invalid value: \"FailIndex\": requires the backoffLimitPerIndex to be set";
        context.refuse(&path, words, None);
    }
    found
}

/// The type and status that a pod is asked for.
fn condition(
    asked: &batch::PodFailurePolicyOnPodConditionsPattern,
    path: &str,
    context: &mut Context<'_>,
) -> (String, String) {
    let kind = asked.type_.as_str();
    context.refuse_text(&format!("{path}.type"), kind, names::qualified(kind));
    // The API server fills in True.
    let status = asked.status.as_deref().filter(|status| !status.is_empty());
    let status = status.unwrap_or("True");
    let supported = ["False", "True", "Unknown"];
    if !supported.contains(&status) {
        let words = unsupported(status, &supported);
        context.refuse(&format!("{path}.status"), words, None);
    }
    (asked.type_.clone(), status.to_owned())
}

fn exit_codes(
    codes: &batch::PodFailurePolicyOnExitCodesRequirement,
    spec: &batch::JobSpec,
    path: &str,
    context: &mut Context<'_>,
) -> FailureAsks {
    let operator = codes.operator.as_str();
    if !matches!(operator, "In" | "NotIn") {
        let words = missing_or_unsupported(operator, &["In", "NotIn"]);
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
    check_values(&codes.values, operator, &format!("{path}.values"), context);
    FailureAsks::ExitCodes {
        container: codes.container_name.clone(),
        not_in: operator == "NotIn",
        values: codes.values.clone(),
    }
}

fn check_values(values: &[i32], operator: &str, path: &str, context: &mut Context<'_>) {
    if values.is_empty() {
        let words = "Invalid value: []: at least one value is required";
        context.refuse(path, words, None);
    }
    check_number(values.len(), MOST_CODES, path, context);
    let mut seen = BTreeSet::new();
    for (place, value) in values.iter().enumerate() {
        let path = format!("{path}[{place}]");
        if operator == "In" && *value == 0 {
            let words = "Invalid value: 0: must not be 0 for the In operator";
            context.refuse(&path, words, None);
        }
        if !seen.insert(*value) {
            context.refuse(&path, format!("Duplicate value: {value}"), None);
        }
    }
    if !values.is_sorted() {
        let words = format!("Invalid value: {values:?}: must be ordered");
        context.refuse(path, words.replace(", ", ","), None);
    }
}

pub(super) fn success_rules(
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
    let path = "spec.successPolicy.rules";
    check_number(policy.rules.len(), MOST_RULES, path, context);
    let rules = policy.rules.iter().enumerate();
    let made = rules.map(|(place, rule)| {
        let path = format!("{path}[{place}]");
        success_rule(rule, completions, &path, context)
    });
    Some(made.collect())
}

fn success_rule(
    rule: &batch::SuccessPolicyRule,
    completions: i32,
    path: &str,
    context: &mut Context<'_>,
) -> SuccessRule {
    let (text, count) = (rule.succeeded_indexes.as_deref(), rule.succeeded_count);
    if text.is_none() && count.is_none() {
        let words =
            "Required value: at least one of succeededCount or succeededIndexes must be specified";
        context.refuse(path, words, None);
    }
    if text.is_some_and(|text| text.len() > LONGEST_INDEXES) {
        let words = format!("Too long: may not be more than {LONGEST_INDEXES} bytes");
        context.refuse(&format!("{path}.succeededIndexes"), words, None);
    }
    let indexes = text.map(|text| {
        let read = Indexes::read(text, completions);
        read.unwrap_or_else(|error| {
            let words =
                format!("Invalid value: \"{text}\": error parsing succeededIndexes: {error}");
            context.refuse(&format!("{path}.succeededIndexes"), words, None);
            Indexes::default()
        })
    });
    if let Some(count) = count {
        let path = format!("{path}.succeededCount");
        if count < 0 {
            let words = format!("Invalid value: {count}: must be greater than or equal to 0");
            context.refuse(&path, words, None);
        }
        let by_indexes = indexes.as_ref().map(|indexes| {
            let what = "indexes in the specified succeededIndexes field";
            (indexes.total(), what)
        });
        let limits = [Some((completions, "specified completions")), by_indexes];
        for (most, what) in limits.into_iter().flatten() {
            if count > most {
                let words = format!(
                    "Invalid value: {count}: must be less than or equal to {most} (the number of {what})"
                );
                context.refuse(&path, words, None);
            }
        }
    }
    SuccessRule { indexes, count }
}
