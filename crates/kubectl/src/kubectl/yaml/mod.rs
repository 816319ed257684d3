//! YAML as kubectl reads and writes it.

mod documents;
mod resolve;
mod scalar;
mod table;
mod tags;
mod tree;
mod write;

pub use documents::{Part, documents};
pub use tree::{DEEPEST, Document, Key, Node, Problem, Value, parse};
pub use write::write;

use serde_json::{Map, Number, Value as Json};

/// Reads JSON, or one YAML document, into JSON (`sigs.k8s.io/yaml`, `YAMLToJSON`).
pub fn read(text: &str) -> Result<Json, String> {
    let json = match serde_json::from_str(text) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    if text.trim_start().starts_with(['{', '[']) && !text.contains('\n') && text.contains('"') {
        return Err(json.to_string());
    }
    let document = parse(text).map_err(|problem| problem.label)?;
    if document.rest.is_some() {
        return Err("more than one YAML document".to_owned());
    }
    document.root.as_ref().map_or(Ok(Json::Null), to_json)
}

/// The JSON of a value; the error says what JSON does not have.
pub fn to_json(node: &Node) -> Result<Json, String> {
    Ok(match &node.value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Int(number) => Json::from(*number),
        Value::Float(number) => Number::from_f64(*number)
            .map(Json::Number)
            .ok_or("a number that JSON does not have")?,
        Value::Text(text) => Json::String(text.clone()),
        Value::List(items) => Json::Array(items.iter().map(to_json).collect::<Result<_, _>>()?),
        Value::Table(entries) => {
            let entries = entries.iter();
            let pairs = entries.map(|(key, node)| Ok((key.name.clone(), to_json(node)?)));
            Json::Object(pairs.collect::<Result<Map<_, _>, String>>()?)
        }
    })
}
