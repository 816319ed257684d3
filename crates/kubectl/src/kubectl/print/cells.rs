//! Parts of objects as texts of a cell.

use serde_json::Value;

use super::age::{Timestamp, age};
use crate::units::Quantity;

pub(super) const NONE: &str = "<none>";

pub(super) fn text<'a>(object: &'a Value, path: &[&str]) -> Option<&'a str> {
    path.iter()
        .try_fold(object, |at, name| at.get(name))?
        .as_str()
}

/// An integer, 0 if it is not there.
pub(super) fn number(object: &Value, path: &[&str]) -> i64 {
    let found = path.iter().try_fold(object, |at, name| at.get(name));
    found.and_then(Value::as_i64).unwrap_or(0)
}

pub(super) fn items<'a>(object: &'a Value, path: &[&str]) -> &'a [Value] {
    let found = path.iter().try_fold(object, |at, name| at.get(name));
    found.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(super) fn name(object: &Value) -> String {
    text(object, &["metadata", "name"])
        .unwrap_or_default()
        .to_owned()
}

/// The age since creation.
pub(super) fn created(object: &Value, now: Timestamp) -> String {
    age(now, text(object, &["metadata", "creationTimestamp"]))
}

pub(super) fn is_being_deleted(object: &Value) -> bool {
    text(object, &["metadata", "deletionTimestamp"]).is_some()
}

/// `a=1,b=2`, sorted (`labels.FormatLabels`).
pub(super) fn labels(map: &Value) -> String {
    let mut pairs: Vec<String> = map
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    if pairs.is_empty() {
        return NONE.to_owned();
    }
    pairs.sort();
    pairs.join(",")
}

/// A label selector: labels first, then expressions (`metav1.FormatLabelSelector`).
pub(super) fn selector(selector: &Value) -> String {
    let mut parts: Vec<String> = selector["matchLabels"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    parts.extend(items(selector, &["matchExpressions"]).iter().map(|part| {
        let key = part["key"].as_str().unwrap_or_default();
        let mut values: Vec<&str> = items(part, &["values"])
            .iter()
            .filter_map(Value::as_str)
            .collect();
        values.sort_unstable();
        let values = values.join(",");
        match part["operator"].as_str() {
            Some("In") => format!("{key} in ({values})"),
            Some("NotIn") => format!("{key} notin ({values})"),
            Some("Exists") => key.to_owned(),
            _ => format!("!{key}"),
        }
    }));
    if parts.is_empty() {
        return NONE.to_owned();
    }
    parts.sort();
    parts.join(",")
}

/// Names and images of a pod spec's containers.
pub(super) fn containers(spec: &Value) -> [String; 2] {
    let list = |field: &str| {
        let values = items(spec, &["containers"]).iter();
        let values = values.map(|container| container[field].as_str().unwrap_or_default());
        values.collect::<Vec<_>>().join(",")
    };
    [list("name"), list("image")]
}

/// The status of a condition.
pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    items(object, &["status", "conditions"])
        .iter()
        .find(|condition| condition["type"] == *kind)
}

pub(super) fn is_condition_true(object: &Value, kind: &str) -> bool {
    condition(object, kind).is_some_and(|condition| condition["status"] == "True")
}

/// An integer or a percentage, as it stands.
pub(super) fn int_or_text(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// A quantity in its canonical form.
pub(super) fn quantity(value: &Value) -> Option<String> {
    let text = int_or_text(value)?;
    Some(
        text.parse::<Quantity>()
            .map_or(text, |amount| amount.to_string()),
    )
}
