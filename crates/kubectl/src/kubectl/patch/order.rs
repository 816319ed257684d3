//! The order of merged lists: what the patch orders is in the patch's order, what only the
//! server has in the server's, and the two are interleaved as the server had them.
//!
//! Upstream: apimachinery's `pkg/util/strategicpatch/patch.go`, `normalizeElementOrder`,
//! `mergeSortedSlice`, `partition…ByPresentInList`.

use serde_json::Value;

use super::schema::Type;
use super::strategic::{DIRECTIVE, identity, merge_key};

/// Splits a list into what the patch names and what only the server has.
pub(super) fn partition(
    items: Vec<Value>,
    by: &[Value],
    key: Option<&str>,
) -> Result<(Vec<Value>, Vec<Value>), String> {
    if let Some((item, key)) = items
        .iter()
        .zip(key.iter().cycle())
        .find(|(item, key)| item.get(**key).is_none())
    {
        return Err(format!(
            "map: {item} does not contain declared merge key: {key}"
        ));
    }
    let named = |item: &Value| position(by, item, key).is_some();
    Ok(items.into_iter().partition(named))
}

fn position(list: &[Value], item: &Value, key: Option<&str>) -> Option<usize> {
    let wanted = identity(item, key);
    list.iter().position(|known| identity(known, key) == wanted)
}

/// Puts the two parts of a list in order and together again.
pub(super) fn keep_order(
    patched: Vec<Value>,
    server_only: Vec<Value>,
    patch_order: &[Value],
    server_order: &[Value],
    key: Option<&str>,
) -> Vec<Value> {
    let patched = in_order_of(patched, patch_order, key);
    let server_only = in_order_of(server_only, server_order, key);
    let mut merged = Vec::with_capacity(patched.len() + server_only.len());
    let mut right = patched.into_iter().peekable();
    let mut left = server_only.into_iter().peekable();
    loop {
        let before = match (left.peek(), right.peek()) {
            (None, None) => return merged,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(left), Some(right)) => {
                let place = |item| position(server_order, item, key);
                matches!((place(left), place(right)), (Some(left), Some(right)) if left < right)
            }
        };
        merged.extend(if before { left.next() } else { right.next() });
    }
}

/// Items in the order of others; those that are to be deleted go last.
pub(super) fn in_order_of(items: Vec<Value>, order: &[Value], key: Option<&str>) -> Vec<Value> {
    let deletes = |item: &Value| item.get(DIRECTIVE).is_some_and(|patch| patch == "delete");
    let (deleted, mut kept): (Vec<_>, Vec<_>) = items.into_iter().partition(deletes);
    kept.sort_by_key(|item| position(order, item, key).unwrap_or(usize::MAX));
    kept.extend(deleted);
    kept
}

/// Brings the items that a patch names to the front of their lists, in the patch's order, as
/// kustomize has them (`MergeOptionsListPrepend` of kyaml).
pub(super) fn first_as_patched(object: &mut Value, patch: &Value, of: &Type) {
    let (Value::Object(object), Value::Object(patch)) = (object, patch) else {
        return;
    };
    for (name, patch) in patch {
        let Some(found) = object.get_mut(name) else {
            continue;
        };
        let field = of.field(name);
        match (merge_key(field), found, patch) {
            (Some(key), Value::Array(items), Value::Array(patches)) => {
                let place = |item: &Value| position(patches, item, Some(key));
                items.sort_by_key(|item| place(item).unwrap_or(usize::MAX));
                for item in items {
                    if let Some(place) = place(item) {
                        first_as_patched(item, &patches[place], field.of);
                    }
                }
            }
            (_, found, patch) => first_as_patched(found, patch, field.of),
        }
    }
}
