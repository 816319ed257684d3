//! `label` and `annotate`.
//!
//! Upstream: kubectl's `pkg/cmd/label/label.go`, `pkg/cmd/annotate/annotate.go`.

use serde_json::{Value, json};

use super::{Change, Message, Refusal, object_at};
use crate::kubectl::command::Metadata;

const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

/// Keys that have another value now, with that value.
fn overwritten<'a>(command: &'a Metadata, live: &'a Value, field: &str) -> Vec<(&'a str, &'a str)> {
    let current = &live["metadata"][field];
    let other = command.set.iter().filter_map(|(key, value)| {
        let current = current[key].as_str()?;
        (current != value).then_some((key.as_str(), current))
    });
    other.filter(|_| !command.overwrite).collect()
}

/// The object with the keys set and removed.
fn changed(command: &Metadata, live: &Value, field: &str) -> Value {
    let mut object = live.clone();
    let map = object_at(&mut object, &["metadata", field]);
    for (key, value) in &command.set {
        map.insert(key.clone(), json!(value));
    }
    for key in &command.remove {
        map.shift_remove(key);
    }
    if map.is_empty() {
        object_at(&mut object, &["metadata"]).shift_remove(field);
    }
    object
}

pub(super) fn label(command: &Metadata, live: &Value) -> Result<Change, Refusal> {
    let labels = &live["metadata"]["labels"];
    if command.list {
        return Ok(listed(labels, live));
    }
    let other = overwritten(command, live, "labels");
    if !other.is_empty() {
        let errors: Vec<String> = other
            .iter()
            .map(|(key, value)| {
                format!("error: '{key}' already has a value ({value}), and --overwrite is false")
            })
            .collect();
        return Err(Refusal::new(errors.join("\n")));
    }
    let added = command
        .set
        .iter()
        .any(|(key, value)| labels[key] != **value);
    let removed = command.remove.iter().any(|key| labels.get(key).is_some());
    let operation = match (added, removed) {
        (true, true) => "modified",
        (true, false) => "labeled",
        (false, true) => "unlabeled",
        (false, false) => "not labeled",
    };
    let object = if added || removed {
        changed(command, live, "labels")
    } else {
        live.clone()
    };
    let mut change = Change::done(object, operation);
    let absent = command
        .remove
        .iter()
        .filter(|key| labels.get(key).is_none());
    let told = absent.map(|key| Message::Out(format!("label \"{key}\" not found.")));
    change.messages.extend(told);
    Ok(change)
}

pub(super) fn annotate(command: &Metadata, live: &Value) -> Result<Change, Refusal> {
    if command.list {
        return Ok(listed(&live["metadata"]["annotations"], live));
    }
    let other: Vec<String> = overwritten(command, live, "annotations")
        .into_iter()
        .filter(|(key, _)| *key != CHANGE_CAUSE)
        .map(|(key, value)| format!("'{key}' already has a value ({value})"))
        .collect();
    if !other.is_empty() {
        return Err(Refusal::new(format!(
            "error: --overwrite is false but found the following declared annotation(s): {}",
            other.join("; ")
        )));
    }
    Ok(Change::done(
        changed(command, live, "annotations"),
        "annotated",
    ))
}

/// `--list`: `KEY=VALUE` lines.
fn listed(map: &Value, live: &Value) -> Change {
    let entries = map.as_object().into_iter().flatten();
    let lines = entries
        .map(|(key, value)| Message::Out(format!("{key}={}", value.as_str().unwrap_or_default())));
    Change {
        object: live.clone(),
        operation: None,
        messages: lines.collect(),
    }
}
