//! Versions that the API server serves no more, read as those that it serves: with the defaults
//! of the old ones, as `kubectl convert` writes them down.
//!
//! Upstream: `pkg/apis/extensions/v1beta1/defaults.go`, `pkg/apis/apps/v1beta1/defaults.go` and
//! `pkg/apis/apps/v1beta2/defaults.go`.

use super::{hpa_versions, version_and_kind};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::{KeyNode, Node, Span, Value};

/// Kinds with the versions that were served once, and the one that is.
const SERVED_ONCE: [(&str, &[&str], &str); 8] = [
    (
        "Deployment",
        &["extensions/v1beta1", "apps/v1beta1", "apps/v1beta2"],
        "apps/v1",
    ),
    (
        "DaemonSet",
        &["extensions/v1beta1", "apps/v1beta2"],
        "apps/v1",
    ),
    (
        "ReplicaSet",
        &["extensions/v1beta1", "apps/v1beta2"],
        "apps/v1",
    ),
    ("StatefulSet", &["apps/v1beta1", "apps/v1beta2"], "apps/v1"),
    ("CronJob", &["batch/v1beta1", "batch/v2alpha1"], "batch/v1"),
    ("PodDisruptionBudget", &["policy/v1beta1"], "policy/v1"),
    (
        "PriorityClass",
        &["scheduling.k8s.io/v1beta1", "scheduling.k8s.io/v1alpha1"],
        "scheduling.k8s.io/v1",
    ),
    (
        "VerticalPodAutoscaler",
        &["autoscaling.k8s.io/v1beta1"],
        "autoscaling.k8s.io/v1",
    ),
];

/// Makes an object of an old version one of the version that is served.
pub(in crate::scenario) fn upgrade(document: &mut Node, diagnostics: &mut Diagnostics) {
    let (version, kind) = version_and_kind(document);
    if kind == "HorizontalPodAutoscaler" {
        hpa_versions::upgrade(document, diagnostics);
        return;
    }
    let found = SERVED_ONCE
        .iter()
        .find(|(known, old, _)| *known == kind && old.contains(&version));
    let Some((_, _, served)) = found else {
        return;
    };
    warn(document, served, diagnostics);
    if kind == "VerticalPodAutoscaler" {
        refuse_selector(document, diagnostics);
    }
    fill_in(document);
    name(document, served);
}

/// The VPA of v1beta1 had a selector, which no version after it has.
fn refuse_selector(document: &mut Node, diagnostics: &mut Diagnostics) {
    let spec = document.get_mut("spec").map(|spec| &mut spec.value);
    let Some(Value::Table(fields)) = spec else {
        return;
    };
    let place = fields.iter().position(|(key, _)| key.name == "selector");
    let Some((key, _)) = place.map(|place| fields.remove(place)) else {
        return;
    };
    let title = "the `selector` of autoscaling.k8s.io/v1beta1 is gone";
    diagnostics
        .error(key.span, title, "no version since has it")
        .help = Some(
        "write `targetRef: {apiVersion: apps/v1, kind: Deployment, name: …}` instead".to_owned(),
    );
}

/// Warns that a version is not served.
pub(super) fn warn(document: &Node, served: &str, diagnostics: &mut Diagnostics) {
    let (version, _) = version_and_kind(document);
    let span = document
        .get("apiVersion")
        .map_or(document.span, |node| node.span);
    let title = format!("{version} is not served any more: read as {served}");
    diagnostics
        .warning(span, title, "the API server refuses this version")
        .help = Some("`kubectl convert` rewrites it".to_owned());
}

/// Gives a document another version.
pub(super) fn name(document: &mut Node, version: &str) {
    if let Some(node) = document.get_mut("apiVersion") {
        node.value = Value::Text(version.to_owned());
    }
}

pub(super) fn key(name: &str, span: Span) -> KeyNode {
    KeyNode {
        span,
        name: name.to_owned(),
    }
}

pub(super) fn text(word: &str, span: Span) -> Node {
    Node {
        span,
        value: Value::Text(word.to_owned()),
    }
}

/// Fills in the defaults that are others today, and takes away the fields that are no more.
fn fill_in(document: &mut Node) {
    let (version, kind) = version_and_kind(document);
    let (version, kind) = (version.to_owned(), kind.to_owned());
    let labels = document
        .get("spec")
        .and_then(|spec| spec.get("template")?.get("metadata")?.get("labels"))
        .cloned();
    let Some(spec) = document.get_mut("spec") else {
        return;
    };
    let span = spec.span.first();
    if let Value::Table(fields) = &mut spec.value {
        fields.retain(|(key, _)| !matches!(key.name.as_str(), "rollbackTo" | "templateGeneration"));
    }
    let number = |number: i32| Node {
        span,
        value: Value::Int(number.into()),
    };
    let is_workload = matches!(
        kind.as_str(),
        "Deployment" | "DaemonSet" | "ReplicaSet" | "StatefulSet"
    );
    // apps/v1beta2 has the defaults of apps/v1.
    if !is_workload || version == "apps/v1beta2" {
        return;
    }
    if let Some(labels) = labels {
        let labels = (key("matchLabels", labels.span), labels);
        default(spec, &["selector"], || Node {
            span,
            value: Value::Table(vec![labels]),
        });
    }
    match (kind.as_str(), version.as_str()) {
        ("Deployment", "extensions/v1beta1") => {
            default(spec, &["revisionHistoryLimit"], || number(i32::MAX));
            default(spec, &["progressDeadlineSeconds"], || number(i32::MAX));
            let kind = spec.get("strategy").and_then(|one| one.get("type"));
            if kind.is_none_or(|kind| kind.text() == Some("RollingUpdate")) {
                for field in ["maxSurge", "maxUnavailable"] {
                    default(spec, &["strategy", "rollingUpdate", field], || number(1));
                }
            }
        }
        ("Deployment", _) => default(spec, &["revisionHistoryLimit"], || number(2)),
        ("StatefulSet" | "DaemonSet", _) => {
            default(spec, &["updateStrategy", "type"], || text("OnDelete", span));
        }
        _ => {}
    }
}

/// Gives the field at a path a value, if it has none.
fn default(node: &mut Node, path: &[&str], value: impl FnOnce() -> Node) {
    let Some((name, rest)) = path.split_first() else {
        *node = value();
        return;
    };
    let span = node.span.first();
    if node.value == Value::Null {
        node.value = Value::Table(Vec::new());
    }
    let Value::Table(fields) = &mut node.value else {
        return;
    };
    let place = fields.iter().position(|(key, _)| key.name == *name);
    let is_set = place.is_some_and(|place| fields[place].1.value != Value::Null);
    if rest.is_empty() && is_set {
        return;
    }
    let place = place.unwrap_or_else(|| {
        let value = Value::Null;
        fields.push((key(name, span), Node { span, value }));
        fields.len() - 1
    });
    default(&mut fields[place].1, rest, value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::object::{to_json, to_node};
    use serde_json::{Value as Json, json};

    fn upgraded(object: &Json) -> (Json, Diagnostics) {
        let mut node = to_node(object);
        let mut diagnostics = Diagnostics::default();
        upgrade(&mut node, &mut diagnostics);
        (to_json(&node), diagnostics)
    }

    fn workload(version: &str, kind: &str, spec: &Json) -> Json {
        let mut object = json!({"apiVersion": version, "kind": kind, "spec": spec});
        object["spec"]["template"] = json!({"metadata": {"labels": {"app": "web"}}});
        object
    }

    #[test]
    fn old_workloads_keep_their_defaults() {
        let old = workload(
            "extensions/v1beta1",
            "Deployment",
            &json!({"strategy": {"rollingUpdate": {"maxSurge": 3}}, "rollbackTo": {}}),
        );
        let (made, told) = upgraded(&old);
        assert_eq!(made["apiVersion"], "apps/v1");
        let spec = &made["spec"];
        assert_eq!(spec["selector"], json!({"matchLabels": {"app": "web"}}));
        let rolling = json!({"maxSurge": 3, "maxUnavailable": 1});
        assert_eq!(spec["strategy"]["rollingUpdate"], rolling);
        assert_eq!(spec["revisionHistoryLimit"], i32::MAX);
        assert_eq!(spec.get("rollbackTo"), None);
        let title = "extensions/v1beta1 is not served any more: read as apps/v1";
        assert_eq!(told.list[0].title, title);
        assert_eq!(told.list.len(), 1);

        let recreate = json!({"strategy": {"type": "Recreate"}});
        let (made, _) = upgraded(&workload("extensions/v1beta1", "Deployment", &recreate));
        assert_eq!(made["spec"]["strategy"], json!({"type": "Recreate"}));
        let (made, _) = upgraded(&workload("apps/v1beta1", "Deployment", &json!({})));
        assert_eq!(made["spec"]["revisionHistoryLimit"], 2);
        let (made, _) = upgraded(&workload("apps/v1beta1", "StatefulSet", &json!({})));
        assert_eq!(made["spec"]["updateStrategy"]["type"], "OnDelete");
        // The selector of apps/v1beta2 is needed, as that of apps/v1.
        let (made, _) = upgraded(&workload("apps/v1beta2", "Deployment", &json!({})));
        assert_eq!(made["spec"].get("selector"), None);
        let selector = json!({"selector": {"matchLabels": {"a": "b"}}});
        let (made, _) = upgraded(&workload("apps/v1beta1", "Deployment", &selector));
        assert_eq!(made["spec"]["selector"], selector["selector"]);
    }

    #[test]
    fn the_selector_of_old_vpas_is_told_what_it_became() {
        let version = "autoscaling.k8s.io/v1beta1";
        let selector = json!({"selector": {"matchLabels": {"app": "web"}}});
        let old = workload(version, "VerticalPodAutoscaler", &selector);
        let (made, told) = upgraded(&old);
        assert_eq!(made["spec"].get("selector"), None);
        let help = told.list[1].help.as_deref().unwrap_or_default();
        assert!(help.starts_with("write `targetRef: "), "{help}");
        assert_eq!(told.list.len(), 2);
    }

    #[test]
    fn what_is_served_is_left_alone() {
        for (version, kind) in [
            ("apps/v1", "Deployment"),
            ("apps/v1beta1", "DaemonSet"),
            ("apps.kruise.io/v1beta1", "StatefulSet"),
            ("autoscaling.k8s.io/v1beta2", "VerticalPodAutoscaler"),
        ] {
            let object = workload(version, kind, &json!({}));
            let (made, told) = upgraded(&object);
            assert_eq!((made, told.list), (object, Vec::new()));
        }
    }
}
