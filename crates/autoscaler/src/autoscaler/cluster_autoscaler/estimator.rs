//! How many nodes of a group the pending pods would need.
//!
//! Source: `estimator/`. First fit by decreasing size: pods of the largest groups first, on nodes
//! already added, then on the last one, then on a new one.

mod fastpath;

use std::collections::BTreeSet;

use super::model::{ClassId, GroupId, NodeGroup, PodClass};
use super::simulator::TOO_SKEWED;
use super::simulator::snapshot::{Placed, SimNode, Snapshot};
use super::simulator::templates::Template;

/// Pods of one kind that wait, by their place in the observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodEquivalenceGroup {
    /// Their class.
    pub class: ClassId,
    /// The pods.
    pub pods: Vec<u32>,
}

/// How many nodes may be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limiter {
    /// 0 is no limit, negative is none.
    max_nodes: i64,
    nodes: i64,
}

impl Limiter {
    /// The strictest of some limits; 0 is none, a negative one lets nothing through.
    pub fn new(limits: impl IntoIterator<Item = i64>) -> Self {
        let strictest = |base: i64, limit: i64| {
            if base < 0 || limit < 0 {
                -1
            } else if limit > 0 && (base == 0 || base > limit) {
                limit
            } else {
                base
            }
        };
        Self {
            max_nodes: limits.into_iter().fold(0, strictest),
            nodes: 0,
        }
    }

    fn permission_to_add_node(&mut self) -> bool {
        if self.max_nodes < 0 || self.max_nodes > 0 && self.nodes >= self.max_nodes {
            return false;
        }
        self.nodes += 1;
        true
    }
}

/// The limit that `max-nodes-total` leaves.
pub fn cluster_capacity(max_nodes_total: i64, current: i64) -> i64 {
    match max_nodes_total {
        0 => 0,
        total if total <= current => -1,
        total => total - current,
    }
}

/// The limit that the sizes of a group and those like it leave.
pub fn similar_groups_capacity<'g>(
    sizes: impl IntoIterator<Item = (GroupId, &'g NodeGroup, i64)>,
) -> i64 {
    let free = |(_, group, target): (GroupId, &NodeGroup, i64)| (group.max - target).max(0);
    match sizes.into_iter().map(free).sum() {
        0 => -1,
        capacity => capacity,
    }
}

/// What an estimation found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Nodes that got at least one pod.
    pub nodes: i64,
    /// The pods that found a place.
    pub pods: Vec<u32>,
}

struct State {
    first: usize,
    /// The last node added, and whether it has one of the pods.
    last: Option<(usize, bool)>,
    with_pods: BTreeSet<usize>,
    scheduled: Vec<u32>,
    /// Nodes that are only counted.
    counted: i64,
}

impl State {
    fn track(&mut self, pod: u32, slot: usize) {
        self.with_pods.insert(slot);
        if let Some((last, used)) = &mut self.last
            && *last == slot
        {
            *used = true;
        }
        self.scheduled.push(pod);
    }
}

/// Packs the groups on nodes like the template. The snapshot is left as it was. With `fastpath`,
/// one group is packed on one node only, and the rest of it is arithmetic.
pub fn estimate(
    snapshot: &mut Snapshot<'_>,
    groups: &[PodEquivalenceGroup],
    template: &Template,
    mut limiter: Limiter,
    fastpath: bool,
) -> Estimate {
    let classes = snapshot.classes();
    let mut ordered: Vec<(f64, &PodEquivalenceGroup)> = groups
        .iter()
        .map(|group| (score(&classes[group.class.index()], template), group))
        .collect();
    // Upstream's sort leaves the order of equals open.
    ordered.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let fast = fastpath && fastpath::best_last(&mut ordered, classes, template);
    snapshot.fork();
    let mut state = State {
        first: snapshot.slots(),
        last: None,
        with_pods: BTreeSet::new(),
        scheduled: Vec::new(),
        counted: 0,
    };
    let mut new_nodes_available = true;
    let last = ordered.len().saturating_sub(1);
    for (index, (_, group)) in ordered.into_iter().enumerate() {
        let left = on_existing_nodes(snapshot, &mut state, group);
        if new_nodes_available && fast && index == last {
            fastpath::on_new_nodes(snapshot, &mut state, template, group, left, &mut limiter);
        } else if new_nodes_available {
            let left = &group.pods[left..];
            new_nodes_available = on_new_nodes(
                snapshot,
                &mut state,
                template,
                group.class,
                left,
                &mut limiter,
            );
        }
    }
    snapshot.revert();
    Estimate {
        nodes: state.with_pods.len() as i64 + state.counted,
        pods: state.scheduled,
    }
}

/// How much of a node a pod asks for: the sum of its shares of CPU and memory.
fn score(pod: &PodClass, template: &Template) -> f64 {
    let (asked, has) = (&pod.requests, &template.shape.allocatable);
    let mut score = 0.0;
    if has.cpu.0 > 0 {
        score += asked.cpu.0 as f64 / has.cpu.0 as f64;
    }
    if has.memory.0 > 0 {
        score += asked.memory.0 as f64 / has.memory.0 as f64;
    }
    score
}

/// Fills the nodes added so far; answers the place of the first pod that fits on none.
fn on_existing_nodes(
    snapshot: &mut Snapshot<'_>,
    state: &mut State,
    group: &PodEquivalenceGroup,
) -> usize {
    for (index, pod) in group.pods.iter().enumerate() {
        let placed = Placed {
            pod: Some(*pod),
            class: group.class,
            terminating: false,
        };
        let range = state.first..snapshot.slots();
        let Some(slot) = snapshot.schedule_on_any(placed, range, |_| true) else {
            return index;
        };
        state.track(*pod, slot);
    }
    group.pods.len()
}

/// Adds nodes for the rest; answers whether more may be added for other groups.
fn on_new_nodes(
    snapshot: &mut Snapshot<'_>,
    state: &mut State,
    template: &Template,
    class: ClassId,
    pods: &[u32],
    limiter: &mut Limiter,
) -> bool {
    for pod in pods {
        let placed = Placed {
            pod: Some(*pod),
            class,
            terminating: false,
        };
        if let Some((last, used)) = state.last {
            let Err(reasons) = snapshot.schedule_on(placed, last) else {
                state.track(*pod, last);
                continue;
            };
            // A pod that spreads over hosts may fit on another node by now. As upstream: a node
            // that was there before counts as if it were new.
            let spreads = snapshot.classes()[class.index()].spreads_by_host;
            if spreads && reasons == [TOO_SKEWED] {
                let all = 0..snapshot.slots();
                if let Some(slot) = snapshot.schedule_on_any_but(placed, all, last) {
                    state.track(*pod, slot);
                    continue;
                }
            }
            // An empty node that does not do: another one would not either.
            if !used {
                return true;
            }
        }
        if !limiter.permission_to_add_node() {
            return false;
        }
        let info = template.node(SimNode::New, snapshot);
        let slot = snapshot.add_node(info);
        state.last = Some((slot, false));
        if snapshot.schedule_on(placed, slot).is_err() {
            break;
        }
        state.track(*pod, slot);
    }
    true
}
