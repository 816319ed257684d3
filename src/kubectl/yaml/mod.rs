//! YAML as kubectl reads and writes it.

mod scalar;
mod write;

pub use write::write;

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Number, Value};

/// Reads JSON, or one YAML document, into JSON (`sigs.k8s.io/yaml`, `YAMLToJSON`).
pub fn read(text: &str) -> Result<Value, String> {
    let json = match serde_json::from_str(text) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    if text.trim_start().starts_with(['{', '[']) && !text.contains('\n') && text.contains('"') {
        return Err(json.to_string());
    }
    let documents = Yaml::load_from_str(text).map_err(|error| error.to_string())?;
    match documents.as_slice() {
        [document] => to_json(document),
        [] => Ok(Value::Null),
        _ => Err("more than one YAML document".to_owned()),
    }
}

fn to_json(node: &Yaml<'_>) -> Result<Value, String> {
    Ok(match node {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(flag)) => Value::Bool(*flag),
        Yaml::Value(Scalar::Integer(number)) => Value::from(*number),
        Yaml::Value(Scalar::FloatingPoint(number)) => Number::from_f64(number.into_inner())
            .map(Value::Number)
            .ok_or("a number that JSON does not have")?,
        Yaml::Sequence(items) => Value::Array(items.iter().map(to_json).collect::<Result<_, _>>()?),
        Yaml::Mapping(entries) => {
            let mut object = Map::new();
            for (key, value) in entries {
                let key = match to_json(key)? {
                    Value::String(text) => text,
                    Value::Null | Value::Array(_) | Value::Object(_) => {
                        return Err("a key that is not a text".to_owned());
                    }
                    other => other.to_string(),
                };
                object.insert(key, to_json(value)?);
            }
            Value::Object(object)
        }
        Yaml::Tagged(_, node) => to_json(node)?,
        Yaml::Value(Scalar::String(text)) | Yaml::Representation(text, ..) => {
            Value::String(text.to_string())
        }
        Yaml::Alias(_) | Yaml::BadValue => return Err("an alias that stands for nothing".into()),
    })
}
