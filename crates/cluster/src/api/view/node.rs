//! Nodes.

use std::sync::Arc;

use serde_json::{Value, json};

use super::template::amounts;
use super::{Clock, list, meta};
use crate::api::node::{Node, Readiness};
use crate::api::resources::Amounts;
use crate::api::store::Store;
use crate::api::taint::Taint;
use crate::units::Bytes;

/// The kubelet's conditions that hold only when something is wrong: type, reason and message of
/// a node without trouble.
const PRESSURES: [(&str, &str, &str); 3] = [
    (
        "MemoryPressure",
        "KubeletHasSufficientMemory",
        "kubelet has sufficient memory available",
    ),
    (
        "DiskPressure",
        "KubeletHasNoDiskPressure",
        "kubelet has no disk pressure",
    ),
    (
        "PIDPressure",
        "KubeletHasSufficientPID",
        "kubelet has sufficient PID available",
    ),
];

pub(super) fn view(node: &Node, store: &Store, clock: Clock) -> Value {
    let mut metadata = meta::plain(&node.meta, store, clock);
    // The generation of a node counts nothing.
    metadata["generation"] = Value::Null;
    let resources = |of: Amounts| {
        let mut resources = amounts(Some(of.cpu), Some(of.memory));
        resources["pods"] = node.max_pods.to_string().into();
        resources
    };
    let range = store.pod_range(node.name());
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": metadata,
        "spec": {
            "podCIDR": range,
            "podCIDRs": range.as_ref().map(|range| [range]),
            "taints": taints(node),
            "unschedulable": node.unschedulable.then_some(true),
        },
        "status": {
            "addresses": [{"address": node.name(), "type": "Hostname"}],
            "allocatable": resources(node.allocatable),
            "capacity": resources(node.capacity),
            "conditions": conditions(node, clock),
            "images": images(node),
        },
    })
}

/// The largest first, as many as a kubelet tells of (`nodeStatusMaxImages`).
fn images(node: &Node) -> Value {
    const MOST: usize = 50;
    if node.images.is_empty() {
        return Value::Null;
    }
    let mut images: Vec<_> = node.images.iter().collect();
    images.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    let images = images.into_iter().take(MOST);
    let image = |(name, size): &(Arc<str>, Bytes)| json!({"names": [&**name], "sizeBytes": size.0});
    images.map(image).collect()
}

fn conditions(node: &Node, clock: Clock) -> Vec<Value> {
    let condition = |kind: &str, status: &str, since, reason: &str, message: &str| {
        json!({
            "lastTransitionTime": clock.time(since),
            "message": message,
            "reason": reason,
            "status": status,
            "type": kind,
        })
    };
    let changed = node.ready_transition;
    if node.readiness == Readiness::Unknown {
        let kinds = PRESSURES.iter().map(|(kind, ..)| *kind).chain(["Ready"]);
        let (reason, message) = ("NodeStatusUnknown", "Kubelet stopped posting node status.");
        return kinds
            .map(|kind| condition(kind, "Unknown", changed, reason, message))
            .collect();
    }
    let pressures = PRESSURES.iter().map(|(kind, reason, message)| {
        match node.memory_pressure.filter(|_| *kind == "MemoryPressure") {
            Some((true, since)) => condition(
                kind,
                "True",
                since,
                "KubeletHasInsufficientMemory",
                "kubelet has insufficient memory available",
            ),
            Some((false, since)) => condition(kind, "False", since, reason, message),
            None => condition(kind, "False", node.meta.created, reason, message),
        }
    });
    let (status, reason, message) = match node.readiness {
        Readiness::Ready => ("True", "KubeletReady", "kubelet is posting ready status"),
        Readiness::Starting => (
            "False",
            "KubeletNotReady",
            "container runtime network not ready: NetworkReady=false \
             reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not \
             initialized",
        ),
        Readiness::Stopping | Readiness::Unknown => {
            ("False", "KubeletNotReady", "node is shutting down")
        }
    };
    let ready = condition("Ready", status, changed, reason, message);
    pressures.chain([ready]).collect()
}

fn taints(node: &Node) -> Value {
    let taint = |one: &Taint| {
        let value = Some(&one.value).filter(|value| !value.is_empty());
        json!({"effect": one.effect.name(), "key": one.key, "value": value})
    };
    list(taints_of(node).iter().map(taint).collect())
}

/// `spec.taints`, those of nodes that shut down included.
pub fn taints_of(node: &Node) -> Vec<Taint> {
    let mut taints = node.taints.clone();
    if node.readiness == Readiness::Stopping {
        taints.extend(Node::not_ready_taints());
    }
    taints
}
