//! Nodes that are not needed, since when, and which of them may go now.
//!
//! Source: `core/scaledown/unneeded/nodes.go`.

use std::collections::BTreeMap;

use crate::autoscaler::cluster_autoscaler::model::{GroupId, Node, NodeId, Observation};
use crate::autoscaler::cluster_autoscaler::options::Options;
use crate::autoscaler::cluster_autoscaler::scale_up::quotas::Tracker;
use crate::autoscaler::cluster_autoscaler::simulator::removal::{
    NodeToBeRemoved, UnremovableReason,
};
use crate::sim::{SimDuration, SimTime};

/// A node that is not needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnneededNode {
    /// What its removal would take.
    pub removal: NodeToBeRemoved,
    /// Since when.
    pub since: SimTime,
    /// How long that must have been so.
    pub threshold: SimDuration,
}

impl UnneededNode {
    /// Whether it has not been needed for long enough.
    pub fn is_due(&self, now: SimTime) -> bool {
        self.threshold <= SimDuration::ZERO || self.since + self.threshold < now
    }
}

/// The nodes that are not needed.
#[derive(Debug, Clone, Default)]
pub struct UnneededNodes {
    nodes: BTreeMap<NodeId, UnneededNode>,
}

/// Sizes of groups, as they stand and with what is being deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSizes {
    /// Targets by group, less what this loop has already picked.
    pub targets: Vec<i64>,
    /// Deletions under way by group.
    pub deletions: BTreeMap<GroupId, i64>,
}

/// What may go now, and why the rest may not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removable {
    /// Nodes without pods to move.
    pub empty: Vec<NodeToBeRemoved>,
    /// Nodes with pods to move.
    pub need_drain: Vec<NodeToBeRemoved>,
    /// The others.
    pub unremovable: Vec<(NodeId, UnremovableReason)>,
}

impl UnneededNodes {
    /// Takes in the nodes of a loop; those that were there keep their time.
    pub fn update(
        &mut self,
        removals: Vec<NodeToBeRemoved>,
        now: SimTime,
        threshold: impl Fn(NodeId) -> SimDuration,
    ) {
        let mut before = std::mem::take(&mut self.nodes);
        for removal in removals {
            let known = before.remove(&removal.node);
            let node = UnneededNode {
                since: known.map_or(now, |node| node.since),
                threshold: threshold(removal.node),
                removal,
            };
            self.nodes.insert(node.removal.node, node);
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.nodes.clear();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether a node is not needed.
    pub fn contains(&self, node: NodeId) -> bool {
        self.nodes.contains_key(&node)
    }

    /// The nodes, by id.
    pub fn iter(&self) -> impl Iterator<Item = &UnneededNode> {
        self.nodes.values()
    }

    /// The nodes that may go now. Empty ones go first; each takes one off its group.
    pub fn removable_at<'n>(
        &self,
        seen: &Observation<'n>,
        node: &dyn Fn(NodeId) -> Option<&'n Node>,
        sizes: &mut GroupSizes,
        tracker: &mut Tracker,
    ) -> Removable {
        let mut found = Removable::default();
        let (drain, empty): (Vec<_>, Vec<_>) = self
            .nodes
            .values()
            .partition(|node| node.removal.pods_to_reschedule > 0);
        for (nodes, list) in [(empty, &mut found.empty), (drain, &mut found.need_drain)] {
            for unneeded in nodes {
                let id = unneeded.removal.node;
                match unremovable_reason(seen, node(id), unneeded, sizes, tracker) {
                    Some(reason) => found.unremovable.push((id, reason)),
                    None => list.push(unneeded.removal.clone()),
                }
            }
        }
        found
    }
}

fn unremovable_reason(
    seen: &Observation<'_>,
    node: Option<&Node>,
    unneeded: &UnneededNode,
    sizes: &mut GroupSizes,
    tracker: &mut Tracker,
) -> Option<UnremovableReason> {
    let Some(node) = node else {
        return Some(UnremovableReason::UnexpectedError);
    };
    if node.scale_down_disabled {
        return Some(UnremovableReason::ScaleDownDisabledAnnotation);
    }
    if !unneeded.is_due(seen.now) {
        return Some(if node.ready {
            UnremovableReason::NotUnneededLongEnough
        } else {
            UnremovableReason::NotUnreadyLongEnough
        });
    }
    let Some(group) = node.group else {
        return Some(UnremovableReason::UnexpectedError);
    };
    let deletions = sizes.deletions.get(&group).copied().unwrap_or(0);
    if sizes.targets[group.index()] - deletions <= seen.group(group).min {
        return Some(UnremovableReason::NodeGroupMinSizeReached);
    }
    if !tracker.consume(group, &node.shape, 1).exceeded.is_empty() {
        return Some(UnremovableReason::MinimalResourceLimitExceeded);
    }
    sizes.targets[group.index()] -= 1;
    None
}

/// How long a node must be unneeded, by its group and readiness.
pub fn removal_threshold(seen: &Observation<'_>, options: &Options, node: &Node) -> SimDuration {
    let Some(group) = node.group else {
        return SimDuration::ZERO;
    };
    let group = &seen.group(group).options;
    if node.ready {
        group.unneeded_time(options)
    } else {
        group.unready_time(options)
    }
}
