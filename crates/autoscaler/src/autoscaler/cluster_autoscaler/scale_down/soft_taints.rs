//! Unneeded nodes are tainted softly: the scheduler prefers others.
//!
//! Source: `core/scaledown/actuation/softtaint.go`.

use super::unneeded::UnneededNodes;
use crate::autoscaler::cluster_autoscaler::model::Node;
use crate::autoscaler::cluster_autoscaler::options::Options;
use crate::autoscaler::cluster_autoscaler::outside::Outside;

/// Takes the taint from nodes that are needed, then sets it on those that are not, up to
/// `max-bulk-soft-taint-count` changes in all.
pub fn update_soft_deletion_taints(
    options: &Options,
    nodes: &[&Node],
    unneeded: &UnneededNodes,
    outside: &mut dyn Outside,
) {
    let mut left = options.max_bulk_soft_taint_count;
    let ours = || {
        nodes
            .iter()
            .filter(|node| node.group.is_some() && !node.has_to_be_deleted_taint())
    };
    for node in ours() {
        if left > 0 && !unneeded.contains(node.id) && node.has_deletion_candidate_taint() {
            outside.clean_deletion_candidate(node.id);
            left -= 1;
        }
    }
    for node in ours() {
        if left > 0 && unneeded.contains(node.id) && !node.has_deletion_candidate_taint() {
            outside.mark_deletion_candidate(node.id);
            left -= 1;
        }
    }
}
