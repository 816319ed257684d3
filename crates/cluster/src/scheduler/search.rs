//! One search for a node over all nodes: every filter, every score, as upstream's default profile
//! has them. [`super::place`] has a shorter way for pods that nothing here tells apart.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::diagnosis::{Diagnosis, Plugins, Refusal};
use super::domains::{self, Domains};
use super::images::Wanted;
use super::load::Load;
use super::place::{feasible_nodes_to_find, resource_score};
use super::score::{SpreadNode, WEIGHT_SPREAD, spread_normalized, spread_raw, spreads_by_default};
use super::terms::{self, Terms};
use crate::api::{
    Labels, NOT_READY, Node, NodeId, Placement, Pod, PodAmounts, PodId, Readiness, Store, Taint,
    TaintEffect, Toleration, UNSCHEDULABLE, allows_node, matches, untolerated,
};
use crate::controller::daemonset::daemon_tolerations;

const WEIGHT_TAINTS: i64 = 3;
const WEIGHT_NODE_AFFINITY: i64 = 2;
const WEIGHT_POD_AFFINITY: i64 = 2;

/// The taints of nodes that are cordoned, and of those that shut down.
pub(super) static TAINTS: LazyLock<[Taint; 2]> =
    LazyLock::new(|| [UNSCHEDULABLE, NOT_READY].map(|key| Taint::of(key, TaintEffect::NoSchedule)));

/// What a pod tolerates: a DaemonSet's also what its controller adds.
pub(super) fn tolerations(pod: &Pod) -> Cow<'_, [Toleration]> {
    match pod.pinned {
        Some(_) => daemon_tolerations(&pod.template).cloned().collect(),
        None => Cow::Borrowed(&pod.template.tolerations),
    }
}

/// Whether NodeUnschedulable, TaintToleration or NodeAffinity's node selector refuses a node.
pub(super) fn node_refusal(
    node: &Node,
    selector: &Labels,
    tolerations: &[Toleration],
) -> Option<Refusal> {
    let tolerates = |taint: &Taint| tolerations.iter().any(|one| one.tolerates(taint));
    if node.unschedulable && !tolerates(&TAINTS[0]) {
        return Some(Refusal::Unschedulable);
    }
    let binds = |effect| effect != TaintEffect::PreferNoSchedule;
    // The taints of other nodes that are not Ready are among their own.
    if node.readiness == Readiness::Stopping && !tolerates(&TAINTS[1])
        || untolerated(&node.taints, tolerations, binds)
            .next()
            .is_some()
    {
        return Some(Refusal::Taints);
    }
    (!matches(selector, node.labels())).then_some(Refusal::NodeAffinity)
}

/// In which order nodes are looked at, and how many of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk<'a> {
    /// That of the store if it makes no difference.
    pub(super) order: Option<&'a [NodeId]>,
    /// The place at which it begins.
    pub(super) start: usize,
    /// `percentageOfNodesToScore`.
    pub(super) percentage: u32,
}

impl Walk<'_> {
    /// All nodes.
    pub(super) const ALL: Self = Self {
        order: None,
        start: 0,
        percentage: 100,
    };
}

/// The nodes that a pod names.
enum Names<'a> {
    /// That of a DaemonSet's pod.
    Own(NodeId),
    /// Those of a node affinity.
    Of(BTreeSet<&'a str>),
}

impl Names<'_> {
    fn include(&self, id: NodeId, node: &Node) -> bool {
        match self {
            Self::Own(own) => id == *own,
            Self::Of(names) => names.contains(node.name()),
        }
    }
}

/// What a pod sees of the cluster while a node is looked for.
pub(super) struct Search<'a> {
    pub(super) store: &'a Store,
    pub(super) id: PodId,
    pub(super) pod: &'a Pod,
    pub(super) wanted: PodAmounts,
    tolerations: Cow<'a, [Toleration]>,
    /// Pods that wait for a node to become free for them.
    nominated: &'a [(PodId, NodeId)],
    domains: Domains<'a>,
    terms: Terms<'a>,
}

/// A node with what it has promised, and what its pods mean for the pod; pods can be taken off and
/// put on.
#[derive(Debug, Clone)]
pub(super) struct OnNode<'a> {
    id: NodeId,
    node: &'a Node,
    load: Load<'a>,
    domains: Domains<'a>,
    terms: Terms<'a>,
}

impl<'a> OnNode<'a> {
    pub(super) fn add(&mut self, pod: &Pod, other: &'a Pod) {
        self.load.add(other);
        self.domains.update(pod, other, self.node, 1);
        self.terms.update(pod, other, self.node, 1);
    }

    pub(super) fn remove(&mut self, pod: &Pod, other: &'a Pod) {
        self.load.remove(other);
        self.domains.update(pod, other, self.node, -1);
        self.terms.update(pod, other, self.node, -1);
    }
}

impl<'a> Search<'a> {
    pub(super) fn new(
        id: PodId,
        pod: &'a Pod,
        store: &'a Store,
        nominated: &'a [(PodId, NodeId)],
    ) -> Self {
        Self {
            store,
            id,
            pod,
            wanted: pod.amounts(),
            tolerations: tolerations(pod),
            nominated,
            domains: Domains::new(pod, store),
            terms: Terms::new(pod, store),
        }
    }

    fn placement(&self) -> Option<&'a Placement> {
        self.pod.template.placement.as_deref()
    }

    /// A node as it is.
    pub(super) fn on_node(&self, id: NodeId, node: &'a Node) -> OnNode<'a> {
        OnNode {
            id,
            node,
            load: Load::of(id, node, self.placement(), self.store),
            domains: self.domains.clone(),
            terms: self.terms.clone(),
        }
    }

    /// Whether a node is refused.
    pub(super) fn refusal(&self, id: NodeId, node: &'a Node) -> Option<Refusal> {
        if self.expected_on(id).next().is_some() {
            return self.refusal_with(&self.on_node(id, node));
        }
        let load = Load::of(id, node, self.placement(), self.store);
        self.refused(node, &load, &self.domains, &self.terms)
    }

    /// The same where pods may have been taken off: with those that are nominated there, which may
    /// never come, and without them (`RunFilterPluginsWithNominatedPods`).
    pub(super) fn refusal_with(&self, on: &OnNode<'a>) -> Option<Refusal> {
        let mut expected = self.expected_on(on.id).peekable();
        if expected.peek().is_some() {
            let mut with = on.clone();
            expected.for_each(|other| with.add(self.pod, other));
            let refused = self.refused(with.node, &with.load, &with.domains, &with.terms);
            if refused.is_some() {
                return refused;
            }
        }
        self.refused(on.node, &on.load, &on.domains, &on.terms)
    }

    /// Pods of at least the pod's priority that are nominated to a node.
    fn expected_on(&self, node: NodeId) -> impl Iterator<Item = &'a Pod> + '_ {
        let store = self.store;
        let there = self.nominated.iter().filter(move |(_, on)| *on == node);
        let others = there.filter(|(id, _)| *id != self.id);
        let pods = others.filter_map(move |(id, _)| store.pod(*id));
        pods.filter(|other| other.template.priority >= self.pod.template.priority)
    }

    fn refused(
        &self,
        node: &Node,
        load: &Load<'_>,
        domains: &Domains<'_>,
        terms: &Terms<'_>,
    ) -> Option<Refusal> {
        let template = &self.pod.template;
        // The DaemonSet controller puts the name of the node in the place of a node affinity.
        let is_free = self.pod.pinned.is_none();
        let affinity =
            || (is_free && !allows_node(template, node)).then_some(Refusal::NodeAffinity);
        node_refusal(node, &template.node_selector, &self.tolerations)
            .or_else(affinity)
            .or_else(|| load.refusal(node, &self.wanted, self.placement()))
            .or_else(|| domains.refusal(node))
            .or_else(|| terms.refusal(node))
    }

    /// The nodes that fit, or why none does; says how many were looked at.
    pub(super) fn feasible(&self, walk: Walk<'_>) -> (Result<Vec<NodeId>, Diagnosis>, usize) {
        let in_order = |id: &NodeId| Some((*id, self.store.find_node(*id)?));
        let mut nodes: Vec<(NodeId, &Node)> = match walk.order {
            Some(order) => order.iter().filter_map(in_order).collect(),
            None => self.store.nodes().collect(),
        };
        let mut diagnosis = Diagnosis::default();
        if let Some(names) = self.preselected().filter(|_| !nodes.is_empty()) {
            diagnosis.chosen_by = Plugins::NODE_AFFINITY;
            let refusal = match &names {
                Names::Of(names) if names.is_empty() => Refusal::Conflict,
                _ => Refusal::Elsewhere,
            };
            let others = nodes.extract_if(.., |(id, node)| !names.include(*id, node));
            let refused = others.map(|(id, _)| (id, refusal));
            diagnosis.refused.extend(refused);
        }
        let enough = feasible_nodes_to_find(nodes.len(), walk.percentage);
        let mut found = Vec::new();
        let mut looked = 0;
        for place in 0..nodes.len() {
            let (id, node) = nodes[(walk.start + place) % nodes.len()];
            match self.refusal(id, node) {
                // It takes one more to see that there are enough; that one is not counted.
                None if found.len() == enough => break,
                None => found.push(id),
                Some(refusal) => diagnosis.refused.push((id, refusal)),
            }
            looked += 1;
        }
        if found.is_empty() {
            diagnosis.refused.sort_unstable_by_key(|(id, _)| *id);
            return (Err(diagnosis), looked);
        }
        found.sort_unstable();
        (Ok(found), looked)
    }

    /// The nodes that come into question before any is looked at, if the pod names them
    /// (`PreFilterResult`).
    fn preselected(&self) -> Option<Names<'a>> {
        match self.pod.pinned {
            Some(own) => Some(Names::Own(own)),
            None => self.placement()?.named_nodes().map(Names::Of),
        }
    }

    /// The best of the nodes that fit; the tie-breaker in [0, 1) decides among equals.
    pub(super) fn best(
        &self,
        feasible: &[NodeId],
        scores_change: bool,
        tie_breaker: f64,
    ) -> Option<NodeId> {
        let nodes: Vec<(NodeId, &Node)> = feasible
            .iter()
            .filter_map(|id| Some((*id, self.store.find_node(*id)?)))
            .collect();
        let alone: Vec<&Node> = nodes.iter().map(|(_, node)| *node).collect();
        let of_taints = self.taint_scores(&alone);
        let of_nodes = self.node_affinity_scores(&alone);
        let of_pods = terms::scores(self.pod, self.store, &alone);
        let of_spread = self.spread_scores(&nodes);
        let images = Wanted::new(&self.pod.template, self.store);
        let score = |place: usize| {
            let (id, node) = nodes[place];
            let info = self.store.node_info(id);
            resource_score(node, info, &self.wanted, scores_change)
                + WEIGHT_TAINTS * of_taints[place]
                + WEIGHT_NODE_AFFINITY * of_nodes[place]
                + WEIGHT_POD_AFFINITY * of_pods[place]
                + WEIGHT_SPREAD * of_spread[place]
                + images.score(id.slot())
        };
        let scores: Vec<i64> = (0..nodes.len()).map(score).collect();
        let best = scores.iter().max()?;
        let equals: Vec<NodeId> = (nodes.iter().zip(&scores))
            .filter(|(_, score)| *score == best)
            .map(|((id, _), _)| *id)
            .collect();
        equals
            .get((tie_breaker * equals.len() as f64) as usize)
            .copied()
    }

    /// TaintToleration: the fewer taints that prefer other pods, the better.
    fn taint_scores(&self, nodes: &[&Node]) -> Vec<i64> {
        let prefers = |effect| effect == TaintEffect::PreferNoSchedule;
        let tolerations = &self.pod.template.tolerations;
        let count = |node: &&Node| untolerated(&node.taints, tolerations, prefers).count() as i64;
        let counts: Vec<i64> = nodes.iter().map(count).collect();
        let most = counts.iter().max().copied().unwrap_or_default();
        let score = |count: &i64| 100 - if most == 0 { 0 } else { 100 * count / most };
        counts.iter().map(score).collect()
    }

    /// NodeAffinity: the weights of the preferred terms that select the node.
    fn node_affinity_scores(&self, nodes: &[&Node]) -> Vec<i64> {
        let preferred = self.placement().map(|one| one.preferred_nodes.as_slice());
        let preferred = preferred.unwrap_or_default();
        let sum = |node: &&Node| -> i64 {
            let selecting = preferred.iter().filter(|(_, term)| term.matches(node));
            selecting.map(|(weight, _)| weight).sum()
        };
        let sums: Vec<i64> = nodes.iter().map(sum).collect();
        let most = sums.iter().max().copied().unwrap_or_default();
        let score = |sum: &i64| if most == 0 { 0 } else { 100 * sum / most };
        sums.iter().map(score).collect()
    }

    /// PodTopologySpread, by the pod's own constraints or else by the default ones.
    fn spread_scores(&self, nodes: &[(NodeId, &Node)]) -> Vec<i64> {
        if let Some(scores) = domains::scores(self.pod, self.store, nodes) {
            return scores;
        }
        if !spreads_by_default(self.store.workload(self.pod.workload).kind) {
            return vec![0; nodes.len()];
        }
        let counted = self.store.nodes();
        let counted = counted.filter(|(_, node)| allows_node(&self.pod.template, node));
        let seen: Vec<SpreadNode> = counted
            .map(|(id, node)| SpreadNode {
                matching: self.store.pods_on(id, self.pod.workload),
                zone: node.zone,
                is_candidate: nodes.binary_search_by_key(&id, |(id, _)| *id).is_ok(),
            })
            .collect();
        spread_normalized(&spread_raw(&seen))
    }
}
