//! An object that a kustomization makes, and what it was called before.

use crate::scenario::manifest::{group, version_and_kind};
use crate::scenario::node::{KeyNode, Node, Span, Value};

/// What an object is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Id {
    pub(super) version: String,
    pub(super) kind: String,
    /// Without one it is `default`.
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Id {
    /// What a document is called.
    pub(super) fn of(node: &Node) -> Self {
        let (version, kind) = version_and_kind(node);
        let metadata = |key: &str| {
            let node = node.get("metadata").and_then(|metadata| metadata.get(key));
            node.and_then(Node::text).filter(|text| !text.is_empty())
        };
        Self {
            version: version.to_owned(),
            kind: kind.to_owned(),
            namespace: metadata("namespace").unwrap_or("default").to_owned(),
            name: metadata("name").unwrap_or_default().to_owned(),
        }
    }

    /// The group of its version.
    pub(super) fn group(&self) -> &str {
        group(&self.version)
    }

    /// `v1` of `apps/v1`.
    pub(super) fn bare_version(&self) -> &str {
        self.version.rsplit('/').next().unwrap_or_default()
    }
}

/// An object that a kustomization makes.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    pub(super) node: Node,
    /// What it was called before, the first first.
    pub(super) earlier: Vec<Id>,
    /// The prefixes and suffixes that it was given.
    pub(super) affixes: Vec<String>,
}

impl Resource {
    /// An object of a file.
    pub(super) fn new(node: Node) -> Self {
        Self {
            node,
            earlier: Vec::new(),
            affixes: Vec::new(),
        }
    }

    /// What it is called.
    pub(super) fn id(&self) -> Id {
        Id::of(&self.node)
    }

    /// What its file calls it.
    pub(super) fn first_id(&self) -> Id {
        self.earlier.first().cloned().unwrap_or_else(|| self.id())
    }

    /// Remembers what it is called, before that changes.
    pub(super) fn remember(&mut self) {
        let id = self.id();
        if !self.earlier.contains(&id) {
            self.earlier.push(id);
        }
    }

    /// Whether it is called so, or was.
    pub(super) fn is_called(&self, matches: impl Fn(&Id) -> bool) -> bool {
        self.earlier.iter().any(&matches) || matches(&self.id())
    }
}

/// A field of a table, made if it is not there.
pub(super) fn entry<'a>(node: &'a mut Node, name: &str, span: Span) -> Option<&'a mut Node> {
    if node.value == Value::Null {
        node.value = Value::Table(Vec::new());
    }
    let Value::Table(entries) = &mut node.value else {
        return None;
    };
    let place = entries.iter().position(|(key, _)| key.name == name);
    let place = place.unwrap_or_else(|| {
        let name = name.to_owned();
        let value = Value::Null;
        entries.push((KeyNode { span, name }, Node { span, value }));
        entries.len() - 1
    });
    Some(&mut entries[place].1)
}
