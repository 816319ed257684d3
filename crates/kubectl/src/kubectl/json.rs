//! JSON as Go's `encoding/json` writes it: keys sorted, `<`, `>` and `&` escaped.

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

/// On one line, without blanks: the form of annotations.
pub fn compact(value: &Value) -> String {
    escaped(&sorted(value).to_string())
}

/// With four blanks per level, as `kubectl get -o json` prints.
pub fn pretty(value: &Value) -> String {
    let mut bytes = Vec::new();
    let formatter = PrettyFormatter::with_indent(b"    ");
    let mut serializer = Serializer::with_formatter(&mut bytes, formatter);
    // Writing to memory does not fail, and the keys of a JSON value are strings.
    let _ = sorted(value).serialize(&mut serializer);
    escaped(&String::from_utf8_lossy(&bytes))
}

/// The value with the keys of all its objects sorted.
pub fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            let entries = entries.into_iter();
            Value::Object(
                entries
                    .map(|(key, value)| (key.clone(), sorted(value)))
                    .collect(),
            )
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        scalar => scalar.clone(),
    }
}

/// The characters can stand in texts only, so that the whole can be looked through.
fn escaped(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_sorted_and_markup_is_escaped() {
        let value = json!({"b": [1, {"d": "<&>", "c": null}], "a": {}});
        assert_eq!(
            compact(&value),
            r#"{"a":{},"b":[1,{"c":null,"d":"\u003c\u0026\u003e"}]}"#
        );
        assert_eq!(
            pretty(&json!({"b": [1], "a": "x"})),
            "{\n    \"a\": \"x\",\n    \"b\": [\n        1\n    ]\n}"
        );
    }
}
