//! The choice of a node: filters, scores, the tie-breaker.

use super::Scheduler;
use super::fit::{Insufficient, Room, insufficient_resources};
use super::score::{
    SpreadNode, WEIGHT_SPREAD, balanced_allocation, balanced_change, least_allocated,
    spread_normalized, spread_raw,
};
use crate::api::{Context, Kind, Node, NodeId, NodeInfo, Pod, PodAmounts, PodId, Store, matches};

/// Why nodes were refused, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unfit {
    unschedulable: u32,
    selector: u32,
    pods: u32,
    cpu: u32,
    memory: u32,
}

impl Unfit {
    /// The message of the FailedScheduling event.
    pub(super) fn message(self, nodes: usize) -> String {
        let reasons = [
            (self.unschedulable, "node(s) were unschedulable"),
            (self.cpu, "Insufficient cpu"),
            (self.memory, "Insufficient memory"),
            (self.pods, "Too many pods"),
            (
                self.selector,
                "node(s) didn't match Pod's node affinity/selector",
            ),
        ];
        let mut texts: Vec<String> = reasons
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, reason)| format!("{count} {reason}"))
            .collect();
        texts.sort();
        // Room could be made on the others, if only they had pods of lower priority.
        let hopeless = self.unschedulable + self.selector;
        let preemption = [
            (
                nodes as u32 - hopeless,
                "No preemption victims found for incoming pod",
            ),
            (hopeless, "Preemption is not helpful for scheduling"),
        ];
        let preemption: Vec<String> = preemption
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, reason)| format!("{count} {reason}"))
            .collect();
        format!(
            "0/{nodes} nodes are available: {}. no new claims to deallocate, preemption: 0/{nodes} nodes are available: {}.",
            texts.join(", "),
            preemption.join(", ")
        )
    }
}

/// What a node offers and has promised, as the scheduler sees it.
fn room(node: &Node, info: &NodeInfo) -> Room {
    Room {
        allocatable: node.allocatable,
        requested: info.requested + info.deferred,
        pods: info.pods,
        max_pods: node.max_pods,
    }
}

impl Scheduler {
    /// The best node for a pod, or why none fits.
    pub fn find_node<E>(&self, id: PodId, context: &Context<'_, E>) -> Result<NodeId, Unfit> {
        let mut unfit = Unfit::default();
        let store = &*context.store;
        let Some(pod) = store.pod(id) else {
            return Err(unfit);
        };
        let wanted = pod.amounts();
        let feasible: Vec<NodeId> = store
            .nodes()
            .filter(|(id, node)| fits(node, store.node_info(*id), pod, &wanted, &mut unfit))
            .map(|(id, _)| id)
            .collect();
        match feasible.as_slice() {
            [] => Err(unfit),
            [only] => Ok(*only),
            _ => {
                let tie_breaker = context.draws.tie_breaker(id);
                Ok(self.best(&feasible, pod, &wanted, tie_breaker, store))
            }
        }
    }

    /// The node with the highest score; the pod's tie-breaker decides among equals.
    fn best(
        &self,
        feasible: &[NodeId],
        pod: &Pod,
        wanted: &PodAmounts,
        tie_breaker: f64,
        store: &Store,
    ) -> NodeId {
        let spread = spread_scores(feasible, pod, store);
        let mut best = Vec::new();
        let mut best_score = i64::MIN;
        for (place, &id) in feasible.iter().enumerate() {
            let spread = spread.get(place).copied().unwrap_or_default();
            let (node, info) = (store.node(id), store.node_info(id));
            let score = self.resource_score(node, info, wanted) + WEIGHT_SPREAD * spread;
            if score > best_score {
                best_score = score;
                best.clear();
            }
            if score == best_score {
                best.push(id);
            }
        }
        best[(tie_breaker * best.len() as f64) as usize]
    }

    fn resource_score(&self, node: &Node, info: &NodeInfo, wanted: &PodAmounts) -> i64 {
        let Room {
            allocatable,
            requested: before,
            ..
        } = room(node, info);
        let nonzero = info.deferred + info.nonzero;
        let with_pod = before + wanted.raw;
        let balanced = match (wanted.has_requests(), self.scores_change) {
            (false, _) => 0,
            (true, true) => balanced_change(allocatable, before, with_pod),
            (true, false) => balanced_allocation(allocatable, with_pod),
        };
        least_allocated(allocatable, nonzero + wanted.nonzero) + balanced
    }
}

/// PodTopologySpread's scores of the candidates; none for pods that no ReplicaSet or
/// StatefulSet owns, which the default constraints do not concern.
fn spread_scores(feasible: &[NodeId], pod: &Pod, store: &Store) -> Vec<i64> {
    if store.workload(pod.workload).kind == Kind::Job {
        return Vec::new();
    }
    let mut candidates = feasible.iter().peekable();
    let nodes: Vec<SpreadNode> = store
        .nodes()
        .filter(|(_, node)| is_selected(node, pod))
        .map(|(id, node)| SpreadNode {
            matching: store.node_info(id).pods_of(pod.workload.index()),
            zone: node.zone,
            is_candidate: candidates.next_if(|&&next| next == id).is_some(),
        })
        .collect();
    spread_normalized(&spread_raw(&nodes))
}

/// Whether the pod's node selector matches the node.
fn is_selected(node: &Node, pod: &Pod) -> bool {
    matches(&pod.template.node_selector, node.labels())
}

/// Whether a node fits (NodeUnschedulable, node selector, NodeResourcesFit); counts the
/// reasons if not.
fn fits(node: &Node, info: &NodeInfo, pod: &Pod, wanted: &PodAmounts, unfit: &mut Unfit) -> bool {
    if node.unschedulable || !node.ready {
        unfit.unschedulable += 1;
        return false;
    }
    if !is_selected(node, pod) {
        unfit.selector += 1;
        return false;
    }
    let Insufficient { pods, cpu, memory } = insufficient_resources(room(node, info), wanted);
    unfit.pods += u32::from(pods);
    unfit.cpu += u32::from(cpu);
    unfit.memory += u32::from(memory);
    !(pods || cpu || memory)
}
