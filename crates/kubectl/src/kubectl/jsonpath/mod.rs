//! JSONPath as kubectl knows it: `{.items[*].metadata.name}`, `{.status.conditions[?(@.type=="Ready")].status}`.
//!
//! A template is text with expressions in braces. Keys that are not there give nothing.
//!
//! Upstream: client-go's `util/jsonpath`, kubectl's `RelaxedJSONPathExpression`.

mod parse;

use std::cmp::Ordering::{Equal, Greater, Less};

use serde_json::Value;

use super::json::compact;
pub use parse::PathError;

/// A template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath {
    parts: Vec<Part>,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// Text as it stands.
    Text(String),
    /// What steps lead to.
    Path(Vec<Step>),
    /// `{range …}…{end}`: the parts once for each of what the steps lead to.
    Range(Vec<Step>, Vec<Part>),
}

/// A step from values to others.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// `$`: back to the whole object.
    Root,
    /// `.name` and `['name']`.
    Field(String),
    /// `.*` and `[*]`.
    All,
    /// `..`: the value and everything in it.
    Descend,
    /// `[1]`, `[-1]`, `[0:2]`, `[::2]`: from, to and stride.
    Slice(Option<i64>, Option<i64>, i64),
    /// `[0,2]` and `['a','b']`.
    Union(Vec<Vec<Step>>),
    /// `[?(@.a == "b")]`.
    Filter(Operand, Option<(Comparison, Operand)>),
}

/// One side of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Operand {
    Path(Vec<Step>),
    Literal(Value),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl JsonPath {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let parts = parse::template(text)?;
        Ok(Self { parts })
    }

    /// Reads an expression that may lack its braces and its first dot, as `metadata.name`.
    pub fn relaxed(text: &str) -> Result<Self, PathError> {
        let text = text.trim();
        if text.starts_with('{') {
            return Self::parse(text);
        }
        let dot = if text.starts_with(['.', '[', '$']) {
            ""
        } else {
            "."
        };
        Self::parse(&format!("{{{dot}{text}}}"))
    }

    /// What each expression leads to.
    pub fn find<'a>(&'a self, object: &'a Value) -> Vec<Vec<&'a Value>> {
        let of = |part: &'a Part| match part {
            Part::Text(_) => None,
            Part::Path(steps) | Part::Range(steps, _) => Some(walk(steps, vec![object], object)),
        };
        self.parts.iter().filter_map(of).collect()
    }

    /// The template with what its expressions lead to, several values with blanks between them.
    pub fn print(&self, object: &Value) -> String {
        let mut text = String::new();
        print(&self.parts, object, object, &mut text);
        text
    }
}

fn print(parts: &[Part], at: &Value, root: &Value, into: &mut String) {
    for part in parts {
        match part {
            Part::Text(text) => into.push_str(text),
            Part::Path(steps) => {
                let found = walk(steps, vec![at], root);
                let found: Vec<String> = found.into_iter().map(shown).collect();
                into.push_str(&found.join(" "));
            }
            Part::Range(steps, parts) => {
                for one in walk(steps, vec![at], root) {
                    print(parts, one, root, into);
                }
            }
        }
    }
}

/// A value as it is printed: texts without quotes, objects and lists as JSON.
pub fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Object(_) | Value::Array(_) => compact(value),
        other => other.to_string(),
    }
}

fn walk<'a>(steps: &'a [Step], from: Vec<&'a Value>, root: &'a Value) -> Vec<&'a Value> {
    let mut at = from;
    for step in steps {
        at = match step {
            Step::Root => vec![root],
            Step::Union(all) => all
                .iter()
                .flat_map(|steps| walk(steps, at.clone(), root))
                .collect(),
            step => at
                .into_iter()
                .flat_map(|one| next(step, one, root))
                .collect(),
        };
    }
    at
}

fn next<'a>(step: &'a Step, value: &'a Value, root: &'a Value) -> Vec<&'a Value> {
    match step {
        Step::Root => vec![root],
        Step::Union(all) => all
            .iter()
            .flat_map(|steps| walk(steps, vec![value], root))
            .collect(),
        Step::Field(name) => value.get(name).into_iter().collect(),
        Step::All => children(value),
        Step::Descend => {
            let mut all = vec![value];
            for child in children(value) {
                all.extend(next(step, child, root));
            }
            all
        }
        Step::Slice(from, to, stride) => {
            let items = value.as_array().map_or(&[][..], Vec::as_slice);
            let length = items.len() as i64;
            let place = |at: i64| if at < 0 { at + length } else { at };
            let from = place(from.unwrap_or(0)).clamp(0, length);
            let to = to.map_or(length, place).clamp(0, length);
            let chosen = items.iter().take(to as usize).skip(from as usize);
            chosen.step_by((*stride).max(1) as usize).collect()
        }
        Step::Filter(left, compared) => {
            let items = value.as_array().into_iter().flatten();
            items
                .filter(|item| holds(left, compared.as_ref(), item, root))
                .collect()
        }
    }
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => Vec::new(),
    }
}

fn holds(
    left: &Operand,
    compared: Option<&(Comparison, Operand)>,
    item: &Value,
    root: &Value,
) -> bool {
    let values = |operand: &Operand| -> Vec<Value> {
        match operand {
            Operand::Literal(value) => vec![value.clone()],
            Operand::Path(steps) => walk(steps, vec![item], root).into_iter().cloned().collect(),
        }
    };
    let left = values(left);
    let Some((comparison, right)) = compared else {
        return !left.is_empty();
    };
    let right = values(right);
    let (Some(left), Some(right)) = (left.first(), right.first()) else {
        return false;
    };
    let order = match (left, right) {
        (Value::Number(a), Value::Number(b)) => a
            .as_f64()
            .zip(b.as_f64())
            .and_then(|(a, b)| a.partial_cmp(&b)),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        _ => None,
    };
    match comparison {
        Comparison::Equal => order == Some(Equal),
        Comparison::Unequal => order != Some(Equal),
        Comparison::Less => order == Some(Less),
        Comparison::LessOrEqual => matches!(order, Some(Less | Equal)),
        Comparison::Greater => order == Some(Greater),
        Comparison::GreaterOrEqual => matches!(order, Some(Greater | Equal)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object() -> Value {
        json!({
            "metadata": {"name": "web", "labels": {"app.kubernetes.io/name": "shop"}},
            "spec": {"replicas": 3},
            "status": {
                "conditions": [
                    {"type": "Ready", "status": "True", "count": 4},
                    {"type": "Available", "status": "False"},
                ],
                "paused": false,
            },
        })
    }

    fn printed(template: &str) -> String {
        JsonPath::parse(template).expect(template).print(&object())
    }

    #[test]
    fn expressions_lead_to_values() {
        for (template, text) in [
            ("{.metadata.name}", "web"),
            ("{$.spec.replicas}", "3"),
            ("{.status.paused}", "false"),
            ("{.status.conditions[*].type}", "Ready Available"),
            ("{.status.conditions[1].type}", "Available"),
            ("{.status.conditions[-1].type}", "Available"),
            ("{.status.conditions[0:1].type}", "Ready"),
            ("{.status.conditions[0,1].status}", "True False"),
            ("{.status.conditions[?(@.type==\"Ready\")].status}", "True"),
            ("{.status.conditions[?(@.count>3)].type}", "Ready"),
            ("{.status.conditions[?(@.count)].type}", "Ready"),
            (
                "{.status.conditions[?(@.status != 'True')].type}",
                "Available",
            ),
            ("{.metadata.labels.app\\.kubernetes\\.io/name}", "shop"),
            ("{.metadata.labels['app.kubernetes.io/name']}", "shop"),
            ("{['metadata'].name}", "web"),
            ("{..type}", "Ready Available"),
            ("{.spec}", "{\"replicas\":3}"),
            ("{.nothing.here}", ""),
            ("name: {.metadata.name}, {\"\\t\"}end", "name: web, \tend"),
            (
                "{range .status.conditions[*]}{.type}={.status}{\"\\n\"}{end}",
                "Ready=True\nAvailable=False\n",
            ),
        ] {
            assert_eq!(printed(template), text, "{template}");
        }
    }

    #[test]
    fn braces_and_the_first_dot_may_be_left_out() {
        for text in [
            "{.metadata.name}",
            ".metadata.name",
            "metadata.name",
            " {.metadata.name} ",
        ] {
            let path = JsonPath::relaxed(text).expect(text);
            assert_eq!(path.find(&object()), [[&json!("web")]], "{text}");
        }
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for (template, why) in [
            ("{.a", "unclosed action"),
            ("{.a[0}", "unterminated array"),
            ("{.a[x]}", "invalid array index x"),
            ("{.a[?(@.b==c)]}", "unrecognized filter operand c"),
            ("{range .a}", "unclosed range"),
            ("{end}", "not in range, nothing to end"),
            ("{#}", "unrecognized character in action: \"#\""),
            ("{\"a}", "unterminated quoted string"),
        ] {
            let error = JsonPath::parse(template).expect_err(template);
            assert_eq!(error.to_string(), why, "{template}");
        }
    }
}
