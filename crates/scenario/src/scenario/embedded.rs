//! Places in a text that stands in a file as one value: a file in a ConfigMap.

use super::diagnostic::SourceFile;
use super::node::{Node, Span};
use crate::kubectl::yaml;

/// The place in its file of what stands at `path` in the YAML of a node's text, as far as it goes:
/// keys, and places in lists as numbers.
pub(super) fn find(files: &[SourceFile], node: &Node, path: &[&str]) -> Span {
    let Some(text) = node.text() else {
        return node.span;
    };
    let parsed = yaml::parse(text).ok().and_then(|parsed| parsed.root);
    let mut found = parsed.as_ref();
    let mut place = None;
    for step in path {
        let next = found.and_then(|node| match &node.value {
            yaml::Value::Table(entries) => {
                let entry = entries.iter().find(|(key, _)| key.name == *step);
                entry.map(|(_, value)| value)
            }
            yaml::Value::List(items) => items.get(step.parse::<usize>().ok()?),
            _ => None,
        });
        let Some(node) = next else { break };
        (found, place) = (next, Some(node.start));
    }
    place.map_or(node.span.first(), |place| at(files, node, text, place))
}

/// The place in its file of a byte of a node's text: where that is a block (`|`), whose lines are
/// the file's but for their indent; else the node's.
pub(super) fn at(files: &[SourceFile], node: &Node, text: &str, place: usize) -> Span {
    let before = &text[..place.min(text.len())];
    let begin = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[begin..].lines().next().unwrap_or_default();
    let whole = files.get(node.span.file).map(|file| &*file.text);
    let block = whole.and_then(|whole| whole.get(node.span.start..));
    let number = before.matches('\n').count() + 1;
    let found = block.and_then(|block| {
        let start: usize = block.split_inclusive('\n').take(number).map(str::len).sum();
        let own = block.get(start..)?.lines().next()?;
        let indent = own.strip_suffix(line)?;
        indent.trim().is_empty().then_some(start + indent.len())
    });
    found.map_or(node.span.first(), |start| {
        let start = node.span.start + start + (before.len() - begin);
        Span {
            start,
            end: start + line.len().saturating_sub(before.len() - begin),
            ..node.span
        }
    })
}
