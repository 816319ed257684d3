//! Pods that name their node, which no scheduler has judged: the kubelet refuses those that do not
//! fit (`lifecycle/predicate.go`, `scheduler.AdmissionCheck`).

use std::borrow::Cow;
use std::sync::Arc;

use super::{Event, Kubelet};
use crate::api::{
    Context, HostPort, NodeId, ObjectId, Pod, PodId, PodPhase, PodWrite, Store, TaintEffect,
    allows_node, untolerated,
};

type Refusal = (Cow<'static, str>, String);

impl Kubelet {
    /// Whether a pod that names its node is refused there: it has failed then.
    pub(super) fn rejects(id: PodId, node: NodeId, context: &mut Context<'_, Event>) -> bool {
        let Some(pod) = context.store.pod(id) else {
            return false;
        };
        let named = pod.template.node_name.is_some();
        let Some((reason, message)) = named
            .then(|| refusal(id, pod, node, context.store))
            .flatten()
        else {
            return false;
        };
        let told = format!("Pod was rejected: {message}");
        context
            .events
            .warning(ObjectId::Pod(id), reason.clone(), || message);
        context.write_pod(id, PodWrite::Failure(Arc::new((reason, told))));
        context.write_pod(id, PodWrite::End(PodPhase::Failed));
        true
    }
}

/// The first reason for which a node does not take a pod that counts among its pods already.
fn refusal(id: PodId, pod: &Pod, node: NodeId, store: &Store) -> Option<Refusal> {
    let (on, own) = (store.find_node(node)?, pod.requested());
    // Those that it has taken before; others that are bound there are still to come.
    let is_taken = |other: &Pod| other.start_time.is_some() && !other.has_ended();
    let taken = store.pods_of_node(node);
    let taken = taken.filter(|(other, pod)| *other != id && is_taken(pod));
    let (others, pods) = taken
        .clone()
        .fold((on.daemons, 0), |(sum, count), (_, other)| {
            (sum + other.requested(), count + 1)
        });
    let lacks = |wanted: i64, used: i64, capacity: i64| wanted > 0 && wanted > capacity - used;
    let amounts = [
        ("OutOfpods", "pods", 1, pods, i64::from(on.max_pods)),
        (
            "OutOfcpu",
            "cpu",
            own.cpu.0,
            others.cpu.0,
            on.allocatable.cpu.0,
        ),
        (
            "OutOfmemory",
            "memory",
            own.memory.0,
            others.memory.0,
            on.allocatable.memory.0,
        ),
    ];
    let common = amounts.map(|(reason, name, wanted, used, capacity)| {
        (Cow::from(reason), name, wanted, used, capacity)
    });
    let held = |name: &str| -> i64 { taken.clone().map(|(_, other)| extended(other, name)).sum() };
    // What the node knows nothing of is not for the kubelet to judge.
    let further = on.extended.iter().map(|(name, capacity)| {
        let reason = Cow::from(format!("OutOf{name}"));
        (
            reason,
            name.as_str(),
            extended(pod, name),
            held(name),
            *capacity,
        )
    });
    for (reason, name, wanted, used, capacity) in common.into_iter().chain(further) {
        if lacks(wanted, used, capacity) {
            let message = format!(
                "Node didn't have enough resource: {name}, requested: {wanted}, used: {used}, \
                 capacity: {capacity}"
            );
            return Some((reason, message));
        }
    }
    let predicate = |name: &'static str, why: &str| {
        Some((name.into(), format!("Predicate {name} failed: {why}")))
    };
    if !allows_node(&pod.template, on) {
        return predicate(
            "NodeAffinity",
            "node(s) didn't match Pod's node affinity/selector",
        );
    }
    let conflicts = |(_, other): (PodId, &Pod)| {
        let both = |one: &HostPort| ports(other).iter().any(|two| one.conflicts(two));
        ports(pod).iter().any(both)
    };
    let mut taken = taken;
    if !ports(pod).is_empty() && taken.any(conflicts) {
        return predicate(
            "NodePorts",
            "node(s) didn't have free ports for the requested pod ports",
        );
    }
    let executes = |effect: TaintEffect| effect == TaintEffect::NoExecute;
    let mut taints = untolerated(&on.taints, &pod.template.tolerations, executes);
    if taints.next().is_some() {
        let why = "node(s) had taints that the pod didn't tolerate";
        return predicate("TaintToleration", why);
    }
    None
}

/// What a pod requests of a resource besides CPU and memory.
fn extended(pod: &Pod, name: &str) -> i64 {
    let placement = pod.template.placement.as_ref();
    let wanted = placement.and_then(|one| one.extended.get(name));
    wanted.copied().unwrap_or_default()
}

fn ports(pod: &Pod) -> &[HostPort] {
    let placement = pod.template.placement.as_ref();
    placement.map_or(&[], |one| one.host_ports.as_slice())
}
