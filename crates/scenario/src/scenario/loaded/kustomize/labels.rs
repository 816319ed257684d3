//! `commonLabels` and `labels`: which fields of which kinds they are put to.

use super::Written;
use super::resource::{Id, Resource, entry};
use crate::scenario::node::{Node, Value};

/// A field that labels are put to.
#[derive(Clone, Copy)]
struct Spec {
    kind: &'static str,
    /// The group of the kind, where it matters.
    group: Option<&'static str>,
    path: &'static [&'static str],
    /// Whether the field is made if it is not there.
    create: bool,
}

const fn create(kind: &'static str, path: &'static [&'static str]) -> Spec {
    Spec {
        kind,
        group: None,
        path,
        create: true,
    }
}

const fn of(group: &'static str, spec: Spec) -> Spec {
    Spec {
        group: Some(group),
        ..spec
    }
}

const fn if_there(group: &'static str, kind: &'static str, path: &'static [&'static str]) -> Spec {
    Spec {
        kind,
        group: Some(group),
        path,
        create: false,
    }
}

const METADATA: [&str; 2] = ["metadata", "labels"];
const MATCH_LABELS: &[&str] = &["spec", "selector", "matchLabels"];
const TEMPLATE: &[&str] = &["spec", "template", "metadata", "labels"];
const SPREAD: &[&str] = &[
    "spec",
    "template",
    "spec",
    "topologySpreadConstraints",
    "labelSelector",
    "matchLabels",
];

/// `metadataLabelsFieldSpecs`, without `metadata/labels` of all kinds.
const TEMPLATES: &[Spec] = &[
    of("", create("ReplicationController", TEMPLATE)),
    create("Deployment", TEMPLATE),
    create("ReplicaSet", TEMPLATE),
    create("DaemonSet", TEMPLATE),
    of("apps", create("StatefulSet", TEMPLATE)),
    of("batch", create("Job", TEMPLATE)),
    of(
        "batch",
        create("CronJob", &["spec", "jobTemplate", "metadata", "labels"]),
    ),
    of(
        "batch",
        create(
            "CronJob",
            &[
                "spec",
                "jobTemplate",
                "spec",
                "template",
                "metadata",
                "labels",
            ],
        ),
    ),
];

/// `commonLabelFieldSpecs`, as far as what is simulated has such fields.
const SELECTORS: &[Spec] = &[
    of("", create("Service", &["spec", "selector"])),
    of("", create("ReplicationController", &["spec", "selector"])),
    create("Deployment", MATCH_LABELS),
    create("ReplicaSet", MATCH_LABELS),
    create("DaemonSet", MATCH_LABELS),
    of("apps", create("StatefulSet", MATCH_LABELS)),
    if_there("apps", "Deployment", SPREAD),
    if_there("apps", "StatefulSet", SPREAD),
    if_there("batch", "Job", MATCH_LABELS),
    if_there(
        "batch",
        "CronJob",
        &["spec", "jobTemplate", "spec", "selector", "matchLabels"],
    ),
    if_there("policy", "PodDisruptionBudget", MATCH_LABELS),
];

/// Puts the labels of a kustomization to its resources.
pub(super) fn add(written: &Written<'_>, resources: &mut [Resource]) {
    for label in written.items("labels") {
        let is_set = |key: &str| label.get(key).map(|node| &node.value) == Some(&Value::Bool(true));
        let Some(pairs) = label.get("pairs") else {
            continue;
        };
        let selectors = is_set("includeSelectors");
        let templates = selectors || is_set("includeTemplates");
        let fields = label.get("fields").map_or(&[][..], Node::items);
        for resource in &mut *resources {
            put_all(resource, pairs, selectors, templates);
            for field in fields {
                put_field(resource, pairs, field);
            }
        }
    }
    if let Some(pairs) = written.node.get("commonLabels") {
        for resource in resources {
            put_all(resource, pairs, true, true);
        }
    }
}

fn put_all(resource: &mut Resource, pairs: &Node, selectors: bool, templates: bool) {
    let id = resource.id();
    put(&mut resource.node, &METADATA, true, pairs);
    let wanted = [(selectors, SELECTORS), (templates, TEMPLATES)];
    for spec in wanted.iter().filter(|one| one.0).flat_map(|one| one.1) {
        if spec.kind == id.kind && spec.group.is_none_or(|group| group == id.group()) {
            put(&mut resource.node, spec.path, spec.create, pairs);
        }
    }
}

/// A field that `labels` names itself: its path, and whether it is made.
fn put_field(resource: &mut Resource, pairs: &Node, field: &Node) {
    let id: Id = resource.id();
    let text = |key: &str| field.get(key).and_then(Node::text);
    let fits = |key: &str, own: &str| text(key).is_none_or(|wanted| wanted == own);
    if !(fits("kind", &id.kind) && fits("group", id.group()) && fits("version", id.bare_version()))
    {
        return;
    }
    let Some(path) = text("path") else { return };
    let create = field.get("create").map(|node| &node.value) == Some(&Value::Bool(true));
    let path: Vec<&str> = path.split('/').collect();
    put(&mut resource.node, &path, create, pairs);
}

/// Puts labels to the table at a path, through all items of lists on the way.
fn put(node: &mut Node, path: &[&str], create: bool, pairs: &Node) {
    if let Value::List(items) = &mut node.value {
        for item in items {
            put(item, path, create, pairs);
        }
        return;
    }
    let Some((name, rest)) = path.split_first() else {
        super::fields::put(node, &[], pairs);
        return;
    };
    let is_list = name.ends_with("[]");
    let name = name.trim_end_matches("[]");
    let next = if create && !is_list {
        entry(node, name, pairs.span.first())
    } else {
        node.get_mut(name)
    };
    if let Some(next) = next {
        put(next, rest, create, pairs);
    }
}
