//! An object after a patch, with the places of what it was made of.

use serde_json::Value as Json;

use crate::scenario::node::{KeyNode, Node, Span, Value};
use crate::scenario::object::to_json;

/// Fields that tell the items of a list apart.
const KEYS: [&str; 7] = [
    "name",
    "containerName",
    "containerPort",
    "mountPath",
    "port",
    "topologyKey",
    "type",
];

/// A value as a tree: what was there before keeps its place, what a patch brought has the place
/// in the patch, and everything else `place`.
pub(super) fn graft(new: &Json, old: Option<&Node>, patch: Option<&Node>, place: Span) -> Node {
    if let Some(old) = old
        && to_json(old) == *new
    {
        return old.clone();
    }
    let span = |first: Option<&Node>, second: Option<&Node>| {
        first.or(second).map_or(place, |node| node.span)
    };
    match new {
        Json::Array(items) => {
            let place = span(patch, old);
            let items = items
                .iter()
                .map(|item| graft(item, like(old, item), like(patch, item), place));
            Node {
                span: span(old, patch),
                value: Value::List(items.collect()),
            }
        }
        Json::Object(entries) => {
            let place = span(patch, None);
            let entries = entries.iter().map(|(name, value)| {
                let (old, patch) = (field(old, name), field(patch, name));
                let key = old.or(patch).map_or(place, |(key, _)| key.span);
                let node = graft(value, old.map(|one| &one.1), patch.map(|one| &one.1), place);
                let name = name.clone();
                (KeyNode { span: key, name }, node)
            });
            let value = Value::Table(entries.collect());
            let span = span(old, patch);
            Node { span, value }
        }
        scalar => Node {
            span: span(patch, None),
            value: match scalar {
                Json::Bool(flag) => Value::Bool(*flag),
                Json::Number(number) => number.as_i64().map_or_else(
                    || Value::Float(number.as_f64().unwrap_or(f64::NAN)),
                    Value::Int,
                ),
                Json::String(text) => Value::Text(text.clone()),
                _ => Value::Null,
            },
        },
    }
}

fn field<'a>(node: Option<&'a Node>, name: &str) -> Option<&'a (KeyNode, Node)> {
    match &node?.value {
        Value::Table(entries) => entries.iter().find(|(key, _)| key.name == name),
        _ => None,
    }
}

/// The item of a list that a value was made of: the same one, or one of the same name.
fn like<'a>(list: Option<&'a Node>, item: &Json) -> Option<&'a Node> {
    let items = list?.items();
    let same = |known: &&Node| to_json(known) == *item;
    let named = |known: &&Node| {
        KEYS.iter().any(|key| {
            let (known, wanted) = (known.get(key), item.get(key));
            wanted.is_some() && known.map(to_json).as_ref() == wanted
        })
    };
    items.iter().find(same).or_else(|| items.iter().find(named))
}
