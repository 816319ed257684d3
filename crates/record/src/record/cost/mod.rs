//! What nodes cost and who pays, added up while a run goes on.
//!
//! After OpenCost's specification (v0.1): a node's price is divided between CPU and memory in the
//! ratio of reference prices; a workload pays for the larger of what its pods request and what
//! they use in each step; what nobody pays for is idle. Nodes of one pool (group, price, size) are
//! taken together. Nothing is kept of nodes and pods that are gone; rows are kept only where series
//! are.

mod idle;
mod law;
mod meter;
mod pool;
mod sizes;
mod tariff;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::fold::ExactSum;
use crate::sim::SimTime;

pub use idle::IdleShare;
pub use law::{by_its_life, check};
pub(super) use meter::Meter;
pub use sizes::{CLASS_LABEL, CONTAINER_DEFAULT, ComputeClass, DAEMON_SET_DEFAULT, PodSizes};
pub use tariff::{Commitment, Covers, Terms};

/// How a node is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purchase {
    /// At the list price.
    OnDemand,
    /// At the spot price.
    Spot,
    /// By a commitment.
    Commitment,
}

impl Purchase {
    /// All of them, in the order of [`Costs::paid`].
    pub const ALL: [Self; 3] = [Self::OnDemand, Self::Spot, Self::Commitment];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OnDemand => "on-demand",
            Self::Spot => "spot",
            Self::Commitment => "commitment",
        }
    }
}

/// Who pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// A workload, by its place in the recording.
    Workload(usize),
    /// DaemonSets that are not simulated, by what they request on each node.
    System,
    /// Nobody: what is neither requested nor used.
    Idle,
    /// Nobody: what was committed to and not used.
    Unused,
    /// The cluster's fee.
    Fee,
    /// The provider: what it gives back, and its credit. Its dollars are negative.
    Credit,
}

/// What an owner pays for the nodes of a pool from a time on.
#[derive(Debug, Clone, PartialEq)]
pub struct CostRow {
    /// Begin of the time.
    pub from: SimTime,
    /// The group; none of what belongs to no nodes.
    pub group: Option<Arc<str>>,
    /// How the nodes are paid for; none of the fee.
    pub purchase: Option<Purchase>,
    /// Who pays.
    pub owner: Owner,
    /// Cores × hours.
    pub core_hours: f64,
    /// GiB × hours.
    pub gib_hours: f64,
    /// For CPU, in dollars.
    pub cpu: f64,
    /// For memory, in dollars.
    pub memory: f64,
    /// For anything else, in dollars: fee, unused commitments, credits.
    pub other: f64,
}

impl CostRow {
    /// All of it, in dollars.
    pub fn cost(&self) -> f64 {
        self.cpu + self.memory + self.other
    }
}

/// What a run cost after its warm-up, in dollars.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Costs {
    /// Nodes, in the order of [`Purchase::ALL`]; of commitments what was used.
    pub paid: [f64; 3],
    /// What was committed to and not used, and reserved capacity that was idle.
    pub unused: f64,
    /// The part of that for reserved capacity which no commitment covers.
    pub reserved: f64,
    /// The cluster's fee.
    pub fee: f64,
    /// What the provider gives back for nodes that it took in their first hour.
    pub refunds: f64,
    /// What its credit pays of the rest.
    pub credits: f64,
    /// What each workload pays, by its place.
    pub workloads: Vec<ExactSum>,
    /// What DaemonSets pay that are not simulated.
    pub system: ExactSum,
    /// What is idle, and nobody's.
    pub idle: ExactSum,
    /// What is idle and was shared among workloads, who pay it.
    pub idle_shared: ExactSum,
    /// Node-hours.
    pub node_hours: f64,
    /// Most nodes at a time, and what they cost by the hour then.
    pub peak: (u32, f64),
    /// What those nodes would have cost all the time.
    pub static_nodes: f64,
    /// Of each group: seconds of nodes without pods, those of DaemonSets left out, and what the nodes
    /// cost meanwhile, in dollars.
    pub empty: Vec<(Arc<str>, f64, f64)>,
    /// Of each group: seconds in which more was taken of its nodes than they have.
    pub crowded: Vec<(Arc<str>, f64)>,
    /// Who paid when, where series are kept: ascending in time.
    pub rows: Vec<CostRow>,
    /// When the times of the rows begin, those included that cost nothing.
    pub begins: Vec<SimTime>,
}

impl Costs {
    /// Nodes and commitments, without the fee.
    pub fn nodes(&self) -> f64 {
        self.paid.iter().sum::<f64>() + self.unused
    }

    /// All of it that is paid.
    pub fn total(&self) -> f64 {
        self.nodes() + self.fee - self.refunds - self.credits
    }
}

/// What a node costs from one time to another, in dollars.
pub(super) fn price_over(steps: &[(SimTime, f64)], plain: f64, from: SimTime, to: SimTime) -> f64 {
    let inner = steps.iter().map(|step| step.0);
    let mut sum = 0.0;
    let mut at = from;
    for next in inner.filter(|time| *time > from && *time < to).chain([to]) {
        sum += price_at(steps, plain, at) * (next - at).as_secs_f64();
        at = next;
    }
    sum / 3600.0
}

/// The price of a node an hour, over time: the last step that has begun counts.
pub(super) fn price_at(steps: &[(SimTime, f64)], plain: f64, time: SimTime) -> f64 {
    let begun = steps.partition_point(|step| step.0 <= time);
    begun.checked_sub(1).map_or(plain, |place| steps[place].1)
}
