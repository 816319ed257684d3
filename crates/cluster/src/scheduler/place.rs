//! The choice of a node: by the classes where nothing but requests, node selectors and tolerations
//! tells pods apart, else by a search over all nodes.

use std::sync::Arc;

use super::Scheduler;
use super::classes::{Class, MOST_CLASSES, View, Window};
use super::diagnosis::{Diagnosis, Lack, Preemption, Refusal};
use super::fit::{Room, insufficient_resources};
use super::images::Wanted;
use super::load::is_hopeless;
use super::node_tree::Order;
use super::preempt::{Candidate, preempt};
use super::score::{balanced_allocation, balanced_change, least_allocated, spreads_by_default};
use super::search::{Search, Walk, node_refusal};
use super::terms;
use crate::api::{
    Context, Kind, Labels, Node, NodeId, NodeInfo, ObjectId, Pod, PodAmounts, PodId, PodTemplate,
    Store, TaintEffect, Toleration, matches, untolerated,
};

/// Below this number of nodes all are looked at, and so many that fit are looked for at least
/// (`minFeasibleNodesToFind`).
const FEWEST_NODES: usize = 100;

/// What a node offers and has promised, as the scheduler sees it.
pub(super) fn room(node: &Node, info: &NodeInfo) -> Room {
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
        let named = context.store.pod(id)?.template.node_name.as_deref();
        if let Some(name) = named {
            return match context.store.find(Kind::Node, "", name) {
                Some(ObjectId::Node(node)) => Some(node),
                _ => None,
            };
        }
        self.attempt(id, context).ok()
    }

    /// Whether all filters let a pod onto a node as it is.
    pub fn lets(pod: PodId, node: NodeId, store: &Store) -> bool {
        let (Some(own), Some(on)) = (store.pod(pod), store.find_node(node)) else {
            return false;
        };
        Search::new(pod, own, store, &[])
            .refusal(node, on)
            .is_none()
    }

    /// The best node for a pod, or why none fits.
    pub(super) fn attempt<E>(
        &mut self,
        id: PodId,
        context: &Context<'_, E>,
    ) -> Result<NodeId, Arc<Diagnosis>> {
        let store = &*context.store;
        let Some(pod) = store.pod(id) else {
            return Err(Arc::default());
        };
        let tie_breaker = context.draws.tie_breaker(id);
        if self.is_searched(pod, store) {
            return self.searched(id, pod, tie_breaker, store);
        }
        let place = self.class(&pod.amounts(), &pod.template);
        let scores_change = self.scores_change;
        let nodes = store.node_count();
        let enough = feasible_nodes_to_find(nodes, self.percentage);
        let images = Wanted::new(&pod.template, store);
        let is_walked = enough < nodes || !images.is_empty();
        self.node_tree.catch_up(store);
        let order = is_walked.then(|| self.node_tree.order());
        let class = &mut self.classes[place];
        look_again(class, store, scores_change, order);
        if class.has_several_taints() {
            return self.searched(id, pod, tie_breaker, store);
        }
        let workload = store.workload(pod.workload);
        let matching = spreads_by_default(workload.kind).then_some(&workload.nodes[..]);
        let best = match order {
            None => class.best(matching, tie_breaker, &mut self.scratch),
            Some(order) => {
                let window = Window {
                    order,
                    start: self.next_start % nodes,
                    enough,
                    images: &images,
                };
                let best = class.best_of_some(window, matching, tie_breaker, &mut self.scratch);
                best.map(|(slot, next)| {
                    self.next_start = next;
                    slot
                })
            }
        };
        if let Some(node) = best.and_then(|slot| store.node_at(slot)) {
            return Ok(node);
        }
        if class.unfit.is_none() {
            let search = Search::new(id, pod, store, &[]);
            let unfit = search.feasible(Walk::ALL).0.err();
            class.unfit = Some(Arc::new(unfit.unwrap_or_default()));
        }
        Err(class.unfit.clone().unwrap_or_default())
    }

    /// Whether only a search over all nodes finds a pod's node.
    fn is_searched(&self, pod: &Pod, store: &Store) -> bool {
        let priority = pod.template.priority;
        let before = |(id, _): &(PodId, NodeId)| {
            let other = store.pod(*id);
            other.is_some_and(|other| other.template.priority >= priority)
        };
        pod.template.placement.is_some()
            || pod.pinned.is_some()
            || pod.nominated.is_some()
            || !store.opinions().is_empty() && terms::concerned(pod, store)
            || self.nominated.iter().any(before)
    }

    fn searched(
        &mut self,
        id: PodId,
        pod: &Pod,
        tie_breaker: f64,
        store: &Store,
    ) -> Result<NodeId, Arc<Diagnosis>> {
        let search = Search::new(id, pod, store, &self.nominated);
        let nodes = store.node_count();
        // The node that others leave for it, or that of a DaemonSet's pod.
        if let Some(own) = pod.nominated.or(pod.pinned)
            && let Some(node) = store.find_node(own)
            && search.refusal(own, node).is_none()
        {
            if pod.nominated.is_none() {
                self.next_start = (self.next_start + 1) % nodes;
            }
            return Ok(own);
        }
        let is_sampled = feasible_nodes_to_find(nodes, self.percentage) < nodes;
        self.node_tree.catch_up(store);
        let order = is_sampled.then(|| self.node_tree.order());
        let walk = Walk {
            order: order.map(Order::nodes),
            start: self.next_start,
            percentage: self.percentage,
        };
        let (found, mut looked) = search.feasible(walk);
        let best = found.map(|found| search.best(&found, self.scores_change, tie_breaker));
        // The node that was looked at first counts as well, unless it is among the others.
        let first = pod.nominated.filter(|id| store.find_node(*id).is_some());
        if let Some(place) = order.and_then(|order| order.place(first?.slot())) {
            let way = (place + nodes - self.next_start % nodes) % nodes;
            looked += usize::from(way >= looked);
        }
        self.next_start = (self.next_start + looked) % nodes.max(1);
        best.map_err(Arc::new)?.ok_or_else(Arc::default)
    }

    /// Victims that make a pod fit, or why there are none.
    pub(super) fn make_room(
        &self,
        id: PodId,
        diagnosis: &Diagnosis,
        offset: f64,
        store: &Store,
    ) -> Result<Candidate, Preemption> {
        let Some(pod) = store.pod(id) else {
            return Err(Preemption::Useless(Vec::new()));
        };
        let search = Search::new(id, pod, store, &self.nominated);
        preempt(&search, diagnosis, offset)
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

/// How many nodes that fit are enough, of so many (`numFeasibleNodesToFind`).
pub(super) fn feasible_nodes_to_find(nodes: usize, percentage: u32) -> usize {
    if nodes < FEWEST_NODES || percentage >= 100 {
        return nodes;
    }
    let percentage = match percentage {
        0 => 50usize.saturating_sub(nodes / 125).max(5),
        stated => stated as usize,
    };
    (nodes * percentage / 100).max(FEWEST_NODES)
}

/// Brings a class up to what has happened to nodes since its last pod, and to the order in which
/// they are looked at where that makes a difference.
fn look_again(class: &mut Class, store: &Store, scores_change: bool, order: Option<&Order>) {
    let changed = store.nodes_changed_since(class.seen);
    let followed = order.filter(|order| class.follows(order));
    let mut look = |slot: usize| {
        let view = store.node_at(slot).map_or_else(View::default, |id| {
            let (node, info) = (store.node(id), store.node_info(id));
            view(node, info, Ask::of_class(class), scores_change)
        });
        class.look(slot, view);
        if let Some(order) = followed {
            class.note(slot, order);
        }
    };
    let is_news = changed.is_none_or(|slots| !slots.is_empty());
    match changed {
        Some(slots) => slots.iter().for_each(|slot| look(*slot as usize)),
        None => (0..store.node_slots()).for_each(look),
    }
    class.seen = store.node_changes();
    if is_news {
        class.unfit = None;
    }
    match order {
        None => class.lose_order(),
        Some(order) if followed.is_none() => class.follow(order),
        Some(_) => {}
    }
}

/// What pods ask of a node.
#[derive(Debug, Clone, Copy)]
struct Ask<'a> {
    wanted: &'a PodAmounts,
    selector: &'a Labels,
    tolerations: &'a [Toleration],
}

impl<'a> Ask<'a> {
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
    let fits = refusal(node, info, ask).is_none();
    let prefers = |effect| effect == TaintEffect::PreferNoSchedule;
    let repelling = untolerated(&node.taints, ask.tolerations, prefers).count();
    let score = || resource_score(node, info, ask.wanted, scores_change) - repulsion(repelling);
    View {
        selected: matches(ask.selector, node.labels()),
        score: fits.then(|| score() as i32),
        zone: node.zone.map_or(0, |number| number as u32 + 1),
        several_taints: fits && repelling > 1,
    }
}

/// What TaintToleration's weighted score is less on a node with a taint that prefers other pods.
/// Exact as long as no node has two such taints.
fn repulsion(taints: usize) -> i64 {
    const WEIGHTED: i64 = 3 * 100;
    if taints > 0 { WEIGHTED } else { 0 }
}

/// NodeResourcesFit's and NodeResourcesBalancedAllocation's scores of a node.
pub(super) fn resource_score(
    node: &Node,
    info: &NodeInfo,
    wanted: &PodAmounts,
    scores_change: bool,
) -> i64 {
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

/// Why a node does not fit, if it does not (NodeUnschedulable, TaintToleration, node selector,
/// NodeResourcesFit).
fn refusal(node: &Node, info: &NodeInfo, ask: Ask<'_>) -> Option<Refusal> {
    let Ask {
        wanted,
        selector,
        tolerations,
    } = ask;
    node_refusal(node, selector, tolerations).or_else(|| {
        let common = insufficient_resources(room(node, info), wanted);
        (common.pods || common.cpu || common.memory).then(|| {
            Refusal::Fit(Lack {
                common,
                extended: 0,
                hopeless: is_hopeless(node, wanted),
            })
        })
    })
}

#[cfg(test)]
mod tests;
