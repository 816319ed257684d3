//! Nodes, and what pods have been promised of them.

use std::sync::Arc;

use super::meta::{Labels, ObjectMeta};
use super::placement::Extended;
use super::resources::Amounts;
use super::taint::{Taint, TaintEffect};
use crate::sim::{Key, SimTime};
use crate::units::Bytes;

/// The taint of nodes that are not Ready.
pub const NOT_READY: &str = "node.kubernetes.io/not-ready";
/// The taint of nodes that the control plane does not hear of.
pub const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
/// The taint of a node that is cordoned.
pub const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
/// The taint of nodes with the condition MemoryPressure.
pub const MEMORY_PRESSURE: &str = "node.kubernetes.io/memory-pressure";
/// The taint that an operator sets on a node that will not come back as it was.
pub const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// A node's key.
pub type NodeId = Key<Node>;

/// What a node's condition Ready says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// True.
    Ready,
    /// False: it has registered and has not been Ready yet.
    Starting,
    /// False: it shuts down.
    Stopping,
    /// Unknown: its kubelet is not heard of.
    Unknown,
}

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
    /// `status.images` whose sizes are known: name and size.
    pub images: Vec<(Arc<str>, Bytes)>,
    /// `spec.unschedulable`: cordoned.
    pub unschedulable: bool,
    /// `spec.taints`, but for those of cordoned nodes and of those that shut down.
    pub taints: Vec<Taint>,
    /// The condition Ready.
    pub readiness: Readiness,
    /// The last change of the condition Ready.
    pub ready_transition: SimTime,
    /// The condition MemoryPressure and its last change, once it has changed.
    pub memory_pressure: Option<(bool, SimTime)>,
}

impl Node {
    /// `metadata.name`.
    pub fn name(&self) -> &str {
        &self.meta.name
    }

    /// Whether its condition Ready is True.
    pub fn is_ready(&self) -> bool {
        self.readiness == Readiness::Ready
    }

    /// Whether its condition MemoryPressure is True.
    pub fn has_memory_pressure(&self) -> bool {
        self.memory_pressure.is_some_and(|(is_on, _)| is_on)
    }

    /// Whether it has a taint with this key and effect.
    pub fn has_taint(&self, key: &str, effect: TaintEffect) -> bool {
        let mut taints = self.taints.iter();
        taints.any(|taint| taint.key == key && taint.effect == effect)
    }

    /// The taints of a node that has registered and is not Ready yet.
    pub fn not_ready_taints() -> impl Iterator<Item = Taint> {
        [TaintEffect::NoSchedule, TaintEffect::NoExecute]
            .into_iter()
            .map(|effect| Taint::of(NOT_READY, effect))
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
