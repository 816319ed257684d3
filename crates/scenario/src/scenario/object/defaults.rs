//! Whether the API server would store the same of two objects: one may say what the other leaves
//! to the defaults.
//!
//! Upstream: `pkg/apis/*/v1/defaults.go`, `pkg/apis/autoscaling/v2/defaults.go`.

use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde_json::{Value, json};

use crate::scenario::manifest::{typed, whole};

/// Defaults of fields below `spec`, by their paths. Of a map that is not there nothing is
/// completed, but where the map itself has a default before.
fn defaults(kind: &str) -> Vec<(&'static str, Value)> {
    match kind {
        "Deployment" => vec![
            ("replicas", json!(1)),
            ("revisionHistoryLimit", json!(10)),
            ("progressDeadlineSeconds", json!(600)),
            ("strategy", json!({})),
            ("strategy/type", json!("RollingUpdate")),
        ],
        "ReplicaSet" => vec![("replicas", json!(1))],
        "StatefulSet" => vec![
            ("replicas", json!(1)),
            ("revisionHistoryLimit", json!(10)),
            ("podManagementPolicy", json!("OrderedReady")),
            ("persistentVolumeClaimRetentionPolicy", json!({})),
            (
                "persistentVolumeClaimRetentionPolicy/whenDeleted",
                json!("Retain"),
            ),
            (
                "persistentVolumeClaimRetentionPolicy/whenScaled",
                json!("Retain"),
            ),
            ("updateStrategy", json!({})),
            ("updateStrategy/type", json!("RollingUpdate")),
        ],
        "DaemonSet" => vec![
            ("revisionHistoryLimit", json!(10)),
            ("updateStrategy", json!({})),
            ("updateStrategy/type", json!("RollingUpdate")),
        ],
        "HorizontalPodAutoscaler" => vec![("minReplicas", json!(1))],
        "CronJob" => vec![
            ("concurrencyPolicy", json!("Allow")),
            ("suspend", json!(false)),
            ("successfulJobsHistoryLimit", json!(3)),
            ("failedJobsHistoryLimit", json!(1)),
        ],
        "Job" => vec![
            ("backoffLimit", json!(6)),
            ("completionMode", json!("NonIndexed")),
            ("suspend", json!(false)),
        ],
        "Service" => vec![
            ("sessionAffinity", json!("None")),
            ("type", json!("ClusterIP")),
        ],
        _ => Vec::new(),
    }
}

/// The same of a strategy `RollingUpdate`.
fn rolling_defaults(kind: &str) -> Vec<(&'static str, Value)> {
    match kind {
        "Deployment" => vec![
            ("strategy/rollingUpdate", json!({})),
            ("strategy/rollingUpdate/maxSurge", json!("25%")),
            ("strategy/rollingUpdate/maxUnavailable", json!("25%")),
        ],
        "StatefulSet" => vec![
            ("updateStrategy/rollingUpdate", json!({})),
            ("updateStrategy/rollingUpdate/partition", json!(0)),
        ],
        "DaemonSet" => vec![
            ("updateStrategy/rollingUpdate", json!({})),
            ("updateStrategy/rollingUpdate/maxSurge", json!(0)),
            ("updateStrategy/rollingUpdate/maxUnavailable", json!(1)),
        ],
        _ => Vec::new(),
    }
}

/// Whether two objects of a kind are the same once the API server has completed them. Those of custom
/// resources stay as they are.
pub fn is_same_object(kind: &str, one: &Value, other: &Value) -> bool {
    let is_completed = !defaults(kind).is_empty();
    one == other || is_completed && completed(kind, one) == completed(kind, other)
}

fn completed(kind: &str, object: &Value) -> Value {
    let mut object = object.clone();
    without_nothing(&mut object);
    let spec = &mut object["spec"];
    for (path, default) in defaults(kind) {
        put(spec, path, default);
    }
    let strategy = if kind == "Deployment" {
        "strategy"
    } else {
        "updateStrategy"
    };
    if spec[strategy]["type"] == "RollingUpdate" {
        for (path, default) in rolling_defaults(kind) {
            put(spec, path, default);
        }
    }
    for zero in ["minReadySeconds", "paused"] {
        let is_zero = spec[zero] == 0 || spec[zero] == false;
        if let Some(fields) = spec.as_object_mut().filter(|_| is_zero) {
            fields.shift_remove(zero);
        }
    }
    if let Some(template) = spec.get_mut("template")
        && let Some(read) = typed::of_value::<PodTemplateSpec>(template)
    {
        *template = whole(&read);
    }
    object
}

/// Takes off what is null, and empty labels and annotations.
fn without_nothing(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let is_map = |key: &str| ["annotations", "labels"].contains(&key);
            let is_empty = |value: &Value| value.as_object().is_some_and(serde_json::Map::is_empty);
            fields.retain(|key, value| !(value.is_null() || is_map(key) && is_empty(value)));
            fields.values_mut().for_each(without_nothing);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nothing),
        _ => {}
    }
}

/// Puts a value where there is none, if what it belongs to is there.
fn put(spec: &mut Value, path: &str, value: Value) {
    let (parent, field) = path.rsplit_once('/').unwrap_or(("", path));
    let mut at = spec;
    for step in parent.split('/').filter(|step| !step.is_empty()) {
        match at.get_mut(step) {
            Some(next) => at = next,
            None => return,
        }
    }
    if let Some(fields) = at.as_object_mut() {
        fields.entry(field).or_insert(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_a_default_is_the_same_and_what_says_more_is_not() {
        let template = json!({"spec": {"containers": [
            {"name": "web", "image": "web:1", "resources": {"requests": {"cpu": "1000m"}}}]}});
        for (kind, spec, path, same, other) in [
            ("Deployment", json!({}), "replicas", json!(1), json!(2)),
            (
                "Deployment",
                json!({}),
                "minReadySeconds",
                json!(0),
                json!(5),
            ),
            ("Deployment", json!({}), "paused", json!(false), json!(true)),
            (
                "Deployment",
                json!({}),
                "strategy",
                json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%"}}),
                json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}),
            ),
            (
                "Deployment",
                json!({"template": template}),
                "template",
                json!({"spec": {"terminationGracePeriodSeconds": 30, "containers": [
                    {"name": "web", "image": "web:1", "resources": {"requests": {"cpu": 1}}}]}}),
                json!({"spec": {"containers": [{"name": "web", "image": "web:1"}]}}),
            ),
            (
                "StatefulSet",
                json!({}),
                "updateStrategy",
                json!({"rollingUpdate": {"partition": 0}}),
                json!({"type": "OnDelete"}),
            ),
            (
                "DaemonSet",
                json!({}),
                "updateStrategy",
                json!({"rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}),
                json!({"rollingUpdate": {"maxUnavailable": 2}}),
            ),
            (
                "HorizontalPodAutoscaler",
                json!({"maxReplicas": 3}),
                "minReplicas",
                json!(1),
                json!(2),
            ),
            ("CronJob", json!({}), "suspend", json!(false), json!(true)),
            ("Job", json!({}), "backoffLimit", json!(6), json!(5)),
        ] {
            let object = |value: Option<&Value>| {
                let mut spec = spec.clone();
                if let Some(value) = value {
                    spec[path] = value.clone();
                }
                json!({"kind": kind, "metadata": {"name": "web"}, "spec": spec})
            };
            assert!(
                is_same_object(kind, &object(None), &object(Some(&same))),
                "{kind} {path}"
            );
            assert!(
                !is_same_object(kind, &object(None), &object(Some(&other))),
                "{kind} {path}"
            );
        }
    }
}
