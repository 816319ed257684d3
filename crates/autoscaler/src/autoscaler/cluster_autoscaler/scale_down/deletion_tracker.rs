//! Deletions under way, and those that ended.
//!
//! Source: `core/scaledown/deletiontracker/nodedeletiontracker.go`.

use std::collections::BTreeMap;

use crate::autoscaler::cluster_autoscaler::model::{GroupId, NodeId};

/// How a deletion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletionResult {
    /// The node is gone.
    Ok,
    /// The cloud refused.
    FailedToDelete,
    /// Pods could not be evicted.
    FailedToEvictPods,
    /// The node was not as expected any more.
    InternalError,
}

impl DeletionResult {
    /// Upstream's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "Ok",
            Self::FailedToDelete => "FailedToDelete",
            Self::FailedToEvictPods => "FailedToEvictPods",
            Self::InternalError => "InternalError",
        }
    }
}

/// Deletions under way by node: the group, and whether the node is drained.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InProgress(BTreeMap<NodeId, (GroupId, bool)>);

impl InProgress {
    /// Whether a node is being deleted.
    pub fn contains(&self, node: NodeId) -> bool {
        self.0.contains_key(&node)
    }

    /// The nodes that are drained, or those that are not.
    pub fn nodes(&self, drain: bool) -> impl Iterator<Item = NodeId> {
        let of_kind = self
            .0
            .iter()
            .filter(move |(_, (_, drained))| *drained == drain);
        of_kind.map(|(node, _)| *node)
    }

    /// Deletions by group.
    pub fn by_group(&self) -> BTreeMap<GroupId, i64> {
        let mut counts = BTreeMap::new();
        for (group, _) in self.0.values() {
            *counts.entry(*group).or_default() += 1;
        }
        counts
    }
}

/// Keeps track of deletions.
#[derive(Debug, Default)]
pub struct NodeDeletionTracker {
    in_progress: InProgress,
    results: Vec<(NodeId, DeletionResult)>,
}

impl NodeDeletionTracker {
    /// A deletion begins.
    pub fn start(&mut self, node: NodeId, group: GroupId, drain: bool) {
        self.in_progress.0.insert(node, (group, drain));
    }

    /// A deletion is over.
    pub fn end(&mut self, node: NodeId, result: DeletionResult) {
        self.in_progress.0.remove(&node);
        self.results.push((node, result));
    }

    /// What is under way.
    pub const fn in_progress(&self) -> &InProgress {
        &self.in_progress
    }

    /// What ended since the last call.
    pub fn take_results(&mut self) -> Vec<(NodeId, DeletionResult)> {
        std::mem::take(&mut self.results)
    }
}
