//! `patch --subresource`: a part of an object that is patched for itself.
//!
//! Upstream: the API server's `pkg/registry/apps/*/storage`, `ScaleREST`, `StatusREST`.

use serde_json::{Value, json};

use super::{Change, Operation, Refusal};
use crate::kubectl::command::Subresource;
use crate::kubectl::kind::{KINDS, Kind};

pub(super) fn patch(
    part: Subresource,
    kind: &Kind,
    live: &Value,
    apply: impl Fn(&Value, &Kind) -> Result<Value, Refusal>,
) -> Result<Change, Refusal> {
    let mut object = live.clone();
    let operation = match part {
        Subresource::Scale => {
            // Any built-in kind will do: nothing in a Scale is merged by a key.
            let scale = apply(&scale_of(live), &KINDS[0])?;
            object["spec"]["replicas"] = scale["spec"]["replicas"].as_i64().unwrap_or(0).into();
            Operation::PatchedScale
        }
        Subresource::Status => {
            let patched = apply(live, kind)?;
            object["status"] = patched["status"].clone();
            Operation::Patched
        }
        Subresource::Resize => {
            let patched = apply(live, kind)?;
            let resources = |name: &Value| {
                let mut containers = patched["spec"]["containers"].as_array()?.iter();
                let found = containers.find(|container| container["name"] == *name)?;
                Some(found["resources"].clone())
            };
            let containers = object["spec"]["containers"].as_array_mut();
            for container in containers.into_iter().flatten() {
                if let Some(resources) = resources(&container["name"]) {
                    container["resources"] = resources;
                }
            }
            Operation::Patched
        }
    };
    Ok(Change {
        object,
        operation: Some(operation),
        messages: Vec::new(),
    })
}

/// The Scale of a workload.
fn scale_of(live: &Value) -> Value {
    let metadata = &live["metadata"];
    let labels = live["spec"]["selector"]["matchLabels"].as_object();
    let selector: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    json!({
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
            "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": { "replicas": live["spec"]["replicas"] },
        "status": {
            "replicas": live["status"]["replicas"].as_i64().unwrap_or(0),
            "selector": selector.join(","),
        },
    })
}
