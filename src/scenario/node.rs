//! One tree for TOML and YAML, every node with its place in the source, so that errors point
//! at it and paths reach it.

use serde_json::{Map, Number, Value as Json};

/// A place in a source file: file number and byte range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// Number of the file.
    pub file: usize,
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
}

/// A node with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Where it stands.
    pub(crate) span: Span,
    /// What it is.
    pub(crate) value: Value,
}

/// A key with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeyNode {
    /// Where it stands.
    pub(crate) span: Span,
    /// The key.
    pub(crate) name: String,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Nothing (YAML).
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
    Table(Vec<(KeyNode, Node)>),
}

impl Value {
    /// What it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
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

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A key of a table.
    Key(String),
    /// The n-th of a list.
    Index(usize),
    /// The one of a list that has this name.
    Name(String),
}

impl Node {
    /// The value under a key of a table.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Table(entries) => entries
                .iter()
                .find(|(name, _)| name.name == key)
                .map(|(_, node)| node),
            _ => None,
        }
    }

    /// Text of a text node.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The node at the end of a path, or the last one on it that exists.
    pub(crate) fn nearest(&self, path: &[Step]) -> (&Node, bool) {
        let mut node = self;
        for step in path {
            match node.child(step) {
                Some(child) => node = child,
                None => return (node, false),
            }
        }
        (node, true)
    }

    fn child(&self, step: &Step) -> Option<&Node> {
        match (step, &self.value) {
            (Step::Key(key), Value::Table(_)) => self.get(key),
            (Step::Index(index), Value::List(items)) => items.get(*index),
            (Step::Name(name), Value::List(items)) => items.iter().find(|item| item.is_named(name)),
            _ => None,
        }
    }

    pub(super) fn child_mut(&mut self, step: &Step) -> Option<&mut Node> {
        match (step, &mut self.value) {
            (Step::Key(key), Value::Table(entries)) => entries
                .iter_mut()
                .find(|(name, _)| name.name == *key)
                .map(|(_, node)| node),
            (Step::Index(index), Value::List(items)) => items.get_mut(*index),
            (Step::Name(name), Value::List(items)) => {
                items.iter_mut().find(|item| item.is_named(name))
            }
            _ => None,
        }
    }

    /// Whether a list's item is the one that a path names: by `name`, by the workload it is
    /// about, or, for a metric of an HPA, by the metric.
    fn is_named(&self, name: &str) -> bool {
        let own = |node: &Node, key: &str| {
            node.get(key)
                .and_then(Node::text)
                .is_some_and(|text| text == name)
        };
        let workload = || {
            self.get("workload")
                .and_then(Node::text)
                .is_some_and(|text| text.rsplit('/').next() == Some(name))
        };
        let metric = || {
            [
                "resource",
                "containerResource",
                "pods",
                "object",
                "external",
            ]
            .iter()
            .filter_map(|kind| self.get(kind))
            .any(|metric| {
                own(metric, "name")
                    || metric
                        .get("metric")
                        .is_some_and(|metric| own(metric, "name"))
            })
        };
        own(self, "name") || own(self, "type") || own(self, "metric") || workload() || metric()
    }

    /// The tree as JSON.
    pub(crate) fn to_json(&self) -> Json {
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Int(value) => Json::from(*value),
            Value::Float(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
            Value::Text(text) => Json::from(text.as_str()),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Table(entries) => {
                let entries = entries
                    .iter()
                    .map(|(key, node)| (key.name.clone(), node.to_json()));
                Json::Object(entries.collect::<Map<_, _>>())
            }
        }
    }
}

/// Reads a path as messages of validation print it: `spec.metrics[0].type`.
pub(crate) fn parse_path(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let (key, mut rest) = part.split_at(part.find('[').unwrap_or(part.len()));
        if !key.is_empty() {
            steps.push(Step::Key(key.to_owned()));
        }
        while let Some((inside, tail)) =
            rest.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        {
            steps.push(
                inside
                    .parse()
                    .map_or_else(|_| Step::Name(inside.to_owned()), Step::Index),
            );
            rest = tail;
        }
    }
    steps
}
