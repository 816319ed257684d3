//! Lists of operations (RFC 6902), as the API server and kustomize apply them: in an object
//! `replace` sets what is not there, an index may count from the end, and `test` of a key that
//! is not there finds null.
//!
//! Upstream: `gopkg.in/evanphx/json-patch.v4` 4.13, `patch.go`.

use serde_json::{Map, Value};

use super::Refusal;

/// One step of a JSON patch.
#[derive(Debug, Clone, PartialEq)]
struct Operation {
    step: Step,
    path: String,
    /// `value`; null where none is given.
    value: Value,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Add,
    Remove,
    Replace,
    /// With `from`.
    Move(String),
    /// With `from`.
    Copy(String),
    Test,
}

/// Whether a value is a list of operations; if not, what is wrong with it.
pub fn check_json(operations: &Value) -> Result<(), String> {
    read(operations).map(drop)
}

/// Applies a list of operations, all or none of them. The API server answers with the same
/// words whatever did not fit (`apiserver/pkg/endpoints/handlers/patch.go`, `applyJSPatch`).
pub fn json(live: &Value, operations: &Value) -> Result<Value, Refusal> {
    let malformed = |error: String| {
        let mut refusal = Refusal::new(format!(
            "Error from server (BadRequest): error decoding patch: {error}"
        ));
        refusal.because = Some(error);
        refusal
    };
    let operations = read(operations).map_err(malformed)?;
    let mut patched = live.clone();
    for operation in operations {
        apply(&mut patched, operation).map_err(|error| {
            let mut refusal = Refusal::new(
                "The request is invalid: the server rejected our request due to an error in our \
                 request",
            );
            refusal.because = Some(error);
            refusal
        })?;
    }
    Ok(patched)
}

fn read(operations: &Value) -> Result<Vec<Operation>, String> {
    let operations = operations.as_array().ok_or("it is not a list")?;
    operations.iter().map(Operation::read).collect()
}

impl Operation {
    fn read(value: &Value) -> Result<Self, String> {
        if !value.is_object() {
            return Err("an operation is an object with `op` and `path`".to_owned());
        }
        let text = |key: &str| {
            let text = value[key].as_str().map(str::to_owned);
            text.ok_or_else(|| format!("an operation needs `{key}`, a text"))
        };
        let op = text("op")?;
        let step = match op.as_str() {
            "add" => Step::Add,
            "remove" => Step::Remove,
            "replace" => Step::Replace,
            "move" => Step::Move(text("from")?),
            "copy" => Step::Copy(text("from")?),
            "test" => Step::Test,
            _ => {
                return Err(format!(
                    "unknown operation `{op}`; there are `add`, `remove`, `replace`, `move`, \
                     `copy` and `test`"
                ));
            }
        };
        Ok(Self {
            step,
            path: text("path")?,
            value: value["value"].clone(),
        })
    }
}

fn apply(document: &mut Value, operation: Operation) -> Result<(), String> {
    let Operation { step, path, value } = operation;
    let missing = |operation: &str, what: &str, path: &str| {
        format!("{operation} operation does not apply: doc is missing {what}: {path}")
    };
    match step {
        Step::Add => {
            let (at, key) =
                container(document, &path).ok_or_else(|| missing("add", "path", &path))?;
            at.add(&key, value)
                .map_err(|error| format!("error in add for path: '{path}': {error}"))
        }
        Step::Remove => {
            let (at, key) =
                container(document, &path).ok_or_else(|| missing("remove", "path", &path))?;
            at.remove(&key)
                .map_err(|error| format!("error in remove for path: '{path}': {error}"))
        }
        Step::Replace if path.is_empty() => {
            if !value.is_object() && !value.is_array() {
                return Err("replace operation value must be object or array".to_owned());
            }
            *document = value;
            Ok(())
        }
        Step::Replace => {
            let (at, key) =
                container(document, &path).ok_or_else(|| missing("replace", "path", &path))?;
            at.replace(&key, value)
                .map_err(|_| missing("replace", "key", &path))
        }
        Step::Move(from) => {
            let (at, key) =
                container(document, &from).ok_or_else(|| missing("move", "from path", &from))?;
            let in_move = |error| format!("error in move for path: '{key}': {error}");
            let value = at.get(&key).map_err(in_move)?;
            at.remove(&key).map_err(in_move)?;
            let (at, key) = container(document, &path)
                .ok_or_else(|| missing("move", "destination path", &path))?;
            at.add(&key, value)
                .map_err(|error| format!("error in move for path: '{path}': {error}"))
        }
        Step::Copy(from) => {
            let (at, key) =
                container(document, &from).ok_or_else(|| missing("copy", "from path", &from))?;
            let value = at
                .get(&key)
                .map_err(|error| format!("error in copy for from: '{from}': {error}"))?;
            let (at, key) = container(document, &path)
                .ok_or_else(|| missing("copy", "destination path", &path))?;
            at.add(&key, value)
                .map_err(|error| format!("error while adding value during copy: {error}"))
        }
        Step::Test => {
            let found = if path.is_empty() {
                document.clone()
            } else {
                let (at, key) =
                    container(document, &path).ok_or_else(|| missing("test", "path", &path))?;
                at.get(&key)
                    .map_err(|error| format!("error in test for path: '{path}': {error}"))?
            };
            if found == value {
                Ok(())
            } else {
                Err(format!("testing value {path} failed: test failed"))
            }
        }
    }
}

/// What holds the last part of a path.
enum Container<'a> {
    Object(&'a mut Map<String, Value>),
    Array(&'a mut Vec<Value>),
}

/// What holds the last part of a path, and that part. What stands before the first `/` counts
/// for nothing (`findObject`).
fn container<'a>(document: &'a mut Value, path: &str) -> Option<(Container<'a>, String)> {
    let mut parts = path.split('/').skip(1).map(unescaped).peekable();
    let mut at = document;
    loop {
        let part = parts.next()?;
        let holder = match at {
            Value::Object(object) => Container::Object(object),
            Value::Array(items) => Container::Array(items),
            _ => return None,
        };
        if parts.peek().is_none() {
            return Some((holder, part));
        }
        at = match holder {
            Container::Object(object) => object.get_mut(&part)?,
            Container::Array(items) => {
                let index = index(&part, items.len()).ok()?;
                items.get_mut(index)?
            }
        };
    }
}

fn unescaped(part: &str) -> String {
    // `~01` is `~1`: from left to right, as Go's `strings.NewReplacer`.
    let mut pieces = part.split('~');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (sign, rest) = match piece.as_bytes().first() {
            Some(b'0') => ("~", &piece[1..]),
            Some(b'1') => ("/", &piece[1..]),
            _ => ("~", piece),
        };
        text.push_str(sign);
        text.push_str(rest);
    }
    text
}

/// The place that an index means; negative ones count from the end of `length`.
fn index(key: &str, length: usize) -> Result<usize, String> {
    let index: isize = key
        .parse()
        .map_err(|_| format!("value was not a proper array index: '{key}'"))?;
    let place = if index < 0 {
        length.checked_sub(index.unsigned_abs())
    } else {
        Some(index.unsigned_abs())
    };
    place.ok_or_else(|| invalid(key))
}

fn invalid(key: &str) -> String {
    format!("Unable to access invalid index: {key}: invalid index referenced")
}

impl Container<'_> {
    /// A key that is not there gives null.
    fn get(&self, key: &str) -> Result<Value, String> {
        match self {
            Self::Object(object) => Ok(object.get(key).cloned().unwrap_or_default()),
            Self::Array(items) => {
                let found = items.get(index(key, items.len())?);
                found.cloned().ok_or_else(|| invalid(key))
            }
        }
    }

    fn add(self, key: &str, value: Value) -> Result<(), String> {
        match self {
            Self::Object(object) => {
                object.insert(key.to_owned(), value);
            }
            Self::Array(items) if key == "-" => items.push(value),
            Self::Array(items) => {
                let place = index(key, items.len() + 1)?;
                if place > items.len() {
                    return Err(invalid(key));
                }
                items.insert(place, value);
            }
        }
        Ok(())
    }

    fn replace(self, key: &str, value: Value) -> Result<(), String> {
        match self {
            Self::Object(object) => {
                object.insert(key.to_owned(), value);
            }
            Self::Array(items) => {
                let place = index(key, items.len())?;
                *items.get_mut(place).ok_or_else(|| invalid(key))? = value;
            }
        }
        Ok(())
    }

    fn remove(self, key: &str) -> Result<(), String> {
        match self {
            Self::Object(object) => match object.shift_remove(key) {
                Some(_) => Ok(()),
                None => Err(format!(
                    "Unable to remove nonexistent key: {key}: missing value"
                )),
            },
            Self::Array(items) => {
                let place = index(key, items.len())?;
                if place >= items.len() {
                    return Err(invalid(key));
                }
                items.remove(place);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn live() -> Value {
        json!({"spec": {"metrics": [{"value": 50}, {"value": 60}], "maxReplicas": 3}})
    }

    #[test]
    fn operations_apply_one_after_the_other() {
        let patched = json(
            &live(),
            &json!([
                {"op": "test", "path": "/spec/maxReplicas", "value": 3},
                {"op": "replace", "path": "/spec/metrics/0/value", "value": 75},
                {"op": "add", "path": "/spec/metrics/-", "value": {"value": 1}},
                {"op": "copy", "from": "/spec/metrics/1", "path": "/spec/metrics/0"},
                {"op": "move", "from": "/spec/maxReplicas", "path": "/spec/a~1b~0c~01"},
            ]),
        );
        let metrics = json!([{"value": 60}, {"value": 75}, {"value": 60}, {"value": 1}]);
        let expected = json!({"spec": {"metrics": metrics, "a/b~c~1": 3}});
        assert_eq!(patched, Ok(expected));
    }

    #[test]
    fn objects_take_what_is_not_there_and_arrays_count_from_the_end() {
        let spec = |operation: Value| {
            let patched = json(&live(), &json!([operation])).expect("a patched object");
            patched["spec"].clone()
        };
        let replaced = json!({"op": "replace", "path": "/spec/new", "value": 5});
        assert_eq!(spec(replaced)["new"], 5);
        let appended = json!({"op": "add", "path": "/spec/metrics/-1", "value": 1});
        assert_eq!(spec(appended)["metrics"][2], 1);
        let first = json!({"op": "add", "path": "/spec/metrics/-3", "value": 1});
        assert_eq!(spec(first)["metrics"][0], 1);
        let within = json!({"op": "replace", "path": "/spec/metrics/-2/value", "value": 1});
        assert_eq!(
            spec(within)["metrics"],
            json!([{"value": 1}, {"value": 60}])
        );
        let last = json!({"op": "remove", "path": "/spec/metrics/-1"});
        assert_eq!(spec(last)["metrics"], json!([{"value": 50}]));
        let copied = json!({"op": "copy", "from": "/spec/nothere", "path": "/spec/new"});
        assert_eq!(spec(copied).get("new"), Some(&Value::Null));
        let valueless = json!({"op": "add", "path": "/spec/new"});
        assert_eq!(spec(valueless).get("new"), Some(&Value::Null));
        let absent = json!({"op": "test", "path": "/spec/nothere", "value": null});
        assert_eq!(spec(absent), live()["spec"]);
    }

    #[test]
    fn what_stands_before_the_first_slash_counts_for_nothing() {
        let operations = json!([{"op": "add", "path": "spec/new", "value": 1}]);
        let patched = json(&live(), &operations).expect("a patched object");
        assert_eq!(
            (&patched["new"], patched["spec"].get("new")),
            (&json!(1), None)
        );
    }

    #[test]
    fn what_does_not_fit_is_refused_and_nothing_done() {
        for operation in [
            json!({"op": "replace", "path": "/spec/metrics/2/value", "value": 1}),
            json!({"op": "replace", "path": "/spec/metrics/2", "value": 1}),
            json!({"op": "replace", "path": "/spec/metrics/-3", "value": 1}),
            json!({"op": "replace", "path": "", "value": 1}),
            json!({"op": "remove", "path": "/spec/nothere"}),
            json!({"op": "remove", "path": "/spec/metrics/2"}),
            json!({"op": "add", "path": "/spec/no/where", "value": 1}),
            json!({"op": "add", "path": "/spec/metrics/4", "value": 1}),
            json!({"op": "add", "path": "/spec/metrics/x", "value": 1}),
            json!({"op": "add", "path": "/spec/maxReplicas/x", "value": 1}),
            json!({"op": "add", "path": "spec", "value": 1}),
            json!({"op": "test", "path": "/spec/maxReplicas", "value": 4}),
            json!({"op": "test", "path": "/spec/maxReplicas"}),
            json!({"op": "test", "path": "/spec/nothere/x", "value": null}),
            json!({"op": "move", "from": "/spec/nothere", "path": "/spec/new"}),
            json!({"op": "move", "from": "/spec", "path": "/spec/new"}),
        ] {
            let refusal = json(&live(), &json!([operation])).expect_err("a refusal");
            assert_eq!(
                refusal.text,
                "The request is invalid: the server rejected our request due to an error in our \
                 request"
            );
            assert!(refusal.because.is_some());
        }
    }
}
