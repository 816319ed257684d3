//! YAML into trees with places, from the parser's events.
//!
//! The parser is `saphyr-parser`; building the tree here finds keys that stand twice, resolves
//! aliases and merge keys within a budget (a few lines of aliases can stand for billions of
//! nodes), bounds the depth, and goes on with the next document after a mistake.

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use saphyr::Scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use super::diagnostic::Diagnostics;
use super::node::{KeyNode, Node, Span, Value};

/// Tables and lists may be nested this deep.
const DEEPEST: usize = 100;
/// Nodes that aliases may add to a file.
const MOST_COPIES: usize = 100_000;

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
        // One mistake ends the parser: each document is parsed by itself, so that the others
        // are checked as well.
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

/// What to do about a chart's file.
pub(super) const TEMPLATE: &str =
    "this is a template: write what it makes to a file, for example with `helm template`";

/// What to do about the parser's complaints.
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

/// A table or list being filled.
struct Open {
    anchor: usize,
    start: usize,
    end: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Table {
        entries: Vec<(KeyNode, Node)>,
        key: Option<KeyNode>,
    },
}

struct Builder<'a> {
    file: usize,
    text: &'a str,
    /// Where the text begins in the file.
    offset: usize,
    /// Bytes of characters: markers count characters. Empty if all are single bytes.
    places: Vec<usize>,
    open: Vec<Open>,
    anchors: FxHashMap<usize, Node>,
    copies: usize,
    done: Option<Node>,
    diagnostics: &'a mut Diagnostics,
}

impl<'a> Builder<'a> {
    fn new(file: usize, text: &'a str, offset: usize, diagnostics: &'a mut Diagnostics) -> Self {
        let places = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().map(|(place, _)| place).collect()
        };
        Self {
            file,
            text,
            offset,
            places,
            open: Vec::new(),
            anchors: FxHashMap::default(),
            copies: 0,
            done: None,
            diagnostics,
        }
    }

    /// The byte of a character in the file.
    fn byte(&self, index: usize) -> usize {
        let place = if self.places.is_empty() {
            index.min(self.text.len())
        } else {
            self.places.get(index).copied().unwrap_or(self.text.len())
        };
        self.offset + place
    }

    fn span(&self, span: saphyr_parser::Span) -> Span {
        let (start, end) = (self.byte(span.start.index()), self.byte(span.end.index()));
        Span {
            file: self.file,
            start,
            end: end.max(start),
        }
    }

    fn stop(&self, error: &ScanError) -> Stop {
        let start = self.byte(error.marker().index());
        let rest = &self.text[start - self.offset..];
        let width = rest.chars().next().map_or(0, char::len_utf8);
        Stop {
            span: Span {
                file: self.file,
                start,
                end: start + width,
            },
            title: "not valid YAML".to_owned(),
            label: error.info().to_owned(),
        }
    }

    fn run(mut self, documents: &mut Vec<Node>) -> Result<(), Stop> {
        for event in Parser::new_from_str(self.text) {
            let (event, span) = event.map_err(|error| self.stop(&error))?;
            let span = self.span(span);
            self.event(event, span)?;
            documents.extend(self.done.take());
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(text, style, tag.as_ref());
                let node = Node {
                    span,
                    value: if self.is_key() || tag.is_some() {
                        value
                    } else {
                        yaml_1_1(value, style)
                    },
                };
                self.keep(anchor, &node);
                self.add(node)
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err(Stop {
                        span,
                        title: "not valid YAML".to_owned(),
                        label: "this alias refers to what it is part of".to_owned(),
                    });
                };
                self.copies += node.count();
                if self.copies > MOST_COPIES {
                    return Err(Stop {
                        span,
                        title: "the aliases of this file stand for too much".to_owned(),
                        label: format!("more than {MOST_COPIES} copied values"),
                    });
                }
                let node = node.clone();
                self.add(node)
            }
            Event::SequenceStart(anchor, _) => self.begin(anchor, span, OpenKind::List(Vec::new())),
            Event::MappingStart(anchor, _) => {
                let kind = OpenKind::Table {
                    entries: Vec::new(),
                    key: None,
                };
                self.begin(anchor, span, kind)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else {
                    return Ok(());
                };
                // A block ends where its last value does; a flow at its bracket.
                let end = open.end.max(if span.end > span.start {
                    span.end
                } else {
                    open.start
                });
                let node = Node {
                    span: Span {
                        file: self.file,
                        start: open.start,
                        end,
                    },
                    value: match open.kind {
                        OpenKind::List(items) => Value::List(items),
                        OpenKind::Table { entries, .. } => Value::Table(merged(entries)),
                    },
                };
                self.keep(open.anchor, &node);
                self.add(node)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    /// Whether what comes next is a key.
    fn is_key(&self) -> bool {
        let open = self.open.last().map(|open| &open.kind);
        matches!(open, Some(OpenKind::Table { key: None, .. }))
    }

    fn begin(&mut self, anchor: usize, span: Span, kind: OpenKind) -> Result<(), Stop> {
        if self.open.len() >= DEEPEST {
            return Err(Stop {
                span,
                title: "this is nested too deep".to_owned(),
                label: format!("more than {DEEPEST} levels"),
            });
        }
        self.open.push(Open {
            anchor,
            start: span.start,
            end: span.start,
            kind,
        });
        Ok(())
    }

    fn keep(&mut self, anchor: usize, node: &Node) {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
    }

    /// Puts a finished node where it belongs.
    fn add(&mut self, node: Node) -> Result<(), Stop> {
        let Some(open) = self.open.last_mut() else {
            self.done = Some(node);
            return Ok(());
        };
        open.end = open.end.max(node.span.end);
        match &mut open.kind {
            OpenKind::List(items) => items.push(node),
            OpenKind::Table { entries, key } => {
                if let Some(key) = key.take() {
                    entries.push((key, node));
                    return Ok(());
                }
                let Some(name) = node.scalar_text() else {
                    return Err(Stop {
                        span: node.span,
                        title: "not a key".to_owned(),
                        label: format!("a key is a text, this is {}", node.value.kind()),
                    });
                };
                if entries.iter().any(|(other, _)| other.name == name) && name != "<<" {
                    let title = format!("the key `{name}` stands twice");
                    self.diagnostics
                        .error(node.span, title, "it is there already, further up")
                        .help = Some("keep one of them".to_owned());
                }
                *key = Some(KeyNode {
                    span: node.span,
                    name,
                });
            }
        }
        Ok(())
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Cow<'_, Tag>>) -> Value {
    let plain = text.to_string();
    match Scalar::parse_from_cow_and_metadata(text, style, tag) {
        Some(Scalar::Null) => Value::Null,
        Some(Scalar::Boolean(value)) => Value::Bool(value),
        Some(Scalar::Integer(number)) => Value::Int(number),
        Some(Scalar::FloatingPoint(number)) => Value::Float(*number),
        Some(Scalar::String(_)) | None => Value::Text(plain),
    }
}

/// The words that kubectl's parser, which reads YAML 1.1, takes for booleans besides `true` and
/// `false`.
fn yaml_1_1(value: Value, style: ScalarStyle) -> Value {
    match &value {
        Value::Text(word) if style == ScalarStyle::Plain => match word.as_str() {
            "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Value::Bool(true),
            "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Value::Bool(false),
            _ => value,
        },
        _ => value,
    }
}

/// Resolves merge keys: `<<: *base` adds what the table does not state itself.
fn merged(entries: Vec<(KeyNode, Node)>) -> Vec<(KeyNode, Node)> {
    if entries.iter().all(|(key, _)| key.name != "<<") {
        return entries;
    }
    let (bases, mut own): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|(key, _)| key.name == "<<");
    for (_, base) in bases {
        let tables = match base.value {
            Value::List(items) => items,
            _ => vec![base],
        };
        for table in tables {
            let Value::Table(entries) = table.value else {
                continue;
            };
            for (key, value) in entries {
                if own.iter().all(|(other, _)| other.name != key.name) {
                    own.push((key, value));
                }
            }
        }
    }
    own
}

#[cfg(test)]
mod tests {
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
