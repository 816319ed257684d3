//! How many nodes may be deleted at a time.
//!
//! Source: `core/scaledown/budgets/budgets.go`.

use crate::autoscaler::cluster_autoscaler::model::{GroupId, NodeId};
use crate::autoscaler::cluster_autoscaler::options::Options;

/// Nodes of one group that are deleted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupView {
    /// The group.
    pub group: GroupId,
    /// Its nodes.
    pub nodes: Vec<NodeId>,
}

/// As many empty nodes as may be deleted, then as many as may be drained, by group. `empty` and
/// `drain` in progress count against both budgets.
pub fn crop_nodes(
    options: &Options,
    empty_in_progress: usize,
    drain_in_progress: usize,
    empty: &[(NodeId, GroupId)],
    drain: &[(NodeId, GroupId)],
) -> (Vec<GroupView>, Vec<GroupView>) {
    let in_progress = (empty_in_progress + drain_in_progress) as i64;
    let mut parallelism = options.max_scale_down_parallelism - in_progress;
    let drain_budget = options.max_drain_parallelism - drain_in_progress as i64;
    let empty = crop(group(empty), &mut parallelism);
    let mut drain_budget = drain_budget.min(parallelism);
    let drain = crop(group(drain), &mut drain_budget);
    (empty, drain)
}

/// By group, in the order of each group's first node.
fn group(nodes: &[(NodeId, GroupId)]) -> Vec<GroupView> {
    let mut views: Vec<GroupView> = Vec::new();
    for (node, group) in nodes {
        match views.iter_mut().find(|view| view.group == *group) {
            Some(view) => view.nodes.push(*node),
            None => views.push(GroupView {
                group: *group,
                nodes: vec![*node],
            }),
        }
    }
    views
}

fn crop(views: Vec<GroupView>, budget: &mut i64) -> Vec<GroupView> {
    let mut kept = Vec::new();
    for mut view in views {
        if *budget < 1 {
            break;
        }
        view.nodes.truncate(*budget as usize);
        *budget -= view.nodes.len() as i64;
        kept.push(view);
    }
    kept
}
