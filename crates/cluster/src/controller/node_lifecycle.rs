//! The node lifecycle controller: nodes that are not heard of any more, and nodes that are back
//! (`pkg/controller/nodelifecycle`).
//!
//! A kubelet renews its node's lease every 10 s, and the controller looks every 5 s: it takes note
//! of a renewal when it sees it, and finds the node Unknown once the grace period has passed since
//! then. NoExecute taints come at a limited rate, one node of a zone after the other, and not at
//! all while no node is Ready.

use std::collections::{BTreeMap, VecDeque};

use crate::api::{
    Change, Context, MEMORY_PRESSURE, NOT_READY, Node, NodeId, ObjectId, PodId, PodWrite,
    Readiness, Store, Taint, TaintEffect, UNREACHABLE, UNSCHEDULABLE, What, Write,
};
use crate::cluster::spec::ClusterConfig;
use crate::sim::{SimDuration, SimTime, Streams};

/// From one look to the next (`--node-monitor-period`).
const PERIOD: SimDuration = SimDuration::from_secs(5);
/// From one renewal of a lease to the next (a quarter of `nodeLeaseDurationSeconds`).
const RENEWAL: SimDuration = SimDuration::from_secs(10);
/// From one eviction of a node in a zone to the next (`--node-eviction-rate`).
const BETWEEN: SimDuration = SimDuration::from_secs(10);
/// The same in a large zone of which many nodes are away (`--secondary-node-eviction-rate`).
const BETWEEN_MANY: SimDuration = SimDuration::from_secs(100);
/// Nodes of a zone that is large (`--large-cluster-size-threshold`).
const LARGE: usize = 50;

/// A zone's number, if it has one.
type Zone = Option<u32>;

/// What the controller waits for.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// A node has not been heard of for the grace period.
    Missed(NodeId),
    /// The pods of a zone's next node are to be evicted.
    Evict(Zone),
    /// A node that is back loses its NoExecute taint.
    Untaint(NodeId),
    /// The taint of a node follows its `spec.unschedulable`.
    Cordoned(NodeId),
}

/// How many nodes of a zone are away (`ComputeZoneState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ZoneState {
    Normal,
    Partial,
    Full,
}

/// The node lifecycle controller.
#[derive(Debug, Clone)]
pub struct Controller {
    grace: SimDuration,
    api_latency: SimDuration,
    leases: Streams,
    /// When nodes that are silent are found out.
    silent: BTreeMap<NodeId, SimTime>,
    queues: BTreeMap<Zone, Queue>,
}

/// The nodes of a zone whose pods are to be evicted (`RateLimitedTimedQueue`).
#[derive(Debug, Clone, Default)]
struct Queue {
    /// In the order in which they were found out.
    nodes: VecDeque<NodeId>,
    /// When the next of them may be.
    next: Option<SimTime>,
    /// When the controller looks at them.
    due: Option<SimTime>,
}

/// The first look after a time.
fn look_after(time: SimTime) -> SimTime {
    SimTime((time.0.div_euclid(PERIOD.0) + 1) * PERIOD.0)
}

impl Controller {
    /// A controller with these settings; the moments of renewals come from `leases`.
    pub fn new(config: &ClusterConfig, leases: Streams) -> Self {
        Self {
            grace: config.node_monitor_grace,
            api_latency: config.api_latency,
            leases,
            silent: BTreeMap::new(),
            queues: BTreeMap::new(),
        }
    }

    /// A node's kubelet renews its lease no more.
    pub fn falls_silent(&mut self, id: NodeId, context: &mut Context<'_, Event>) {
        let Some(node) = context.store.find_node(id) else {
            return;
        };
        let phase = self.leases.stream(node.name()).unit() * RENEWAL.as_secs_f64();
        let phase = SimDuration::from_secs_f64(phase);
        let since = (context.now.0 - phase.0).rem_euclid(RENEWAL.0);
        let renewed = SimTime(context.now.0 - since);
        let seen = look_after(renewed);
        // Looks are a little more than a period apart: the one at the end of the grace period
        // finds that it is over.
        let missed = look_after(SimTime((seen + self.grace).0 - 1));
        self.silent.insert(id, missed);
        context.at(missed, Event::Missed(id));
    }

    /// A node's kubelet renews its lease again.
    pub fn is_heard(&mut self, id: NodeId) {
        self.silent.remove(&id);
    }

    /// Wakes up for a node that is back, or gone.
    pub fn observe(&mut self, change: Change, context: &mut Context<'_, Event>) {
        match (change.object, change.what) {
            (ObjectId::Node(id), What::Status) => {
                sync_pressure(id, context);
                let Some(node) = context.store.find_node(id).filter(|node| node.is_ready()) else {
                    return;
                };
                if node.has_taint(NOT_READY, TaintEffect::NoSchedule) {
                    let effects = [TaintEffect::NoSchedule, TaintEffect::NoExecute];
                    retaint(id, &effects.map(|effect| (NOT_READY, effect)), &[], context);
                } else if node.has_taint(UNREACHABLE, TaintEffect::NoSchedule) {
                    retaint(id, &[(UNREACHABLE, TaintEffect::NoSchedule)], &[], context);
                    context.at(look_after(context.now), Event::Untaint(id));
                }
            }
            (ObjectId::Node(id), What::Created | What::Spec) => {
                let node = context.store.find_node(id);
                if node.is_some_and(|node| node.unschedulable != has_cordon_taint(node)) {
                    context.after(self.api_latency, Event::Cordoned(id));
                }
            }
            (ObjectId::Node(id), What::Deleted) => self.is_heard(id),
            _ => {}
        }
    }

    /// Carries out an event.
    pub fn handle(&mut self, event: Event, context: &mut Context<'_, Event>) {
        match event {
            Event::Missed(id) => {
                if self.silent.get(&id) == Some(&context.now) {
                    miss(id, context);
                    // Once all that are found out now are known to be away.
                    self.add(id, context.now, context);
                }
            }
            Event::Evict(zone) => self.evict(zone, context),
            Event::Untaint(id) => {
                let node = context.store.find_node(id);
                if node.is_some_and(Node::is_ready) {
                    retaint(id, &[(UNREACHABLE, TaintEffect::NoExecute)], &[], context);
                }
            }
            Event::Cordoned(id) => {
                let taint = [(UNSCHEDULABLE, TaintEffect::NoSchedule)];
                match context.store.find_node(id).map(|node| node.unschedulable) {
                    Some(true) => retaint(id, &[], &taint, context),
                    Some(false) => retaint(id, &taint, &[], context),
                    None => {}
                }
            }
        }
    }

    /// A node's pods are to be evicted when it is its turn, not before this time.
    fn add(&mut self, id: NodeId, at: SimTime, context: &mut Context<'_, Event>) {
        if let Some(node) = context.store.find_node(id) {
            let zone = zone_of(node);
            self.queues.entry(zone).or_default().nodes.push_back(id);
            self.look_at(zone, at, context);
        }
    }

    /// Looks at a zone's queue at this time, or before.
    fn look_at(&mut self, zone: Zone, at: SimTime, context: &mut Context<'_, Event>) {
        let due = &mut self.queues.entry(zone).or_default().due;
        if due.is_none_or(|due| due > at) {
            *due = Some(at);
            context.at(at, Event::Evict(zone));
        }
    }

    /// Taints a zone's next node so that its pods go, or tries again later.
    fn evict(&mut self, zone: Zone, context: &mut Context<'_, Event>) {
        let now = context.now;
        let queue = self.queues.entry(zone).or_default();
        if queue.due.take_if(|due| *due == now).is_none() {
            return;
        }
        let stays = all_are_away(context.store);
        if stays {
            self.halt(context);
        }
        let waits = |id: &NodeId| {
            let node = context.store.find_node(*id);
            node.is_some_and(|node| {
                node.readiness == Readiness::Unknown
                    && !node.has_taint(UNREACHABLE, TaintEffect::NoExecute)
            })
        };
        let queue = self.queues.entry(zone).or_default();
        while queue.nodes.front().is_some_and(|id| !waits(id)) {
            queue.nodes.pop_front();
        }
        let Some(&id) = queue.nodes.front() else {
            return;
        };
        if let Some(next) = queue.next.filter(|next| *next > now && !stays) {
            self.look_at(zone, next, context);
            return;
        }
        let between = match zone_state(zone, context.store) {
            _ if stays => None,
            (ZoneState::Partial, size) if size <= LARGE => None,
            (ZoneState::Partial, _) => Some(BETWEEN_MANY),
            (ZoneState::Normal | ZoneState::Full, _) => Some(BETWEEN),
        };
        if let Some(between) = between {
            queue.nodes.pop_front();
            queue.next = Some(now + between);
            retaint(id, &[], &[(UNREACHABLE, TaintEffect::NoExecute)], context);
        }
        let next = between.map_or_else(|| look_after(now), |between| now + between);
        self.look_at(zone, next, context);
    }

    /// When no node is Ready it is the controller that may be cut off: nobody is evicted, and
    /// those that were to be stay (`handleDisruption`).
    fn halt(&mut self, context: &mut Context<'_, Event>) {
        let evicted = |node: &Node| node.has_taint(UNREACHABLE, TaintEffect::NoExecute);
        let nodes = context.store.nodes().filter(|(_, node)| evicted(node));
        let nodes: Vec<NodeId> = nodes.map(|(id, _)| id).collect();
        for id in nodes {
            retaint(id, &[(UNREACHABLE, TaintEffect::NoExecute)], &[], context);
            self.add(id, look_after(context.now), context);
        }
    }
}

fn has_cordon_taint(node: &Node) -> bool {
    node.has_taint(UNSCHEDULABLE, TaintEffect::NoSchedule)
}

fn zone_of(node: &Node) -> Zone {
    node.zone.map(|zone| zone as u32)
}

/// The taint of a node follows its condition MemoryPressure.
fn sync_pressure(id: NodeId, context: &mut Context<'_, Event>) {
    let Some(node) = context.store.find_node(id) else {
        return;
    };
    let taint = [(MEMORY_PRESSURE, TaintEffect::NoSchedule)];
    if node.memory_pressure.is_none() {
        return;
    }
    // Of a node that is Unknown this condition is Unknown, too.
    if node.has_memory_pressure() && node.readiness != Readiness::Unknown {
        retaint(id, &[], &taint, context);
    } else {
        retaint(id, &taint, &[], context);
    }
}

/// A node is Unknown, and nobody relies on its pods any more.
fn miss(id: NodeId, context: &mut Context<'_, Event>) {
    let Some(node) = context.store.find_node(id) else {
        return;
    };
    let was = node.readiness;
    if was == Readiness::Ready {
        let text = || format!("Node {} status is now: NodeNotReady", node.name());
        let object = ObjectId::Node(id);
        context.events.normal(object, "NodeNotReady", text);
    }
    // A node whose pods are being evicted already goes on so, whatever the rate
    // (`processTaintBaseEviction`).
    let swaps = node.has_taint(NOT_READY, TaintEffect::NoExecute);
    context.commit(Write::Readiness(id, Readiness::Unknown));
    let effects = [TaintEffect::NoSchedule, TaintEffect::NoExecute];
    let goes = effects.map(|effect| (NOT_READY, effect));
    let comes = effects.map(|effect| (UNREACHABLE, effect));
    retaint(id, &goes, &comes[..=usize::from(swaps)], context);
    // On a node that has not been Ready nobody relied on them.
    if was == Readiness::Starting {
        return;
    }
    let pods = context.store.pods_of_node(id).filter(|(_, pod)| pod.ready);
    let mut pods: Vec<PodId> = pods.map(|(pod, _)| pod).collect();
    pods.sort_unstable();
    for pod in pods {
        // Nothing is known of its containers but that they were ready.
        context.write_pod(pod, PodWrite::CloseGate);
        let text = || "Node is not ready".to_owned();
        let object = ObjectId::Pod(pod);
        context.events.warning(object, "NodeNotReady", text);
    }
}

fn all_are_away(store: &Store) -> bool {
    !store.nodes().any(|(_, node)| node.is_ready())
}

fn zone_state(zone: Zone, store: &Store) -> (ZoneState, usize) {
    let nodes = store.nodes().filter(|(_, node)| zone_of(node) == zone);
    let (mut ready, mut away) = (0, 0);
    for (_, node) in nodes {
        if node.is_ready() {
            ready += 1;
        } else {
            away += 1;
        }
    }
    let state = match (ready, away) {
        (0, 1..) => ZoneState::Full,
        // `--unhealthy-zone-threshold`: 0.55.
        (_, 3..) if away * 100 >= (ready + away) * 55 => ZoneState::Partial,
        _ => ZoneState::Normal,
    };
    (state, ready + away)
}

/// Takes taints off a node and puts others on.
fn retaint(
    id: NodeId,
    goes: &[(&str, TaintEffect)],
    comes: &[(&str, TaintEffect)],
    context: &mut Context<'_, Event>,
) {
    let Some(node) = context.store.find_node(id) else {
        return;
    };
    let among = |all: &[(&str, TaintEffect)], one: &Taint| {
        let same = |(key, effect): &(&str, TaintEffect)| *key == one.key && *effect == one.effect;
        all.iter().any(same)
    };
    let stay = node.taints.iter().filter(|one| !among(goes, one));
    let new = comes.iter();
    let new = new.filter(|(key, effect)| !node.has_taint(key, *effect));
    let new = new.map(|(key, effect)| Taint::of(key, *effect));
    let taints: Vec<Taint> = stay.cloned().chain(new).collect();
    if taints != node.taints {
        context.commit(Write::Taints(id, taints));
    }
}

#[cfg(test)]
mod tests;
