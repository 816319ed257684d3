//! Whether a node's pods would find another place.
//!
//! Source: `simulator/cluster.go`.

use super::hinting::HintingSimulator;
use super::snapshot::{SimNode, Snapshot};
use crate::autoscaler::cluster_autoscaler::drain::{
    self, BlockingReason, DrainContext, PodMoveInfo,
};
use crate::autoscaler::cluster_autoscaler::model::{NodeId, Observation};
use crate::autoscaler::cluster_autoscaler::scale_down::deletion_tracker::InProgress;

/// Why a node cannot go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnremovableReason {
    /// It is annotated.
    ScaleDownDisabledAnnotation,
    /// It is unready and such nodes stay.
    ScaleDownUnreadyDisabled,
    /// It has not been unneeded for long enough.
    NotUnneededLongEnough,
    /// The same, for an unready node.
    NotUnreadyLongEnough,
    /// Its group has its min size.
    NodeGroupMinSizeReached,
    /// The cluster would fall below its least cores or memory.
    MinimalResourceLimitExceeded,
    /// It is being deleted.
    CurrentlyBeingDeleted,
    /// It is too full.
    NotUnderutilized,
    /// It was looked at not long ago.
    RecentlyUnremovable,
    /// Its pods fit nowhere else.
    NoPlaceToMovePods,
    /// A pod holds it.
    BlockedByPod(u32, BlockingReason),
    /// A pod must run to its end.
    BlockedByOnCompletionPod,
    /// It is not in the snapshot, or has no CPU.
    UnexpectedError,
}

impl UnremovableReason {
    /// Upstream's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ScaleDownDisabledAnnotation => "ScaleDownDisabledAnnotation",
            Self::ScaleDownUnreadyDisabled => "ScaleDownUnreadyDisabled",
            Self::NotUnneededLongEnough => "NotUnneededLongEnough",
            Self::NotUnreadyLongEnough => "NotUnreadyLongEnough",
            Self::NodeGroupMinSizeReached => "NodeGroupMinSizeReached",
            Self::MinimalResourceLimitExceeded => "MinimalResourceLimitExceeded",
            Self::CurrentlyBeingDeleted => "CurrentlyBeingDeleted",
            Self::NotUnderutilized => "NotUnderutilized",
            Self::RecentlyUnremovable => "RecentlyUnremovable",
            Self::NoPlaceToMovePods => "NoPlaceToMovePods",
            Self::BlockedByPod(..) => "BlockedByPod",
            Self::BlockedByOnCompletionPod => "BlockedByOnCompletionPod",
            Self::UnexpectedError => "UnexpectedError",
        }
    }
}

/// A node that can go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeToBeRemoved {
    /// The node.
    pub node: NodeId,
    /// A budget may stop its drain half way.
    pub risky: bool,
    /// The pods that have to go elsewhere.
    pub pods_to_reschedule: usize,
    /// Whether it has pods that must run to their end.
    pub on_completion_pods: bool,
}

/// The pods of a snapshot's node by what a drain does with them.
pub fn pods_to_move(
    context: &DrainContext<'_>,
    seen: &Observation<'_>,
    snapshot: &Snapshot<'_>,
    slot: usize,
) -> Result<PodMoveInfo<u32>, (u32, BlockingReason)> {
    let pods = snapshot.node(slot).pods.iter();
    let pods = pods.filter_map(|placed| {
        let index = placed.pod?;
        let class = seen.class(placed.class);
        Some((index, &seen.pods[index as usize], class))
    });
    drain::pods_to_move(context, pods)
}

/// Tries removals; what it places stays placed.
#[derive(Debug, Default)]
pub struct RemovalSimulator {
    hints: HintingSimulator,
}

impl RemovalSimulator {
    /// Removes a node from the snapshot if its pods fit on other registered nodes that are not
    /// being deleted; the snapshot is as before if they do not.
    pub fn simulate(
        &mut self,
        context: &DrainContext<'_>,
        seen: &Observation<'_>,
        snapshot: &mut Snapshot<'_>,
        node: NodeId,
        deletions: &InProgress,
    ) -> Result<(NodeToBeRemoved, Vec<u32>), UnremovableReason> {
        let slot = snapshot
            .slot(node)
            .ok_or(UnremovableReason::UnexpectedError)?;
        let info = pods_to_move(context, seen, snapshot, slot)
            .map_err(|(pod, reason)| UnremovableReason::BlockedByPod(pod, reason))?;
        snapshot.fork();
        for pod in &info.pods {
            snapshot.remove_pod(slot, *pod);
        }
        let acceptable = |info: &super::snapshot::NodeInfo| match info.node {
            SimNode::Real(id) => id != node && !deletions.contains(id),
            SimNode::Upcoming(..) | SimNode::New => false,
        };
        let placed = self
            .hints
            .try_schedule(snapshot, seen.pods, &info.pods, true, acceptable);
        if placed.contains(&false) {
            snapshot.revert();
            return Err(UnremovableReason::NoPlaceToMovePods);
        }
        snapshot.remove_node(slot);
        snapshot.commit();
        let removed = NodeToBeRemoved {
            node,
            risky: false,
            pods_to_reschedule: info.pods.len(),
            on_completion_pods: !info.on_completion_pods.is_empty(),
        };
        Ok((removed, info.pods))
    }

    /// Forgets placements that were not repeated.
    pub fn drop_old_hints(&mut self) {
        self.hints.drop_old_hints();
    }
}
