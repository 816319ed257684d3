//! What the API server refuses of a change, because a field keeps the value it was made with.
//!
//! Upstream: `ValidateStatefulSetUpdate`, `ValidateDeploymentUpdate`, `ValidateJobSpecUpdate`,
//! `ValidatePriorityClassUpdate`, `ValidateConfigMapUpdate` in `pkg/apis/*/validation`.

use serde_json::{Value, json};

use super::{Object, Refusal, RefusalReason};
use crate::api::LabelSelector;
use crate::cluster::spec::{WorkloadKind, WorkloadSpec};
use crate::controller::job::JobSpec;

/// Fields of a StatefulSet's `spec` that may change.
const OF_STATEFUL_SETS: [&str; 7] = [
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

/// Whether an object may become another one; both as written and as read.
pub fn check_update(
    (before, old): (&Value, &Object),
    (after, new): (&Value, &Object),
) -> Result<(), Box<Refusal>> {
    let causes = match (old, new) {
        (Object::Workload(old), Object::Workload(new)) => of_workload((before, old), (after, new)),
        (Object::PriorityClass(old), Object::PriorityClass(new)) => {
            let mut causes = Vec::new();
            if old.value != new.value {
                causes.push("value: Forbidden: may not be changed in an update.".to_owned());
            }
            if old.never_preempts != new.never_preempts {
                let policy = if new.never_preempts {
                    "Never"
                } else {
                    "PreemptLowerPriority"
                };
                causes.push(immutable("preemptionPolicy", &json!(policy)));
            }
            causes
        }
        (Object::NodePool(_), Object::NodePool(_)) => of_node_pool(before, after),
        (Object::PriorityExpander(old), Object::PriorityExpander(new)) if old.immutable => {
            of_immutable_config_map((before, new.immutable), after)
        }
        (Object::Config(old), Object::Config(new)) if old.immutable => {
            of_immutable_config_map((before, new.immutable), after)
        }
        _ => Vec::new(),
    };
    if causes.is_empty() {
        return Ok(());
    }
    Err(Box::new(Refusal {
        reason: RefusalReason::Invalid,
        api_version: after["apiVersion"].as_str().unwrap_or_default().to_owned(),
        kind: new.kind().to_owned(),
        name: new.name().to_owned(),
        causes,
    }))
}

/// The transition rules of the NodePool's CRD.
fn of_node_pool(before: &Value, after: &Value) -> Vec<String> {
    let mut causes = Vec::new();
    let is_static = |pool: &Value| !pool["spec"]["replicas"].is_null();
    if is_static(before) != is_static(after) {
        causes.push("spec: Invalid value: Cannot transition NodePool between static (replicas set) and dynamic (replicas unset) provisioning modes".to_owned());
    }
    let class = |pool: &Value| pool["spec"]["template"]["spec"]["nodeClassRef"].clone();
    for field in ["group", "kind"] {
        if class(before)[field] != class(after)[field] {
            causes.push(format!(
                "spec.template.spec.nodeClassRef: Invalid value: nodeClassRef.{field} is immutable"
            ));
        }
    }
    causes
}

/// `ValidateConfigMapUpdate` of one that is immutable.
fn of_immutable_config_map((before, stays): (&Value, bool), after: &Value) -> Vec<String> {
    let words = "Forbidden: field is immutable when `immutable` is set";
    let same = |field: &str| before[field] == after[field];
    let mut causes = Vec::new();
    if !stays {
        causes.push(format!("immutable: {words}"));
    }
    for field in ["data", "binaryData"].into_iter().filter(|one| !same(one)) {
        causes.push(format!("{field}: {words}"));
    }
    causes
}

/// `ValidateImmutableField`.
fn immutable(path: &str, value: &Value) -> String {
    format!("{path}: Invalid value: {value}: field is immutable")
}

fn of_workload(
    (before, old): (&Value, &WorkloadSpec),
    (after, new): (&Value, &WorkloadSpec),
) -> Vec<String> {
    match (&old.kind, &new.kind) {
        (WorkloadKind::StatefulSet(_), _) => {
            let same = old.selector == new.selector && same_rest(&before["spec"], &after["spec"]);
            let names: Vec<String> = OF_STATEFUL_SETS.map(|one| format!("'{one}'")).to_vec();
            let words = format!(
                "spec: Forbidden: updates to statefulset spec for fields other than {} and {} are forbidden",
                names[..6].join(", "),
                names[6]
            );
            if same { Vec::new() } else { vec![words] }
        }
        (WorkloadKind::Job(old_spec), WorkloadKind::Job(new_spec)) => {
            let keeps_template = old_spec.suspend || old.template == new.template;
            of_job((before, old_spec), (after, new_spec), keeps_template)
        }
        (WorkloadKind::CronJob(_) | WorkloadKind::ScaledJob(_), _) => Vec::new(),
        _ if old.selector != new.selector => {
            vec![immutable("spec.selector", &selector(&new.selector))]
        }
        _ => Vec::new(),
    }
}

/// A selector with its keys in the API's order.
fn selector(one: &LabelSelector) -> Value {
    let mut made = json!({});
    if !one.labels.is_empty() {
        made["matchLabels"] = json!(one.labels);
    }
    let expressions = one.expressions.iter().map(|one| {
        let mut made = json!({ "key": one.key, "operator": one.operator.name() });
        if !one.values.is_empty() {
            made["values"] = json!(one.values);
        }
        made
    });
    let expressions: Vec<Value> = expressions.collect();
    if !expressions.is_empty() {
        made["matchExpressions"] = Value::Array(expressions);
    }
    made
}

/// Whether two StatefulSets are the same in all that may not change, except their selectors.
fn same_rest(before: &Value, after: &Value) -> bool {
    let keys = |spec: &Value| -> Vec<String> {
        let entries = spec.as_object().into_iter().flatten();
        entries.map(|(key, _)| key.clone()).collect()
    };
    let all = keys(before).into_iter().chain(keys(after));
    let mut fixed = all.filter(|key| key != "selector" && !OF_STATEFUL_SETS.contains(&&**key));
    fixed.all(|key| defaulted(&key, &before[&key]) == defaulted(&key, &after[&key]))
}

/// A field as the API server completes it.
fn defaulted(key: &str, value: &Value) -> Value {
    match (key, value) {
        ("podManagementPolicy", Value::Null) => "OrderedReady".into(),
        ("podManagementPolicy", Value::String(text)) if text.is_empty() => "OrderedReady".into(),
        ("serviceName", Value::Null) => "".into(),
        ("volumeClaimTemplates", Value::Array(claims)) => {
            claims.iter().map(completed_claim).collect()
        }
        ("volumeClaimTemplates", Value::Null) => Value::Array(Vec::new()),
        _ => value.clone(),
    }
}

/// A claim without what says nothing.
fn completed_claim(claim: &Value) -> Value {
    let mut claim = claim.clone();
    if let Some(entries) = claim.as_object_mut() {
        entries.retain(|key, _| !matches!(key.as_str(), "apiVersion" | "kind" | "status"));
    }
    if let Some(entries) = claim["metadata"].as_object_mut() {
        entries.remove("creationTimestamp");
    }
    if let Some(spec) = claim["spec"].as_object_mut() {
        spec.retain(|key, value| key != "volumeMode" || *value != "Filesystem");
    }
    claim
}

fn of_job(
    (before, old): (&Value, &JobSpec),
    (after, new): (&Value, &JobSpec),
    keeps_template: bool,
) -> Vec<String> {
    let mut causes = Vec::new();
    if old.completions != new.completions {
        let value = json!(new.completions);
        if !new.indexed {
            causes.push(immutable("spec.completions", &value));
        } else if new.completions != Some(new.parallelism) {
            let words = "can only be modified in tandem with spec.parallelism";
            causes.push(format!("spec.completions: Invalid value: {value}: {words}"));
        }
    }
    let spec = &after["spec"];
    let mut field = |name: &str, same: bool, value: &Value| {
        if !same {
            causes.push(immutable(&format!("spec.{name}"), value));
        }
    };
    field("template", keeps_template, &spec["template"]);
    let mode = if new.indexed { "Indexed" } else { "NonIndexed" };
    field("completionMode", old.indexed == new.indexed, &mode.into());
    let same = old.failure_rules == new.failure_rules;
    field("podFailurePolicy", same, &spec["podFailurePolicy"]);
    let limit = new.backoff_limit_per_index;
    let same = old.backoff_limit_per_index == limit;
    field("backoffLimitPerIndex", same, &json!(limit));
    let manager = &spec["managedBy"];
    field(
        "managedBy",
        before["spec"]["managedBy"] == *manager,
        manager,
    );
    let same = old.success_rules == new.success_rules;
    field("successPolicy", same, &spec["successPolicy"]);
    causes
}
