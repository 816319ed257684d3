//! Queueing hints: which waiting pods an event may concern (`EventsToRegister` and the hint
//! functions of each plugin).

use super::diagnosis::Plugins;
use super::load::is_hopeless;
use super::search::{TAINTS, tolerations};
use crate::api::{
    Labelled, Labels, Node, Pod, PodAffinityTerm, Readiness, SpreadConstraint, Taint, TaintEffect,
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
    /// What keeps pods away from a node has changed.
    NodeTaints(&'a Barriers, &'a Node),
    /// A pod uses its node no more, or waits for it no longer.
    PodGone(&'a Pod),
    /// A pod is bound to a node.
    PodCame(&'a Pod),
    /// Labels of a pod, which is on a node or waits itself, are no longer these.
    PodLabels(&'a Labels, &'a Pod),
    /// A node has promised a pod something else.
    PodResized,
}

/// What keeps pods away from a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Barriers {
    is_cordoned: bool,
    shuts_down: bool,
    taints: Vec<Taint>,
}

impl Barriers {
    pub(super) fn of(node: &Node) -> Self {
        Self {
            is_cordoned: node.unschedulable,
            shuts_down: node.readiness == Readiness::Stopping,
            taints: node.taints.clone(),
        }
    }

    /// Whether a pod tolerates the taints, which those of a cordon are among.
    fn are_tolerated(&self, pod: &Pod) -> bool {
        let own = tolerations(pod);
        let tolerates = |taint: &Taint| own.iter().any(|one| one.tolerates(taint));
        let binds = |effect| effect != TaintEffect::PreferNoSchedule;
        (!self.shuts_down || tolerates(&TAINTS[1]))
            && untolerated(&self.taints, &own, binds).next().is_none()
    }
}

impl Happening<'_> {
    /// Whether it is worth while to try a pod again that these plugins refused.
    pub(super) fn may_help(self, pod: &Pod, plugins: Plugins) -> bool {
        // Without any node no plugin had a say: whatever happens may help.
        if plugins == Plugins::default() {
            return true;
        }
        let of = Labelled::of;
        match self {
            Self::NodeCame(node) => {
                let room = !is_hopeless(node, &pod.amounts()) && has_extended(pod, node);
                plugins.has(Plugins::UNSCHEDULABLE) && !node.unschedulable
                    || plugins.has(Plugins::TAINTS) && Barriers::of(node).are_tolerated(pod)
                    || plugins.has(Plugins::NODE_AFFINITY)
                        && pod.pinned.is_none()
                        && allows_node(&pod.template, node)
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
            Self::NodeTaints(before, node) => {
                let all =
                    Plugins::NODE_AFFINITY | Plugins::PORTS | Plugins::FIT | Plugins::POD_AFFINITY;
                let is_opened = before.is_cordoned && !node.unschedulable;
                let are_tolerated =
                    || !before.are_tolerated(pod) && Barriers::of(node).are_tolerated(pod);
                plugins.has(all)
                    || plugins.has(Plugins::UNSCHEDULABLE) && is_opened
                    || plugins.has(Plugins::TAINTS) && are_tolerated()
                    || plugins.has(Plugins::SPREAD) && in_domains(pod, node.labels())
            }
            Self::PodGone(gone) => {
                plugins.has(Plugins::FIT)
                    || plugins.has(Plugins::PORTS) && share_ports(pod, gone)
                    || plugins.has(Plugins::SPREAD) && is_counted(pod, gone)
                    || plugins.has(Plugins::POD_AFFINITY)
                        && (match_all(anti_affinity(pod), of(pod), of(gone))
                            || match_all(anti_affinity(gone), of(gone), of(pod)))
            }
            Self::PodCame(came) => {
                plugins.has(Plugins::SPREAD) && is_counted(pod, came)
                    || plugins.has(Plugins::POD_AFFINITY)
                        && match_all(affinity(pod), of(pod), of(came))
            }
            Self::PodLabels(before, changed) => {
                plugins.has(Plugins::SPREAD) && counts_otherwise(pod, before, changed)
                    || plugins.has(Plugins::POD_AFFINITY) && attracts_now(pod, before, changed)
            }
            Self::PodResized => plugins.has(Plugins::FIT),
        }
    }
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

/// Whether a pod whose labels were these counts for a constraint, and did not, or the other way
/// round.
fn counts_otherwise(pod: &Pod, before: &Labels, changed: &Pod) -> bool {
    let differs = |one: &SpreadConstraint| {
        let counts = |labels: &Labels| one.counts(&pod.meta.labels, labels);
        counts(before) != counts(&changed.meta.labels)
    };
    pod.meta.namespace == changed.meta.namespace && spread(pod).any(differs)
}

/// Whether a pod whose labels were these is now one near which the other wants to be, or no longer
/// one from which it keeps away.
fn attracts_now(pod: &Pod, before: &Labels, changed: &Pod) -> bool {
    let owner = Labelled::of(pod);
    let is = Labelled::of(changed);
    let was = Labelled {
        labels: before,
        ..is
    };
    pod.meta.uid == changed.meta.uid
        || !match_all(affinity(pod), owner, was) && match_all(affinity(pod), owner, is)
        || match_all(anti_affinity(pod), owner, was) && !match_all(anti_affinity(pod), owner, is)
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
    owner: Labelled<'_>,
    other: Labelled<'_>,
) -> bool {
    let mut terms = terms.peekable();
    terms.peek().is_some() && terms.all(|term| term.hints_at(owner, other))
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
