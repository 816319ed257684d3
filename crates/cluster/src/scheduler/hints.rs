//! Queueing hints: which waiting pods an event may concern (`EventsToRegister` and the hint
//! functions of each plugin).

use super::diagnosis::Plugins;
use super::load::is_hopeless;
use crate::api::{
    Labelled, Labels, Node, Pod, PodAffinityTerm, Readiness, SpreadConstraint, TaintEffect,
    allows_labels, allows_node, untolerated,
};

/// What has happened.
#[derive(Debug, Clone, Copy)]
pub(super) enum Happening<'a> {
    /// A node has registered.
    NodeCame(&'a Node),
    /// Labels of a node are no longer these.
    NodeLabels(&'a Labels, &'a Node),
    /// A node that had these labels is gone.
    NodeGone(&'a Labels),
    /// Anything else of a node has changed: taints, cordon, readiness.
    NodeTaints(&'a Node),
    /// A pod uses its node no more, or waits for it no longer.
    PodGone(&'a Pod),
    /// A pod is bound to a node.
    PodCame(&'a Pod),
    /// A node has promised a pod something else.
    PodResized,
}

impl Happening<'_> {
    /// Whether it is worth while to try a pod again that these plugins refused.
    pub(super) fn may_help(self, pod: &Pod, plugins: Plugins) -> bool {
        // Without any node no plugin had a say: whatever happens may help.
        if plugins == Plugins::default() {
            return true;
        }
        match self {
            Self::NodeCame(node) => {
                let room = !is_hopeless(node, &pod.amounts()) && has_extended(pod, node);
                plugins.has(Plugins::UNSCHEDULABLE) && !node.unschedulable
                    || plugins.has(Plugins::TAINTS) && tolerates(pod, node)
                    || plugins.has(Plugins::NODE_AFFINITY) && allows_node(&pod.template, node)
                    || plugins.has(Plugins::PORTS)
                    || plugins.has(Plugins::FIT) && room
                    || plugins.has(Plugins::SPREAD) && in_domains(pod, node.labels())
                    || plugins.has(Plugins::POD_AFFINITY) && new_domain(pod, node.labels())
            }
            Self::NodeLabels(before, node) => {
                let now = node.labels();
                let allows = |labels| allows_labels(&pod.template, node.name(), labels);
                plugins.has(Plugins::NODE_AFFINITY) && allows(now) && !allows(before)
                    || plugins.has(Plugins::SPREAD) && domains_differ(pod, before, now)
                    || plugins.has(Plugins::POD_AFFINITY) && is_moved(pod, before, now)
            }
            Self::NodeGone(labels) => plugins.has(Plugins::SPREAD) && in_domains(pod, labels),
            // Plugins that hear of new nodes hear of every change of taints.
            Self::NodeTaints(node) => {
                let all =
                    Plugins::NODE_AFFINITY | Plugins::PORTS | Plugins::FIT | Plugins::POD_AFFINITY;
                plugins.has(all)
                    || plugins.has(Plugins::UNSCHEDULABLE) && !node.unschedulable
                    || plugins.has(Plugins::TAINTS) && tolerates(pod, node)
                    || plugins.has(Plugins::SPREAD) && in_domains(pod, node.labels())
            }
            Self::PodGone(gone) => {
                plugins.has(Plugins::FIT)
                    || plugins.has(Plugins::PORTS) && share_ports(pod, gone)
                    || plugins.has(Plugins::SPREAD) && is_counted(pod, gone)
                    || plugins.has(Plugins::POD_AFFINITY)
                        && (match_all(anti_affinity(pod), pod, gone)
                            || match_all(anti_affinity(gone), gone, pod))
            }
            Self::PodCame(came) => {
                plugins.has(Plugins::SPREAD) && is_counted(pod, came)
                    || plugins.has(Plugins::POD_AFFINITY) && match_all(affinity(pod), pod, came)
            }
            Self::PodResized => plugins.has(Plugins::FIT),
        }
    }
}

fn tolerates(pod: &Pod, node: &Node) -> bool {
    let binds = |effect| effect != TaintEffect::PreferNoSchedule;
    let mut taints = untolerated(&node.taints, &pod.template.tolerations, binds);
    node.readiness != Readiness::Stopping && taints.next().is_none()
}

fn spread(pod: &Pod) -> impl Iterator<Item = &SpreadConstraint> {
    let all = pod.template.placement.iter().flat_map(|one| &one.spread);
    all.filter(|one| one.required)
}

fn in_domains(pod: &Pod, labels: &Labels) -> bool {
    spread(pod).all(|one| labels.contains_key(&one.topology_key))
}

/// Whether a node is in other domains than before: its labels are those of a topology or not, or
/// have other values under its keys.
fn domains_differ(pod: &Pod, before: &Labels, now: &Labels) -> bool {
    let differ =
        |one: &SpreadConstraint| before.get(&one.topology_key) != now.get(&one.topology_key);
    match (in_domains(pod, before), in_domains(pod, now)) {
        (true, true) => spread(pod).any(differ),
        (was, is) => was != is,
    }
}

fn is_counted(pod: &Pod, other: &Pod) -> bool {
    let counts = |one: &SpreadConstraint| one.counts(&pod.meta.labels, &other.meta.labels);
    pod.meta.namespace == other.meta.namespace && spread(pod).any(counts)
}

fn affinity(pod: &Pod) -> impl Iterator<Item = &PodAffinityTerm> {
    let placement = pod.template.placement.iter();
    placement.flat_map(|one| &one.affinity.required)
}

fn anti_affinity(pod: &Pod) -> impl Iterator<Item = &PodAffinityTerm> {
    let placement = pod.template.placement.iter();
    placement.flat_map(|one| &one.anti_affinity.required)
}

fn new_domain(pod: &Pod, labels: &Labels) -> bool {
    anti_affinity(pod).next().is_some()
        || affinity(pod).any(|term| labels.contains_key(&term.topology_key))
}

/// Whether a node comes into a domain of the pod's affinity, or leaves one of its anti-affinity.
fn is_moved(pod: &Pod, before: &Labels, now: &Labels) -> bool {
    let differ =
        |term: &PodAffinityTerm| before.get(&term.topology_key) != now.get(&term.topology_key);
    affinity(pod).any(|term| now.contains_key(&term.topology_key) && differ(term))
        || anti_affinity(pod).any(|term| before.contains_key(&term.topology_key) && differ(term))
}

/// Whether an empty node has what the pod asks of extended resources.
fn has_extended(pod: &Pod, node: &Node) -> bool {
    let mut wanted = pod.template.placement.iter().flat_map(|one| &one.extended);
    let has = |name| node.extended.get(name).copied().unwrap_or_default();
    wanted.all(|(name, amount)| *amount <= has(name))
}

fn match_all<'a>(
    terms: impl Iterator<Item = &'a PodAffinityTerm>,
    owner: &Pod,
    other: &Pod,
) -> bool {
    let mut terms = terms.peekable();
    terms.peek().is_some()
        && terms.all(|term| term.matches(Labelled::of(owner), Labelled::of(other)))
}

fn share_ports(pod: &Pod, gone: &Pod) -> bool {
    let ports = |pod: &'_ Pod| {
        let placement = pod.template.placement.as_ref();
        placement.map_or_else(Vec::new, |one| one.host_ports.clone())
    };
    let freed = ports(gone);
    let wanted = ports(pod);
    wanted
        .iter()
        .any(|port| freed.iter().any(|free| free.conflicts(port)))
}
