//! The ConfigMap of the Cluster Autoscaler's expander `priority`.

use super::version_and_kind;
use crate::scenario::node::Node;

/// Its name.
pub(in crate::scenario) const PRIORITY_EXPANDER: &str = "cluster-autoscaler-priority-expander";

/// Whether a document is it, in whatever namespace.
pub(in crate::scenario) fn is_priority_expander(document: &Node) -> bool {
    let name = document.get("metadata").and_then(|one| one.get("name"));
    version_and_kind(document) == ("v1", "ConfigMap")
        && name.and_then(Node::text) == Some(PRIORITY_EXPANDER)
}
