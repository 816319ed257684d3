//! Rows of NodeClaims, NodePools and EC2NodeClasses.
//!
//! Upstream: the printer columns of Karpenter's custom resource definitions (`pkg/apis/crds` of
//! kubernetes-sigs/karpenter and of the AWS provider).

use serde_json::Value;

use super::age::Timestamp;
use super::cells::{condition, created, int_or_text, text};
use super::columns::Printer;

pub(super) const NODE_CLAIM: Printer = (
    &[
        "Type",
        "Capacity",
        "Zone",
        "Node",
        "Ready",
        "Age",
        "+ImageID",
        "+ID",
        "+NodePool",
        "+NodeClass",
        "+Drifted",
    ],
    node_claim,
);

pub(super) const NODE_POOL: Printer = (
    &[
        "NodeClass",
        "Nodes",
        "Ready",
        "Age",
        "+Weight",
        "+CPU",
        "+Memory",
    ],
    node_pool,
);

pub(super) const NODE_CLASS: Printer = (&["Ready", "Age", "+Role"], node_class);

/// A text; empty if it is not there.
fn word(object: &Value, path: &[&str]) -> String {
    text(object, path).unwrap_or_default().to_owned()
}

/// The status of a condition; empty if it is not there.
fn status(object: &Value, kind: &str) -> String {
    let found = condition(object, kind).map(|condition| &condition["status"]);
    found.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn node_claim(claim: &Value, now: Timestamp) -> Vec<String> {
    let label = |key: &str| word(claim, &["metadata", "labels", key]);
    vec![
        label("node.kubernetes.io/instance-type"),
        label("karpenter.sh/capacity-type"),
        label("topology.kubernetes.io/zone"),
        word(claim, &["status", "nodeName"]),
        status(claim, "Ready"),
        created(claim, now),
        word(claim, &["status", "imageID"]),
        word(claim, &["status", "providerID"]),
        label("karpenter.sh/nodepool"),
        word(claim, &["spec", "nodeClassRef", "name"]),
        status(claim, "Drifted"),
    ]
}

fn node_pool(pool: &Value, now: Timestamp) -> Vec<String> {
    let number = |value: &Value| int_or_text(value).unwrap_or_default();
    vec![
        word(pool, &["spec", "template", "spec", "nodeClassRef", "name"]),
        number(&pool["status"]["nodes"]),
        status(pool, "Ready"),
        created(pool, now),
        number(&pool["spec"]["weight"]),
        word(pool, &["status", "resources", "cpu"]),
        word(pool, &["status", "resources", "memory"]),
    ]
}

fn node_class(class: &Value, now: Timestamp) -> Vec<String> {
    vec![
        status(class, "Ready"),
        created(class, now),
        word(class, &["spec", "role"]),
    ]
}
