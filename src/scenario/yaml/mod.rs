//! YAML into trees with places, from the parser's events.
//!
//! The parser is `saphyr-parser`; building the tree here finds keys that stand twice, resolves
//! aliases and merge keys within a budget (a few lines of aliases can stand for billions of
//! nodes), bounds the depth, and goes on with the next document after a mistake.

mod builder;

use super::diagnostic::Diagnostics;
use super::node::{Node, Span, Value};
use builder::Builder;

/// The documents of a file, and whether all of them could be read.
pub(super) struct Parsed {
    pub(super) documents: Vec<Node>,
    pub(super) complete: bool,
}

/// What stops a document.
struct Stop {
    span: Span,
    title: String,
    label: String,
}

/// Parses a file that was loaded.
pub(super) fn parse(file: usize, diagnostics: &mut Diagnostics) -> Parsed {
    let text = diagnostics.files[file].text.clone();
    let mut documents = Vec::new();
    let mut problems = Diagnostics::default();
    let whole = Builder::new(file, &text, 0, &mut problems).run(&mut documents);
    let complete = whole.is_ok() && !problems.has_errors();
    if whole.is_err() {
        // A syntax error ends the parser: each document is parsed by itself, so that the others are
        // still checked.
        documents.clear();
        problems.list.clear();
        for (start, part) in parts(&text) {
            let outcome = Builder::new(file, part, start, &mut problems).run(&mut documents);
            if let Err(stop) = outcome {
                report(stop, &text, &mut problems);
            }
        }
    }
    diagnostics.list.append(&mut problems.list);
    documents.retain(|document| document.value != Value::Null);
    if documents.is_empty() && complete {
        let help = "a manifest has at least `apiVersion`, `kind` and `metadata`";
        let title = if text.trim().is_empty() {
            "the file is empty"
        } else {
            "the file holds no object"
        };
        diagnostics
            .error(Span::at(file, 0), title, "nothing here")
            .help = Some(help.to_owned());
    }
    Parsed {
        documents,
        complete,
    }
}

/// The documents' texts with their places: a line that begins with `---` begins a document.
fn parts(text: &str) -> Vec<(usize, &str)> {
    let mut starts = vec![0];
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let marks = line
            .strip_prefix("---")
            .is_some_and(|rest| rest.chars().next().is_none_or(char::is_whitespace));
        if marks && at > 0 {
            starts.push(at);
        }
        at += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| (start, &text[start..end]))
        .collect()
}

/// Help for a Helm template.
pub(super) const TEMPLATE: &str =
    "this is a template: write what it makes to a file, for example with `helm template`";

/// Help for the parser's errors.
const ADVICE: [(&str, &str); 5] = [
    (
        "must be followed by a valid YAML whitespace",
        "a space, no tab, stands after `:`",
    ),
    (
        "mapping values are not allowed",
        "indent the key as its neighbours are; a text with `: ` in it needs quotes",
    ),
    (
        "did not find expected key",
        "indent the key as its neighbours are",
    ),
    ("could not find expected ':'", "a key is followed by `: `"),
    (
        "simple key expect ':'",
        "a key is followed by `: `; a text of several lines needs `|`",
    ),
];

fn report(stop: Stop, text: &str, diagnostics: &mut Diagnostics) {
    let at = stop.span.start.min(text.len());
    let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let before = text[..line_start.saturating_sub(1)]
        .rfind('\n')
        .map_or(0, |newline| newline + 1);
    let after = text[at..].find('\n').map(|newline| at + newline + 1);
    // The parser stops at a tab, or in the line before or after it.
    let lines = [Some(line_start), after, Some(before)];
    let tab = lines.into_iter().flatten().find_map(|start| {
        let line = text[start..].lines().next().unwrap_or_default();
        let indent = line.len() - line.trim_start().len();
        line[..indent].find('\t').map(|place| start + place)
    });
    if let Some(tab) = tab {
        let span = Span {
            file: stop.span.file,
            start: tab,
            end: tab + 1,
        };
        let title = "not valid YAML: a tab in the indentation";
        diagnostics.error(span, title, "this is a tab").help =
            Some("YAML is indented with spaces only".to_owned());
        return;
    }
    let line = text[line_start..].lines().next().unwrap_or_default();
    let known = ADVICE.iter().find(|(part, _)| stop.label.contains(part));
    let advice = if line.contains("{{") {
        Some(TEMPLATE)
    } else {
        known.map(|(_, advice)| *advice)
    };
    diagnostics.error(stop.span, stop.title, stop.label).help = advice.map(str::to_owned);
}

#[cfg(test)]
mod tests {
    use super::builder::DEEPEST;
    use super::*;
    use crate::scenario::diagnostic::SourceFile;

    fn read(text: &str) -> (Parsed, Diagnostics) {
        let mut diagnostics = Diagnostics::default();
        diagnostics.files.push(SourceFile {
            path: "x.yaml".to_owned(),
            text: text.into(),
        });
        let parsed = parse(0, &mut diagnostics);
        (parsed, diagnostics)
    }

    fn value<'a>(parsed: &'a Parsed, path: &str) -> &'a Value {
        let mut node = &parsed.documents[0];
        for step in crate::scenario::node::parse_path(path) {
            node = node.child(&step).expect("the path exists");
        }
        &node.value
    }

    #[test]
    fn aliases_and_merge_keys_are_resolved() {
        let (parsed, diagnostics) = read("a: &a {x: 1, y: 2}\nb: *a\nc:\n  <<: *a\n  y: 3\n");
        assert_eq!(diagnostics.list, []);
        assert_eq!(value(&parsed, "b.x"), &Value::Int(1));
        assert_eq!(value(&parsed, "c.x"), &Value::Int(1));
        assert_eq!(value(&parsed, "c.y"), &Value::Int(3));
    }

    #[test]
    fn a_thousandfold_of_aliases_is_refused() {
        let mut text = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n".to_owned();
        for level in 1..12 {
            let alias = format!("*a{}", level - 1);
            let list = vec![alias; 10].join(", ");
            text.extend([format!("a{level}: &a{level} [{list}]\n")]);
        }
        let (parsed, diagnostics) = read(&text);
        assert!(!parsed.complete);
        let title = "the aliases of this file stand for too much";
        assert_eq!(diagnostics.list[0].title, title);
    }

    #[test]
    fn an_alias_within_itself_is_refused() {
        let (parsed, diagnostics) = read("a: &a [*a]\n");
        assert!(!parsed.complete && diagnostics.has_errors());
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(read(&nested(DEEPEST)).1.list, []);
        let (parsed, diagnostics) = read(&nested(DEEPEST + 1));
        assert!(!parsed.complete);
        assert_eq!(diagnostics.list[0].title, "this is nested too deep");
        assert!(read(&"[".repeat(200_000)).1.has_errors());
        assert!(read(&"- ".repeat(200_000)).1.has_errors());
    }

    #[test]
    fn places_count_bytes_also_behind_wide_characters() {
        let (parsed, _) = read("é: \"ü\"\nkind: Ä\n");
        let Value::Table(entries) = &parsed.documents[0].value else {
            panic!("a table")
        };
        let (key, kind) = &entries[1];
        assert_eq!((key.span.start, key.span.end), (9, 13));
        assert_eq!((kind.span.start, kind.span.end), (15, 17));
    }

    #[test]
    fn a_mistake_in_one_document_leaves_the_others() {
        let (parsed, diagnostics) = read("a: [1\n---\nb: 2\n---\nc: }\n---\nd: 4\n");
        assert_eq!(diagnostics.list.len(), 2, "{diagnostics:?}");
        assert_eq!(parsed.documents.len(), 2);
        assert_eq!(
            parsed.documents[1].get("d").map(|node| &node.value),
            Some(&Value::Int(4))
        );
    }
}
