//! The scheduler: one pod at a time by priority, then age; nodes filtered by requests and
//! scored by the default plugins; ties drawn.
//!
//! A pod that fits nowhere waits until capacity is freed (queueing hints), which with
//! SchedulerPopFromBackoffQ is at once in an idle scheduler.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::effect::{ClusterEffect, EventKind};
use super::fit::{Lack, Room, Wanted, lack};
use super::node::Node;
use super::pod::{Pod, PodId};
use super::score::{
    Amounts, SpreadNode, WEIGHT_SPREAD, balanced_allocation, balanced_change, least_allocated,
    spread_normalized, spread_raw,
};
use super::spec::{ClusterConfig, NodeGroupSpec, PodTemplate, WorkloadKind};
use super::state::{Cluster, ClusterEvent, Context};
use super::token_bucket::TokenBucket;
/// The scheduler's queues.
#[derive(Debug, Clone)]
pub struct Scheduler {
    active: BinaryHeap<(i32, Reverse<u64>, PodId)>,
    /// With their turn, which their last attempt gave them.
    unschedulable: Vec<(u64, PodId)>,
    busy: bool,
    arrivals: u64,
    client: TokenBucket,
}

impl Scheduler {
    pub(super) fn new(config: &ClusterConfig) -> Self {
        Self {
            active: BinaryHeap::new(),
            unschedulable: Vec::new(),
            busy: false,
            arrivals: 0,
            client: TokenBucket::new(config.scheduler_qps, config.scheduler_burst),
        }
    }
}

/// Why a node was refused; upstream counts nodes by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Unfit {
    selector: u32,
    pods: u32,
    cpu: u32,
    memory: u32,
}

impl Unfit {
    /// The message of the FailedScheduling event.
    fn message(self, nodes: usize) -> String {
        let reasons = [
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
        format!("0/{nodes} nodes are available: {}.", texts.join(", "))
    }
}

/// What the scheduler counts of a pod.
fn wanted(pod: &Pod, template: &PodTemplate) -> Wanted {
    let raw = Amounts {
        cpu: pod.cpu_request(template),
        memory: pod.memory_request(template),
    };
    // Requests of the pod as a whole leave no container without one.
    let containers = pod.containers.iter().map(|container| {
        let own = container.resources;
        (
            own.cpu_request.or(template.pod_cpu_request),
            own.memory_request.or(template.pod_memory_request),
        )
    });
    Wanted::new(raw, containers)
}

impl Cluster {
    /// Puts a pod into the scheduler's queue.
    pub(super) fn enqueue<E: Copy + From<ClusterEvent>>(
        &mut self,
        id: PodId,
        context: &mut Context<'_, E>,
    ) {
        self.scheduler.arrivals += 1;
        self.enqueue_as(self.scheduler.arrivals, id, context);
    }

    fn enqueue_as<E: Copy + From<ClusterEvent>>(
        &mut self,
        turn: u64,
        id: PodId,
        context: &mut Context<'_, E>,
    ) {
        let Some(pod) = self.pods.get(id) else { return };
        let priority = self.workloads[pod.workload].spec.template.priority;
        self.scheduler.active.push((priority, Reverse(turn), id));
        self.wake_scheduler(context);
    }

    fn wake_scheduler<E: Copy + From<ClusterEvent>>(&mut self, context: &mut Context<'_, E>) {
        if !self.scheduler.busy && !self.scheduler.active.is_empty() {
            self.scheduler.busy = true;
            let delay = self.config.scheduler_time_per_pod;
            context.after(delay, ClusterEvent::Schedule);
        }
    }

    /// Capacity was freed: pods that fitted nowhere are tried again.
    pub(super) fn retry_unschedulable<E: Copy + From<ClusterEvent>>(
        &mut self,
        context: &mut Context<'_, E>,
    ) {
        for (turn, id) in std::mem::take(&mut self.scheduler.unschedulable) {
            self.enqueue_as(turn, id, context);
        }
    }

    pub(super) fn schedule_next<E: Copy + From<ClusterEvent>>(
        &mut self,
        context: &mut Context<'_, E>,
    ) {
        self.scheduler.busy = false;
        if let Some((_, _, id)) = self.scheduler.active.pop()
            && self
                .pods
                .get(id)
                .is_some_and(|pod| pod.deletion.is_none() && pod.node.is_none())
        {
            match self.find_node(id) {
                Ok(node) => {
                    self.assign(id, node);
                    let binds =
                        self.scheduler.client.reserve(context.now) + self.config.api_latency;
                    context.queue.schedule(binds, ClusterEvent::Bind(id));
                }
                Err(unfit) => self.refuse(id, unfit, context),
            }
        }
        self.wake_scheduler(context);
    }

    fn refuse<E: Copy + From<ClusterEvent>>(
        &mut self,
        id: PodId,
        unfit: Unfit,
        context: &mut Context<'_, E>,
    ) {
        self.scheduler.arrivals += 1;
        let turn = self.scheduler.arrivals;
        self.scheduler.unschedulable.push((turn, id));
        let reported = self
            .pods
            .get_mut(id)
            .is_some_and(|pod| std::mem::replace(&mut pod.reported_unschedulable, true));
        if !reported {
            let nodes = self.nodes.len();
            self.pod_event(
                id,
                EventKind::Warning,
                "FailedScheduling",
                || unfit.message(nodes),
                context,
            );
        }
    }

    /// The best node for a pod, or why none fits.
    pub(super) fn find_node(&self, id: PodId) -> Result<usize, Unfit> {
        let mut unfit = Unfit::default();
        let Some(pod) = self.pods.get(id) else {
            return Err(unfit);
        };
        let (workload, lot) = (pod.workload, pod.lot);
        let template = &self.workloads[workload].spec.template;
        let wanted = wanted(pod, template);
        let nodes = self.nodes.iter().enumerate();
        let feasible: Vec<usize> = nodes
            .filter(|(_, node)| fits(node, &self.groups, template, &wanted, &mut unfit))
            .map(|(index, _)| index)
            .collect();
        match feasible.as_slice() {
            [] => Err(unfit),
            [only] => Ok(*only),
            _ => Ok(self.best(&feasible, workload, &wanted, lot)),
        }
    }

    /// The node with the highest score; the pod's lot decides among equals.
    fn best(&self, feasible: &[usize], workload: usize, wanted: &Wanted, lot: f64) -> usize {
        let spread = self.spread_scores(feasible, workload);
        let mut best = Vec::new();
        let mut best_score = i64::MIN;
        for (place, &index) in feasible.iter().enumerate() {
            let spread = spread.get(place).copied().unwrap_or_default();
            let score = self.resource_score(&self.nodes[index], wanted) + WEIGHT_SPREAD * spread;
            if score > best_score {
                best_score = score;
                best.clear();
            }
            if score == best_score {
                best.push(index);
            }
        }
        best[(lot * best.len() as f64) as usize]
    }

    /// PodTopologySpread's scores of the candidates; none for pods that no ReplicaSet or
    /// StatefulSet owns, which the default constraints do not concern.
    fn spread_scores(&self, feasible: &[usize], workload: usize) -> Vec<i64> {
        let spec = &self.workloads[workload].spec;
        if matches!(spec.kind, WorkloadKind::Job { .. }) {
            return Vec::new();
        }
        let mut candidates = feasible.iter().peekable();
        let nodes = self.nodes.iter().enumerate();
        let nodes: Vec<SpreadNode> = nodes
            .filter(|(_, node)| is_selected(node, &self.groups, &spec.template))
            .map(|(index, node)| SpreadNode {
                matching: node.pods_of[workload],
                zone: node.zone,
                is_candidate: candidates.next_if(|&&next| next == index).is_some(),
            })
            .collect();
        spread_normalized(&spread_raw(&nodes))
    }

    fn resource_score(&self, node: &Node, wanted: &Wanted) -> i64 {
        let Room {
            allocatable,
            requested: before,
            ..
        } = node.room();
        let nonzero = node.deferred
            + Amounts {
                cpu: node.nonzero_cpu,
                memory: node.nonzero_memory,
            };
        let with_pod = before + wanted.raw;
        let balanced = match (wanted.has_requests(), self.config.balanced_allocation_v136) {
            (false, _) => 0,
            (true, true) => balanced_change(allocatable, before, with_pod),
            (true, false) => balanced_allocation(allocatable, with_pod),
        };
        least_allocated(allocatable, nonzero + wanted.nonzero) + balanced
    }

    /// Promises a node's resources to a pod.
    pub(super) fn assign(&mut self, id: PodId, node: usize) {
        self.count_on_node(id, node, 1);
        self.change(id, |pod| {
            pod.node = Some(node);
            pod.stage = super::pod::Stage::Starting;
        });
    }

    /// Takes back what was promised to a pod.
    pub(super) fn release_node(&mut self, id: PodId) {
        if let Some(node) = self
            .pods
            .get(id)
            .filter(|pod| pod.occupies_node())
            .and_then(|pod| pod.node)
        {
            self.count_on_node(id, node, -1);
            // A resize that it waits for is void.
            let waits = |pod: &mut Pod| !std::mem::take(&mut pod.desired).is_empty();
            if self.pods.get_mut(id).is_some_and(waits) {
                self.recount_deferred(node);
            }
        }
    }

    pub(super) fn count_on_node(&mut self, id: PodId, node: usize, sign: i64) {
        let Some(pod) = self.pods.get(id) else { return };
        let wanted = wanted(pod, &self.workloads[pod.workload].spec.template);
        let node = &mut self.nodes[node];
        node.requested_cpu.0 += sign * wanted.raw.cpu.0;
        node.requested_memory.0 += sign * wanted.raw.memory.0;
        node.nonzero_cpu.0 += sign * wanted.nonzero.cpu.0;
        node.nonzero_memory.0 += sign * wanted.nonzero.memory.0;
        node.pods = node.pods.wrapping_add_signed(sign as i32);
        if pod.deletion.is_none() {
            let count = &mut node.pods_of[pod.workload];
            *count = count.wrapping_add_signed(sign as i32);
        }
    }

    /// A binding arrives at the kubelet.
    pub(super) fn bind<E: Copy + From<ClusterEvent>>(
        &mut self,
        id: PodId,
        context: &mut Context<'_, E>,
    ) {
        let Some(pod) = self.pods.get(id).filter(|pod| pod.deletion.is_none()) else {
            return;
        };
        let (Some(node), name, workload) = (pod.node, pod.name.clone(), pod.workload) else {
            return;
        };
        let namespace = self.workloads[workload].spec.namespace.clone();
        let node_name = self.nodes[node].name.clone();
        self.pod_event(
            id,
            EventKind::Normal,
            "Scheduled",
            || format!("Successfully assigned {namespace}/{name} to {node_name}"),
            context,
        );
        context.log.push(ClusterEffect::PodScheduled(id));
        self.admit(id, node, context);
    }
}

/// Whether the pod's node selector matches the node.
fn is_selected(node: &Node, groups: &[NodeGroupSpec], template: &PodTemplate) -> bool {
    let labels = &groups[node.group].labels;
    template
        .node_selector
        .iter()
        .all(|(key, value)| labels.get(key) == Some(value))
}

/// Whether a node fits (NodeResourcesFit, node selector); counts the reasons if not.
fn fits(
    node: &Node,
    groups: &[NodeGroupSpec],
    template: &PodTemplate,
    wanted: &Wanted,
    unfit: &mut Unfit,
) -> bool {
    if !is_selected(node, groups, template) {
        unfit.selector += 1;
        return false;
    }
    let Lack { pods, cpu, memory } = lack(node.room(), wanted);
    unfit.pods += u32::from(pods);
    unfit.cpu += u32::from(cpu);
    unfit.memory += u32::from(memory);
    !(pods || cpu || memory)
}
