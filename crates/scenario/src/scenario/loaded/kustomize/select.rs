//! The `target` of a patch: which resources it is for.
//!
//! Upstream: kustomize's `api/types/selector.go` and `resWrangler.Select`.

use regex_lite::Regex;

use super::resource::{Id, Resource};
use crate::kubectl::selector::LabelSelector;
use crate::scenario::node::Node;
use crate::scenario::object::to_json;

/// A `target`.
pub(super) struct Target {
    group: Option<Regex>,
    version: Option<Regex>,
    kind: Option<Regex>,
    name: Option<Regex>,
    namespace: Option<Regex>,
    labels: LabelSelector,
    annotations: LabelSelector,
}

impl Target {
    /// Reads a target; the error is what is wrong, and where.
    pub(super) fn read(node: &Node) -> Result<Self, (&Node, String)> {
        let regex = |key: &str| {
            let Some(node) = node.get(key) else {
                return Ok(None);
            };
            let Some(text) = node.text().filter(|text| !text.is_empty()) else {
                return Ok(None);
            };
            let anchored = Regex::new(&format!("^(?:{text})$"));
            anchored
                .map(Some)
                .map_err(|error| (node, error.to_string()))
        };
        let selector = |key: &str| match node.get(key) {
            Some(one) => {
                LabelSelector::parse(one.text().unwrap_or_default()).map_err(|error| (one, error))
            }
            None => Ok(LabelSelector::default()),
        };
        Ok(Self {
            group: regex("group")?,
            version: regex("version")?,
            kind: regex("kind")?,
            name: regex("name")?,
            namespace: regex("namespace")?,
            labels: selector("labelSelector")?,
            annotations: selector("annotationSelector")?,
        })
    }

    /// Whether a resource is meant: by its name and namespace of now or of its file.
    pub(super) fn selects(&self, resource: &Resource) -> bool {
        let fits = |regex: &Option<Regex>, text: &str| {
            regex.as_ref().is_none_or(|regex| regex.is_match(text))
        };
        let (now, first) = (resource.id(), resource.first_id());
        let either = |regex: &Option<Regex>, of: fn(&Id) -> &str| {
            fits(regex, of(&now)) || fits(regex, of(&first))
        };
        let metadata = |key: &str| {
            let found = resource.node.get("metadata").and_then(|m| m.get(key));
            let labels = found.map_or(serde_json::Value::Null, to_json);
            serde_json::json!({ "metadata": { "labels": labels } })
        };
        fits(&self.group, now.group())
            && fits(&self.version, now.bare_version())
            && fits(&self.kind, &now.kind)
            && either(&self.name, |id| &id.name)
            && either(&self.namespace, |id| &id.namespace)
            && self.labels.matches(&metadata("labels"))
            && self.annotations.matches(&metadata("annotations"))
    }
}
