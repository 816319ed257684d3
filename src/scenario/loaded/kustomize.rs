//! Folders with a kustomization: the files that a plain one lists. What changes objects is left
//! to kustomize.

use crate::scenario::node::{Node, Value};

/// Names of the file.
const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Fields that change nothing that is simulated: what ConfigMaps and Secrets hold, images,
/// annotations, the order of the output.
const WITHOUT_EFFECT: [&str; 11] = [
    "apiVersion",
    "kind",
    "metadata",
    "images",
    "configMapGenerator",
    "secretGenerator",
    "generatorOptions",
    "commonAnnotations",
    "buildMetadata",
    "sortOptions",
    "openapi",
];

/// Whether a path is that of a kustomization.
pub(super) fn is_kustomization(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    NAMES.contains(&name)
}

/// Where a folder would have its kustomization.
pub(super) fn paths(folder: &str) -> [String; 3] {
    NAMES.map(|name| format!("{folder}/{name}"))
}

/// What a plain kustomization does.
pub(super) struct Plain<'a> {
    /// `namespace`, for all objects.
    pub(super) namespace: Option<&'a str>,
    /// Files and folders, relative to its own.
    pub(super) resources: Vec<&'a Node>,
}

impl<'a> Plain<'a> {
    /// Reads a kustomization; the error is the key of what changes objects.
    pub(super) fn read(node: &'a Node) -> Result<Self, &'a str> {
        let mut made = Self {
            namespace: None,
            resources: Vec::new(),
        };
        let Value::Table(entries) = &node.value else {
            return Ok(made);
        };
        for (key, value) in entries {
            match key.name.as_str() {
                "resources" | "bases" => made.resources.extend(value.items()),
                "namespace" => made.namespace = value.text(),
                name if WITHOUT_EFFECT.contains(&name) || is_nothing(value) => {}
                name => return Err(name),
            }
        }
        Ok(made)
    }
}

fn is_nothing(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::List(items) => items.is_empty(),
        Value::Table(entries) => entries.is_empty(),
        _ => false,
    }
}
