//! One document's tree, built from the parser's events.

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use saphyr::Scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use super::Stop;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::{KeyNode, Node, Span, Value};

/// Tables and lists may be nested this deep.
pub(super) const DEEPEST: usize = 100;
/// Nodes that aliases may add to a file.
const MOST_COPIES: usize = 100_000;

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

pub(super) struct Builder<'a> {
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
    pub(super) fn new(
        file: usize,
        text: &'a str,
        offset: usize,
        diagnostics: &'a mut Diagnostics,
    ) -> Self {
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

    pub(super) fn run(mut self, documents: &mut Vec<Node>) -> Result<(), Stop> {
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

/// Words that are booleans in YAML 1.1, which kubectl's parser reads, besides `true` and `false`.
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
