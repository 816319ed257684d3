//! Jobs.

use serde_json::{Value, json};

use super::template::{seconds, template};
use super::{Clock, count, job_counts, list, meta, selector, truth};
use crate::api::store::Store;
use crate::api::workload::JobId;
use crate::autoscaler::keda::JOB_LABEL;
use crate::controller::job::{FailureAsks, FailureRule, JobCondition, JobSpec, SuccessRule};

pub(super) fn view(id: JobId, store: &Store, clock: Clock) -> Option<Value> {
    let job = store.job(id)?;
    let (spec, status) = (&job.spec, &job.status);
    let counts = job_counts(id, job, store);
    let completed = Some(status.completed_indexes.to_string());
    let conditions = status.conditions.iter().map(|one| condition(one, clock));
    let mut made = stated(spec);
    made["completionMode"] = json!(if spec.indexed {
        "Indexed"
    } else {
        "NonIndexed"
    });
    made["manualSelector"] = json!(spec.manual_selector.is_some());
    made["backoffLimit"] = json!(spec.backoff_limit);
    made["completions"] = json!(spec.completions);
    made["parallelism"] = json!(spec.parallelism);
    made["podReplacementPolicy"] = json!(if spec.replaces_failed_only {
        "Failed"
    } else {
        "TerminatingOrFailed"
    });
    made["selector"] = selector(&job.selector());
    made["suspend"] = json!(spec.suspend);
    made["template"] = template(&job.template, &job.pod_labels);
    if let Some(name) = job.template.labels.get(JOB_LABEL) {
        made["template"]["metadata"]["generateName"] = json!(format!("{name}-"));
    }
    Some(json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta::plain(&job.meta, store, clock),
        "spec": made,
        "status": {
            "active": count(counts.active),
            "completedIndexes": completed.filter(|text| !text.is_empty()),
            "completionTime": clock.maybe(status.completion_time),
            "conditions": list(conditions.collect()),
            "failed": count(status.failed),
            "failedIndexes": status.failed_indexes.as_ref().map(ToString::to_string),
            "ready": counts.ready,
            "startTime": clock.maybe(status.start_time),
            "succeeded": count(status.succeeded),
            "terminating": counts.terminating,
            "uncountedTerminatedPods": {},
        },
    }))
}

fn condition(one: &JobCondition, clock: Clock) -> Value {
    json!({
        "lastProbeTime": clock.time(one.at),
        "lastTransitionTime": clock.time(one.at),
        "message": one.message,
        "reason": one.reason,
        "status": truth(one.status),
        "type": one.kind.name(),
    })
}

/// What has no default.
pub(super) fn stated(spec: &JobSpec) -> Value {
    let failure = spec.failure_rules.as_ref();
    let success = spec.success_rules.as_ref();
    json!({
        "activeDeadlineSeconds": spec.active_deadline.map(seconds),
        "backoffLimitPerIndex": spec.backoff_limit_per_index,
        "managedBy": spec.managed_by.as_deref(),
        "maxFailedIndexes": spec.max_failed_indexes,
        "podFailurePolicy": failure.map(|rules| json!({
            "rules": rules.iter().map(failure_rule).collect::<Vec<_>>(),
        })),
        "successPolicy": success.map(|rules| json!({
            "rules": rules.iter().map(success_rule).collect::<Vec<_>>(),
        })),
        "ttlSecondsAfterFinished": spec.ttl.map(seconds),
    })
}

fn failure_rule(rule: &FailureRule) -> Value {
    let action = rule.action.name();
    match &rule.asks {
        FailureAsks::ExitCodes {
            container,
            not_in,
            values,
        } => json!({"action": action, "onExitCodes": {
            "containerName": container,
            "operator": if *not_in { "NotIn" } else { "In" },
            "values": values,
        }}),
        FailureAsks::Conditions(asked) => {
            let asked = asked.iter();
            let asked = asked.map(|(kind, status)| json!({"type": kind, "status": status}));
            json!({"action": action, "onPodConditions": asked.collect::<Vec<_>>()})
        }
    }
}

fn success_rule(rule: &SuccessRule) -> Value {
    json!({
        "succeededCount": rule.count,
        "succeededIndexes": rule.indexes.as_ref().map(ToString::to_string),
    })
}
