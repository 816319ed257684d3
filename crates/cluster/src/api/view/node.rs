//! Nodes.

use serde_json::{Value, json};

use super::template::amounts;
use super::{Clock, list, meta, truth};
use crate::api::node::Node;
use crate::api::resources::Amounts;
use crate::api::store::Store;

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
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": metadata,
        "spec": {
            "taints": taints(node),
            "unschedulable": node.unschedulable.then_some(true),
        },
        "status": {
            "addresses": [{"address": node.name(), "type": "Hostname"}],
            "allocatable": resources(node.allocatable),
            "capacity": resources(node.capacity),
            "conditions": conditions(node, clock),
        },
    })
}

fn conditions(node: &Node, clock: Clock) -> Vec<Value> {
    let since = clock.time(node.meta.created);
    let pressures = PRESSURES.iter().map(|(kind, reason, message)| {
        json!({
            "lastTransitionTime": since,
            "message": message,
            "reason": reason,
            "status": truth(false),
            "type": kind,
        })
    });
    let ready = if node.ready {
        json!({
            "lastTransitionTime": clock.time(node.ready_transition),
            "message": "kubelet is posting ready status",
            "reason": "KubeletReady",
            "status": truth(true),
            "type": "Ready",
        })
    } else if node.starting {
        json!({
            "lastTransitionTime": clock.time(node.ready_transition),
            "message": "container runtime network not ready: NetworkReady=false \
                        reason:NetworkPluginNotReady message:Network plugin returns error: cni \
                        plugin not initialized",
            "reason": "KubeletNotReady",
            "status": truth(false),
            "type": "Ready",
        })
    } else {
        json!({
            "message": "Kubelet stopped posting node status.",
            "reason": "NodeStatusUnknown",
            "status": "Unknown",
            "type": "Ready",
        })
    };
    pressures.chain([ready]).collect()
}

fn taints(node: &Node) -> Value {
    let taint = |key: &str, effect: &str| json!({"effect": effect, "key": key});
    let own = node.taints.iter().map(|one| {
        let value = Some(&one.value).filter(|value| !value.is_empty());
        json!({"effect": one.effect.name(), "key": one.key, "value": value})
    });
    let mut taints: Vec<Value> = own.collect();
    if !(node.ready || node.starting) {
        taints.push(taint("node.kubernetes.io/unreachable", "NoSchedule"));
        taints.push(taint("node.kubernetes.io/unreachable", "NoExecute"));
    }
    if node.unschedulable {
        taints.push(taint("node.kubernetes.io/unschedulable", "NoSchedule"));
    }
    list(taints)
}
