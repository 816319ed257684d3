//! JSON merge patches (RFC 7386).

use serde_json::{Map, Value};

/// Applies a merge patch: fields are set, `null` removes, lists are replaced.
pub fn merge(live: &Value, patch: &Value) -> Value {
    let mut patched = live.clone();
    merge_into(&mut patched, patch);
    patched
}

fn merge_into(value: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        value.clone_from(patch);
        return;
    };
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let Value::Object(fields) = value else { return };
    for (key, change) in patch {
        if change.is_null() {
            fields.shift_remove(key);
        } else {
            merge_into(fields.entry(key).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn null_removes_and_lists_are_replaced() {
        let live = json!({"spec": {"a": 1, "b": {"c": 2, "d": 3}, "list": [1, 2]}});
        let patch = json!({"spec": {
            "a": null, "b": {"c": 9, "e": null}, "list": [3], "new": {"f": null, "g": 1},
        }});
        let expected = json!({"spec": {"b": {"c": 9, "d": 3}, "list": [3], "new": {"g": 1}}});
        assert_eq!(merge(&live, &patch), expected);
    }
}
