//! What the expander `priority` goes by: `priorities` of the scenario, or the ConfigMap
//! `cluster-autoscaler-priority-expander` of the manifests.
//!
//! Upstream: `reloadConfigMap` and `parsePrioritiesYAMLString` in `expander/priority/priority.go`.

use crate::kubectl::yaml;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::loaded::Document;
use crate::scenario::manifest::{PRIORITY_EXPANDER, is_priority_expander};
use crate::scenario::model::ClusterAutoscalerConfig;
use crate::scenario::node::{Node, Value};
use crate::scenario::reader::{Reader, expected};

/// Where the Cluster Autoscaler looks for its ConfigMap.
const NAMESPACE: &str = "kube-system";
/// What the ConfigMap holds.
const KEY: &str = "priorities";

/// Regular expressions on groups' names, by priority.
type Priorities = Vec<(i64, Vec<String>)>;

/// `priorities` of `[controllers.cluster-autoscaler]`.
pub(super) fn priorities(
    table: &mut Reader<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Priorities> {
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
    documents: &[Document],
    diagnostics: &mut Diagnostics,
) {
    let mut found = documents.iter().map(|document| &document.node);
    let Some(node) = found.find(|node| is_priority_expander(node)) else {
        return;
    };
    let namespace = node.get("metadata").and_then(|one| one.get("namespace"));
    if namespace.and_then(Node::text) != Some(NAMESPACE) {
        let span = namespace.map_or_else(|| node.span.first(), |one| one.span);
        let title =
            format!("the expander `priority` does not see this ConfigMap {PRIORITY_EXPANDER}");
        let label = format!("the Cluster Autoscaler looks in the namespace {NAMESPACE}");
        diagnostics.warning(span, title, label);
        return;
    }
    if config.priorities.is_some() {
        let title = "the expander `priority` has two lists of priorities";
        let label = "the other is `priorities` of `[controllers.cluster-autoscaler]`";
        diagnostics.error(node.span.first(), title, label);
        return;
    }
    let text = node.get("data").and_then(|data| data.get(KEY));
    let read = match text {
        None => Err(format!(
            "Wrong configmap for priority expander, doesn't contain {KEY} key. Ignoring update."
        )),
        Some(text) => parse(text.text().unwrap_or_default()).map_err(|error| {
            format!("Wrong configuration for priority expander: {error}. Ignoring update.")
        }),
    };
    if let Err(problem) = &read {
        let span = text.map_or_else(|| node.span.first(), |text| text.span);
        diagnostics.warning(span, problem.clone(), "no group is preferred");
    }
    config.priorities = Some(read);
}

/// Lists of regular expressions by priority.
fn parse(text: &str) -> Result<Priorities, String> {
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
    let mut all = Priorities::new();
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
