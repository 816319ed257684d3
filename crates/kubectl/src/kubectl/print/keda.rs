//! Rows of ScaledObjects and ScaledJobs.
//!
//! Upstream: the printer columns of KEDA's custom resource definitions
//! (`apis/keda/v1alpha1/scaledobject_types.go`, `scaledjob_types.go`).

use serde_json::Value;

use super::age::Timestamp;
use super::cells::{condition, created, int_or_text, text};
use super::columns::Printer;

pub(super) const SCALED_OBJECT: Printer = (
    &[
        "ScaleTargetKind",
        "ScaleTargetName",
        "Min",
        "Max",
        "Ready",
        "Active",
        "Fallback",
        "Paused",
        "Triggers",
        "Authentications",
        "Age",
    ],
    scaled_object,
);

pub(super) const SCALED_JOB: Printer = (
    &[
        "Min",
        "Max",
        "Ready",
        "Active",
        "Paused",
        "Triggers",
        "Authentications",
        "Age",
    ],
    scaled_job,
);

/// A text; empty if it is not there.
fn word(object: &Value, path: &[&str]) -> String {
    text(object, path).unwrap_or_default().to_owned()
}

fn count(object: &Value, field: &str) -> String {
    int_or_text(&object["spec"][field]).unwrap_or_default()
}

/// The status of a condition; empty if it is not there.
fn status(object: &Value, kind: &str) -> String {
    let found = condition(object, kind).map(|condition| &condition["status"]);
    found.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn scaled_object(object: &Value, now: Timestamp) -> Vec<String> {
    vec![
        word(object, &["status", "scaleTargetKind"]),
        word(object, &["spec", "scaleTargetRef", "name"]),
        count(object, "minReplicaCount"),
        count(object, "maxReplicaCount"),
        status(object, "Ready"),
        status(object, "Active"),
        status(object, "Fallback"),
        status(object, "Paused"),
        word(object, &["status", "triggersTypes"]),
        word(object, &["status", "authenticationsTypes"]),
        created(object, now),
    ]
}

fn scaled_job(job: &Value, now: Timestamp) -> Vec<String> {
    vec![
        count(job, "minReplicaCount"),
        count(job, "maxReplicaCount"),
        status(job, "Ready"),
        status(job, "Active"),
        status(job, "Paused"),
        word(job, &["status", "triggersTypes"]),
        word(job, &["status", "authenticationsTypes"]),
        created(job, now),
    ]
}

#[cfg(test)]
mod tests {
    use super::{Timestamp, scaled_job, scaled_object};
    use serde_json::json;

    #[test]
    fn the_columns_are_those_of_the_definitions() {
        let mut object = json!({
            "metadata": {"creationTimestamp": "1970-01-01T00:00:00Z"},
            "spec": {"scaleTargetRef": {"name": "worker"}, "minReplicaCount": 0,
                "maxReplicaCount": 20},
            "status": {
                "scaleTargetKind": "apps/v1.Deployment",
                "triggersTypes": "rabbitmq",
                "authenticationsTypes": "rabbit",
                "conditions": [
                    {"type": "Ready", "status": "True"},
                    {"type": "Active", "status": "False"},
                    {"type": "Fallback", "status": "False"},
                    {"type": "Paused", "status": "Unknown"},
                ],
            },
        });
        let now = Timestamp(90_000_000_000);
        let cells = [
            "apps/v1.Deployment",
            "worker",
            "0",
            "20",
            "True",
            "False",
            "False",
            "Unknown",
            "rabbitmq",
            "rabbit",
            "90s",
        ];
        assert_eq!(scaled_object(&object, now), cells);
        object["spec"] = json!({});
        let cells = [
            "", "", "True", "False", "Unknown", "rabbitmq", "rabbit", "90s",
        ];
        assert_eq!(scaled_job(&object, now), cells);
    }
}
