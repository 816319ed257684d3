//! Kubernetes' strategic merge patches: as a merge patch, but lists of the built-in types are
//! merged by a key of their items, and directives say what plain data cannot.
//!
//! Upstream: apimachinery's `pkg/util/strategicpatch/patch.go`, `StrategicMergePatch`. One
//! difference: an unknown field is merged like any other, instead of the error that names
//! the Go struct; the API server's own check of fields is not kubectl's.

use serde_json::{Map, Value};

use super::order::{keep_order, partition};
use super::schema::{Field, Strategy, Type};

pub(super) const DIRECTIVE: &str = "$patch";
pub(super) const RETAIN_KEYS: &str = "$retainKeys";
pub(super) const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
pub(super) const SET_ORDER: &str = "$setElementOrder/";

type Object = Map<String, Value>;

/// What a patch is merged into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Into {
    /// An object: directives are carried out, and nothing of them is left.
    Live,
    /// Another patch: directives and `null` are kept for later.
    Patch,
}

/// Applies a patch to an object of a type. The error is the API server's.
pub(super) fn strategic(live: &Value, patch: &Value, of: &Type) -> Result<Value, String> {
    let (Value::Object(live), Value::Object(patch)) = (live, patch) else {
        return Err("invalid JSON document".to_owned());
    };
    merge_objects(live.clone(), patch.clone(), of, Into::Live).map(Value::Object)
}

/// Merges a patch into an object or another patch (`mergeMap`).
pub(super) fn merge_objects(
    mut original: Object,
    mut patch: Object,
    of: &Type,
    into: Into,
) -> Result<Object, String> {
    if let Some(directive) = patch.get(DIRECTIVE) {
        return match directive.as_str() {
            Some("replace") => {
                patch.shift_remove(DIRECTIVE);
                Ok(patch)
            }
            Some("delete") => Ok(Object::new()),
            _ => Err(format!("unknown patch type: {directive} in map")),
        };
    }
    retain_keys(&mut original, &mut patch, into)?;
    merge_ordered_lists(&mut original, &mut patch, of, into)?;
    for (key, value) in patch {
        let (name, deletes) = match key.strip_prefix(DELETE_FROM) {
            Some(_) if into == Into::Patch => {
                original.insert(key, value);
                continue;
            }
            Some(name) => (name, true),
            None => (key.as_str(), false),
        };
        if value.is_null() {
            original.shift_remove(name);
            if into == Into::Live {
                continue;
            }
        }
        let field = of.field(name);
        let found = original.get_mut(name).map(Value::take);
        let merged = match (found, value) {
            (Some(Value::Object(found)), Value::Object(value)) => {
                if field.strategy == Strategy::Replace {
                    Some(Value::Object(value))
                } else {
                    merge_objects(found, value, field.of, into)
                        .map(Value::Object)
                        .map(Some)?
                }
            }
            (Some(Value::Array(found)), Value::Array(value)) => Some(Value::Array(merge_lists(
                found, value, field, into, deletes,
            )?)),
            (found, _) if deletes => found,
            (_, value) => without_directives(value, into),
        };
        match merged {
            Some(merged) => {
                original.insert(name.to_owned(), merged);
            }
            None => {
                original.shift_remove(name);
            }
        }
    }
    Ok(original)
}

/// `$retainKeys`: what is not named goes (`applyRetainKeysDirective`).
fn retain_keys(original: &mut Object, patch: &mut Object, into: Into) -> Result<(), String> {
    let Some(directive) = patch.shift_remove(RETAIN_KEYS) else {
        return Ok(());
    };
    if into == Into::Patch {
        original.entry(RETAIN_KEYS).or_insert(directive);
        return Ok(());
    }
    let wrong = || "invalid patch format of retainKeys".to_owned();
    let kept = directive.as_array().ok_or_else(wrong)?;
    let named = |key: &str| kept.iter().any(|kept| kept == key);
    let is_directive = |key: &str| key.starts_with(DELETE_FROM) || key.starts_with(SET_ORDER);
    let unnamed =
        |(key, value): (&String, &Value)| !value.is_null() && !is_directive(key) && !named(key);
    if patch.iter().any(unnamed) {
        return Err(wrong());
    }
    original.retain(|key, _| named(key));
    Ok(())
}

/// Lists whose order the patch gives with `$setElementOrder` (`mergePatchIntoOriginal`).
fn merge_ordered_lists(
    original: &mut Object,
    patch: &mut Object,
    of: &Type,
    into: Into,
) -> Result<(), String> {
    let wrong = || "invalid patch format of setElementOrder list".to_owned();
    let directives: Vec<String> = patch
        .keys()
        .filter(|key| key.starts_with(SET_ORDER))
        .cloned()
        .collect();
    for directive in directives {
        let order = patch.shift_remove(&directive).ok_or_else(wrong)?;
        if into == Into::Patch {
            original.entry(&directive).or_insert_with(|| order.clone());
        }
        let Value::Array(order) = order else {
            return Err(wrong());
        };
        let name = &directive[SET_ORDER.len()..];
        let field = of.field(name);
        let lists = |value: Option<Value>| match value {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(_) => Err(wrong()),
        };
        let server_order = lists(original.get(name).cloned())?;
        let patched = lists(patch.shift_remove(name))?;
        let key = merge_key(field);
        if let Some(patched) = &patched {
            fits_order(patched, &order, key)?;
        }
        let merged = match (server_order.clone(), patched) {
            (None, None) => continue,
            (Some(found), None) => found,
            (None, Some(patched)) => match without_directives(Value::Array(patched), into) {
                Some(Value::Array(items)) => items,
                _ => continue,
            },
            (Some(found), Some(patched)) => merge_lists(found, patched, field, into, false)?,
        };
        let (ordered, server_only) = partition(merged, &order, key)?;
        let server_order = server_order.unwrap_or_default();
        let items = keep_order(ordered, server_only, &order, &server_order, key);
        original.insert(name.to_owned(), Value::Array(items));
    }
    Ok(())
}

/// A patch may not contradict its own order (`validatePatchWithSetOrderList`).
fn fits_order(patched: &[Value], order: &[Value], key: Option<&str>) -> Result<(), String> {
    if order.is_empty() {
        return Ok(());
    }
    let mut order = order.iter();
    for item in patched.iter().filter(|item| item.get(DIRECTIVE).is_none()) {
        if !order.any(|ordered| identity(ordered, key) == identity(item, key)) {
            return Err("The order in patch list doesn't match $setElementOrder list".to_owned());
        }
    }
    Ok(())
}

pub(super) fn merge_key(field: Field) -> Option<&'static str> {
    match field.strategy {
        Strategy::MergeBy(key) => Some(key),
        _ => None,
    }
}

/// What tells an item of a list from the others.
pub(super) fn identity<'a>(item: &'a Value, key: Option<&str>) -> Option<&'a Value> {
    match key {
        Some(key) => item.get(key),
        None => Some(item),
    }
}

/// Merges the items of a list (`mergeSliceHandler`, `mergeSlice`).
fn merge_lists(
    original: Vec<Value>,
    patch: Vec<Value>,
    field: Field,
    into: Into,
    deletes: bool,
) -> Result<Vec<Value>, String> {
    let key = match field.strategy {
        _ if deletes => {
            let left = original.into_iter().filter(|item| !patch.contains(item));
            return Ok(left.collect());
        }
        Strategy::Default | Strategy::Replace => return Ok(patch),
        Strategy::MergeBy(key) => Some(key),
        Strategy::MergeScalars => None,
    };
    let server_order = original.clone();
    let (merged, patch) = match key {
        None => {
            let mut merged = original;
            for item in &patch {
                if !merged.contains(item) {
                    merged.push(item.clone());
                }
            }
            (merged, patch)
        }
        Some(key) => merge_items(original, patch, key, field.of, into)?,
    };
    let (ordered, server_only) = partition(merged, &patch, key)?;
    Ok(keep_order(ordered, server_only, &patch, &server_order, key))
}

/// The merged items, and the items of the patch without directives.
fn merge_items(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
    of: &Type,
    into: Into,
) -> Result<(Vec<Value>, Vec<Value>), String> {
    let no_key = |item: &Value| format!("map: {item} does not contain declared merge key: {key}");
    let (mut plain, mut replaces) = (Vec::new(), false);
    for item in patch {
        match item.get(DIRECTIVE).map(Value::as_str) {
            None => plain.push(item),
            Some(Some("delete")) => {
                let value = item.get(key).ok_or_else(|| no_key(&item))?;
                original.retain(|known| known.get(key) != Some(value));
            }
            Some(Some("replace")) => replaces = true,
            Some(_) => return Err(format!("unknown patch type in map: {item}")),
        }
    }
    if replaces {
        return Ok((plain, Vec::new()));
    }
    for item in &plain {
        let value = item.get(key).ok_or_else(|| no_key(item))?;
        let found = original
            .iter_mut()
            .find(|known| known.get(key) == Some(value));
        match (found, item) {
            (Some(Value::Object(found)), Value::Object(item)) => {
                *found = merge_objects(std::mem::take(found), item.clone(), of, into)?;
            }
            _ => original.extend(without_directives(item.clone(), into)),
        }
    }
    Ok((original, plain))
}

/// A value that is new to the object: what its directives ask for is there already, and
/// `null` removes nothing (`removeDirectives`, `discardNullValuesFromPatch`).
fn without_directives(value: Value, into: Into) -> Option<Value> {
    if into == Into::Patch {
        return Some(value);
    }
    match value {
        Value::Object(object) => {
            if object.contains_key(DIRECTIVE) {
                return None;
            }
            let kept = object.into_iter().filter(|(key, value)| {
                let directive = key == RETAIN_KEYS
                    || key.starts_with(DELETE_FROM)
                    || key.starts_with(SET_ORDER);
                !directive && !value.is_null()
            });
            let kept =
                kept.filter_map(|(key, value)| Some((key, without_directives(value, into)?)));
            Some(Value::Object(kept.collect()))
        }
        Value::Array(items) => {
            let kept = items
                .into_iter()
                .filter_map(|item| without_directives(item, into));
            Some(Value::Array(kept.collect()))
        }
        scalar => Some(scalar),
    }
}
