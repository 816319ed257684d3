//! The strategic merge patch that leads from one object to another.
//!
//! Upstream: apimachinery's `pkg/util/strategicpatch/patch.go`, `diffMaps`, `diffLists`.

use serde_json::{Map, Value, json};

use super::order::in_order_of;
use super::schema::{Field, Strategy, Type};
use super::strategic::{DELETE_FROM, DIRECTIVE, RETAIN_KEYS, SET_ORDER, identity, merge_key};

type Object = Map<String, Value>;

/// Which half of a difference is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    /// What is new or changed.
    ChangesAndAdditions,
    /// What is gone.
    Deletions,
}

/// The patch from `original` to `modified`, one half of it.
pub(super) fn diff(
    original: &Object,
    modified: &Object,
    of: &Type,
    half: Half,
) -> Result<Object, String> {
    diff_objects(original, modified, of, half, false)
}

fn diff_objects(
    original: &Object,
    modified: &Object,
    of: &Type,
    half: Half,
    retain_keys: bool,
) -> Result<Object, String> {
    let mut patch = Object::new();
    for (key, value) in modified {
        match (original.get(key), value) {
            (Some(Value::Object(before)), Value::Object(after)) => {
                diff_field(&mut patch, key, before, after, of.field(key), half)?;
            }
            (Some(Value::Array(before)), Value::Array(after)) => {
                diff_list(&mut patch, key, before, after, of.field(key), half)?;
            }
            (Some(before), after) if before == after => {}
            (_, after) => {
                if half == Half::ChangesAndAdditions {
                    patch.insert(key.clone(), after.clone());
                }
            }
        }
    }
    if half == Half::Deletions {
        for key in original.keys().filter(|key| !modified.contains_key(*key)) {
            patch.insert(key.clone(), Value::Null);
        }
    }
    let additional = original.keys().any(|key| !modified.contains_key(key));
    if retain_keys && (!patch.is_empty() || additional) {
        let set = modified.iter().filter(|(_, value)| !value.is_null());
        let mut kept: Vec<&String> = set.map(|(key, _)| key).collect();
        kept.sort();
        if !kept.is_empty() {
            patch.insert(RETAIN_KEYS.to_owned(), json!(kept));
        }
    }
    Ok(patch)
}

/// `handleMapDiff`.
fn diff_field(
    patch: &mut Object,
    key: &str,
    before: &Object,
    after: &Object,
    field: Field,
    half: Half,
) -> Result<(), String> {
    if field.strategy == Strategy::Replace {
        // Upstream does not look whether it is different: a PodDisruptionBudget that is applied
        // again is always "configured".
        if half == Half::ChangesAndAdditions {
            patch.insert(key.to_owned(), Value::Object(after.clone()));
        }
        return Ok(());
    }
    let inner = diff_objects(before, after, field.of, half, field.retain_keys)?;
    if !inner.is_empty() {
        patch.insert(key.to_owned(), Value::Object(inner));
    }
    Ok(())
}

/// `handleSliceDiff`, `diffLists`.
fn diff_list(
    patch: &mut Object,
    key: &str,
    before: &[Value],
    after: &[Value],
    field: Field,
    half: Half,
) -> Result<(), String> {
    let adds = half == Half::ChangesAndAdditions;
    if matches!(field.strategy, Strategy::Default | Strategy::Replace) {
        if before != after && adds {
            patch.insert(key.to_owned(), Value::Array(after.to_vec()));
        }
        return Ok(());
    }
    if before.is_empty() {
        if !after.is_empty() && adds {
            patch.insert(key.to_owned(), Value::Array(after.to_vec()));
        }
        return Ok(());
    }
    let merge_key = merge_key(field);
    let (mut items, mut deleted) = (Vec::new(), Vec::new());
    let ordered;
    if let Some(merge_key) = merge_key {
        items = in_order_of(
            diff_items(before, after, merge_key, field, half)?,
            after,
            Some(merge_key),
        );
        let mut pairs = before.iter().zip(after);
        let same_order = before.len() == after.len()
            && pairs.all(|(before, after)| before.get(merge_key) == after.get(merge_key));
        ordered = !items.is_empty() || (adds && !same_order);
    } else if adds {
        items = missing(before, after);
        ordered = before != after;
    } else {
        deleted = missing(after, before);
        ordered = !deleted.is_empty();
    }
    if !items.is_empty() {
        patch.insert(key.to_owned(), Value::Array(items));
    }
    if !deleted.is_empty() {
        patch.insert(format!("{DELETE_FROM}{key}"), Value::Array(deleted));
    }
    if ordered {
        let order = after.iter().map(|item| match merge_key {
            Some(merge_key) => json!({ merge_key: item[merge_key] }),
            None => item.clone(),
        });
        patch.insert(format!("{SET_ORDER}{key}"), order.collect());
    }
    Ok(())
}

/// The items of a list that another has not.
fn missing(from: &[Value], of: &[Value]) -> Vec<Value> {
    let missing = of.iter().filter(|item| !from.contains(item));
    missing.cloned().collect()
}

/// Items that are new, changed or gone (`diffListsOfMaps`).
fn diff_items(
    before: &[Value],
    after: &[Value],
    key: &'static str,
    field: Field,
    half: Half,
) -> Result<Vec<Value>, String> {
    let mut items = Vec::new();
    for item in after {
        let Some(value) = identity(item, Some(key)) else {
            return Err(format!(
                "map: {item} does not contain declared merge key: {key}"
            ));
        };
        let found = before.iter().find(|known| known.get(key) == Some(value));
        match (found, item) {
            (Some(Value::Object(found)), Value::Object(item)) => {
                let mut inner = diff_objects(found, item, field.of, half, field.retain_keys)?;
                if !inner.is_empty() {
                    inner.insert(key.to_owned(), value.clone());
                    items.push(Value::Object(inner));
                }
            }
            _ if half == Half::ChangesAndAdditions => items.push(item.clone()),
            _ => {}
        }
    }
    if half == Half::Deletions {
        let kept = |value: &Value| after.iter().any(|item| item.get(key) == Some(value));
        let gone = before.iter().filter_map(|item| item.get(key));
        for value in gone.filter(|value| !kept(value)) {
            items.push(json!({ key: value, DIRECTIVE: "delete" }));
        }
    }
    Ok(items)
}
