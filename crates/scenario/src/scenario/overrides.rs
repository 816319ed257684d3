//! Values of the files replaced from outside: `--set` and sweeps.
//!
//! A path is `service[neurolake-api].request.cpu.mean` in the scenario, or
//! `Kind/name:spec.…` (`Kind/namespace/name:spec.…`) in a manifest. Items of lists are picked by
//! place or by name, keys with dots stand in brackets.

use super::loaded::Document;
use super::node::{KeyNode, Node, Span, Step, Value, parse_path};
use super::source;
use super::suggest::advice;

/// Why a path cannot be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) title: String,
    pub(super) help: String,
}

/// Replaces the value at a path. Keys that are not there yet are added; validation then says
/// whether they are known.
pub(super) fn set(
    scenario: &mut Node,
    documents: &mut [Document],
    path: &str,
    value: &str,
    (path_span, span): (Span, Span),
) -> Result<(), Problem> {
    let (mut node, rest) = match split(path) {
        Some((object, rest)) => (find_object(documents, object)?, rest),
        None => (scenario, path),
    };
    let steps = parse_path(rest);
    if steps.is_empty() {
        return Err(Problem {
            title: format!("the path `{path}` names nothing"),
            help: "write for example `simulation.duration`, `service[api].slots` or `HorizontalPodAutoscaler/api:spec.maxReplicas`".to_owned(),
        });
    }
    for step in &steps {
        if node.child_mut(step).is_none() {
            let (Step::Key(key) | Step::Name(key), Value::Table(entries)) = (step, &mut node.value)
            else {
                return Err(unknown(path, step, node));
            };
            let name = key.clone();
            let value = Value::Table(Vec::new());
            let key = KeyNode {
                span: path_span,
                name,
            };
            entries.push((key, Node { span, value }));
        }
        node = node
            .child_mut(step)
            .expect("the key is there or was just added");
    }
    let was_text = matches!(node.value, Value::Text(_));
    *node = parse_value(value, span);
    if was_text && matches!(node.value, Value::Int(_) | Value::Float(_) | Value::Bool(_)) {
        // `--set kubernetes=1.33`: a text stays a text.
        node.value = Value::Text(value.trim().to_owned());
    }
    Ok(())
}

/// Whether a path leads into a manifest.
pub(super) fn is_of_document(path: &str) -> bool {
    split(path).is_some()
}

/// Splits `Kind/name:spec.…`, but no colon within brackets.
fn split(path: &str) -> Option<(&str, &str)> {
    let (object, rest) = path.split_once(':')?;
    (!object.contains('[')).then_some((object, rest))
}

/// What a document is called: its kind, namespace and name.
fn called<'a>(document: &'a Document) -> [&'a str; 3] {
    let node = &document.node;
    let text = |node: &'a Node, key: &str| node.get(key).and_then(Node::text).unwrap_or_default();
    let metadata = |key: &str| node.get("metadata").map_or("", |node| text(node, key));
    let namespace = match metadata("namespace") {
        // As the API server takes it.
        "" => "default",
        namespace => namespace,
    };
    [text(node, "kind"), namespace, metadata("name")]
}

/// Whether an object is the one that a path names, `Kind/name` or `Kind/namespace/name`.
fn is_named([kind, namespace, name]: [&str; 3], path: &str) -> bool {
    let rest = path
        .strip_prefix(kind)
        .and_then(|rest| rest.strip_prefix('/'));
    let below = |rest: &str| {
        let rest = rest.strip_prefix(namespace)?.strip_prefix('/')?;
        Some(rest == name)
    };
    rest.is_some_and(|rest| rest == name || below(rest).unwrap_or(false))
}

fn find_object<'a>(documents: &'a mut [Document], object: &str) -> Result<&'a mut Node, Problem> {
    let mut places =
        (0..documents.len()).filter(|&place| is_named(called(&documents[place]), object));
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(documents[place].node_mut()),
        (None, _) => {
            let short = |one| {
                let [kind, _, name] = called(one);
                format!("{kind}/{name}")
            };
            let known: Vec<String> = documents.iter().map(short).collect();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            Err(Problem {
                title: format!("no object `{object}` among the manifests"),
                help: advice(object, &known),
            })
        }
        (Some(_), Some(_)) => {
            let all = documents.iter().map(called);
            let several = all.filter(|one| is_named(*one, object));
            let long: Vec<String> = several.map(|one| one.join("/")).collect();
            Err(Problem {
                title: format!("several objects are `{object}`"),
                help: format!("name one with its namespace: {}", long.join(", ")),
            })
        }
    }
}

fn unknown(path: &str, step: &Step, node: &Node) -> Problem {
    let known: Vec<String> = match &node.value {
        Value::Table(entries) => entries.iter().map(|(key, _)| key.name.clone()).collect(),
        Value::List(items) => items.iter().filter_map(Node::label).collect(),
        _ => Vec::new(),
    };
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let (title, name) = match (step, &node.value) {
        (Step::Index(index), Value::List(items)) => (
            format!("the path `{path}` asks for item {index} of {}", items.len()),
            String::new(),
        ),
        (Step::Name(name), Value::List(_)) => (
            format!("the path `{path}` asks for `{name}`, which the list does not have"),
            name.clone(),
        ),
        (Step::Key(name) | Step::Name(name), value) => (
            format!("the path `{path}` asks for `{name}` of {}", value.kind()),
            name.clone(),
        ),
        (Step::Index(index), value) => (
            format!(
                "the path `{path}` asks for item {index} of {}",
                value.kind()
            ),
            String::new(),
        ),
    };
    let help = match &node.value {
        Value::List(_) if matches!(step, Step::Key(_)) && !known.is_empty() => {
            let items: Vec<String> = known.iter().map(|name| format!("[{name}]")).collect();
            format!("items are picked in brackets: {}", items.join(", "))
        }
        Value::List(items) if known.is_empty() => match items.len() {
            0 => "the list is empty".to_owned(),
            count => format!("items are picked by place: [0] to [{}]", count - 1),
        },
        Value::List(_) | Value::Table(_) => advice(&name, &known),
        _ => "set the whole value instead, for example to `{ dist = \"lognormal\", mean = \"20ms\", cv = 0.5 }`".to_owned(),
    };
    Problem { title, help }
}

/// Whether a text without quotes is read as this very text.
pub(super) fn stays_text(text: &str) -> bool {
    matches!(&parse_value(text, Span::default()).value, Value::Text(read) if read == text)
}

/// A value as TOML writes it; what is no TOML is a text.
fn parse_value(text: &str, span: Span) -> Node {
    // Most values of sweeps are whole numbers.
    let is_whole = !text.starts_with('0') && text.bytes().all(|one| one.is_ascii_digit());
    if let (true, Ok(whole)) = (is_whole, text.parse()) {
        let value = Value::Int(whole);
        return Node { span, value };
    }
    source::parse_value(text, span).unwrap_or_else(|| Node {
        span,
        value: Value::Text(text.trim().to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Span = Span {
        file: 7,
        start: 1,
        end: 2,
    };

    fn value(text: &str) -> Value {
        parse_value(text, SPAN).value
    }

    #[test]
    fn values_are_toml_or_else_texts() {
        assert_eq!(value("1_000"), Value::Int(1000));
        assert_eq!(value(" 2.5 "), Value::Float(2.5));
        assert_eq!(value("70"), Value::Int(70));
        assert_eq!(value("0"), Value::Int(0));
        assert_eq!(value("070"), Value::Text("070".to_owned()));
        assert_eq!(value("true"), Value::Bool(true));
        assert_eq!(value("\"1\""), Value::Text("1".to_owned()));
        assert_eq!(value("5m"), Value::Text("5m".to_owned()));
        assert_eq!(value("infinity"), Value::Text("infinity".to_owned()));
        assert_eq!(value("1\nb = 2"), Value::Text("1\nb = 2".to_owned()));
        assert_eq!(value(""), Value::Text(String::new()));
        let table = parse_value("{ dist = \"gamma\", mean = \"1s\" }", SPAN);
        assert_eq!(table.get("dist").and_then(Node::text), Some("gamma"));
        assert_eq!(table.get("dist").map(|node| node.span), Some(SPAN));
    }
}
