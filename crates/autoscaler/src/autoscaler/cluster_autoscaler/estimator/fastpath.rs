//! The last group of pods on one node, the rest by arithmetic.
//!
//! Source: `tryFastPath`, `determineBestPEGToFastpath` in `estimator/binpacking_estimator.go`
//! (`fastpath-binpacking-enabled`). Groups with topology spread constraints or with anti-affinity
//! over more than a host are kept off this path (`shouldUseFastPath`).

use super::{Limiter, PodEquivalenceGroup, State};
use crate::autoscaler::cluster_autoscaler::model::PodClass;
use crate::autoscaler::cluster_autoscaler::simulator::snapshot::{Placed, SimNode, Snapshot};
use crate::autoscaler::cluster_autoscaler::simulator::templates::Template;

/// Puts the group that gains most last; answers whether there is one.
pub(super) fn best_last(
    groups: &mut Vec<(f64, &PodEquivalenceGroup)>,
    classes: &[PodClass],
    template: &Template,
) -> bool {
    let mut most = 0;
    let mut best = None;
    for (index, (_, group)) in groups.iter().enumerate() {
        let pod = &classes[group.class.index()];
        let is_simple = !pod.has_spread && pod.anti_affinity.is_empty();
        let saved = simulations_saved(group, classes, template);
        if saved >= most && is_simple {
            (most, best) = (saved, Some(index));
        }
    }
    let Some(best) = best else {
        return false;
    };
    let group = groups.remove(best);
    groups.push(group);
    true
}

/// Pods that need not be simulated: all but those of one node.
fn simulations_saved(
    group: &PodEquivalenceGroup,
    classes: &[PodClass],
    template: &Template,
) -> usize {
    let pod = &classes[group.class.index()];
    let capacity = &template.shape.capacity;
    let pods = group.pods.len();
    let nodes_for = |asked: i64, has: i64| {
        if has > 0 {
            (pods as f64 * asked as f64 / has as f64).ceil() as usize
        } else {
            0
        }
    };
    let alone = if pod.host_anti_affinity.contains(&group.class) {
        pods
    } else {
        0
    };
    let nodes = alone
        .max(nodes_for(pod.requests.cpu.0, capacity.cpu.0))
        .max(nodes_for(pod.requests.memory.0, capacity.memory.0));
    pods.checked_div(nodes).map_or(0, |on_one| pods - on_one)
}

/// Adds one node, and counts as many more as the pods left would fill.
pub(super) fn on_new_nodes(
    snapshot: &mut Snapshot<'_>,
    state: &mut State,
    template: &Template,
    group: &PodEquivalenceGroup,
    left: usize,
    limiter: &mut Limiter,
) {
    let pods = &group.pods[left..];
    if pods.is_empty() || !limiter.permission_to_add_node() {
        return;
    }
    let info = template.node(SimNode::New, snapshot);
    let slot = snapshot.add_node(info);
    let mut on_one = 0;
    for pod in pods {
        let placed = Placed {
            pod: Some(*pod),
            class: group.class,
            terminating: false,
        };
        if snapshot.schedule_on(placed, slot).is_err() {
            break;
        }
        state.track(*pod, slot);
        on_one += 1;
    }
    if on_one == 0 {
        return;
    }
    for rest in pods[on_one..].chunks(on_one) {
        if !limiter.permission_to_add_node() {
            return;
        }
        state.counted += 1;
        state.scheduled.extend(rest);
    }
}
