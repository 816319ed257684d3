//! Nodes that are not what their pool says any more.
//!
//! Upstream: `pkg/controllers/nodeclaim/disruption/drift.go`, `pkg/controllers/disruption/{drift,staticdrift}.go`.
//! Drift of the cloud's side (a NodeClass whose image changed, say) is for the caller to tell.

use super::super::instance_type::InstanceType;
use super::super::node_pool::NodePool;
use super::super::resources::NODES;
use super::super::schedule::{Cluster, Node, NodeClaim};
use super::candidate::Candidate;
use super::consolidation::{price_at_least, simulate};
use super::{Command, Method, Note, Pass};
use crate::sim::{SimDuration, SimTime};

/// Instance types are looked for from this age on.
const AGE: SimDuration = SimDuration::from_secs(3600);

/// Why a node has drifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriftReason {
    /// The template has changed.
    NodePoolDrifted,
    /// The node's labels do not meet the requirements.
    RequirementsDrifted,
    /// The instance type, or its offering, is gone.
    InstanceTypeNotFound,
}

/// Whether a node of a pool has drifted, and why.
pub fn drift(
    pool: &NodePool,
    types: &[InstanceType],
    node: &Node,
    now: SimTime,
) -> Option<DriftReason> {
    let made_of = node.template_key.as_ref();
    if made_of.is_some_and(|key| *key != pool.template_key) {
        return Some(DriftReason::NodePoolDrifted);
    }
    if !node.labels.are_compatible(&pool.stated, false) {
        return Some(DriftReason::RequirementsDrifted);
    }
    let kind = types.iter().find(|kind| kind.name == node.instance_type);
    let is_offered = kind.is_some_and(|kind| kind.price(&node.zone, node.spot).is_some());
    let is_old = now.since(node.created) > AGE;
    (is_old && !is_offered).then_some(DriftReason::InstanceTypeNotFound)
}

/// Replaces the node that has drifted longest and may go; empty ones first.
pub(super) fn replace<'a>(
    cluster: Cluster<'a>,
    pass: &Pass<'_>,
    all: &[Candidate<'a>],
    budgets: &[i64],
) -> Option<Command<'a>> {
    let mut order: Vec<&Candidate<'_>> = all.iter().collect();
    order.sort_by_key(|candidate| {
        let node = &cluster.nodes[candidate.node];
        (!node.pods.is_empty(), node.drifted)
    });
    let may_go = order
        .into_iter()
        .filter(|candidate| budgets[candidate.pool] > 0);
    for candidate in may_go {
        let nodes = vec![candidate.node];
        let simulated = match simulate(cluster, pass, &nodes, false) {
            Ok(simulated) => simulated,
            Err(stuck) => {
                pass.note(|| Note::Blocked(candidate.node, stuck));
                continue;
            }
        };
        let (replacements, targets) = (simulated.claims, simulated.targets);
        let savings = candidate.price - replacements.iter().map(price_at_least).sum::<f64>();
        return Some(Command {
            method: Method::Drift,
            nodes,
            replacements,
            targets,
            moves: simulated.moves,
            savings,
        });
    }
    None
}

/// Replaces nodes of static pools, one by one in commands of their own: as many as budgets and the
/// pools' limits let go at once, and none while a pool has more nodes than it is to have.
pub(super) fn replace_static<'a>(
    cluster: Cluster<'a>,
    all: &[Candidate<'a>],
    budgets: &[i64],
) -> Vec<Command<'a>> {
    const UNIT: i128 = 1_000_000_000;
    let mut commands = Vec::new();
    for (place, pool) in cluster.pools.iter().enumerate() {
        let own: Vec<&Candidate<'_>> = all.iter().filter(|one| one.pool == place).collect();
        let nodes = || cluster.nodes.iter().filter(|node| node.pool == Some(place));
        let there = nodes().count() as i64;
        let counted = nodes().filter(|node| !node.is_deleting || node.awaits_replacement);
        if counted.count() as i64 > pool.replicas.unwrap_or_default() {
            continue;
        }
        let limit = pool.limits.stated(NODES);
        let limit = limit.map_or(i64::MAX, |limit| (limit / UNIT) as i64);
        let most = budgets[place].min(limit.saturating_sub(there)).max(0);
        for candidate in own.into_iter().take(most as usize) {
            let Some(claim) = NodeClaim::of_static_pool(&cluster, place) else {
                continue;
            };
            commands.push(Command {
                method: Method::StaticDrift,
                nodes: vec![candidate.node],
                savings: candidate.price - price_at_least(&claim),
                replacements: vec![claim],
                targets: Vec::new(),
                moves: Vec::new(),
            });
        }
    }
    commands
}
