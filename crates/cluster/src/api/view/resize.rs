//! What the kubelet's events say of a resize (`pkg/kubelet/events/resize.go`).

use serde_json::{Map, Value, json};

use super::template::resources_of;
use crate::api::{ContainerSpec, Pod, Resources};

/// The message of an event ResizeError.
pub fn resize_error(pod: &Pod, error: &str) -> String {
    let template = &pod.template;
    let init = template.init_containers.iter();
    let init: Vec<Value> = init.map(|one| summary(one, &one.resources())).collect();
    let containers = template.containers.iter().enumerate();
    let containers: Vec<Value> = containers
        .map(|(place, one)| summary(one, &pod.spec_resources(place)))
        .collect();
    let init = if init.is_empty() {
        String::new()
    } else {
        format!("\"initContainers\":{},", Value::from(init))
    };
    format!(
        "Pod resize error: {{{init}\"containers\":{},\"generation\":{},\"error\":{}}}",
        Value::from(containers),
        pod.meta.generation,
        Value::from(error)
    )
}

fn summary(container: &ContainerSpec, resources: &Resources) -> Value {
    let mut kept = Map::new();
    if let Value::Object(all) = resources_of(resources) {
        kept.extend(all.into_iter().filter(|(_, amounts)| !amounts.is_null()));
    }
    json!({"name": container.name, "resources": kept})
}
