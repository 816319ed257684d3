//! One tree for TOML and YAML, every node with its place in the source, so that errors point
//! at it and paths reach it.

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

impl Span {
    /// The empty range before a byte.
    pub fn at(file: usize, byte: usize) -> Self {
        Self {
            file,
            start: byte,
            end: byte,
        }
    }

    /// Where the range begins.
    pub(crate) fn first(self) -> Self {
        Self::at(self.file, self.start)
    }
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
            Self::Text(_) => "a string",
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

/// Where the metrics of an HPA hold what they measure.
const METRIC_FIELDS: [&str; 5] = [
    "resource",
    "containerResource",
    "pods",
    "object",
    "external",
];

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

    /// The value under a key of a table, to be changed.
    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.value {
            Value::Table(entries) => entries
                .iter_mut()
                .find(|(name, _)| name.name == key)
                .map(|(_, node)| node),
            _ => None,
        }
    }

    /// A table without a key; anything else as it is.
    pub(super) fn without(&self, key: &str) -> Node {
        let Value::Table(entries) = &self.value else {
            return self.clone();
        };
        let others = entries.iter().filter(|(name, _)| name.name != key);
        Node {
            span: self.span,
            value: Value::Table(others.cloned().collect()),
        }
    }

    /// The items of a list; none of anything else.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// Text of a text node.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Where the key of a child stands.
    pub(super) fn key_of(&self, step: &Step) -> Option<Span> {
        let (Step::Key(key) | Step::Name(key), Value::Table(entries)) = (step, &self.value) else {
            return None;
        };
        let found = entries.iter().find(|(name, _)| name.name == *key);
        found.map(|(name, _)| name.span)
    }

    pub(super) fn child(&self, step: &Step) -> Option<&Node> {
        match (step, &self.value) {
            (Step::Key(key) | Step::Name(key), Value::Table(_)) => self.get(key),
            (Step::Index(index), Value::List(items)) => items.get(*index),
            (Step::Name(name), Value::List(items)) => items.iter().find(|item| item.is_named(name)),
            _ => None,
        }
    }

    pub(super) fn child_mut(&mut self, step: &Step) -> Option<&mut Node> {
        match (step, &mut self.value) {
            (Step::Key(key) | Step::Name(key), Value::Table(entries)) => entries
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
            METRIC_FIELDS
                .iter()
                .filter_map(|kind| self.get(kind))
                .any(|metric| {
                    own(metric, "name")
                        || metric
                            .get("metric")
                            .is_some_and(|metric| own(metric, "name"))
                })
        };
        let keys = ["name", "containerName", "type", "metric"];
        keys.iter().any(|key| own(self, key)) || workload() || metric()
    }

    /// How a list's item is picked by name.
    pub(super) fn label(&self) -> Option<String> {
        let text = |node: &Node, key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
        let metric = || {
            let metric = METRIC_FIELDS.iter().find_map(|kind| self.get(kind))?;
            text(metric, "name").or_else(|| text(metric.get("metric")?, "name"))
        };
        let workload = || {
            let reference = text(self, "workload")?;
            reference.rsplit('/').next().map(str::to_owned)
        };
        text(self, "name")
            .or_else(metric)
            .or_else(workload)
            .or_else(|| text(self, "containerName"))
            .or_else(|| text(self, "type"))
            .or_else(|| text(self, "metric"))
    }

    /// Changes the place of every part of the tree.
    pub(super) fn move_places(&mut self, to: &impl Fn(Span) -> Span) {
        self.span = to(self.span);
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(|item| item.move_places(to)),
            Value::Table(entries) => {
                for (key, node) in entries {
                    key.span = to(key.span);
                    node.move_places(to);
                }
            }
            _ => {}
        }
    }

    /// Gives every part of the tree one place.
    pub(super) fn place(&mut self, span: Span) {
        self.move_places(&|_| span);
    }

    /// A plain value as text, as a key is written; `None` for lists and tables.
    pub(crate) fn scalar_text(&self) -> Option<String> {
        Some(match &self.value {
            Value::Null => "null".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Int(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Text(text) => text.clone(),
            Value::List(_) | Value::Table(_) => return None,
        })
    }
}

/// Reads a path as messages of validation print it: `spec.metrics[0].type`. A key with dots
/// stands in brackets: `metadata.labels[app.kubernetes.io/name]`.
pub(crate) fn parse_path(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = path;
    while let Some(first) = rest.chars().next() {
        let inside = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        rest = match (first, inside) {
            ('.', _) => &rest[1..],
            ('[', Some((inside, tail))) => {
                let inside = inside.trim_matches('"');
                steps.push(
                    inside
                        .parse()
                        .map_or_else(|_| Step::Name(inside.to_owned()), Step::Index),
                );
                tail
            }
            _ => {
                let end = rest[first.len_utf8()..]
                    .find(['.', '['])
                    .map_or(rest.len(), |end| end + first.len_utf8());
                steps.push(Step::Key(rest[..end].to_owned()));
                &rest[end..]
            }
        };
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_keys_places_and_names() {
        let key = |text: &str| Step::Key(text.to_owned());
        let name = |text: &str| Step::Name(text.to_owned());
        assert_eq!(
            parse_path("spec.metrics[cpu].list[3][a.b/c].x"),
            [
                key("spec"),
                key("metrics"),
                name("cpu"),
                key("list"),
                Step::Index(3),
                name("a.b/c"),
                key("x")
            ]
        );
        assert_eq!(parse_path("a[b"), [key("a"), key("[b")]);
        assert_eq!(parse_path(""), []);
    }
}
