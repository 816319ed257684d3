//! The `command` of a load: errors point at their word of the command line.

use crate::load::command_line;
use crate::load::spec::{Generator, Url};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::{Node, Span};
use crate::scenario::reader::{expected, wrong};

/// Reads a command line of `ab` or `hey`.
pub(super) fn command(node: &Node, diagnostics: &mut Diagnostics) -> Option<(Generator, Url)> {
    let Some(text) = node.text() else {
        wrong(
            "command",
            node,
            expected("a command line as a string", node),
            diagnostics,
        );
        return None;
    };
    match command_line::parse(text) {
        Ok(parsed) => {
            if !parsed.ignored.is_empty() {
                let title = format!(
                    "flags that do not shape the load are passed over: {}",
                    parsed.ignored.join(", ")
                );
                diagnostics.warning(node.span, title, "in this command line");
            }
            Some((parsed.generator, parsed.url))
        }
        Err(error) => {
            let span = within(node, text, error.start, error.end, diagnostics);
            diagnostics
                .error(span, "wrong command line", error.message)
                .help = error.help;
            None
        }
    }
}

/// The place of a part of a text; the whole text if it is written with escapes.
fn within(node: &Node, text: &str, start: usize, end: usize, diagnostics: &Diagnostics) -> Span {
    let source = diagnostics.files.get(node.span.file);
    let written = source.and_then(|file| file.text.get(node.span.start..node.span.end));
    match written.and_then(|written| written.find(text)) {
        Some(offset) if !text.is_empty() => Span {
            file: node.span.file,
            start: node.span.start + offset + start,
            end: node.span.start + offset + end,
        },
        _ => node.span,
    }
}

/// The place of a word of a text. Where the text is not written as it reads (with escapes, in a block),
/// it is the word that comes as often before.
pub(super) fn word_within(
    node: &Node,
    text: &str,
    (start, end): (usize, usize),
    word: &str,
    diagnostics: &Diagnostics,
) -> Span {
    let found = within(node, text, start, end, diagnostics);
    let before = text.get(..start).map(|before| before.matches(word).count());
    let source = diagnostics.files.get(node.span.file);
    let written = source.and_then(|file| file.text.get(node.span.start..node.span.end));
    if found != node.span || word.is_empty() {
        return found;
    }
    match (written, before) {
        (Some(written), Some(before)) => {
            let place = written.match_indices(word).nth(before);
            place.map_or(found, |(at, _)| Span {
                file: node.span.file,
                start: node.span.start + at,
                end: node.span.start + at + word.len(),
            })
        }
        _ => found,
    }
}
