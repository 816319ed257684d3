//! Nodes that may be disrupted.
//!
//! Upstream: `types.go`, `NewCandidate`; `pkg/controllers/state/statenode.go`,
//! `ValidateNodeDisruptable`; `pkg/utils/disruption`; `pkg/controllers/nodeclaim/{disruption,
//! expiration}`.

use super::super::instance_type::InstanceType;
use super::super::node_pool::{ConsolidationPolicy, NodePool};
use super::super::schedule::{Cluster, Node};
use super::{Method, Note, Pass, Unconsolidatable};
use crate::sim::SimTime;

/// What draining a node costs besides its pods.
pub(super) const NODE_COST: f64 = 1.0;

/// A node that may be disrupted.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Its place.
    pub node: usize,
    /// The place of its pool.
    pub pool: usize,
    /// Its instance type, if its pool still has it.
    pub kind: Option<&'a InstanceType>,
    /// What it costs per hour in US dollars; 0 if that is not known.
    pub price: f64,
    /// What moving its pods costs: 1, and for each pod its eviction cost if that is above 0.
    pub cost: f64,
}

impl Candidate<'_> {
    /// Whether no pod counts.
    pub fn is_empty(&self) -> bool {
        self.cost <= NODE_COST
    }

    /// What is saved for what it costs.
    pub fn savings_ratio(&self) -> f64 {
        self.price / self.cost
    }
}

/// What moving a node's pods costs.
pub(super) fn cost(node: &Node) -> f64 {
    let pods = node.pods.iter().map(|pod| pod.eviction_cost().max(0.0));
    NODE_COST + pods.sum::<f64>()
}

pub(super) fn price(node: &Node, kind: Option<&InstanceType>) -> f64 {
    let price = kind.and_then(|kind| kind.price(&node.zone, node.spot));
    price.unwrap_or_default()
}

/// Since when a node has been as it is: its last pod's coming or going, else its initialization.
fn settled_since(node: &Node) -> Option<SimTime> {
    node.initialized
        .map(|since| node.last_pod_event.unwrap_or(since))
}

/// Whether a pod came or went on a node within `consolidateAfter`.
pub fn is_settling(pool: &NodePool, node: &Node, now: SimTime) -> bool {
    match (pool.consolidate_after, settled_since(node)) {
        (Some(after), Some(since)) => after.0 > 0 && now.since(since) < after,
        _ => false,
    }
}

/// Whether consolidation may look at a node: condition Consolidatable.
pub fn is_consolidatable(pool: &NodePool, node: &Node, now: SimTime) -> bool {
    pool.consolidate_after.is_some() && node.initialized.is_some() && !is_settling(pool, node, now)
}

/// When a node of a pool expires; it is deleted then, whatever its budgets say.
pub fn expires_at(pool: &NodePool, node: &Node) -> Option<SimTime> {
    pool.expire_after.map(|after| node.created + after)
}

/// The nodes that a method may look at, in the order of the nodes.
pub fn candidates(cluster: Cluster<'_>, method: Method, now: SimTime) -> Vec<Candidate<'_>> {
    let pass = Pass {
        pending: &[],
        now,
        epoch: 0,
        spot_to_spot: false,
        notes: None,
    };
    noted(cluster, method, &pass)
}

/// The same, which tells why others are none.
pub(super) fn noted<'a>(
    cluster: Cluster<'a>,
    method: Method,
    pass: &Pass<'_>,
) -> Vec<Candidate<'a>> {
    let nodes = cluster.nodes.iter().enumerate();
    nodes
        .filter_map(|(place, node)| {
            let candidate = candidate(cluster, method, (place, node))?;
            let pool = &cluster.pools[candidate.pool];
            is_for(method, pool, node, &candidate, pass).then_some(candidate)
        })
        .collect()
}

/// A node as a candidate of a method, if nothing forbids its disruption.
fn candidate<'a>(
    cluster: Cluster<'a>,
    method: Method,
    (place, node): (usize, &Node),
) -> Option<Candidate<'a>> {
    let pool = node.pool?;
    let is_free = node.initialized.is_some()
        && !node.is_deleting
        && !node.is_nominated
        && !node.do_not_disrupt;
    // With a grace period, nodes that have drifted go whatever their pods say.
    let goes_anyway = method.is_eventual() && node.has_grace_period;
    let blocked = node.pods.iter().any(|pod| pod.blocks_disruption) && !goes_anyway;
    if !is_free || blocked {
        return None;
    }
    let kind = cluster.instance_type(node);
    Some(Candidate {
        node: place,
        pool,
        kind,
        price: price(node, kind),
        cost: cost(node),
    })
}

/// Upstream's `ShouldDisrupt` of each method.
fn is_for(
    method: Method,
    pool: &NodePool,
    node: &Node,
    candidate: &Candidate<'_>,
    pass: &Pass<'_>,
) -> bool {
    let now = pass.now;
    let stays = |why: Unconsolidatable| {
        pass.note(|| Note::Unconsolidatable(candidate.node, why, true));
        false
    };
    if pool.replicas.is_some() {
        return method == Method::StaticDrift && node.drifted.is_some();
    }
    match method {
        Method::StaticDrift => false,
        Method::Emptiness if pool.consolidate_after.is_none() => stays(Unconsolidatable::Disabled),
        Method::Emptiness => candidate.is_empty() && is_consolidatable(pool, node, now),
        Method::Drift => node.drifted.is_some(),
        Method::MultiNode | Method::SingleNode => {
            if candidate.kind.is_none() {
                return stays(Unconsolidatable::TypeNotFound);
            }
            if pool.consolidate_after.is_none() {
                return stays(Unconsolidatable::Disabled);
            }
            if candidate.is_empty() {
                return false;
            }
            if pool.consolidation_policy == ConsolidationPolicy::WhenEmpty {
                return stays(Unconsolidatable::WhenEmpty);
            }
            is_consolidatable(pool, node, now)
        }
    }
}
