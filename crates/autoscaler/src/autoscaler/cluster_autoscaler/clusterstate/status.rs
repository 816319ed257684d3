//! What the status says of each group.

use super::{ClusterStateRegistry, Readiness};
use crate::autoscaler::cluster_autoscaler::model::GroupId;
use crate::autoscaler::cluster_autoscaler::options::Options;
use crate::sim::SimTime;

/// What a group's scale-up is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScaleUpState {
    /// Nodes are awaited.
    InProgress,
    /// Too many nodes are missing.
    Unhealthy,
    /// It failed not long ago.
    Backoff,
    /// Nothing.
    NoActivity,
}

impl ScaleUpState {
    /// Upstream's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Unhealthy => "Unhealthy",
            Self::Backoff => "Backoff",
            Self::NoActivity => "NoActivity",
        }
    }
}

/// The status of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupStatus {
    /// Whether not too many nodes are missing.
    pub healthy: bool,
    /// Its nodes by their state.
    pub readiness: Readiness,
    /// Its target.
    pub target: i64,
    /// What its scale-up is doing.
    pub scale_up: ScaleUpState,
    /// Unneeded nodes.
    pub candidates: i64,
}

impl ClusterStateRegistry {
    /// The status of a group.
    pub fn status(&self, group: GroupId, options: &Options, now: SimTime) -> GroupStatus {
        let healthy = self.is_group_healthy(group, options);
        let scale_up = if self.is_scaling_up(group) {
            ScaleUpState::InProgress
        } else if !healthy {
            ScaleUpState::Unhealthy
        } else if self.backed_off(group, now).is_some() {
            ScaleUpState::Backoff
        } else {
            ScaleUpState::NoActivity
        };
        GroupStatus {
            healthy,
            readiness: self
                .readiness
                .get(group.index())
                .cloned()
                .flatten()
                .unwrap_or_default(),
            target: self
                .ranges
                .get(group.index())
                .map_or(0, |range| range.target),
            scale_up,
            candidates: self.candidates.get(&group).copied().unwrap_or(0),
        }
    }
}
