//! Which nodes can go, and what takes their place.
//!
//! Upstream: `pkg/controllers/disruption`. Every [`LOOP`], and at once after something was done,
//! the methods are tried one after the other until one acts: emptiness, drift of static pools, drift of
//! others, consolidation of many nodes, then of one. What emptiness and consolidation want is done only if it still holds
//! [`VALIDATION_DELAY`] later: ask [`validate`] then.

mod candidate;
mod consolidation;
mod drift;
mod notes;
mod score;
mod validation;

pub use candidate::{Candidate, candidates, expires_at, is_consolidatable, is_settling};
pub use consolidation::MOST_NODES;
pub use drift::{DriftReason, drift};
pub use notes::{Note, Notes, Stuck, Unconsolidatable, command_text};
pub use score::{PoolTotals, Score};
pub use validation::{Rejected, validate};

use super::budget::{PoolNodes, Reason, allowed};
use super::pod::Pod;
use super::schedule::{Cluster, NodeClaim};
use crate::sim::{SimDuration, SimTime};

/// Time between two passes that do nothing.
pub const LOOP: SimDuration = SimDuration::from_secs(10);
/// How long a command waits until it is checked again.
pub const VALIDATION_DELAY: SimDuration = SimDuration::from_secs(15);

/// A method of disruption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Nodes without pods that count go.
    Emptiness,
    /// Nodes of a static pool that are not what it says any more are replaced.
    StaticDrift,
    /// Nodes that are not what their pool says any more are replaced.
    Drift,
    /// As many nodes as possible go, with at most one in their place.
    MultiNode,
    /// One node goes, or a cheaper one takes its place.
    SingleNode,
}

impl Method {
    /// All of them, in the order in which they are tried.
    pub const ALL: [Self; 5] = [
        Self::Emptiness,
        Self::StaticDrift,
        Self::Drift,
        Self::MultiNode,
        Self::SingleNode,
    ];

    /// The reason that budgets know it by.
    pub fn reason(self) -> Reason {
        match self {
            Self::Emptiness => Reason::Empty,
            Self::StaticDrift | Self::Drift => Reason::Drifted,
            Self::MultiNode | Self::SingleNode => Reason::Underutilized,
        }
    }

    /// How long its commands wait until they are checked again.
    pub fn validation_delay(self) -> Option<SimDuration> {
        (!self.is_eventual()).then_some(VALIDATION_DELAY)
    }

    /// Whether its nodes go in the end, whatever their pods say (`EventualDisruptionClass`).
    pub fn is_eventual(self) -> bool {
        matches!(self, Self::StaticDrift | Self::Drift)
    }
}

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Command<'a> {
    /// By which method.
    pub method: Method,
    /// Places of the nodes that go.
    pub nodes: Vec<usize>,
    /// Nodes to be made first.
    pub replacements: Vec<NodeClaim<'a>>,
    /// Places of nodes that are there and take pods.
    pub targets: Vec<usize>,
    /// The pods that they take, by name.
    pub moves: Vec<(String, usize)>,
    /// What is saved per hour, in US dollars.
    pub savings: f64,
}

/// What a pass looks at besides the cluster.
#[derive(Debug, Clone, Copy)]
pub struct Pass<'a> {
    /// Pods that wait for a node.
    pub pending: &'a [Pod],
    /// Now.
    pub now: SimTime,
    /// The wall clock at time zero, in nanoseconds since 1970: budgets follow it.
    pub epoch: i64,
    /// Feature gate SpotToSpotConsolidation.
    pub spot_to_spot: bool,
    /// Where to put what is found out, if somebody wants to know.
    pub notes: Option<&'a Notes>,
}

impl Pass<'_> {
    fn note(&self, note: impl FnOnce() -> Note) {
        if let Some(notes) = self.notes {
            notes.add(note());
        }
    }
}

/// The commands of the first method that acts.
pub fn disrupt<'a>(cluster: Cluster<'a>, pass: &Pass<'_>) -> Vec<Command<'a>> {
    let mut methods = Method::ALL.into_iter();
    let acting = methods.find_map(|method| {
        let commands = commands(cluster, pass, method);
        (!commands.is_empty()).then_some(commands)
    });
    acting.unwrap_or_default()
}

/// A method's commands, if it acts: several only where static pools drift.
pub fn commands<'a>(cluster: Cluster<'a>, pass: &Pass<'_>, method: Method) -> Vec<Command<'a>> {
    let all = candidate::noted(cluster, method, pass);
    if all.is_empty() {
        return Vec::new();
    }
    let budgets = budgets(cluster, pass, method);
    if method == Method::StaticDrift {
        return drift::replace_static(cluster, &all, &budgets);
    }
    let command = match method {
        Method::StaticDrift => None,
        Method::Emptiness => consolidation::empty(&all, budgets),
        Method::Drift => drift::replace(cluster, pass, &all, &budgets),
        Method::MultiNode => consolidation::many(cluster, pass, &all, budgets),
        Method::SingleNode => consolidation::one(cluster, pass, &all, &budgets),
    };
    command.into_iter().collect()
}

/// How many nodes of each pool may go by a method.
fn budgets(cluster: Cluster<'_>, pass: &Pass<'_>, method: Method) -> Vec<i64> {
    let mut counted = vec![PoolNodes::default(); cluster.pools.len()];
    for node in cluster.nodes {
        let (Some(pool), Some(_)) = (node.pool, node.initialized) else {
            continue;
        };
        counted[pool].initialized += 1;
        counted[pool].disrupting += i64::from(!node.ready || node.is_deleting);
    }
    let wall = pass.epoch.saturating_add(pass.now.0);
    let reason = method.reason();
    let of = |(place, (pool, nodes)): (usize, (&super::NodePool, PoolNodes))| {
        let budgets = || {
            let all = pool.budgets.iter();
            all.map(|budget| (budget, budget.is_active(wall)))
        };
        let all = PoolNodes {
            disrupting: 0,
            ..nodes
        };
        if nodes.initialized > 0 && allowed(budgets(), reason, all) == 0 {
            pass.note(|| Note::PoolBlocked(place, method));
        }
        allowed(budgets(), reason, nodes)
    };
    let pools = cluster.pools.iter().zip(counted);
    pools.enumerate().map(of).collect()
}

#[cfg(test)]
mod tests;
