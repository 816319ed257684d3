//! Trees with places from and to JSON, with the order of keys kept.

use serde_json::Value as Json;

use crate::scenario::node::{KeyNode, Node, Span, Value};

/// The file number of nodes without a source.
const NO_FILE: usize = usize::MAX;

/// A tree of a JSON value. It stands in no file, but each node has a place of its own, by which
/// it is told from others.
pub(in crate::scenario) fn to_node(value: &Json) -> Node {
    let mut next = 0;
    node(value, &mut next)
}

fn span(next: &mut usize) -> Span {
    *next += 1;
    Span {
        file: NO_FILE,
        start: *next,
        end: *next,
    }
}

fn node(value: &Json, next: &mut usize) -> Node {
    let own = span(next);
    let value = match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(|item| node(item, next)).collect()),
        Json::Object(entries) => {
            let entries = entries.iter().map(|(name, value)| {
                let key = KeyNode {
                    span: span(next),
                    name: name.clone(),
                };
                (key, node(value, next))
            });
            Value::Table(entries.collect())
        }
    };
    Node { span: own, value }
}

/// The JSON of a tree; numbers that JSON does not have are null.
pub(in crate::scenario) fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(number) => Json::from(*number),
        Value::Float(number) => Json::from(*number),
        Value::Text(text) => Json::String(text.clone()),
        Value::List(items) => Json::Array(items.iter().map(to_json).collect()),
        Value::Table(entries) => {
            let entries = entries.iter();
            Json::Object(
                entries
                    .map(|(key, node)| (key.name.clone(), to_json(node)))
                    .collect(),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_with_its_order() {
        let text = r#"{"z":1,"a":[null,true,2.5,"x",{"b":{},"a":[]}],"m":-3}"#;
        let value: Json = serde_json::from_str(text).expect("JSON");
        assert_eq!(to_json(&to_node(&value)).to_string(), text);
    }

    #[test]
    fn every_node_has_a_place_of_its_own() {
        fn spans(node: &Node, seen: &mut Vec<Span>) {
            seen.push(node.span);
            match &node.value {
                Value::List(items) => items.iter().for_each(|item| spans(item, seen)),
                Value::Table(entries) => {
                    for (key, node) in entries {
                        seen.push(key.span);
                        spans(node, seen);
                    }
                }
                _ => {}
            }
        }
        let value = serde_json::json!({"a": [1, 1, {"a": 1}], "b": {"a": 1}});
        let mut seen = Vec::new();
        spans(&to_node(&value), &mut seen);
        assert_eq!(seen.len(), 12);
        seen.sort_by_key(|span| span.start);
        seen.dedup();
        assert_eq!(seen.len(), 12);
    }
}
