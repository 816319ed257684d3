//! Nodes that a simulation ruled out, and until when they are not looked at again.
//!
//! Source: `core/scaledown/unremovable/nodes.go`.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::autoscaler::cluster_autoscaler::model::NodeId;
use crate::sim::SimTime;

/// The nodes that a simulation ruled out.
#[derive(Debug, Default)]
pub(super) struct UnremovableNodes {
    until: FxHashMap<NodeId, SimTime>,
    /// The same in the order of the times, with some that hold no longer.
    queue: VecDeque<(SimTime, NodeId)>,
}

impl UnremovableNodes {
    /// Forgets the nodes whose time is up; answers them.
    pub(super) fn expire(&mut self, now: SimTime) -> Vec<NodeId> {
        let mut expired = Vec::new();
        while let Some((until, node)) = self.queue.front().copied()
            && until <= now
        {
            self.queue.pop_front();
            if self.until.get(&node) == Some(&until) {
                self.until.remove(&node);
                expired.push(node);
            }
        }
        expired
    }

    /// Forgets a node; answers whether it was ruled out.
    pub(super) fn forget(&mut self, node: NodeId) -> bool {
        self.until.remove(&node).is_some()
    }

    pub(super) fn add(&mut self, node: NodeId, until: SimTime) {
        self.until.insert(node, until);
        self.queue.push_back((until, node));
    }

    /// Until when a node is not looked at, if it is not.
    pub(super) fn until(&self, node: NodeId) -> Option<SimTime> {
        self.until.get(&node).copied()
    }
}
