//! Whole objects: YAML, JSON, and names alone.
//!
//! Upstream: cli-runtime's `pkg/printers/yaml.go`, `json.go`, `name.go`.

use serde_json::{Value, json};

use crate::kubectl::json::pretty;
use crate::kubectl::kind::Kind;
use crate::kubectl::yaml;

/// `-o yaml`: one object as it is, several as a List.
pub fn as_yaml(objects: &[Value], one: bool) -> String {
    yaml::write(&listed(objects, one))
}

/// `-o json`.
pub fn as_json(objects: &[Value], one: bool) -> String {
    let mut text = pretty(&listed(objects, one));
    text.push('\n');
    text
}

/// `-o name`: `deployment.apps/web`.
pub fn as_names(kind: &Kind, objects: &[Value]) -> String {
    let names = objects.iter().map(|object| {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        format!("{}/{name}\n", kind.qualified())
    });
    names.collect()
}

/// What kubectl says on stderr where there is nothing to print.
pub fn nothing_found(namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) => format!("No resources found in {namespace} namespace."),
        None => "No resources found".to_owned(),
    }
}

/// What `apply` has come to, where `-o` asks for objects: several are a List.
pub fn applied(mut objects: Vec<Value>) -> Option<Value> {
    if objects.len() < 2 {
        return objects.pop();
    }
    Some(json!({"apiVersion": "v1", "items": objects, "kind": "List", "metadata": {}}))
}

/// What is printed: `one` says that one object was asked for by its name. Who manages which
/// field is left out, as kubectl does unless told.
pub fn listed(objects: &[Value], one: bool) -> Value {
    let mut objects = objects.to_vec();
    for object in &mut objects {
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.shift_remove("managedFields");
        }
    }
    match (objects.pop(), one) {
        (Some(object), true) => object,
        (last, _) => {
            objects.extend(last);
            json!({
                "apiVersion": "v1",
                "items": objects,
                "kind": "List",
                "metadata": { "resourceVersion": "" },
            })
        }
    }
}
