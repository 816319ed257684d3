//! JSON merge patches (RFC 7386), and lists of operations (RFC 6902).

use serde_json::Value;

use super::Refusal;

/// Applies a list of operations, all or none of them. The API server answers with the same
/// words whatever did not fit (`apiserver/pkg/endpoints/handlers/patch.go`, `applyJSPatch`).
pub fn json(live: &Value, operations: &Value) -> Result<Value, Refusal> {
    let malformed = |error: serde_json::Error| {
        Refusal::new(format!(
            "Error from server (BadRequest): error decoding patch: {error}"
        ))
    };
    let operations: json_patch::Patch =
        serde_json::from_value(operations.clone()).map_err(malformed)?;
    let mut patched = live.clone();
    json_patch::patch(&mut patched, &operations).map_err(|error| {
        let mut refusal = Refusal::new(
            "The request is invalid: the server rejected our request due to an error in our \
             request",
        );
        refusal.because = Some(error.to_string());
        refusal
    })?;
    Ok(patched)
}

/// Applies a merge patch: fields are set, `null` removes, lists are replaced.
pub fn merge(live: &Value, patch: &Value) -> Value {
    let mut patched = live.clone();
    json_patch::merge(&mut patched, patch);
    patched
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn operations_apply_all_or_none() {
        let live = json!({"spec": {"metrics": [{"value": 50}], "maxReplicas": 3}});
        let patched = json(
            &live,
            &json!([
                {"op": "test", "path": "/spec/maxReplicas", "value": 3},
                {"op": "replace", "path": "/spec/metrics/0/value", "value": 75},
                {"op": "add", "path": "/spec/metrics/-", "value": {"value": 1}},
                {"op": "remove", "path": "/spec/maxReplicas"},
            ]),
        );
        let expected = json!({"spec": {"metrics": [{"value": 75}, {"value": 1}]}});
        assert_eq!(patched, Ok(expected));
        let refused = |operation| json(&live, &json!([operation])).expect_err("a refusal");
        for operation in [
            json!({"op": "replace", "path": "/spec/nothere", "value": 1}),
            json!({"op": "replace", "path": "/spec/metrics/1/value", "value": 1}),
            json!({"op": "remove", "path": "/spec/nothere"}),
            json!({"op": "add", "path": "/spec/no/where", "value": 1}),
            json!({"op": "test", "path": "/spec/maxReplicas", "value": 4}),
        ] {
            let refusal = refused(operation);
            assert_eq!(
                refusal.text,
                "The request is invalid: the server rejected our request due to an error in our \
                 request"
            );
            assert!(refusal.because.is_some());
        }
    }

    #[test]
    fn null_removes_and_lists_are_replaced() {
        let live = json!({"spec": {"a": 1, "b": {"c": 2, "d": 3}, "list": [1, 2]}});
        let patch = json!({"spec": {"a": null, "b": {"c": 9, "e": null}, "list": [3]}});
        let expected = json!({"spec": {"b": {"c": 9, "d": 3}, "list": [3]}});
        assert_eq!(merge(&live, &patch), expected);
    }
}
