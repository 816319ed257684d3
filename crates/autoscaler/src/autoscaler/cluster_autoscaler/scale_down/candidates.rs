//! Which nodes are looked at, and in what order.
//!
//! Source: `processors/nodes/pre_filtering_processor.go`, `processors/scaledowncandidates/`.

use std::collections::{BTreeMap, BTreeSet};

use crate::autoscaler::cluster_autoscaler::drain::{DrainContext, Drainability, drainability};
use crate::autoscaler::cluster_autoscaler::model::{GroupId, Node, NodeId, Observation};
use crate::autoscaler::cluster_autoscaler::options::Options;
use crate::autoscaler::cluster_autoscaler::outside::Outside;
use crate::autoscaler::cluster_autoscaler::pdb::RemainingPdbTracker;
use crate::autoscaler::cluster_autoscaler::simulator::snapshot::Snapshot;
use crate::autoscaler::go_sort;
use crate::sim::{SimDuration, SimTime};

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

/// What a node's pods say of its place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct EmptyInfo {
    empty: bool,
    on_completion: bool,
}

/// The nodes of groups above their min: empty ones first, then those that were unneeded before.
pub fn scale_down_candidates<'n>(
    seen: &Observation<'_>,
    options: &Options,
    snapshot: &Snapshot<'_>,
    outside: &dyn Outside,
    nodes: &[&'n Node],
    previous: &BTreeSet<NodeId>,
    delays: &LocalDelays,
) -> Vec<&'n Node> {
    let above_min: Vec<bool> = seen
        .group_ids()
        .map(|group| outside.target_size(group) > seen.group(group).min)
        .collect();
    let no_pdbs = RemainingPdbTracker::default();
    let context = DrainContext {
        options,
        pdbs: &no_pdbs,
        controllers: None,
        now: seen.now,
    };
    let mut candidates: Vec<(EmptyInfo, bool, &Node)> = nodes
        .iter()
        .filter(|node| node.group.is_some_and(|group| above_min[group.index()]))
        .map(|node| {
            let empty = empty_info(&context, seen, snapshot, node.id);
            (empty, previous.contains(&node.id), *node)
        })
        .collect();
    go_sort::sort_by(&mut candidates, earlier);
    let held = |node: &Node| {
        options.scale_down_delay_type_local
            && node
                .group
                .is_some_and(|group| delays.holds(group, options, seen.now))
    };
    candidates
        .into_iter()
        .map(|(_, _, node)| node)
        .filter(|node| !held(node))
        .collect()
}

type Candidate<'n> = (EmptyInfo, bool, &'n Node);

fn earlier(one: &Candidate<'_>, other: &Candidate<'_>) -> bool {
    if one.0.empty != other.0.empty {
        return one.0.empty;
    }
    if one.0.on_completion != other.0.on_completion {
        return other.0.on_completion;
    }
    one.1 && !other.1
}

/// Empty is a node none of whose pods has to move or blocks: the first such pod tells.
fn empty_info(
    context: &DrainContext<'_>,
    seen: &Observation<'_>,
    snapshot: &Snapshot<'_>,
    node: NodeId,
) -> EmptyInfo {
    let Some(slot) = snapshot.slot(node) else {
        return EmptyInfo::default();
    };
    let mut info = EmptyInfo {
        empty: true,
        on_completion: false,
    };
    for placed in &snapshot.node(slot).pods {
        let Some(index) = placed.pod else {
            continue;
        };
        let class = seen.class(placed.class);
        match drainability(context, &seen.pods[index as usize], class) {
            Drainability::Skip => {}
            Drainability::Ok if class.is_daemon_set() => {}
            Drainability::WaitForCompletion => info.on_completion = true,
            Drainability::Ok | Drainability::Block(_) => return EmptyInfo::default(),
        }
    }
    info
}
