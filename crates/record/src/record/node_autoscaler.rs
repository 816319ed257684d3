//! What the node autoscaler did and why, and what it could not do.

use crate::sim::SimTime;

/// What a decision of the node autoscaler is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeAction {
    /// A group grows.
    ScaleUp,
    /// A group could not be grown: the provider refused, or its nodes did not come.
    ScaleUpFailed,
    /// Pods wait, and no group helps them.
    NoScaleUp,
    /// The deletion of a node begins.
    ScaleDown,
    /// The deletion of a node has failed.
    ScaleDownFailed,
    /// A node is not needed enough, but cannot go.
    Unremovable,
}

impl NodeAction {
    /// As tables have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ScaleUp => "scale-up",
            Self::ScaleUpFailed => "scale-up-failed",
            Self::NoScaleUp => "no-scale-up",
            Self::ScaleDown => "scale-down",
            Self::ScaleDownFailed => "scale-down-failed",
            Self::Unremovable => "unremovable",
        }
    }
}

/// A decision of the node autoscaler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeDecision {
    /// When.
    pub time: SimTime,
    /// What it is.
    pub action: NodeAction,
    /// The group or NodePool; empty if it is about none.
    pub group: String,
    /// The node; empty if it is about none.
    pub node: String,
    /// The group's size before and after.
    pub size: Option<(i64, i64)>,
    /// The pods that it is about: that wait, or that have to move.
    pub pods: usize,
    /// Why, in a few words.
    pub reason: String,
}

/// A pod's wait for a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeWait {
    /// When it was created.
    pub from: SimTime,
    /// When the wait ended.
    pub until: SimTime,
    /// Whether it got a node.
    pub got_one: bool,
    /// Whether that node is younger than the wait.
    pub new_node: bool,
}

/// What is known of the node autoscaler.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeAutoscalerRecord {
    /// Which it is: `ClusterAutoscaler` or `Karpenter`.
    pub name: &'static str,
    /// The groups that it scales, with their least and greatest sizes.
    pub groups: Vec<(String, (u32, u32))>,
    /// Limits of the whole cluster that are set: what a refusal for one says, and the limit in words.
    pub limits: Vec<(&'static str, String)>,
    /// What it decided, in order.
    pub decisions: Vec<NodeDecision>,
    /// Pods that waited for a node for a minute or longer: from their creation to when they got
    /// one, were deleted, or the run ended. Those that never got one are marked.
    pub waits: Vec<NodeWait>,
    /// Loops.
    pub loops: u64,
}
