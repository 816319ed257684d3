//! What a scale-down came to.
//!
//! Source: `core/scaledown/status/status.go`.

use crate::autoscaler::cluster_autoscaler::model::NodeId;
use crate::autoscaler::cluster_autoscaler::simulator::utilization::Utilization;

/// A node whose deletion started.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaleDownNode {
    /// The node.
    pub node: NodeId,
    /// The pods to evict, by their place in the observation.
    pub evicted_pods: Vec<u32>,
    /// Its utilization.
    pub utilization: Utilization,
}

/// How a scale-down ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScaleDownResult {
    /// Something went wrong.
    Error,
    /// No node to delete.
    NoNodeDeleted,
    /// Deletions started.
    NodeDeleteStarted,
    /// Too soon after another action.
    InCooldown,
    /// No node to look at.
    NoCandidates,
    /// The loop ended before.
    NotTried,
}

impl ScaleDownResult {
    /// Upstream's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "ScaleDownError",
            Self::NoNodeDeleted => "ScaleDownNoNodeDeleted",
            Self::NodeDeleteStarted => "ScaleDownNodeDeleteStarted",
            Self::InCooldown => "ScaleDownInCooldown",
            Self::NoCandidates => "ScaleDownNoCandidates",
            Self::NotTried => "ScaleDownNotTried",
        }
    }
}
