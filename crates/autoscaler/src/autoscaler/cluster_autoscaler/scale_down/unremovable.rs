//! Nodes that cannot go, and until when they are not looked at again.
//!
//! Source: `core/scaledown/unremovable/nodes.go`.

use std::collections::BTreeMap;

use crate::autoscaler::cluster_autoscaler::model::NodeId;
use crate::autoscaler::cluster_autoscaler::simulator::removal::UnremovableReason;
use crate::autoscaler::cluster_autoscaler::simulator::snapshot::Snapshot;
use crate::sim::SimTime;

/// The reasons of the last loop, and the nodes that a simulation ruled out.
#[derive(Debug, Default)]
pub(super) struct UnremovableNodes {
    until: BTreeMap<NodeId, SimTime>,
    reasons: BTreeMap<NodeId, UnremovableReason>,
}

impl UnremovableNodes {
    /// Forgets the reasons, the nodes that are gone and those whose time is up.
    pub(super) fn update(&mut self, snapshot: &Snapshot<'_>, now: SimTime) {
        self.reasons.clear();
        self.until
            .retain(|node, until| *until > now && snapshot.slot(*node).is_some());
    }

    pub(super) fn add(&mut self, node: NodeId, reason: UnremovableReason) {
        self.reasons.insert(node, reason);
    }

    pub(super) fn add_timeout(&mut self, node: NodeId, reason: UnremovableReason, until: SimTime) {
        self.until.insert(node, until);
        self.add(node, reason);
    }

    pub(super) fn is_recent(&self, node: NodeId) -> bool {
        self.until.contains_key(&node)
    }

    pub(super) const fn reasons(&self) -> &BTreeMap<NodeId, UnremovableReason> {
        &self.reasons
    }
}
