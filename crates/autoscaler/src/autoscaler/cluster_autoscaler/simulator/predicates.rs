//! The scheduler's filters that decide where a pod may run.
//!
//! Source: the plugins NodeUnschedulable, TaintToleration, NodeAffinity (node selectors),
//! NodePorts, NodeResourcesFit and InterPodAffinity (anti-affinity per host) of kube-scheduler,
//! in that order: the first that refuses names the reasons. `domains` has what looks at
//! more than one node, and goes before anti-affinity.

use super::domains::Refusal;
use super::snapshot::{NodeInfo, Placed};
use crate::autoscaler::cluster_autoscaler::model::{ClassId, NodeShape, PodClass, Spread};
use crate::autoscaler::cluster_autoscaler::node_affinity::allows;
use crate::autoscaler::cluster_autoscaler::taints::{Effect, Taint};

/// Why a pod does not fit.
pub type Reasons = Vec<String>;

/// Whether a pod passes; without the reasons.
pub fn fits(classes: &[PodClass], class: ClassId, info: &NodeInfo) -> bool {
    let pod = &classes[class.index()];
    !info.unschedulable
        && enough(pod, info)
        && suits(pod, &info.shape)
        && ports_free(pod, info)
        && repelled(classes, class, info).is_none()
}

/// Whether a pod passes, or why not.
pub fn check(classes: &[PodClass], class: ClassId, info: &NodeInfo) -> Result<(), Reasons> {
    let pod = &classes[class.index()];
    let one = |reason: &str| Err(vec![reason.to_owned()]);
    if info.unschedulable && !puts_up_with_cordons(pod) {
        return one("node(s) were unschedulable");
    }
    if !tolerates(pod, &info.shape) {
        return one("node(s) had untolerated taint(s)");
    }
    if !selects(pod, &info.shape) {
        return one("node(s) didn't match Pod's node affinity/selector");
    }
    if !ports_free(pod, info) {
        return one("node(s) didn't have free ports for the requested pod ports");
    }
    let missing = missing(pod, info);
    if !missing.is_empty() {
        return Err(missing);
    }
    Ok(())
}

/// The taint that stands for a cordon is put up with (`NodeUnschedulable`).
fn puts_up_with_cordons(pod: &PodClass) -> bool {
    let taint = Taint {
        key: "node.kubernetes.io/unschedulable".to_owned(),
        value: String::new(),
        effect: Effect::NoSchedule,
    };
    pod.tolerations.iter().any(|one| one.covers(&taint))
}

/// Whether taints and labels of a kind of node suit a pod, whatever runs there.
pub fn suits(pod: &PodClass, shape: &NodeShape) -> bool {
    tolerates(pod, shape) && selects(pod, shape)
}

fn tolerates(pod: &PodClass, shape: &NodeShape) -> bool {
    shape
        .taints
        .iter()
        .filter(|taint| taint.effect != Effect::PreferNoSchedule)
        .all(|taint| pod.tolerations.iter().any(|one| one.covers(taint)))
}

/// Whether the labels of a kind of node are those that a pod selects, or requires by affinity.
pub fn selects(pod: &PodClass, shape: &NodeShape) -> bool {
    pod.node_selector
        .iter()
        .all(|wanted| shape.labels.contains(wanted))
        && allows(pod.node_terms.as_deref(), &shape.labels)
}

/// Whether a kind of node takes part in a topology spread constraint of a pod.
pub(super) fn suits_for_spread(pod: &PodClass, spread: &Spread, shape: &NodeShape) -> bool {
    (!spread.honors_affinity || selects(pod, shape))
        && (!spread.honors_taints || tolerates(pod, shape))
}

fn ports_free(pod: &PodClass, info: &NodeInfo) -> bool {
    let conflicts = &pod.port_conflicts;
    let is_taken = |other: &Placed| conflicts.contains(&other.class);
    conflicts.is_empty() || !info.pods.iter().any(is_taken)
}

fn enough(pod: &PodClass, info: &NodeInfo) -> bool {
    let (asked, has, used) = (&pod.requests, &info.shape.allocatable, &info.requested);
    used.pods < has.pods
        && (asked.cpu.0 == 0 || asked.cpu.0 <= has.cpu.0 - used.cpu.0)
        && (asked.memory.0 == 0 || asked.memory.0 <= has.memory.0 - used.memory.0)
        && asked.extended.iter().enumerate().all(|(index, asked)| {
            *asked == 0 || *asked <= has.extended(index) - used.extended(index)
        })
}

fn missing(pod: &PodClass, info: &NodeInfo) -> Reasons {
    let (asked, has, used) = (&pod.requests, &info.shape.allocatable, &info.requested);
    let mut reasons = Reasons::new();
    if used.pods >= has.pods {
        reasons.push("Too many pods".to_owned());
    }
    if asked.cpu.0 > 0 && asked.cpu.0 > has.cpu.0 - used.cpu.0 {
        reasons.push("Insufficient cpu".to_owned());
    }
    if asked.memory.0 > 0 && asked.memory.0 > has.memory.0 - used.memory.0 {
        reasons.push("Insufficient memory".to_owned());
    }
    for (index, asked) in asked.extended.iter().enumerate() {
        if *asked > 0 && *asked > has.extended(index) - used.extended(index) {
            let name = pod.extended_names.get(index);
            let name = name.map_or("extended resource", String::as_str);
            reasons.push(format!("Insufficient {name}"));
        }
    }
    reasons
}

/// Anti-affinity per host works both ways.
pub(super) fn repelled(classes: &[PodClass], class: ClassId, info: &NodeInfo) -> Option<Refusal> {
    let own = &classes[class.index()].host_anti_affinity;
    let theirs = |other: &Placed| &classes[other.class.index()].host_anti_affinity;
    let mut pods = info.pods.iter();
    if !own.is_empty() && info.pods.iter().any(|other| own.contains(&other.class)) {
        return Some(Refusal::AntiAffinity);
    }
    pods.any(|other| theirs(other).contains(&class))
        .then_some(Refusal::ExistingAntiAffinity)
}
