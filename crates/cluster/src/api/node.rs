//! Nodes, and what pods have been promised of them.

use std::sync::Arc;

use super::meta::{Labels, ObjectMeta};
use super::placement::Extended;
use super::resources::Amounts;
use super::taint::{Taint, TaintEffect};
use crate::sim::{Key, SimTime};

/// The taint of nodes that are not Ready.
const NOT_READY: &str = "node.kubernetes.io/not-ready";

/// A node's key.
pub type NodeId = Key<Node>;

/// A node.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its metadata; labels include the well-known ones.
    pub meta: ObjectMeta,
    /// Its group: an index in the scenario's node groups.
    pub group: usize,
    /// The number of its zone, if it has one.
    pub zone: Option<usize>,
    /// `status.capacity`.
    pub capacity: Amounts,
    /// `status.allocatable`.
    pub allocatable: Amounts,
    /// `status.allocatable.pods`.
    pub max_pods: u32,
    /// Requests of the DaemonSet pods that it runs besides the simulated pods.
    pub daemons: Amounts,
    /// `status.allocatable` of resources besides CPU and memory.
    pub extended: Arc<Extended>,
    /// `spec.unschedulable`: cordoned.
    pub unschedulable: bool,
    /// `spec.taints`, but for those of cordoned and silent nodes.
    pub taints: Vec<Taint>,
    /// The condition Ready.
    pub ready: bool,
    /// The last change of the condition Ready.
    pub ready_transition: SimTime,
    /// It has registered and has not been Ready yet.
    pub starting: bool,
}

impl Node {
    /// `metadata.name`.
    pub fn name(&self) -> &str {
        &self.meta.name
    }

    /// The taints of a node that has registered and is not Ready yet.
    pub fn not_ready_taints() -> impl Iterator<Item = Taint> {
        let taint = |effect| Taint {
            key: NOT_READY.to_owned(),
            value: String::new(),
            effect,
        };
        [TaintEffect::NoSchedule, TaintEffect::NoExecute]
            .into_iter()
            .map(taint)
    }

    /// `spec.taints` once it is Ready.
    pub fn taints_when_ready(&self) -> Vec<Taint> {
        let lasting = self.taints.iter().filter(|taint| taint.key != NOT_READY);
        lasting.cloned().collect()
    }

    /// `metadata.labels`.
    pub fn labels(&self) -> &Arc<Labels> {
        &self.meta.labels
    }
}

/// What pods have been promised of a node (the scheduler's `NodeInfo`), kept in step with
/// every write of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NodeInfo {
    /// Requests of the pods on it, DaemonSets included.
    pub requested: Amounts,
    /// The same with 100m and 200Mi for each container without a request, as scores count.
    pub nonzero: Amounts,
    /// What resizes under way ask for beyond that: the scheduler keeps it free.
    pub deferred: Amounts,
    /// Pods on it.
    pub pods: u32,
}
