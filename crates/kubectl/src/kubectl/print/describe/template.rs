//! Pod templates, and the parts that they share with pods.
//!
//! Upstream: `DescribePodTemplate`, `describeTopologySpreadConstraints`,
//! `printTolerationsMultilineWithIndent`.

use serde_json::Value;

use super::super::cells::{items, selector, text};
use super::containers;
use super::volumes::volumes;
use super::writer::Writer;

pub(super) fn describe(template: &Value, writer: &mut Writer) {
    let (metadata, spec) = (&template["metadata"], &template["spec"]);
    writer.write(0, "Pod Template:\n");
    writer.pairs("  Labels", &metadata["labels"]);
    let has = metadata["annotations"].as_object();
    if has.is_some_and(|annotations| !annotations.is_empty()) {
        writer.annotations("  Annotations", &metadata["annotations"]);
    }
    writer.given(1, "Service Account", spec["serviceAccountName"].as_str());
    let init = items(spec, &["initContainers"]);
    if !init.is_empty() {
        containers::describe("Init Containers", init, None, None, writer);
    }
    let all = items(spec, &["containers"]);
    containers::describe("Containers", all, None, None, writer);
    volumes(spec, "  ", writer);
    spread("  ", spec, writer);
    writer.given(1, "Priority Class Name", spec["priorityClassName"].as_str());
    writer.pairs("  Node-Selectors", &spec["nodeSelector"]);
    tolerations("  Tolerations", spec, writer);
}

/// `topologySpreadConstraints` of a pod's spec.
pub(super) fn spread(space: &str, spec: &Value, writer: &mut Writer) {
    let mut all: Vec<&Value> = items(spec, &["topologySpreadConstraints"]).iter().collect();
    if all.is_empty() {
        return;
    }
    let of = |one: &Value, field: &str| text(one, &[field]).unwrap_or_default().to_owned();
    all.sort_by_cached_key(|one| of(one, "topologyKey"));
    writer.write(0, &format!("{space}Topology Spread Constraints:\t"));
    for (at, one) in all.into_iter().enumerate() {
        let before = if at == 0 {
            String::new()
        } else {
            format!("{space}\t")
        };
        let (key, otherwise) = (of(one, "topologyKey"), of(one, "whenUnsatisfiable"));
        let skew = one["maxSkew"].as_i64().unwrap_or(0);
        let of_which = if one["labelSelector"].is_null() {
            String::new()
        } else {
            format!(" for selector {}", selector(&one["labelSelector"]))
        };
        writer.write(
            0,
            &format!("{before}{key}:{otherwise} when max skew {skew} is exceeded{of_which}\n"),
        );
    }
}

/// `tolerations` of a pod's spec.
pub(super) fn tolerations(title: &str, spec: &Value, writer: &mut Writer) {
    let mut all: Vec<&Value> = items(spec, &["tolerations"]).iter().collect();
    all.sort_by_key(|one| one["key"].as_str().unwrap_or_default());
    writer.list(title, &all, |one| {
        let of = |field: &str| one[field].as_str().unwrap_or_default();
        let (key, value, effect) = (of("key"), of("value"), of("effect"));
        let mut line = key.to_owned();
        for (before, part) in [('=', value), (':', effect)] {
            if !part.is_empty() {
                line.push(before);
                line.push_str(part);
            }
        }
        if of("operator") == "Exists" && value.is_empty() {
            let space = if line.is_empty() { "" } else { " " };
            line.push_str(space);
            line.push_str("op=Exists");
        }
        if let Some(seconds) = one["tolerationSeconds"].as_i64() {
            return format!("{line} for {seconds}s");
        }
        line
    });
}

/// `ReplicaSet/web-5d9`: whose an object is.
pub(super) fn controller(object: &Value) -> Option<String> {
    let owner = owner(object)?;
    let of = |field: &str| owner[field].as_str().unwrap_or_default();
    Some(format!("{}/{}", of("kind"), of("name")))
}

/// The reference to the controller of an object.
pub(super) fn owner(object: &Value) -> Option<&Value> {
    let owners = items(object, &["metadata", "ownerReferences"]);
    owners.iter().find(|owner| owner["controller"] == true)
}
