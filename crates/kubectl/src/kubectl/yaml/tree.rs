//! A document's tree, built from the events of libyaml, of which the library of kubectl
//! (`go.yaml.in/yaml/v2`, below `sigs.k8s.io/yaml`) is a port.
//!
//! Building it resolves aliases and merge keys as `decode.go` does, within its limit (a few lines
//! of aliases can stand for billions of values), finds keys that are given twice, and bounds the
//! depth.

use std::io::Read as _;

use libyaml_safer::{Error, EventData, Mark, Parser};
use rustc_hash::FxHashMap;

use super::resolve::{Scalar, resolve};
use super::table::Table;
use super::tags;

/// Tables and lists may be nested this deep.
pub const DEEPEST: usize = 100;

/// A value with its place: a range of bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
    /// What it is.
    pub value: Value,
}

/// A key with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
    /// The key.
    pub name: String,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A table, keys in the order of the source.
    Table(Vec<(Key, Node)>),
}

/// Why a text is no YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// First byte of the place.
    pub start: usize,
    /// Byte after its last.
    pub end: usize,
    /// What is wrong, if it is not the syntax.
    pub title: Option<&'static str>,
    /// What is wrong there.
    pub label: String,
}

/// The first document of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its value; none if the text holds none.
    pub root: Option<Node>,
    /// Keys that are in their table already.
    pub doubles: Vec<Key>,
    /// Where something follows that belongs to no document, which kubectl does not read.
    pub rest: Option<usize>,
}

/// A table or list being filled.
struct Open {
    anchor: Option<String>,
    start: usize,
    end: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Table(Table),
}

struct Builder<'a> {
    text: &'a str,
    open: Vec<Open>,
    anchors: FxHashMap<String, Node>,
    decoded: usize,
    copied: usize,
    doubles: Vec<Key>,
    done: Option<Node>,
}

/// Reads the first document of a text (`yaml.Unmarshal`).
pub fn parse(text: &str) -> Result<Document, Problem> {
    let mut builder = Builder {
        text,
        open: Vec::new(),
        anchors: FxHashMap::default(),
        decoded: 0,
        copied: 0,
        doubles: Vec::new(),
        done: None,
    };
    let readable = tags::without(text);
    // As kubectl hands a document on: its last line ends like the others.
    let end: &[u8] = if text.ends_with('\n') { b"" } else { b"\n" };
    let mut parser = Parser::new();
    parser.set_input(readable.as_bytes().chain(end));
    loop {
        let event = parser.parse().map_err(|error| builder.problem(&error))?;
        let place = |mark: Mark| builder.byte(mark);
        let (start, end) = (place(event.start_mark), place(event.end_mark));
        let data = event.data;
        if matches!(data, EventData::DocumentEnd { .. } | EventData::StreamEnd) {
            break;
        }
        builder.event(data, (start, end.max(start)))?;
    }
    let rest = match parser.parse() {
        Ok(event) if matches!(event.data, EventData::StreamEnd) => None,
        Ok(event) => Some(builder.byte(event.start_mark)),
        Err(error) => Some(builder.problem(&error).start),
    };
    Ok(Document {
        root: builder.done,
        doubles: builder.doubles,
        rest,
    })
}

type Range = (usize, usize);

/// What is wrong with the syntax at a place.
fn wrong((start, end): Range, label: impl Into<String>) -> Problem {
    Problem {
        start,
        end,
        title: None,
        label: label.into(),
    }
}

impl Builder<'_> {
    fn problem(&self, error: &Error) -> Problem {
        let start = match error.problem_mark() {
            Some(mark) => self.byte(mark),
            None => self.first_refused(),
        };
        let rest = self.text.get(start..).unwrap_or_default();
        let width = rest.chars().next().map_or(0, char::len_utf8);
        let context = error.context().map(|context| format!(" {context}"));
        Problem {
            start,
            end: start + width,
            title: None,
            label: format!("{}{}", error.problem(), context.unwrap_or_default()),
        }
    }

    /// The byte at a mark: this port of libyaml counts bytes.
    fn byte(&self, mark: Mark) -> usize {
        let index = usize::try_from(mark.index).unwrap_or(usize::MAX);
        index.min(self.text.len())
    }

    /// The first character that YAML does not allow.
    fn first_refused(&self) -> usize {
        let allowed = |c: char| {
            matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}'
                | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
        };
        let found = self.text.char_indices().find(|(_, c)| !allowed(*c));
        found.map_or(0, |(place, _)| place)
    }

    fn event(&mut self, event: EventData, place: Range) -> Result<(), Problem> {
        match event {
            EventData::Scalar {
                anchor,
                tag,
                value,
                plain_implicit,
                ..
            } => {
                let scalar = resolve(&value, tag.as_deref(), plain_implicit)
                    .map_err(|reason| wrong(place, reason))?;
                let is_merge = value == "<<" && plain_implicit;
                if is_merge
                    && let Some(OpenKind::Table(table)) = self.open.last_mut().map(|o| &mut o.kind)
                    && table.takes_key()
                {
                    table.merge_key();
                    return Ok(());
                }
                let value = match scalar {
                    Scalar::Null => Value::Null,
                    Scalar::Bool(flag) => Value::Bool(flag),
                    Scalar::Int(number) => Value::Int(number),
                    Scalar::Float(number) => Value::Float(number),
                    Scalar::Text => Value::Text(value),
                };
                self.finish(anchor, place, value)
            }
            EventData::Alias { anchor } => self.alias(&anchor, place),
            EventData::SequenceStart { anchor, .. } => {
                self.begin(anchor, place, OpenKind::List(Vec::new()))
            }
            EventData::MappingStart { anchor, .. } => {
                self.begin(anchor, place, OpenKind::Table(Table::default()))
            }
            EventData::SequenceEnd | EventData::MappingEnd => self.end(place),
            _ => Ok(()),
        }
    }

    fn begin(
        &mut self,
        anchor: Option<String>,
        place: Range,
        kind: OpenKind,
    ) -> Result<(), Problem> {
        if self.open.len() >= DEEPEST {
            return Err(Problem {
                title: Some("this is nested too deep"),
                label: format!("more than {DEEPEST} levels"),
                start: place.0,
                end: place.1,
            });
        }
        self.open.push(Open {
            anchor,
            start: place.0,
            end: place.0,
            kind,
        });
        Ok(())
    }

    fn end(&mut self, (start, end): Range) -> Result<(), Problem> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        // A block ends where its last value does; a flow at its bracket.
        let end = open.end.max(if end > start { end } else { open.start });
        let value = match open.kind {
            OpenKind::List(items) => Value::List(items),
            OpenKind::Table(table) => Value::Table(table.into_entries()),
        };
        self.finish(open.anchor, (open.start, end), value)
    }

    fn alias(&mut self, anchor: &str, place: Range) -> Result<(), Problem> {
        let Some(node) = self.anchors.get(anchor) else {
            let is_open = |open: &Open| open.anchor.as_deref() == Some(anchor);
            return if self.open.iter().any(is_open) {
                Err(wrong(
                    place,
                    format!("anchor '{anchor}' value contains itself"),
                ))
            } else {
                Err(wrong(
                    place,
                    format!("unknown anchor '{anchor}' referenced"),
                ))
            };
        };
        let copied = node.count();
        self.decoded += copied;
        self.copied += copied;
        let (copied, decoded) = (self.copied as f64, self.decoded as f64);
        if self.copied > 100 && self.decoded > 1000 && copied / decoded > allowed_ratio(decoded) {
            return Err(Problem {
                title: Some("the aliases of this document stand for too much"),
                label: "document contains excessive aliasing".to_owned(),
                start: place.0,
                end: place.1,
            });
        }
        let node = node.clone();
        self.add(node, place)
    }

    fn finish(
        &mut self,
        anchor: Option<String>,
        place: Range,
        value: Value,
    ) -> Result<(), Problem> {
        let node = Node {
            start: place.0,
            end: place.1,
            value,
        };
        self.decoded += 1;
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, node.clone());
        }
        self.add(node, place)
    }

    /// Puts a finished node where it belongs; it is given at a place.
    fn add(&mut self, node: Node, place: Range) -> Result<(), Problem> {
        let Some(open) = self.open.last_mut() else {
            self.done = Some(node);
            return Ok(());
        };
        open.end = open.end.max(place.1);
        let outcome = match &mut open.kind {
            OpenKind::List(items) => {
                items.push(node);
                Ok(())
            }
            OpenKind::Table(table) => table.add(node, place, &mut self.doubles),
        };
        outcome.map_err(|label| Problem {
            title: Some("not a key"),
            ..wrong(place, label)
        })
    }
}

/// How large a part of a document's values may come from aliases.
fn allowed_ratio(decoded: f64) -> f64 {
    const LOW: f64 = 400_000.0;
    const HIGH: f64 = 4_000_000.0;
    match decoded {
        few if few <= LOW => 0.99,
        many if many >= HIGH => 0.10,
        some => 0.99 - 0.89 * ((some - LOW) / (HIGH - LOW)),
    }
}

impl Value {
    /// What it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

impl Node {
    /// Nodes of the tree.
    fn count(&self) -> usize {
        1 + match &self.value {
            Value::List(items) => items.iter().map(Self::count).sum(),
            Value::Table(entries) => entries
                .iter()
                .map(|(_, node)| 1 + node.count())
                .sum::<usize>(),
            _ => 0,
        }
    }
}
