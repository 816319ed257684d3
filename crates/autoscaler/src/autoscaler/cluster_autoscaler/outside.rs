//! What the autoscaler calls: the cloud provider and the API server.

use super::model::{GroupId, NodeId, PodId};
use crate::sim::{SimDuration, SimTime};

/// Why an instance could not be created.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InstanceError {
    /// Out of resources, or something else.
    pub out_of_resources: bool,
    /// The provider's code.
    pub code: String,
    /// The provider's message.
    pub message: String,
}

/// An instance of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The node that it is or will be.
    pub id: NodeId,
    /// Being created.
    pub creating: bool,
    /// Being deleted.
    pub deleting: bool,
    /// Why it cannot be created.
    pub error: Option<InstanceError>,
}

/// Why an eviction did not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EvictError {
    /// The pod is gone.
    NotFound,
    /// The API server refused: a budget, usually.
    Refused(String),
}

/// The cloud provider and the API server, as far as the autoscaler writes or asks again.
pub trait Outside {
    /// The size that was asked for.
    fn target_size(&self, group: GroupId) -> i64;
    /// The instances of a group.
    fn instances(&self, group: GroupId) -> Vec<Instance>;
    /// Whether the cloud still has the instance of a node.
    fn has_instance(&self, node: NodeId) -> bool;
    /// Asks for more nodes.
    fn increase_size(&mut self, now: SimTime, group: GroupId, delta: i64) -> Result<(), String>;
    /// Lowers the target without deleting; `delta` is negative.
    fn decrease_target_size(
        &mut self,
        now: SimTime,
        group: GroupId,
        delta: i64,
    ) -> Result<(), String>;
    /// Deletes instances and lowers the target.
    fn delete_nodes(
        &mut self,
        now: SimTime,
        group: GroupId,
        nodes: &[NodeId],
    ) -> Result<(), String>;
    /// Taints a node for deletion, and cordons it if asked.
    fn mark_to_be_deleted(
        &mut self,
        now: SimTime,
        node: NodeId,
        cordon: bool,
    ) -> Result<(), String>;
    /// Takes that taint and the cordon back.
    fn clean_to_be_deleted(&mut self, node: NodeId, uncordon: bool);
    /// Sets the soft taint.
    fn mark_deletion_candidate(&mut self, node: NodeId);
    /// Takes the soft taint back.
    fn clean_deletion_candidate(&mut self, node: NodeId);
    /// Evicts a pod with this grace period.
    fn evict(&mut self, now: SimTime, pod: PodId, grace: SimDuration) -> Result<(), EvictError>;
    /// What a node or instance is called.
    fn node_name(&self, node: NodeId) -> String;
    /// What a pod is called.
    fn pod_name(&self, pod: PodId) -> String;
    /// The namespace of a pod.
    fn pod_namespace(&self, pod: PodId) -> String;
    /// Whether a node has an annotation that its deletion is to wait for.
    fn delays_deletion(&self, node: NodeId) -> bool;
    /// Whether a pod is still there, on this node.
    fn pod_on_node(&self, now: SimTime, pod: PodId, node: NodeId) -> bool;
}
