//! `apply`, as kubectl does it on its own side: what was applied last, the manifest and the
//! live object give the patch.
//!
//! Upstream: kubectl's `pkg/cmd/apply/patcher.go`, `pkg/util/apply.go`; apimachinery's
//! `strategicpatch.CreateThreeWayMergePatch`, `jsonmergepatch.CreateThreeWayJSONMergePatch`.

use serde_json::{Map, Value};

use super::diff::{Half, diff};
use super::schema::of_kind;
use super::strategic::{Into, merge_objects, strategic};
use super::{Change, Message, Refusal, merge, object_at};
use crate::kubectl::json::compact;
use crate::kubectl::kind::Kind;

/// The annotation that keeps what was applied last.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What `kubectl apply` makes of a manifest: the object to create, or the live one changed.
/// Fields that were in the last manifest and are not in this one go. The manifest's namespace
/// has to be filled in.
pub fn applied(kind: &Kind, manifest: &Value, live: Option<&Value>) -> Result<Change, Refusal> {
    let modified = annotated(manifest);
    let Some(live) = live else {
        let mut object = modified;
        prune_nulls(&mut object);
        return Ok(Change::done(object, "created"));
    };
    let last = live["metadata"]["annotations"][LAST_APPLIED].as_str();
    let original = match last.map(serde_json::from_str) {
        None => Value::Object(Map::new()),
        Some(Ok(original)) => original,
        Some(Err(_)) => return Err(Refusal::new("error: invalid JSON document")),
    };
    let patch = if kind.built_in {
        three_way(kind, &original, &modified, live).map_err(Refusal::new)?
    } else {
        three_way_merge(&original, &modified, live)
    };
    let unchanged = patch.as_object().is_some_and(Map::is_empty);
    let object = if kind.built_in {
        strategic(live, &patch, of_kind(kind.kind))
            .map_err(|error| Refusal::new(format!("Error from server: {error}")))?
    } else {
        merge(live, &patch)
    };
    let mut change = Change::done(object, if unchanged { "unchanged" } else { "configured" });
    if last.is_none() {
        let name = manifest["metadata"]["name"].as_str().unwrap_or_default();
        change.messages.push(Message::Err(format!(
            "Warning: resource {}/{name} is missing the {LAST_APPLIED} annotation which is \
             required by kubectl apply. kubectl apply should only be used on resources created \
             declaratively by either kubectl create --save-config or kubectl apply. The missing \
             annotation will be patched automatically.",
            kind.plural
        )));
    }
    Ok(change)
}

/// The manifest with itself as an annotation (`GetModifiedConfiguration`).
fn annotated(manifest: &Value) -> Value {
    let mut modified = manifest.clone();
    object_at(&mut modified, &["metadata", "annotations"]).shift_remove(LAST_APPLIED);
    let text = format!("{}\n", compact(&modified));
    object_at(&mut modified, &["metadata", "annotations"])
        .insert(LAST_APPLIED.to_owned(), Value::String(text));
    modified
}

/// An object with the annotation that its last manifest leaves; with the one that it has, if it
/// has one.
pub fn with_last_applied(mut live: Value, manifest: &Value) -> Value {
    if live["metadata"]["annotations"][LAST_APPLIED].is_null() {
        let annotation = annotated(manifest)["metadata"]["annotations"][LAST_APPLIED].take();
        object_at(&mut live, &["metadata", "annotations"])
            .insert(LAST_APPLIED.to_owned(), annotation);
    }
    live
}

fn prune_nulls(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|_, value| !value.is_null());
            object.values_mut().for_each(prune_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(prune_nulls),
        _ => {}
    }
}

/// What is new or changed against the live object, and what is gone since the last manifest.
fn three_way(
    kind: &Kind,
    original: &Value,
    modified: &Value,
    live: &Value,
) -> Result<Value, String> {
    let of = of_kind(kind.kind);
    let (Value::Object(original), Value::Object(modified), Value::Object(live)) =
        (original, modified, live)
    else {
        return Err("error: invalid JSON document".to_owned());
    };
    let delta = diff(live, modified, of, Half::ChangesAndAdditions)?;
    let deletions = diff(original, modified, of, Half::Deletions)?;
    merge_objects(deletions, delta, of, Into::Patch).map(Value::Object)
}

/// The same for custom resources, whose lists are wholes.
fn three_way_merge(original: &Value, modified: &Value, live: &Value) -> Value {
    let mut patch = deletions(original, modified).unwrap_or_else(|| Value::Object(Map::new()));
    if let Some(delta) = additions(live, modified) {
        overlay(&mut patch, delta);
    }
    patch
}

/// Puts one merge patch over another; `null` stays.
fn overlay(patch: &mut Value, over: Value) {
    match (patch, over) {
        (Value::Object(patch), Value::Object(over)) => {
            for (key, value) in over {
                match patch.get_mut(&key) {
                    Some(known) => overlay(known, value),
                    None => {
                        patch.insert(key, value);
                    }
                }
            }
        }
        (patch, over) => *patch = over,
    }
}

/// The fields of `modified` that `live` has not, or has otherwise.
fn additions(live: &Value, modified: &Value) -> Option<Value> {
    match (live, modified) {
        (Value::Object(live), Value::Object(modified)) => {
            let changed = modified.iter().filter_map(|(key, value)| {
                let found = live.get(key).unwrap_or(&Value::Null);
                Some((key.clone(), additions(found, value)?))
            });
            let changed: Map<String, Value> = changed.collect();
            (!changed.is_empty()).then_some(Value::Object(changed))
        }
        (live, modified) => (live != modified).then(|| modified.clone()),
    }
}

/// `null` for each field of `original` that `modified` has not.
fn deletions(original: &Value, modified: &Value) -> Option<Value> {
    let (Value::Object(original), Value::Object(modified)) = (original, modified) else {
        return None;
    };
    let gone = original.iter().filter_map(|(key, value)| {
        let deleted = match modified.get(key) {
            None => Value::Null,
            Some(kept) => deletions(value, kept)?,
        };
        Some((key.clone(), deleted))
    });
    let gone: Map<String, Value> = gone.collect();
    (!gone.is_empty()).then_some(Value::Object(gone))
}
