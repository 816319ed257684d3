//! A document through the official API's types: wrong types and unknown fields, all of them.
//!
//! The tree itself is the deserializer. It knows the fields that each type of the API has, so
//! an unknown one is reported where it stands with the nearest that would be known there; after
//! a wrong value it starts again without that value, until nothing is wrong.

use std::cell::RefCell;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::Context;
use crate::scenario::node::{KeyNode, Node, Span, Value};
use crate::scenario::object::to_node;
use crate::scenario::suggest::nearest;
use crate::scenario::yaml::unfilled;

/// What is said of a field that the API's type does not have.
pub(in crate::scenario) const UNKNOWN_FIELD: &str = "the API has no such field";
/// How a problem with a value of the wrong type begins.
pub(in crate::scenario) const WRONG_VALUE: &str = "wrong value for ";

/// A document has at most this many wrong values reported.
const MOST_PROBLEMS: usize = 50;
/// At most this many fields are listed as advice.
const MOST_FIELDS: usize = 12;

/// Reads a document as `T`; reports every wrong value and every unknown field.
pub(super) fn read<T: DeserializeOwned>(context: &mut Context<'_>) -> Option<T> {
    let state = State::default();
    let document = context.document;
    let mut clean = true;
    for _ in 0..MOST_PROBLEMS {
        state.unknown.borrow_mut().clear();
        let reader = NodeReader {
            node: document,
            path: Path::Root,
            state: &state,
        };
        match T::deserialize(reader) {
            Ok(value) => {
                for unknown in state.unknown.take() {
                    context
                        .diagnostics
                        .error(unknown.span, unknown.title, UNKNOWN_FIELD)
                        .help = unknown.help;
                    clean = false;
                }
                return clean.then_some(value);
            }
            Err(error) => {
                clean = false;
                let Some(at) = state.last.take() else {
                    context.error("", error.to_string(), None);
                    return None;
                };
                let title = format!("{WRONG_VALUE}`{}`", at.path);
                let help = advice_on(&error, at.span, context);
                context
                    .diagnostics
                    .error(at.span, title, error.to_string())
                    .help = help;
                if at.span == document.span {
                    return None;
                }
                state.wrong.borrow_mut().push(at.span);
            }
        }
    }
    None
}

/// Reads a value as `T`, if it is one; fields that `T` does not have do not count.
pub(in crate::scenario) fn of_value<T: DeserializeOwned>(value: &serde_json::Value) -> Option<T> {
    let (node, state) = (to_node(value), State::default());
    let reader = NodeReader {
        node: &node,
        path: Path::Root,
        state: &state,
    };
    T::deserialize(reader).ok()
}

/// What to do about a wrong value, if its text shows what was meant.
fn advice_on(error: &Problem, span: Span, context: &Context<'_>) -> Option<String> {
    let file = context.diagnostics.files.get(span.file)?;
    let written = file.text.get(span.start..span.end)?;
    let (wants_text, wants_number) = (
        error.0.starts_with("expected a string"),
        error.0.starts_with("expected a whole number"),
    );
    if let Some(advice) = unfilled(written) {
        return Some(advice.to_owned());
    }
    let bare = written.trim_matches(['"', '\'']);
    if wants_text && bare == written && !written.contains(['{', '[', '\n']) {
        return Some(format!("a string needs quotes here: \"{written}\""));
    }
    let is_number = bare.parse::<i32>().is_ok();
    (wants_number && is_number).then(|| format!("without quotes: {bare}"))
}

/// What is found out while a document is read.
#[derive(Default)]
struct State {
    /// Places of values that are known to be wrong; they are left out.
    wrong: RefCell<Vec<Span>>,
    /// Where the error that ends this reading arose.
    last: RefCell<Option<At>>,
    unknown: RefCell<Vec<Unknown>>,
}

struct At {
    span: Span,
    path: String,
}

struct Unknown {
    span: Span,
    title: String,
    help: Option<String>,
}

/// The way to a node.
#[derive(Clone, Copy)]
enum Path<'p> {
    Root,
    Key(&'p Path<'p>, &'p str),
    Index(&'p Path<'p>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Path::Root, key) => f.write_str(key),
            Self::Key(parent, key) if key.contains('.') => write!(f, "{parent}[{key}]"),
            Self::Key(parent, key) => write!(f, "{parent}.{key}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// Why a value is wrong.
#[derive(Debug)]
struct Problem(String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Problem {}

impl serde::de::Error for Problem {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        let wanted = match expected.to_string().as_str() {
            "i32" | "i64" | "u32" | "u64" => "a whole number".to_owned(),
            "f32" | "f64" => "a number".to_owned(),
            "a string" | "a borrowed string" => "a string".to_owned(),
            "a boolean" => "`true` or `false`".to_owned(),
            "a sequence" => "a list".to_owned(),
            "a map" => "a table".to_owned(),
            "Quantity" => "a quantity such as \"250m\" or \"512Mi\"".to_owned(),
            "IntOrString" => "a whole number or a string such as \"25%\"".to_owned(),
            "RFC3339 formatted date time" => "a time such as \"2026-01-31T12:00:00Z\"".to_owned(),
            other => format!("a table ({other})"),
        };
        Self(format!("expected {wanted}, found {}", describe(found)))
    }

    fn unknown_variant(found: &str, known: &'static [&'static str]) -> Self {
        let known = listed(known);
        Self(format!(
            "Unsupported value: \"{found}\": supported values: {known}"
        ))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        let wanted = match expected.to_string().as_str() {
            "i32" | "a 32-bit integer" => {
                "a whole number from -2147483648 to 2147483647".to_owned()
            }
            other => other.to_owned(),
        };
        Self(format!("expected {wanted}, found {}", describe(found)))
    }
}

fn describe(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Signed(number) => format!("the number {number}"),
        Unexpected::Unsigned(number) => format!("the number {number}"),
        Unexpected::Float(number) => format!("the number {number}"),
        Unexpected::Str(text) => format!("the string \"{text}\""),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a table".to_owned(),
        other => other.to_string(),
    }
}

/// A node that is read as a type.
#[derive(Clone, Copy)]
struct NodeReader<'n, 'p> {
    node: &'n Node,
    path: Path<'p>,
    state: &'p State,
}

impl<'n> NodeReader<'n, '_> {
    /// Remembers where an error arose; the innermost place counts.
    fn placed<T>(&self, outcome: Result<T, Problem>) -> Result<T, Problem> {
        if outcome.is_err() {
            self.note_place();
        }
        outcome
    }

    /// Compiled once rather than for each type.
    #[cold]
    fn note_place(&self) {
        self.state.last.borrow_mut().get_or_insert_with(|| At {
            span: self.node.span,
            path: self.path.to_string(),
        });
    }

    fn any<V: Visitor<'n>>(
        self,
        fields: Option<&'static [&'static str]>,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let outcome = match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(number) => visitor.visit_i64(*number),
            // JSON has one sort of numbers: 5.0 is 5.
            Value::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
                visitor.visit_i64(*number as i64)
            }
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => visitor.visit_seq(Items {
                items: items.iter().enumerate(),
                parent: self,
            }),
            Value::Table(entries) => visitor.visit_map(Entries {
                rest: entries.iter(),
                value: None,
                fields,
                parent: self,
            }),
        };
        self.placed(outcome)
    }

    fn is_wrong(&self, node: &Node) -> bool {
        self.state.wrong.borrow().contains(&node.span)
    }
}

impl<'n> Deserializer<'n> for NodeReader<'n, '_> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.any(None, visitor)
    }

    fn deserialize_option<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    /// Go's decoder takes null for an empty string, where Helm leaves one in a map or a list.
    fn deserialize_string<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.node.value {
            Value::Null => visitor.visit_str(""),
            _ => self.any(None, visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'n>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        // `UnmarshalJSON` of a quantity takes null for 0.
        if name == "Quantity" && self.node.value == Value::Null {
            let zero: StrDeserializer<'_, Problem> = "0".into_deserializer();
            return visitor.visit_newtype_struct(zero);
        }
        let outcome = visitor.visit_newtype_struct(self);
        self.placed(outcome)
    }

    fn deserialize_struct<V: Visitor<'n>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.any(Some(fields), visitor)
    }

    fn deserialize_enum<V: Visitor<'n>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let outcome = match &self.node.value {
            // A name; where there is nothing, that of the empty text.
            Value::Text(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            Value::Null => visitor.visit_enum("".into_deserializer()),
            _ => Err(Problem(format!(
                "expected one of {}, found {}",
                listed(variants),
                self.node.value.kind()
            ))),
        };
        self.placed(outcome)
    }

    forward_to_deserialize_any! {
        <W: Visitor<'n>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

/// Names in quotes.
fn listed(names: &[&str]) -> String {
    let names = names.iter().filter(|name| !name.is_empty());
    let quoted: Vec<String> = names.map(|name| format!("\"{name}\"")).collect();
    quoted.join(", ")
}

struct Items<'n, 'p> {
    items: std::iter::Enumerate<std::slice::Iter<'n, Node>>,
    parent: NodeReader<'n, 'p>,
}

impl<'n> SeqAccess<'n> for Items<'n, '_> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'n>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Problem> {
        let Some((index, node)) = self.next_item() else {
            return Ok(None);
        };
        let reader = NodeReader {
            node,
            path: Path::Index(&self.parent.path, index),
            state: self.parent.state,
        };
        seed.deserialize(reader).map(Some)
    }
}

impl<'n> Items<'n, '_> {
    /// The next item that is read. Compiled once rather than for each type.
    #[inline(never)]
    fn next_item(&mut self) -> Option<(usize, &'n Node)> {
        let parent = self.parent;
        self.items.find(|(_, node)| !parent.is_wrong(node))
    }
}

struct Entries<'n, 'p> {
    rest: std::slice::Iter<'n, (KeyNode, Node)>,
    value: Option<(&'n str, &'n Node)>,
    /// The fields of the type, if it is one with fields.
    fields: Option<&'static [&'static str]>,
    parent: NodeReader<'n, 'p>,
}

impl<'n> Entries<'n, '_> {
    /// The next key whose value is read. Compiled once rather than for each type.
    #[inline(never)]
    fn next_key(&mut self) -> Option<&'n str> {
        while let Some((key, node)) = self.rest.next() {
            if self.parent.is_wrong(node) {
                continue;
            }
            if let Some(fields) = self.fields {
                // The API server takes no status from manifests.
                if key.name == "status" && matches!(self.parent.path, Path::Root) {
                    continue;
                }
                if !fields.contains(&key.name.as_str()) {
                    self.note_unknown(key, fields);
                    continue;
                }
                // The API server takes null for absent.
                if node.value == Value::Null {
                    continue;
                }
            }
            self.value = Some((&key.name, node));
            return Some(&key.name);
        }
        None
    }

    fn note_unknown(&self, key: &KeyNode, fields: &[&str]) {
        let help = match nearest(&key.name, fields.iter().copied()) {
            Some(name) => Some(format!("did you mean `{name}`?")),
            None if fields.len() <= MOST_FIELDS => {
                Some(format!("known here: {}", fields.join(", ")))
            }
            None => None,
        };
        let path = Path::Key(&self.parent.path, &key.name);
        self.parent.state.unknown.borrow_mut().push(Unknown {
            span: key.span,
            title: format!("unknown field `{path}`"),
            help,
        });
    }
}

impl<'n> MapAccess<'n> for Entries<'n, '_> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'n>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Problem> {
        let Some(key) = self.next_key() else {
            return Ok(None);
        };
        let name: StrDeserializer<'_, Problem> = key.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'n>>(&mut self, seed: T) -> Result<T::Value, Problem> {
        let (key, node) = self
            .value
            .take()
            .expect("serde asks for a value after its key");
        let reader = NodeReader {
            node,
            path: Path::Key(&self.parent.path, key),
            state: self.parent.state,
        };
        seed.deserialize(reader)
    }
}
