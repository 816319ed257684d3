//! Unneeded nodes are tainted softly: the scheduler prefers others.
//!
//! Source: `core/scaledown/actuation/softtaint.go`.

use std::collections::BTreeSet;

use super::unneeded::UnneededNodes;
use crate::autoscaler::cluster_autoscaler::model::{Node, NodeId, Observation};
use crate::autoscaler::cluster_autoscaler::options::Options;
use crate::autoscaler::cluster_autoscaler::outside::Outside;
use crate::autoscaler::cluster_autoscaler::simulator::snapshot::Snapshot;

/// Takes the taint from nodes that are needed, then sets it on those that are not, up to
/// `max-bulk-soft-taint-count` changes in all. `tainted` are the nodes that have it; those that
/// the snapshot does not have are left alone.
pub fn update_soft_deletion_taints(
    seen: &Observation<'_>,
    options: &Options,
    snapshot: &Snapshot<'_>,
    tainted: &BTreeSet<NodeId>,
    unneeded: &UnneededNodes,
    outside: &mut dyn Outside,
) {
    let mut left = options.max_bulk_soft_taint_count;
    // In the order of the nodes.
    let ours = |ids: &mut dyn Iterator<Item = NodeId>| -> Vec<NodeId> {
        let ours = |node: &Node| node.group.is_some() && !node.has_to_be_deleted_taint();
        let mut places: Vec<usize> = ids
            .filter_map(|id| snapshot.slot(id))
            .filter(|place| ours(&seen.nodes[*place]))
            .collect();
        places.sort_unstable();
        let ids = places.into_iter().map(|place| seen.nodes[place].id);
        ids.collect()
    };
    let needed = tainted.iter().filter(|id| !unneeded.contains(**id));
    for node in ours(&mut needed.copied()) {
        if left > 0 {
            outside.clean_deletion_candidate(node);
            left -= 1;
        }
    }
    let unneeded = unneeded.iter().map(|node| node.removal.node);
    for node in ours(&mut unneeded.filter(|id| !tainted.contains(id))) {
        if left > 0 {
            outside.mark_deletion_candidate(node);
            left -= 1;
        }
    }
}
