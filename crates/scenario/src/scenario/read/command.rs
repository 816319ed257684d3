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
            diagnostics.error(span, "wrong command line", error.message);
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
