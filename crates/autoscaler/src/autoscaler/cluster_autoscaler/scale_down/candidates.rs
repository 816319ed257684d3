//! Which nodes are looked at, and in what order.
//!
//! Source: `processors/nodes/pre_filtering_processor.go`, `processors/scaledowncandidates/`.

use std::collections::{BTreeMap, BTreeSet};

use super::deletion_tracker::InProgress;
use super::standing::{EmptyInfo, Standings};
use crate::autoscaler::cluster_autoscaler::model::{GroupId, NodeId, Observation};
use crate::autoscaler::cluster_autoscaler::options::Options;
use crate::autoscaler::cluster_autoscaler::outside::Outside;
use crate::autoscaler::go_sort;
use crate::sim::{SimDuration, SimTime, work};

/// The delays after a group's own actions (`scale-down-delay-type-local`).
#[derive(Debug, Clone, Default)]
pub struct LocalDelays {
    scale_ups: BTreeMap<GroupId, SimTime>,
    scale_downs: BTreeMap<GroupId, SimTime>,
    failures: BTreeMap<GroupId, SimTime>,
}

impl LocalDelays {
    /// A group was grown.
    pub fn register_scale_up(&mut self, group: GroupId, now: SimTime) {
        self.scale_ups.insert(group, now);
    }

    /// A node of a group was deleted.
    pub fn register_scale_down(&mut self, group: GroupId, now: SimTime) {
        self.scale_downs.insert(group, now);
    }

    /// The cloud refused to delete a node of a group.
    pub fn register_failed_scale_down(&mut self, group: GroupId, now: SimTime) {
        self.failures.insert(group, now);
    }

    /// Whether a group is within one of its delays.
    fn holds(&self, group: GroupId, options: &Options, now: SimTime) -> bool {
        let recent = |times: &BTreeMap<GroupId, SimTime>, delay: SimDuration| {
            times.get(&group).is_some_and(|time| *time + delay > now)
        };
        recent(&self.scale_ups, options.scale_down_delay_after_add)
            || recent(&self.scale_downs, options.scale_down_delay_after_delete)
            || recent(&self.failures, options.scale_down_delay_after_failure)
    }
}

/// What the order of the candidates depends on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Basis {
    /// Which nodes there are, and which of them are empty.
    versions: (u64, u64),
    /// By group: whether it is above its min, and in none of its delays.
    above_min: Vec<bool>,
    free: Vec<bool>,
    /// Nodes that the snapshot does not have.
    left_out: Vec<NodeId>,
    /// Nodes that were unneeded before.
    previous: Vec<NodeId>,
}

/// The nodes of groups above their min: empty ones first, then those that were unneeded before.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    order: Vec<NodeId>,
    /// By the nodes' numbers: their place in the order and one, or 0.
    ranks: Vec<u32>,
    basis: Basis,
}

/// What a loop looks at besides the nodes.
pub struct Around<'a> {
    /// The cloud.
    pub outside: &'a dyn Outside,
    /// Delays of each group.
    pub delays: &'a LocalDelays,
    /// Registered nodes that are still on their way.
    pub left_out: &'a BTreeSet<NodeId>,
    /// Deletions under way.
    pub deletions: &'a InProgress,
}

impl Candidates {
    pub(super) fn order(&self) -> &[NodeId] {
        &self.order
    }

    pub(super) fn rank(&self, node: NodeId) -> Option<u32> {
        self.ranks.get(node.0 as usize)?.checked_sub(1)
    }

    /// Orders the nodes anew if anything has changed that they are ordered by; answers whether.
    pub(super) fn update(
        &mut self,
        seen: &Observation<'_>,
        options: &Options,
        around: &Around<'_>,
        (versions, standings): ((u64, u64), &Standings),
        previous: &[NodeId],
    ) -> bool {
        let held = |group: GroupId| {
            options.scale_down_delay_type_local && around.delays.holds(group, options, seen.now)
        };
        let groups = || seen.group_ids();
        let basis = Basis {
            versions,
            above_min: groups()
                .map(|group| around.outside.target_size(group) > seen.group(group).min)
                .collect(),
            free: groups().map(|group| !held(group)).collect(),
            left_out: around.left_out.iter().copied().collect(),
            previous: previous.to_vec(),
        };
        if basis == self.basis {
            return false;
        }
        work::count(seen.nodes.len());
        let mut candidates: Vec<Candidate> = seen
            .nodes
            .iter()
            .filter_map(|node| Some((node.id, node.group?)))
            .filter(|(_, group)| basis.above_min[group.index()])
            .filter(|(node, _)| !around.left_out.contains(node))
            .map(|(node, group)| Candidate {
                empty: standings.of(node).empty,
                previous: previous.binary_search(&node).is_ok(),
                node,
                group,
            })
            .collect();
        go_sort::sort_by(&mut candidates, earlier);
        self.order = candidates
            .into_iter()
            .filter(|candidate| basis.free[candidate.group.index()])
            .map(|candidate| candidate.node)
            .collect();
        self.ranks.clear();
        for (node, rank) in self.order.iter().zip(1..) {
            let index = node.0 as usize;
            if self.ranks.len() <= index {
                self.ranks.resize(index + 1, 0);
            }
            self.ranks[index] = rank;
        }
        self.basis = basis;
        true
    }
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    empty: EmptyInfo,
    previous: bool,
    node: NodeId,
    group: GroupId,
}

fn earlier(one: &Candidate, other: &Candidate) -> bool {
    if one.empty.empty != other.empty.empty {
        return one.empty.empty;
    }
    if one.empty.on_completion != other.empty.on_completion {
        return other.empty.on_completion;
    }
    one.previous && !other.previous
}
