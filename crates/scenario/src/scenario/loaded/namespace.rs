//! The namespace of documents that name none, as `kubectl apply -n` gives it.

use super::Document;
use crate::kubectl::kind::Kind;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::manifest::version_and_kind;
use crate::scenario::node::{KeyNode, Node, Value};

/// The namespace without a `namespace` in the scenario.
pub(in crate::scenario) const DEFAULT: &str = "default";

/// Kinds outside namespaces that are not simulated and that manifests often hold.
const OF_THE_CLUSTER: [&str; 19] = [
    "APIService",
    "CSIDriver",
    "ClusterPolicy",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "EC2NodeClass",
    "FlowSchema",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "NodePool",
    "PersistentVolume",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "RuntimeClass",
    "StorageClass",
    "ValidatingWebhookConfiguration",
];

/// What the scenario states.
pub(in crate::scenario) fn stated(scenario: &Node) -> &str {
    let stated = scenario.get("namespace").and_then(Node::text);
    stated.unwrap_or(DEFAULT)
}

/// Refuses objects of another namespace than the one that the scenario states, as `kubectl -n`
/// does (`RequireNamespace` of k8s.io/cli-runtime).
pub(super) fn check(scenario: &Node, documents: &[Document], diagnostics: &mut Diagnostics) {
    let Some(stated) = scenario.get("namespace").and_then(Node::text) else {
        return;
    };
    for document in documents {
        let node = &document.node;
        let own = node.get("metadata").and_then(|m| m.get("namespace"));
        let Some((node, own)) = own.and_then(|own| Some((own, own.text()?))) else {
            continue;
        };
        if own == stated || own.is_empty() || is_of_the_cluster(&document.node) {
            continue;
        }
        let title = format!(
            "the namespace from the provided object \"{own}\" does not match the namespace \"{stated}\""
        );
        let label = "`namespace` of the scenario is another";
        diagnostics.error(node.span, title, label).help =
            Some("leave `namespace` out of the scenario, or out of the object".to_owned());
    }
}

fn is_of_the_cluster(document: &Node) -> bool {
    let (version, kind) = version_and_kind(document);
    let known = Kind::of(kind, version).is_some_and(|kind| !kind.namespaced);
    known || OF_THE_CLUSTER.contains(&kind)
}

/// Gives a document a namespace if its kind lives in one and it names none.
pub(super) fn complete(document: &mut Node, namespace: &str) {
    if is_of_the_cluster(document) {
        return;
    }
    let Some(metadata) = document.get_mut("metadata") else {
        return;
    };
    let span = metadata.span.first();
    if let Value::Table(entries) = &mut metadata.value {
        entries.retain(|(key, node)| key.name != "namespace" || node.value != Value::Null);
        if entries.iter().all(|(key, _)| key.name != "namespace") {
            let key = KeyNode {
                span,
                name: "namespace".to_owned(),
            };
            let value = Value::Text(namespace.to_owned());
            entries.push((key, Node { span, value }));
        }
    }
}

/// Puts a document into a namespace, whatever it names, as kustomize does; a Namespace gets its name.
pub(super) fn replace(document: &mut Node, namespace: &str) {
    let is_namespace = version_and_kind(document) == ("v1", "Namespace");
    let metadata = document.get_mut("metadata");
    if is_namespace {
        let name = metadata.and_then(|metadata| metadata.get_mut("name"));
        if let Some(name) = name {
            name.value = Value::Text(namespace.to_owned());
        }
        return;
    }
    if let Some(Value::Table(entries)) = metadata.map(|node| &mut node.value) {
        entries.retain(|(key, _)| key.name != "namespace");
    }
    complete(document, namespace);
}
