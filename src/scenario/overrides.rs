//! Values of the files replaced from outside: `--set` and sweeps.
//!
//! A path is `service[neurolake-api].request.cpu.mean` in the scenario, or
//! `Kind/name:spec.…` in a manifest. Lists are indexed by place or by name.

use super::loaded::Document;
use super::node::{KeyNode, Node, Span, Step, Value, parse_path};
use super::suggest::nearest;

/// Replaces the value at a path. A last key that is not there yet is added; validation then
/// says whether it is known.
pub(super) fn set(
    scenario: &mut Node,
    documents: &mut [Document],
    path: &str,
    value: &str,
) -> Result<(), String> {
    let value = parse_value(value);
    let (root, rest) = match path.split_once(':') {
        Some((object, rest)) => (find_object(documents, object)?, rest),
        None => (scenario, path),
    };
    let steps = parse_path(rest);
    let Some((last, parents)) = steps.split_last() else {
        return Err(format!("the path `{path}` names nothing"));
    };
    let mut node = root;
    for step in parents {
        let missing = node.child_mut(step).is_none();
        if missing {
            match (step, &mut node.value) {
                (Step::Key(key), Value::Table(entries)) => {
                    let span = node.span;
                    entries.push(entry(key, span, Value::Table(Vec::new())));
                }
                _ => return Err(unknown(path, step, node)),
            }
        }
        // A plain value where a table is wanted: `mean` of a constant distribution.
        let span = node.span;
        let Some(child) = node.child_mut(step) else {
            return Err(format!("the path `{path}` is not in span {span:?}"));
        };
        node = child;
    }
    match (last, &mut node.value) {
        (Step::Key(key), Value::Table(entries)) => {
            match entries.iter_mut().find(|(name, _)| name.name == *key) {
                Some((_, child)) => child.value = value,
                None => entries.push(entry(key, node.span, value)),
            }
            Ok(())
        }
        (step, _) => match node.child_mut(step) {
            Some(child) => {
                child.value = value;
                Ok(())
            }
            None => Err(unknown(path, step, node)),
        },
    }
}

fn entry(key: &str, span: Span, value: Value) -> (KeyNode, Node) {
    (
        KeyNode {
            span,
            name: key.to_owned(),
        },
        Node { span, value },
    )
}

fn find_object<'a>(documents: &'a mut [Document], object: &str) -> Result<&'a mut Node, String> {
    let name_of = |document: &Document| {
        let kind = document.node.get("kind").and_then(Node::text)?;
        let name = document
            .node
            .get("metadata")
            .and_then(|metadata| metadata.get("name"))
            .and_then(Node::text)?;
        Some(format!("{kind}/{name}"))
    };
    let names: Vec<Option<String>> = documents.iter().map(name_of).collect();
    match names
        .iter()
        .position(|name| name.as_deref() == Some(object))
    {
        Some(place) => Ok(&mut documents[place].node),
        None => {
            let known: Vec<&str> = names.iter().flatten().map(String::as_str).collect();
            let advice = match nearest(object, known.iter().copied()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("the manifests have {}", known.join(", ")),
            };
            Err(format!(
                "no object `{object}` among the manifests; {advice}"
            ))
        }
    }
}

fn unknown(path: &str, step: &Step, node: &Node) -> String {
    let (name, known) = match (step, &node.value) {
        (Step::Key(name) | Step::Name(name), Value::Table(entries)) => (
            name.clone(),
            entries.iter().map(|(key, _)| key.name.clone()).collect(),
        ),
        (Step::Name(name), Value::List(items)) => {
            let label = |item: &Node| {
                item.get("name")
                    .or_else(|| item.get("type"))
                    .and_then(Node::text)
                    .map(str::to_owned)
            };
            (
                name.clone(),
                items.iter().filter_map(label).collect::<Vec<String>>(),
            )
        }
        (Step::Key(name), _) => (name.clone(), Vec::new()),
        (step, value) => {
            return format!(
                "the path `{path}` leads to {} at {step:?}, which it has not",
                value.kind()
            );
        }
    };
    let advice = match nearest(&name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "nothing can be set there".to_owned(),
        None => format!("known there: {}", known.join(", ")),
    };
    format!("the path `{path}` has no `{name}`; {advice}")
}

/// A value as TOML writes it; what is no TOML is a text.
fn parse_value(text: &str) -> Value {
    let trimmed = text.trim();
    if let Ok(number) = trimmed.parse::<i64>() {
        return Value::Int(number);
    }
    if let Ok(number) = trimmed.parse::<f64>() {
        return Value::Float(number);
    }
    match trimmed {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => {
            let quoted = trimmed
                .strip_prefix('"')
                .and_then(|text| text.strip_suffix('"'));
            Value::Text(quoted.unwrap_or(trimmed).to_owned())
        }
    }
}
