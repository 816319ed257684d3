//! The choice of a node: filters, scores, the tie-breaker.

use super::Scheduler;
use super::classes::{Class, MOST_CLASSES, View};
use super::fit::{Insufficient, Room, insufficient_resources};
use super::score::{balanced_allocation, balanced_change, least_allocated};
use crate::api::{
    Context, Kind, Labels, Node, NodeId, NodeInfo, Pod, PodAmounts, PodId, PodTemplate, Store,
    TaintEffect, Toleration, matches, untolerated,
};

/// Why nodes were refused, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unfit {
    unschedulable: u32,
    taints: u32,
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
            (self.taints, "node(s) had untolerated taint(s)"),
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
        let hopeless = self.unschedulable + self.taints + self.selector;
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
    /// The best node for a pod, if one fits.
    pub fn find_node<E>(&mut self, id: PodId, context: &Context<'_, E>) -> Option<NodeId> {
        let store = &*context.store;
        let pod = store.pod(id)?;
        if let Some(own) = pod.pinned {
            let node = store.find_node(own)?;
            let fits = fits_pinned(node, store.node_info(own), pod, &mut Unfit::default());
            return fits.then_some(own);
        }
        let place = self.class(&pod.amounts(), &pod.template);
        let scores_change = self.scores_change;
        let class = &mut self.classes[place];
        look_again(class, store, scores_change);
        // The default constraints do not concern pods that no ReplicaSet or StatefulSet owns.
        let workload = store.workload(pod.workload);
        let matching =
            (!matches!(workload.kind, Kind::Job | Kind::CronJob)).then_some(&workload.nodes[..]);
        let tie_breaker = context.draws.tie_breaker(id);
        let slot = class.best(matching, tie_breaker, &mut self.scratch)?;
        store.node_at(slot)
    }

    /// Why a pod fits nowhere.
    pub fn unfit(id: PodId, store: &Store) -> Unfit {
        let mut unfit = Unfit::default();
        if let Some(pod) = store.pod(id) {
            let wanted = pod.amounts();
            let ask = Ask::of(&wanted, &pod.template);
            for (id, node) in store.nodes() {
                match pod.pinned {
                    Some(own) if own == id => {
                        fits_pinned(node, store.node_info(id), pod, &mut unfit);
                        continue;
                    }
                    Some(_) => {
                        unfit.selector += 1;
                        continue;
                    }
                    None => {}
                }
                fits(node, store.node_info(id), ask, &mut unfit);
            }
        }
        unfit
    }

    /// The class of pods of a template with these requests.
    fn class(&mut self, wanted: &PodAmounts, template: &PodTemplate) -> usize {
        let (selector, tolerations) = (&template.node_selector, &template.tolerations);
        let same = |class: &Class| {
            class.wanted == *wanted
                && class.selector == *selector
                && class.tolerations == *tolerations
        };
        if let Some(place) = self.classes.iter().position(same) {
            return place;
        }
        if self.classes.len() == MOST_CLASSES {
            self.classes.clear();
        }
        let class = Class::new(*wanted, selector.clone(), tolerations.clone());
        self.classes.push(class);
        self.classes.len() - 1
    }
}

/// Brings a class up to what has happened to nodes since its last pod.
fn look_again(class: &mut Class, store: &Store, scores_change: bool) {
    let changed = store.nodes_changed_since(class.seen);
    let mut look = |slot: usize| {
        let view = store.node_at(slot).map_or_else(View::default, |id| {
            let (node, info) = (store.node(id), store.node_info(id));
            view(node, info, Ask::of_class(class), scores_change)
        });
        class.look(slot, view);
    };
    match changed {
        Some(slots) => slots.iter().for_each(|slot| look(*slot as usize)),
        None => (0..store.node_slots()).for_each(look),
    }
    class.seen = store.node_changes();
}

/// What pods ask of a node.
#[derive(Debug, Clone, Copy)]
struct Ask<'a> {
    wanted: &'a PodAmounts,
    selector: &'a Labels,
    tolerations: &'a [Toleration],
}

impl<'a> Ask<'a> {
    fn of(wanted: &'a PodAmounts, template: &'a PodTemplate) -> Self {
        Self {
            wanted,
            selector: &template.node_selector,
            tolerations: &template.tolerations,
        }
    }

    fn of_class(class: &'a Class) -> Self {
        Self {
            wanted: &class.wanted,
            selector: &class.selector,
            tolerations: &class.tolerations,
        }
    }
}

/// What a node is to pods that ask for this.
fn view(node: &Node, info: &NodeInfo, ask: Ask<'_>, scores_change: bool) -> View {
    let fits = fits(node, info, ask, &mut Unfit::default());
    let score =
        || resource_score(node, info, ask.wanted, scores_change) - repulsion(node, ask.tolerations);
    View {
        selected: matches(ask.selector, node.labels()),
        score: fits.then(|| score() as i32),
        zone: node.zone.map_or(0, |number| number as u32 + 1),
    }
}

/// What TaintToleration's weighted score is less on a node with a taint that prefers other pods.
/// Exact as long as no node has two such taints.
fn repulsion(node: &Node, tolerations: &[Toleration]) -> i64 {
    const WEIGHTED: i64 = 3 * 100;
    let prefers = |effect| effect == TaintEffect::PreferNoSchedule;
    let repels = untolerated(&node.taints, tolerations, prefers)
        .next()
        .is_some();
    if repels { WEIGHTED } else { 0 }
}

/// NodeResourcesFit's and NodeResourcesBalancedAllocation's scores of a node.
fn resource_score(node: &Node, info: &NodeInfo, wanted: &PodAmounts, scores_change: bool) -> i64 {
    let Room {
        allocatable,
        requested: before,
        ..
    } = room(node, info);
    let nonzero = info.deferred + info.nonzero;
    let with_pod = before + wanted.raw;
    let balanced = match (wanted.has_requests(), scores_change) {
        (false, _) => 0,
        (true, true) => balanced_change(allocatable, before, with_pod),
        (true, false) => balanced_allocation(allocatable, with_pod),
    };
    least_allocated(allocatable, nonzero + wanted.nonzero) + balanced
}

/// Whether a node fits (NodeUnschedulable, TaintToleration, node selector, NodeResourcesFit);
/// counts the reasons if not.
fn fits(node: &Node, info: &NodeInfo, ask: Ask<'_>, unfit: &mut Unfit) -> bool {
    // The taint of a node that starts says the rest.
    if node.unschedulable || !(node.ready || node.starting) {
        unfit.unschedulable += 1;
        return false;
    }
    has_room(node, info, ask, unfit)
}

/// The same for a pod of a DaemonSet on its own node, which may be cordoned or silent.
fn fits_pinned(node: &Node, info: &NodeInfo, pod: &Pod, unfit: &mut Unfit) -> bool {
    has_room(node, info, Ask::of(&pod.amounts(), &pod.template), unfit)
}

fn has_room(node: &Node, info: &NodeInfo, ask: Ask<'_>, unfit: &mut Unfit) -> bool {
    let Ask {
        wanted,
        selector,
        tolerations,
    } = ask;
    let binds = |effect| effect != TaintEffect::PreferNoSchedule;
    if untolerated(&node.taints, tolerations, binds)
        .next()
        .is_some()
    {
        unfit.taints += 1;
        return false;
    }
    if !matches(selector, node.labels()) {
        unfit.selector += 1;
        return false;
    }
    let Insufficient { pods, cpu, memory } = insufficient_resources(room(node, info), wanted);
    unfit.pods += u32::from(pods);
    unfit.cpu += u32::from(cpu);
    unfit.memory += u32::from(memory);
    !(pods || cpu || memory)
}

#[cfg(test)]
mod tests;
