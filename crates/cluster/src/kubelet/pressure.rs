//! The eviction manager: a node with too little memory left ends one pod after the other
//! (`pkg/kubelet/eviction/eviction_manager.go`).
//!
//! What is free is what the node leaves to pods, and what is kept for evictions, less the working
//! sets of its pods. Only nodes whose pods could take so much are looked at, every ten seconds.

use std::fmt::Write as _;
use std::sync::Arc;

use super::eviction::{MemoryUse, memory_eviction_order};
use super::{Event, Kubelet, MemoryStats};
use crate::api::{
    Context, Disruption, Node, NodeId, ObjectId, Pod, PodId, PodPhase, PodWrite, Store, Write,
};
use crate::sim::{SimDuration, SimTime};
use crate::units::Bytes;

/// From one look to the next (`evictionMonitoringPeriod`).
const PERIOD: SimDuration = SimDuration::from_secs(10);
/// How often it looks whether an evicted pod is gone, and how long it waits for that
/// (`podCleanupPollFreq`, `podCleanupTimeout`).
const CLEANUP: (SimDuration, SimDuration) = (SimDuration::from_secs(1), SimDuration::from_secs(30));
/// The grace period of an eviction (`immediateEvictionGracePeriodSeconds`).
const IMMEDIATE: SimDuration = SimDuration::from_secs(1);
/// The place of the soft threshold behind the hard one.
const SOFT: usize = 1;
/// Pods from this priority on are critical, and are not evicted (`IsCriticalPod`).
pub(super) const CRITICAL: i32 = 2_000_000_000;
/// Working sets are whole pages.
const PAGE: i64 = 4096;

/// What the eviction manager of a node remembers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pressure {
    /// When there was too little memory last, by either threshold.
    pub(super) observed: Option<SimTime>,
    /// Since when there is too little by the hard threshold, and by the soft one.
    pub(super) first: [Option<SimTime>; 2],
    /// For which of them pods had to go at the last look.
    pub(super) acts: [bool; 2],
    /// The pod that is being evicted, and since when.
    pub(super) cleans_up: Option<(PodId, SimTime)>,
    /// When the node is looked at next because little is left.
    pub(super) near: Option<SimTime>,
}

/// The only container of an evicted pod that used more memory than it requested: the event
/// `Evicted` names it in its annotations (`offending_containers`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offender {
    /// The pod.
    pub pod: PodId,
    /// The container's place in it.
    pub container: usize,
    /// What it used.
    pub used: Bytes,
    /// When the pod was evicted.
    pub time: SimTime,
}

/// A pod on a node and what its containers hold.
pub(super) struct Load {
    pub(super) id: PodId,
    pub(super) held: Vec<Bytes>,
}

impl Kubelet {
    /// Takes the offenders of the evictions since the last call.
    pub fn take_offenders(&mut self) -> Vec<Offender> {
        std::mem::take(&mut self.offenders)
    }

    /// How much memory the serving container of a workload's pods holds at most, if that is
    /// bounded; the container is that of this place.
    pub fn set_most_memory(&mut self, workload: usize, container: usize, most: Option<Bytes>) {
        if self.most_memory.len() <= workload {
            self.most_memory.resize(workload + 1, None);
        }
        self.most_memory[workload] = Some((container, most));
        self.most_on.clear();
    }

    /// A pod has come, or may hold more: its node is looked at from now on, if its pods together
    /// could take more than there is.
    pub fn watch_memory(&mut self, id: PodId, context: &mut Context<'_, Event>) {
        let store = &*context.store;
        let Some(pod) = store.pod(id) else { return };
        let Some(node) = pod.node.filter(|node| !self.pressures.contains_key(node)) else {
            return;
        };
        let Some(there) = store.find_node(node) else {
            return;
        };
        let own = self.most_of(pod);
        let most_on = self.most_on.get(node.slot()).copied().flatten();
        let known = most_on.filter(|(of, _)| *of == node);
        let (hard, soft) = self.thresholds(there);
        let kept = hard.max(soft.unwrap_or(hard));
        let room = self.for_pods(there) - there.daemons.memory - kept;
        // Pods that have left still count here, until that is more than there is.
        let mut most = own.zip(known).map(|(own, (_, others))| others + own);
        if most.is_none_or(|most| most > room) {
            if own.is_some_and(|own| own <= pod.requested().memory) {
                self.forget_most(node);
                return;
            }
            let all = store.pods_of_node(node).map(|(_, pod)| self.most_of(pod));
            most = all.sum();
        }
        if self.most_on.len() <= node.slot() {
            self.most_on.resize(node.slot() + 1, None);
        }
        self.most_on[node.slot()] = most.map(|most| (node, most));
        if most.is_some_and(|most| most <= room) {
            return;
        }
        self.pressures.insert(node, Pressure::default());
        let looks = context.now.0.div_euclid(PERIOD.0) + 1;
        context.at(SimTime(looks * PERIOD.0), Event::Monitor(node));
    }

    /// What the pods of a node hold at most has to be counted through again.
    fn forget_most(&mut self, node: NodeId) {
        if let Some(most) = self.most_on.get_mut(node.slot()) {
            *most = None;
        }
    }

    /// A resize of a pod is in force: it may hold more.
    pub(super) fn watch_resized(&mut self, id: PodId, context: &mut Context<'_, Event>) {
        if let Some(node) = context.store.pod(id).and_then(|pod| pod.node) {
            self.forget_most(node);
            self.watch_memory(id, context);
        }
    }

    /// What a pod's containers hold at most, if that is bounded.
    fn most_of(&self, pod: &Pod) -> Option<Bytes> {
        let serving = self.most_memory.get(pod.workload.index());
        let serving = serving.copied().flatten();
        let all = pod.template.lasting().enumerate().map(|(place, spec)| {
            let most = match serving {
                Some((container, most)) if container == place => most,
                _ => Some(spec.idle_memory),
            };
            let limit = match pod.containers.get(place) {
                Some(status) => status.resources.memory_limit,
                None => spec.memory_limit,
            };
            match (most, limit) {
                (Some(most), Some(limit)) => Some(most.min(limit)),
                (most, limit) => most.or(limit),
            }
        });
        all.sum()
    }

    /// What a node has for pods and for what is kept for evictions.
    pub(super) fn for_pods(&self, node: &Node) -> Bytes {
        let hard = self.config.eviction.hard.of(node.capacity.memory);
        node.capacity.memory.min(node.allocatable.memory + hard)
    }

    /// With less memory than this pods go: at once, and after the grace period of the soft
    /// threshold if there is one.
    fn thresholds(&self, node: &Node) -> (Bytes, Option<Bytes>) {
        let (eviction, capacity) = (self.config.eviction, node.capacity.memory);
        let soft = eviction.soft.map(|(soft, _)| soft.of(capacity));
        (eviction.hard.of(capacity), soft)
    }

    /// The eviction manager looks (`synchronize`).
    pub(super) fn monitor(
        &mut self,
        node: NodeId,
        stats: MemoryStats<'_>,
        context: &mut Context<'_, Event>,
    ) {
        let now = context.now;
        // The kernel does not wait for the kubelet.
        self.look_for_exhaustion(node, stats, context);
        let Some(&pressure) = self.pressures.get(&node) else {
            return;
        };
        let Some(there) = context.store.find_node(node) else {
            self.pressures.remove(&node);
            return;
        };
        if self.silent.contains_key(&node) {
            context.after(PERIOD, Event::Monitor(node));
            return;
        }
        let (poll, timeout) = CLEANUP;
        if let Some((pod, since)) = pressure.cleans_up
            && now - since < timeout
            && context.store.pod(pod).is_some_and(|pod| !pod.has_ended())
        {
            context.after(poll, Event::Monitor(node));
            return;
        }
        let loads = loads(node, stats, context.store);
        let used: Bytes = loads.iter().flat_map(|load| &load.held).copied().sum();
        let available = self.for_pods(there) - there.daemons.memory - used;
        let mut pressure = self.observe_thresholds(there, pressure, available, now);
        Self::post_pressure(node, pressure.observed.is_some(), context);
        // Upstream takes equal signals in the order of a map.
        let acting = pressure.acts.iter().position(|acts| *acts);
        let evicted = acting
            .and_then(|place| self.relieve(node, &loads, (available, SOFT == place), context));
        if loads.is_empty() && pressure.observed.is_none() {
            self.pressures.remove(&node);
            return;
        }
        pressure.cleans_up = evicted.map(|pod| (pod, now));
        self.pressures.insert(node, pressure);
        let next = if evicted.is_some() { poll } else { PERIOD };
        context.after(next, Event::Monitor(node));
    }

    /// Compares what is free with the thresholds. One for which pods had to go counts until there
    /// is as much more as is to be reclaimed at least.
    fn observe_thresholds(
        &self,
        node: &Node,
        before: Pressure,
        available: Bytes,
        now: SimTime,
    ) -> Pressure {
        let eviction = &self.config.eviction;
        let reclaim = eviction.minimum_reclaim;
        let reclaim = reclaim.map_or(Bytes::ZERO, |reclaim| reclaim.of(node.capacity.memory));
        let (hard, soft) = self.thresholds(node);
        let grace = eviction.soft.map_or(SimDuration::ZERO, |(_, grace)| grace);
        let mut after = Pressure {
            near: before.near,
            ..Pressure::default()
        };
        for (place, (value, grace)) in [(Some(hard), SimDuration::ZERO), (soft, grace)]
            .into_iter()
            .enumerate()
        {
            let Some(value) = value else { continue };
            let is_unresolved = before.acts[place] && available < value + reclaim;
            if available < value || is_unresolved {
                let first = before.first[place].unwrap_or(now);
                after.first[place] = Some(first);
                after.acts[place] = now - first >= grace;
            }
        }
        let lasts = |since: &SimTime| now - *since < eviction.pressure_transition;
        let is_met = after.first.iter().any(Option::is_some);
        after.observed = if is_met {
            Some(now)
        } else {
            before.observed.filter(lasts)
        };
        after
    }

    /// The condition MemoryPressure.
    fn post_pressure(node: NodeId, is_on: bool, context: &mut Context<'_, Event>) {
        let was = context.store.find_node(node);
        if was.is_none_or(|node| node.has_memory_pressure() == is_on) {
            return;
        }
        let state = if is_on {
            "NodeHasInsufficientMemory"
        } else {
            "NodeHasSufficientMemory"
        };
        let name = was.map_or("", |node| node.name());
        let message = || format!("Node {name} status is now: {state}");
        let object = ObjectId::Node(node);
        context.events.normal(object, state, message);
        context.commit(Write::MemoryPressure(node, is_on));
    }

    /// Evicts the first pod in the ranking that is not critical: at once, or within its grace
    /// period if only the soft threshold asks for it.
    fn relieve(
        &mut self,
        node: NodeId,
        loads: &[Load],
        (available, is_soft): (Bytes, bool),
        context: &mut Context<'_, Event>,
    ) -> Option<PodId> {
        let object = ObjectId::Node(node);
        let text = || "Attempting to reclaim memory".to_owned();
        context.events.warning(object, "EvictionThresholdMet", text);
        let of_pod = |load: &Load| {
            let pod = context.store.pod(load.id);
            MemoryUse {
                priority: pod.map_or(0, |pod| pod.template.priority),
                request: pod.map_or(Bytes::ZERO, |pod| pod.lasting_requests().memory),
                working_set: Some(load.held.iter().copied().sum()),
            }
        };
        let uses: Vec<MemoryUse> = loads.iter().map(of_pod).collect();
        let order = memory_eviction_order(&uses);
        let first = order
            .into_iter()
            .find(|place| uses[*place].priority < CRITICAL)?;
        let load = &loads[first];
        let pod = context.store.pod(load.id)?;
        let exceeding = exceeding(pod, load);
        // The event names the resource once, however many containers it names, and VPAs heed lists
        // of one length only. Sidecars count, but nothing scales them.
        if let [(container, used, _)] = exceeding[..]
            && container < pod.containers.len()
        {
            self.offenders.push(Offender {
                pod: load.id,
                container,
                used,
                time: context.now,
            });
        }
        let there = context.store.find_node(node)?;
        let (hard, soft) = self.thresholds(there);
        let threshold = soft.filter(|_| is_soft).unwrap_or(hard);
        let message = message(pod, &exceeding, (threshold, available));
        let longest = self.config.eviction.max_pod_grace;
        let grace = if is_soft {
            longest.min(pod.template.termination_grace)
        } else {
            IMMEDIATE
        };
        let object = ObjectId::Pod(load.id);
        context
            .events
            .warning(object, "Evicted", || message.clone());
        self.end_early(load.id, ("Evicted", message), grace, context);
        Some(load.id)
    }

    /// The kubelet ends a pod by itself: its object stays, as Failed.
    pub(super) fn end_early(
        &mut self,
        id: PodId,
        why: (&'static str, String),
        grace: SimDuration,
        context: &mut Context<'_, Event>,
    ) {
        if self.worker(id).ending.is_some() || context.store.pod(id).is_none() {
            return;
        }
        context.write_pod(id, PodWrite::Disrupt(Disruption::Kubelet));
        self.fail_pod(id, why, grace, context);
    }

    /// A pod's containers are stopped; then it has failed.
    pub(super) fn fail_pod(
        &mut self,
        id: PodId,
        why: (&'static str, String),
        grace: SimDuration,
        context: &mut Context<'_, Event>,
    ) {
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let runs = pod.phase == PodPhase::Running || pod.runs();
        self.worker(id).ending = Some(Arc::new((why.0.into(), why.1)));
        if !runs {
            self.end(id, PodPhase::Failed, context);
            return;
        }
        // A pod worker makes a grace period a second at least.
        self.stop_containers(id, grace.max(IMMEDIATE), context);
    }
}

/// Why a pod is evicted (`evictionMessage`).
fn message(
    pod: &Pod,
    exceeding: &[(usize, Bytes, Bytes)],
    (threshold, available): (Bytes, Bytes),
) -> String {
    let mut text = format!(
        "The node was low on resource: memory. Threshold quantity: {threshold}, available: {}. ",
        pages(available)
    );
    for (place, used, request) in exceeding {
        let name = pod
            .template
            .lasting_at(*place)
            .map_or("", |spec| &spec.name);
        write!(
            text,
            "Container {name} was using {used}, request is {request}, has larger consumption of \
             memory. "
        )
        .ok();
    }
    text
}

/// The containers of a pod that use more memory than they request: their places, what they use and
/// what they request.
fn exceeding(pod: &Pod, load: &Load) -> Vec<(usize, Bytes, Bytes)> {
    let all = pod.template.lasting().zip(&load.held).enumerate();
    let exceeding = all.filter_map(|(place, (spec, held))| {
        let request = match pod.containers.get(place) {
            Some(status) => status.resources.memory_request,
            None => spec.memory_request,
        };
        let request = request.unwrap_or_default();
        (*held > request).then(|| (place, pages(*held), request))
    });
    exceeding.collect()
}

/// As the kernel counts memory.
fn pages(bytes: Bytes) -> Bytes {
    Bytes(bytes.0.div_euclid(PAGE) * PAGE)
}

/// The pods of a node whose containers run, and what these hold.
pub(super) fn loads(node: NodeId, stats: MemoryStats<'_>, store: &Store) -> Vec<Load> {
    let runs = |pod: &Pod| pod.phase == PodPhase::Running && !pod.removed;
    let pods = store.pods_of_node(node).filter(|(_, pod)| runs(pod));
    let load = |(id, pod): (PodId, &Pod)| {
        let held = pod.template.lasting().enumerate();
        let held = held.map(|(place, spec)| {
            let status = pod.containers.get(place);
            if status.is_some_and(|one| one.running_since.is_none()) {
                return Bytes::ZERO;
            }
            stats(id, place).unwrap_or(spec.idle_memory)
        });
        Load {
            id,
            held: held.collect(),
        }
    };
    pods.map(load).collect()
}
