//! What the expander `priority` goes by: `priorities` of the scenario, or the ConfigMap
//! `cluster-autoscaler-priority-expander` of the manifests.

use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::loaded::Parsed;
use crate::scenario::manifest::{
    EXPANDER_NAMESPACE, Manifests, PRIORITY_EXPANDER, PriorityExpanderObject, place_of_priorities,
};
use crate::scenario::model::{ClusterAutoscalerConfig, GroupPriorities};
use crate::scenario::node::{Node, Value};
use crate::scenario::reader::{Reader, expected};

/// `priorities` of `[controllers.cluster-autoscaler]`.
pub(super) fn priorities(
    table: &mut Reader<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<GroupPriorities> {
    table.get("priorities")?;
    let mut all = Vec::new();
    for item in table.list("priorities", diagnostics) {
        let what = "`priorities`";
        let Some(mut entry) = Reader::new(item, what, diagnostics) else {
            continue;
        };
        let priority = entry.count("priority", diagnostics);
        let groups = entry.read("groups", diagnostics, |node| {
            let Value::List(items) = &node.value else {
                return Err(expected("a list of regular expressions", node));
            };
            let mut patterns = Vec::new();
            for item in items {
                let pattern = item.text().ok_or_else(|| expected("a string", item))?;
                regex_lite::Regex::new(pattern).map_err(|error| error.to_string())?;
                patterns.push(pattern.to_owned());
            }
            Ok(patterns)
        });
        for (key, example) in [
            ("priority", "priority = 10"),
            ("groups", "groups = [\"spot-.*\"]"),
        ] {
            if entry.get(key).is_none() {
                entry.missing(key, what, example, diagnostics);
            }
        }
        entry.finish(what, diagnostics);
        all.extend(priority.map(i64::from).zip(groups));
    }
    Some(all)
}

/// The ConfigMap among the manifests, if there is one.
pub(super) fn of_manifests(
    config: &mut ClusterAutoscalerConfig,
    (parsed, manifests): (&Parsed, &Manifests),
    diagnostics: &mut Diagnostics,
) {
    for placed in &manifests.priority_expanders {
        let (node, object) = (&parsed.documents[placed.document].node, &placed.value);
        if object.is_seen() && config.priorities.is_some() {
            let title = "the expander `priority` has two lists of priorities";
            let label = "the other is `priorities` of `[controllers.cluster-autoscaler]`";
            diagnostics.error(node.span.first(), title, label);
            continue;
        }
        warn(node, object, diagnostics);
        if object.is_seen() {
            config.priorities = Some(object.priorities.clone());
        }
    }
}

/// Tells of a ConfigMap that prefers no group.
pub(super) fn warn(node: &Node, object: &PriorityExpanderObject, diagnostics: &mut Diagnostics) {
    if object.is_seen() {
        if let Err(problem) = &object.priorities {
            let span = place_of_priorities(node);
            diagnostics.warning(span, problem.clone(), "no group is preferred");
        }
        return;
    }
    let namespace = node.get("metadata").and_then(|one| one.get("namespace"));
    let span = namespace.map_or_else(|| node.span.first(), |one| one.span);
    let title = format!("the expander `priority` does not see this ConfigMap {PRIORITY_EXPANDER}");
    let label = format!("the Cluster Autoscaler looks in the namespace {EXPANDER_NAMESPACE}");
    diagnostics.warning(span, title, label);
}
