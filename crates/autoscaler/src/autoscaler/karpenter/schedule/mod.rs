//! What pods need that have no node: places on nodes that are there, and nodes to be made.
//!
//! Upstream: `pkg/controllers/provisioning/scheduling`: pods with most CPU first; each goes to the
//! first node that takes it, else to a node about to be made, else a new one of the first pool
//! that takes it. A node about to be made keeps every instance type that could be it.

mod batch;
mod claim;
mod solve;

pub use batch::{BATCH_IDLE, BATCH_MOST, Batch};
pub use claim::NodeClaim;
pub use solve::{Options, PodError, Results, schedule};

use std::collections::BTreeMap;

use super::instance_type::InstanceType;
use super::node_pool::NodePool;
use super::pod::Pod;
use super::requirements::Requirements;
use super::resources::Resources;
use super::taints::Taint;
use crate::sim::SimTime;

/// A node that is there or on its way.
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are conditions of their own"
)]
pub struct Node {
    /// Name.
    pub name: String,
    /// Its labels, the one of its host name included.
    pub labels: Requirements,
    /// Its taints, without those that go away when it has started up.
    pub taints: Vec<Taint>,
    /// All that it has, itself as one of `nodes` included.
    pub capacity: Resources,
    /// What pods can have and no pod requests.
    pub available: Resources,
    /// What its DaemonSet pods request.
    pub daemons: Resources,
    /// Its pods but for those of DaemonSets and the kubelet's own.
    pub pods: Vec<Pod>,
    /// Place of its pool, if Karpenter made it and the pool is there.
    pub pool: Option<usize>,
    /// Name of its instance type.
    pub instance_type: String,
    /// Its zone.
    pub zone: String,
    /// Whether it is preemptible.
    pub spot: bool,
    /// When it was created.
    pub created: SimTime,
    /// Since when pods can be there: registered, ready and without its startup taints.
    pub initialized: Option<SimTime>,
    /// When a pod was last scheduled to it or removed.
    pub last_pod_event: Option<SimTime>,
    /// Since when it has drifted.
    pub drifted: Option<SimTime>,
    /// What of its pool's template counted when it was made.
    pub template_key: Option<String>,
    /// Whether it is ready.
    pub ready: bool,
    /// Whether it is being taken away.
    pub is_deleting: bool,
    /// Whether it will be once what replaces it is ready.
    pub awaits_replacement: bool,
    /// Whether it was made with a `terminationGracePeriod`.
    pub has_grace_period: bool,
    /// Whether a pending pod was lately promised to it.
    pub is_nominated: bool,
    /// Whether it or something that cannot move forbids its disruption.
    pub do_not_disrupt: bool,
}

/// What Karpenter knows.
#[derive(Debug, Clone, Copy)]
pub struct Cluster<'a> {
    /// The NodePools.
    pub pools: &'a [NodePool],
    /// The instance types of each pool.
    pub types: &'a [Vec<InstanceType>],
    /// The nodes.
    pub nodes: &'a [Node],
    /// A pod of each DaemonSet.
    pub daemons: &'a [Pod],
}

impl<'a> Cluster<'a> {
    /// The instance type of a node, if its pool still has it.
    pub fn instance_type(&self, node: &Node) -> Option<&'a InstanceType> {
        let types = &self.types[node.pool?];
        types.iter().find(|kind| kind.name == node.instance_type)
    }

    /// The places of pools that are not static, those tried first first.
    fn ordered_pools(&self) -> Vec<usize> {
        let mut pools: Vec<&NodePool> = self.pools.iter().collect();
        super::node_pool::order_by_weight(&mut pools);
        let places: BTreeMap<&str, usize> = self
            .pools
            .iter()
            .enumerate()
            .map(|(place, pool)| (pool.name.as_str(), place))
            .collect();
        let dynamic = pools.iter().filter(|pool| pool.replicas.is_none());
        dynamic.map(|pool| places[pool.name.as_str()]).collect()
    }
}

#[cfg(test)]
mod tests;
