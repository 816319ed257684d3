//! Whether a node is worth a simulation.
//!
//! Source: `core/scaledown/eligibility/eligibility.go`.

use crate::autoscaler::cluster_autoscaler::model::{Node, Observation};
use crate::autoscaler::cluster_autoscaler::options::Options;
use crate::autoscaler::cluster_autoscaler::simulator::removal::UnremovableReason;
use crate::autoscaler::cluster_autoscaler::simulator::snapshot::Snapshot;
use crate::autoscaler::cluster_autoscaler::simulator::utilization::{self, Utilization};
use crate::sim::{SimDuration, SimTime};

/// How long the taint for deletion keeps a node from being looked at again.
const MAX_NODE_DELETION_TIME: SimDuration = SimDuration::from_secs(300);

/// Whether a node's deletion is under way.
pub(crate) fn is_being_deleted(node: &Node, now: SimTime) -> bool {
    node.to_be_deleted
        .is_some_and(|since| now.since(since) < MAX_NODE_DELETION_TIME)
}

/// The utilization of a node in the snapshot, by its group's rules.
pub(super) fn node_utilization(
    seen: &Observation<'_>,
    options: &Options,
    snapshot: &Snapshot<'_>,
    node: &Node,
) -> Option<Utilization> {
    let info = snapshot.node(snapshot.slot(node.id)?);
    let ignore_daemon_sets = node
        .group
        .map(|group| &seen.group(group).options)
        .is_some_and(|group| group.ignore_daemon_sets(options));
    let pods = info.pods.iter().map(|placed| {
        let pod = placed.pod.map(|index| &seen.pods[index as usize]);
        (pod, seen.class(placed.class))
    });
    utilization::calculate(
        &info.shape.allocatable,
        pods,
        ignore_daemon_sets,
        options.ignore_mirror_pods_utilization,
        seen.now,
    )
}

/// Why a node is not worth a simulation, if it is not, and its utilization if that was looked at.
pub(super) fn check(
    seen: &Observation<'_>,
    options: &Options,
    snapshot: &Snapshot<'_>,
    node: &Node,
) -> (Option<UnremovableReason>, Option<Utilization>) {
    if is_being_deleted(node, seen.now) {
        return (Some(UnremovableReason::CurrentlyBeingDeleted), None);
    }
    if node.scale_down_disabled {
        return (Some(UnremovableReason::ScaleDownDisabledAnnotation), None);
    }
    let (Some(group), Some(utilization)) =
        (node.group, node_utilization(seen, options, snapshot, node))
    else {
        return (Some(UnremovableReason::UnexpectedError), None);
    };
    if !options.scale_down_unready_enabled && !node.ready {
        return (Some(UnremovableReason::ScaleDownUnreadyDisabled), None);
    }
    let own = &seen.group(group).options;
    let threshold = match utilization.gpu {
        Some(_) => own.gpu_utilization_threshold(options),
        None => own.utilization_threshold(options),
    };
    let reason = (utilization.highest() > threshold).then_some(UnremovableReason::NotUnderutilized);
    (reason, Some(utilization))
}
