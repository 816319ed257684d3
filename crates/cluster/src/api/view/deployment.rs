//! Deployments.

use serde_json::{Value, json};

use super::template::template;
use super::{Clock, count, int_or_percent, meta, selector};
use crate::api::meta::Labels;
use crate::api::store::Store;
use crate::api::workload::Deployment;
use crate::controller::deployment::{Condition, Strategy};

pub(super) fn view(deployment: &Deployment, store: &Store, clock: Clock) -> Value {
    let (spec, status) = (&deployment.spec, &deployment.status);
    let revision = deployment.revision.map(|revision| {
        let key = "deployment.kubernetes.io/revision".to_owned();
        (key, revision.to_string())
    });
    let annotations: Labels = revision.into_iter().collect();
    let conditions: Vec<Value> = (status.conditions.iter())
        .map(|one| condition(one, clock))
        .collect();
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta::metadata(&deployment.meta, &annotations, None, store, clock),
        "spec": {
            "minReadySeconds": count(spec.min_ready_seconds),
            "paused": spec.paused.then_some(true),
            "progressDeadlineSeconds": spec.progress_deadline_seconds,
            "replicas": spec.replicas,
            "revisionHistoryLimit": spec.revision_history_limit,
            "selector": selector(&deployment.selector),
            "strategy": strategy(&spec.strategy),
            "template": template(&deployment.template, &deployment.template.labels),
        },
        "status": {
            "availableReplicas": count(status.available_replicas),
            "collisionCount": status.collision_count,
            "conditions": super::list(conditions),
            "observedGeneration": (status.observed_generation > 0)
                .then_some(status.observed_generation),
            "readyReplicas": count(status.ready_replicas),
            "replicas": count(status.replicas),
            "terminatingReplicas": status.terminating_replicas,
            "unavailableReplicas": count(status.unavailable_replicas),
            "updatedReplicas": count(status.updated_replicas),
        },
    })
}

fn strategy(strategy: &Strategy) -> Value {
    match strategy {
        Strategy::Recreate => json!({"type": "Recreate"}),
        Strategy::RollingUpdate(rolling) => json!({
            "rollingUpdate": {
                "maxSurge": int_or_percent(rolling.max_surge),
                "maxUnavailable": int_or_percent(rolling.max_unavailable),
            },
            "type": "RollingUpdate",
        }),
    }
}

fn condition(condition: &Condition, clock: Clock) -> Value {
    json!({
        "lastTransitionTime": clock.time(condition.last_transition),
        "lastUpdateTime": clock.time(condition.last_update),
        "message": condition.message,
        "reason": condition.reason,
        "status": condition.status.to_string(),
        "type": condition.kind.to_string(),
    })
}
