//! ScaledObjects and ScaledJobs, in version `keda.sh/v1alpha1`.

use serde_json::{Map, Value, json};

use super::{Clock, list, meta};
use crate::api::keda::{KedaStatus, ScaledJob, ScaledObject};
use crate::api::meta::ObjectMeta;
use crate::api::store::Store;
use crate::autoscaler::keda::{Condition, Conditions};

pub(super) fn scaled_object(object: &ScaledObject, store: &Store, clock: Clock) -> Value {
    json!({
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": metadata(&object.meta, &object.status, store, clock),
        "spec": *object.spec,
        "status": status(&object.status, clock),
    })
}

pub(super) fn scaled_job(job: &ScaledJob, store: &Store, clock: Clock) -> Value {
    json!({
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledJob",
        "metadata": metadata(&job.meta, &job.status, store, clock),
        "spec": *job.spec,
        "status": status(&job.status, clock),
    })
}

/// `metadata`, with the operator's finalizer once that has seen the object.
fn metadata(of: &ObjectMeta, status: &KedaStatus, store: &Store, clock: Clock) -> Value {
    let mut made = meta::plain(of, store, clock);
    if status.conditions.is_some() {
        made["finalizers"] = json!(["finalizer.keda.sh"]);
    }
    made
}

/// Group, version, kind and resource of a target that is called `apps/v1.Deployment`.
fn gvkr(target: &str) -> Option<Value> {
    let (version, kind) = target.rsplit_once('.')?;
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    Some(json!({
        "group": group,
        "kind": kind,
        "resource": format!("{}s", kind.to_lowercase()),
        "version": version,
    }))
}

fn status(status: &KedaStatus, clock: Clock) -> Value {
    let conditions = status.conditions.iter().flat_map(Conditions::iter);
    let names = |names: &[String]| list(names.iter().map(|name| name.as_str().into()).collect());
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let health = status.health.iter().map(|(name, health)| {
        let view = json!({ "numberOfFailures": health.failures, "status": health.name() });
        (name.clone(), view)
    });
    let activity = status.triggers_activity.iter();
    let activity = activity.map(|(name, active)| (name.clone(), json!({ "isActive": active })));
    json!({
        // Both are set at once, and no authentication is an empty text.
        "authenticationsTypes": text(&status.triggers_types).map(|_| &status.authentications_types),
        "compositeScalerName": text(&status.composite_scaler_name),
        "conditions": list(conditions.map(condition).collect()),
        "externalMetricNames": names(&status.external_metric_names),
        "health": table(health.collect()),
        "hpaName": text(&status.hpa_name),
        "lastActiveTime": clock.maybe(status.last_active_time),
        "originalReplicaCount": status.original_replica_count,
        "pausedReplicaCount": status.paused_replica_count,
        "resourceMetricNames": names(&status.resource_metric_names),
        "scaleTargetGVKR": gvkr(&status.scale_target_kind),
        "scaleTargetKind": text(&status.scale_target_kind),
        "triggersActivity": table(activity.collect()),
        "triggersTypes": text(&status.triggers_types),
    })
}

/// A table, left out where it is empty.
fn table(entries: Map<String, Value>) -> Value {
    if entries.is_empty() {
        Value::Null
    } else {
        Value::Object(entries)
    }
}

fn condition(condition: &Condition) -> Value {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    json!({
        "message": text(&condition.message),
        "reason": text(&condition.reason),
        "status": condition.status.name(),
        "type": condition.kind.name(),
    })
}
