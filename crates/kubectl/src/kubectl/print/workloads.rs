//! Rows of Deployments, ReplicaSets, StatefulSets, DaemonSets and their revisions.
//!
//! Upstream: `printers.go`, `printDeployment` and its neighbours.

use serde_json::Value;

use super::age::Timestamp;
use super::cells::{NONE, containers, created, items, labels, number, selector, text};
use super::columns::Printer;

pub(super) const DEPLOYMENT: Printer = (
    &[
        "Ready",
        "Up-to-date",
        "Available",
        "Age",
        "+Containers",
        "+Images",
        "+Selector",
    ],
    |object, now| {
        let [names, images] = containers(&object["spec"]["template"]["spec"]);
        vec![
            ready(object),
            status(object, "updatedReplicas"),
            status(object, "availableReplicas"),
            created(object, now),
            names,
            images,
            selector(&object["spec"]["selector"]),
        ]
    },
);

pub(super) const REPLICA_SET: Printer = (
    &[
        "Desired",
        "Current",
        "Ready",
        "Age",
        "+Containers",
        "+Images",
        "+Selector",
    ],
    |object, now| {
        let [names, images] = containers(&object["spec"]["template"]["spec"]);
        vec![
            number(object, &["spec", "replicas"]).to_string(),
            status(object, "replicas"),
            status(object, "readyReplicas"),
            created(object, now),
            names,
            images,
            selector(&object["spec"]["selector"]),
        ]
    },
);

pub(super) const STATEFUL_SET: Printer = (
    &["Ready", "Age", "+Containers", "+Images"],
    |object, now| {
        let [names, images] = containers(&object["spec"]["template"]["spec"]);
        vec![ready(object), created(object, now), names, images]
    },
);

pub(super) const DAEMON_SET: Printer = (
    &[
        "Desired",
        "Current",
        "Ready",
        "Up-to-date",
        "Available",
        "Node Selector",
        "Age",
        "+Containers",
        "+Images",
        "+Selector",
    ],
    |object, now| {
        let [names, images] = containers(&object["spec"]["template"]["spec"]);
        vec![
            status(object, "desiredNumberScheduled"),
            status(object, "currentNumberScheduled"),
            status(object, "numberReady"),
            status(object, "updatedNumberScheduled"),
            status(object, "numberAvailable"),
            labels(&object["spec"]["template"]["spec"]["nodeSelector"]),
            created(object, now),
            names,
            images,
            selector(&object["spec"]["selector"]),
        ]
    },
);

pub(super) const CONTROLLER_REVISION: Printer = (
    &["Controller", "Revision", "Age"],
    |object: &Value, now: Timestamp| {
        let owners = items(object, &["metadata", "ownerReferences"]);
        let owner = owners.iter().find(|owner| owner["controller"] == true);
        let controller = owner.map_or_else(
            || NONE.to_owned(),
            |owner| {
                let kind = text(owner, &["kind"]).unwrap_or_default().to_lowercase();
                let version = text(owner, &["apiVersion"]).unwrap_or_default();
                let group = version.split_once('/').map_or("", |(group, _)| group);
                let dot = if group.is_empty() { "" } else { "." };
                let name = text(owner, &["name"]).unwrap_or_default();
                format!("{kind}{dot}{group}/{name}")
            },
        );
        vec![
            controller,
            number(object, &["revision"]).to_string(),
            created(object, now),
        ]
    },
);

fn status(object: &Value, field: &str) -> String {
    number(object, &["status", field]).to_string()
}

/// `3/5`: ready pods of those wanted.
fn ready(object: &Value) -> String {
    let wanted = number(object, &["spec", "replicas"]);
    format!("{}/{wanted}", status(object, "readyReplicas"))
}
