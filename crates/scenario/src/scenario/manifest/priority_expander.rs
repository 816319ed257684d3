//! The ConfigMap of the Cluster Autoscaler's expander `priority`.
//!
//! Upstream: `reloadConfigMap` and `parsePrioritiesYAMLString` in `expander/priority/priority.go`.

use k8s_openapi::api::core::v1::ConfigMap;

use super::{Context, typed, version_and_kind};
use crate::kubectl::yaml;
use crate::scenario::model::GroupPriorities;
use crate::scenario::node::{Node, Span};

/// Its name.
pub(in crate::scenario) const PRIORITY_EXPANDER: &str = "cluster-autoscaler-priority-expander";
/// Where the Cluster Autoscaler looks for it.
pub(in crate::scenario) const NAMESPACE: &str = "kube-system";
/// What it holds.
const KEY: &str = "priorities";

/// The ConfigMap as the expander reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriorityExpanderObject {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `immutable`.
    pub immutable: bool,
    /// What it says, or what is wrong with it, as the expander's event has it.
    pub priorities: Result<GroupPriorities, String>,
}

impl PriorityExpanderObject {
    /// `metadata.name`.
    pub const NAME: &'static str = PRIORITY_EXPANDER;
    /// Where the Cluster Autoscaler looks for it.
    pub const NAMESPACE: &'static str = NAMESPACE;

    /// Whether the Cluster Autoscaler sees it.
    pub fn is_seen(&self) -> bool {
        self.namespace == NAMESPACE
    }
}

/// Whether a document is it, in whatever namespace.
pub(super) fn is_priority_expander(document: &Node) -> bool {
    let name = document.get("metadata").and_then(|one| one.get("name"));
    version_and_kind(document) == ("v1", "ConfigMap")
        && name.and_then(Node::text) == Some(PRIORITY_EXPANDER)
}

pub(super) fn priority_expander(context: &mut Context<'_>) -> Option<PriorityExpanderObject> {
    let object: ConfigMap = typed::read(context)?;
    let (_, namespace) = context.identity(object.metadata);
    let text = object.data.as_ref().and_then(|data| data.get(KEY));
    let priorities = match text {
        None => Err(format!(
            "Wrong configmap for priority expander, doesn't contain {KEY} key. Ignoring update."
        )),
        Some(text) => parse(text).map_err(|error| {
            format!("Wrong configuration for priority expander: {error}. Ignoring update.")
        }),
    };
    Some(PriorityExpanderObject {
        namespace,
        immutable: object.immutable == Some(true),
        priorities,
    })
}

/// Where it says what it says.
pub(in crate::scenario) fn place_of_priorities(document: &Node) -> Span {
    let text = document.get("data").and_then(|data| data.get(KEY));
    text.map_or_else(|| document.span.first(), |text| text.span)
}

/// Lists of regular expressions by priority.
fn parse(text: &str) -> Result<GroupPriorities, String> {
    if text.is_empty() {
        return Err(format!(
            "priority configuration in {PRIORITY_EXPANDER} configmap is empty; please provide valid configuration"
        ));
    }
    let malformed =
        |error: &str| format!("Can't parse YAML with priorities in the configmap: {error}");
    let json = yaml::read(text).map_err(|error| malformed(&error))?;
    let map = json
        .as_object()
        .ok_or_else(|| malformed("expected lists of regular expressions by priority"))?;
    let mut all = GroupPriorities::new();
    for (key, list) in map {
        let priority: i64 = key
            .parse()
            .map_err(|_| malformed(&format!("{key:?} is not a whole number")))?;
        let mut patterns = Vec::new();
        // Nothing at all is an empty list.
        let items = list.as_array().map_or(&[][..], Vec::as_slice);
        if items.is_empty() && !(list.is_null() || list.is_array()) {
            return Err(malformed(&format!("priority {key} has no list")));
        }
        for item in items {
            let pattern = item
                .as_str()
                .ok_or_else(|| malformed(&format!("{item} is not a string")))?;
            regex_lite::Regex::new(pattern).map_err(|error| {
                format!(
                    "Can't compile regexp rule for priority {priority} and rule {pattern}: {error}"
                )
            })?;
            patterns.push(pattern.to_owned());
        }
        all.push((priority, patterns));
    }
    all.sort_by_key(|(priority, _)| *priority);
    Ok(all)
}
