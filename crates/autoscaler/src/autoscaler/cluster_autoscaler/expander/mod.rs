//! Which group to grow.
//!
//! Source: `expander/`. Each expander of the chain keeps the best options; what is left at the end
//! is drawn from.

mod least_nodes;
mod least_waste;
mod most_pods;
mod price;
mod priority;

pub use price::{SimplePreferredNode, preferred_node};

use super::events::Events;
use super::model::{GroupId, NodeGroup, NodeShape, PodPrices, Priorities};
use super::resources::Resources;
use crate::sim::SimTime;

/// An expander.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpanderKind {
    /// Draws.
    Random,
    /// Most pods placed.
    MostPods,
    /// Least CPU and memory left over.
    LeastWaste,
    /// Fewest nodes.
    LeastNodes,
    /// Cheapest for what it holds.
    Price,
    /// Highest priority in the ConfigMap.
    Priority,
}

impl ExpanderKind {
    /// The expander of a name on the command line.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "random" => Self::Random,
            "most-pods" => Self::MostPods,
            "least-waste" => Self::LeastWaste,
            "least-nodes" => Self::LeastNodes,
            "price" => Self::Price,
            "priority" => Self::Priority,
            _ => return None,
        })
    }
}

/// A way to help the pending pods: so many nodes of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpansionOption {
    /// The group.
    pub group: GroupId,
    /// Groups among which the nodes could be shared out.
    pub similar: Vec<GroupId>,
    /// How many nodes.
    pub nodes: i64,
    /// The pods that they would take.
    pub pods: Vec<u32>,
    /// What those request in all.
    pub requested: Resources,
}

/// What the expanders look at beside the options.
pub struct ExpanderContext<'a> {
    /// The groups by id.
    pub groups: &'a [NodeGroup],
    /// A group's template.
    pub shape: &'a dyn Fn(GroupId) -> Option<&'a NodeShape>,
    /// Nodes in the cluster.
    pub cluster_nodes: usize,
    /// Prices of pods.
    pub pod_prices: Option<PodPrices>,
    /// What the pods of an option cost: summed pod by pod, as upstream does.
    pub pod_requests: &'a dyn Fn(u32) -> &'a Resources,
    /// The ConfigMap of `priority`, if there is one.
    pub priorities: Option<Priorities<'a>>,
    /// The time.
    pub now: SimTime,
}

/// The options that the chain leaves, in the order in which they came.
pub fn survivors(
    chain: &[ExpanderKind],
    options: &[ExpansionOption],
    context: &ExpanderContext<'_>,
    events: &mut Events,
) -> Vec<usize> {
    let mut left: Vec<usize> = (0..options.len()).collect();
    for expander in chain {
        left = match expander {
            ExpanderKind::Random => break,
            ExpanderKind::MostPods => most_pods::best(options, &left),
            ExpanderKind::LeastWaste => least_waste::best(options, &left, context),
            ExpanderKind::LeastNodes => least_nodes::best(options, &left),
            ExpanderKind::Price => price::best(options, &left, context),
            ExpanderKind::Priority => priority::best(options, &left, context, events),
        };
        if left.len() <= 1 {
            break;
        }
    }
    left
}
