//! The scheduler: one pod at a time by priority, then age; nodes filtered by requests and
//! scored by the default plugins; ties drawn.
//!
//! A pod that fits nowhere waits until capacity is freed (queueing hints), which with
//! SchedulerPopFromBackoffQ is at once in an idle scheduler.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::effect::{ClusterEffect, EventKind};
use super::node::Node;
use super::pod::{Pod, PodId};
use super::score::{
    Amounts, SpreadCounts, WEIGHT_SPREAD, balanced_allocation, balanced_change, least_allocated,
    spread_normalized, spread_raw,
};
use super::spec::{ClusterConfig, PodTemplate};
use super::state::{Cluster, ClusterEvent, Context};
use super::token_bucket::TokenBucket;
use crate::sim::Stream;
use crate::units::{Bytes, Millicores};

/// What a container without a request counts in scores (`DefaultMilliCPURequest`).
const NONZERO_CPU: Millicores = Millicores(100);
/// The same for memory (`DefaultMemoryRequest`).
const NONZERO_MEMORY: Bytes = Bytes(200 << 20);

/// The scheduler's queues.
#[derive(Debug, Clone)]
pub struct Scheduler {
    active: BinaryHeap<(i32, Reverse<u64>, PodId)>,
    unschedulable: Vec<PodId>,
    busy: bool,
    arrivals: u64,
    client: TokenBucket,
    stream: Stream,
}

impl Scheduler {
    pub(super) fn new(config: &ClusterConfig, stream: Stream) -> Self {
        Self {
            active: BinaryHeap::new(),
            unschedulable: Vec::new(),
            busy: false,
            arrivals: 0,
            client: TokenBucket::new(config.scheduler_qps, config.scheduler_burst),
            stream,
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
        let texts: Vec<String> = reasons
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, reason)| format!("{count} {reason}"))
            .collect();
        format!("0/{nodes} nodes are available: {}.", texts.join(", "))
    }
}

/// A pod's requests: as filters and as scores count them.
struct Wanted {
    raw: Amounts,
    nonzero: Amounts,
    has_requests: bool,
}

fn wanted(pod: &Pod, template: &PodTemplate) -> Wanted {
    let raw = Amounts {
        cpu: pod.cpu_request(template),
        memory: pod.memory_request(template),
    };
    let mut nonzero = raw;
    for container in &pod.containers {
        if container.resources.cpu_request.is_none() && template.pod_cpu_request.is_none() {
            nonzero.cpu += NONZERO_CPU;
        }
        if container.resources.memory_request.is_none() && template.pod_memory_request.is_none() {
            nonzero.memory += NONZERO_MEMORY;
        }
    }
    Wanted {
        raw,
        nonzero,
        has_requests: raw.cpu.0 > 0 || raw.memory.0 > 0,
    }
}

impl Cluster {
    /// Puts a pod into the scheduler's queue.
    pub(super) fn enqueue<E: Copy + From<ClusterEvent>>(
        &mut self,
        id: PodId,
        context: &mut Context<'_, E>,
    ) {
        let Some(pod) = self.pods.get(id) else { return };
        let priority = self.workloads[pod.workload].spec.template.priority;
        let scheduler = &mut self.scheduler;
        scheduler.arrivals += 1;
        scheduler
            .active
            .push((priority, Reverse(scheduler.arrivals), id));
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
        for id in std::mem::take(&mut self.scheduler.unschedulable) {
            self.enqueue(id, context);
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
        self.scheduler.unschedulable.push(id);
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
    pub(super) fn find_node(&mut self, id: PodId) -> Result<usize, Unfit> {
        let mut unfit = Unfit::default();
        let Some(pod) = self.pods.get(id) else {
            return Err(unfit);
        };
        let workload = pod.workload;
        let template = &self.workloads[workload].spec.template;
        let wanted = wanted(pod, template);
        let feasible: Vec<usize> = (0..self.nodes.len())
            .filter(|&node| {
                fits(
                    &self.nodes[node],
                    &self.groups,
                    template,
                    &wanted,
                    &mut unfit,
                )
            })
            .collect();
        let best = match feasible.as_slice() {
            [] => return Err(unfit),
            [only] => return Ok(*only),
            _ => self.best(&feasible, workload, &wanted),
        };
        Ok(best)
    }

    fn best(&mut self, feasible: &[usize], workload: usize, wanted: &Wanted) -> usize {
        let zone_count = |zone: &str| -> u32 {
            feasible
                .iter()
                .map(|&n| &self.nodes[n])
                .filter(|n| n.zone == zone)
                .map(|n| n.pods_of[workload])
                .sum()
        };
        let mut zones: Vec<(&str, u32)> = Vec::new();
        for &node in feasible {
            let zone = self.nodes[node].zone.as_str();
            if zones.iter().all(|(other, _)| *other != zone) {
                zones.push((zone, zone_count(zone)));
            }
        }
        let raw_spread: Vec<i64> = feasible
            .iter()
            .map(|&node| {
                let node = &self.nodes[node];
                let in_zone = zones
                    .iter()
                    .find(|(zone, _)| *zone == node.zone)
                    .map(|(_, count)| *count);
                let in_zone = in_zone.filter(|_| !node.zone.is_empty());
                let counts = SpreadCounts {
                    on_node: node.pods_of[workload],
                    in_zone,
                };
                spread_raw(counts, feasible.len(), zones.len())
            })
            .collect();
        let min = raw_spread.iter().copied().min().unwrap_or(0);
        let max = raw_spread.iter().copied().max().unwrap_or(0);
        let (mut best, mut best_score, mut ties) = (feasible[0], i64::MIN, 0);
        for (&index, &raw) in feasible.iter().zip(&raw_spread) {
            let score = self.resource_score(&self.nodes[index], wanted)
                + WEIGHT_SPREAD * spread_normalized(raw, min, max);
            if score > best_score {
                (best, best_score, ties) = (index, score, 1);
            } else if score == best_score {
                // Reservoir sampling, as upstream's selectHost.
                ties += 1;
                if self.scheduler.stream.below(ties) == 0 {
                    best = index;
                }
            }
        }
        best
    }

    fn resource_score(&self, node: &Node, wanted: &Wanted) -> i64 {
        let allocatable = Amounts {
            cpu: node.allocatable_cpu,
            memory: node.allocatable_memory,
        };
        let nonzero = Amounts {
            cpu: node.nonzero_cpu + wanted.nonzero.cpu,
            memory: node.nonzero_memory + wanted.nonzero.memory,
        };
        let before = Amounts {
            cpu: node.requested_cpu,
            memory: node.requested_memory,
        };
        let with_pod = Amounts {
            cpu: before.cpu + wanted.raw.cpu,
            memory: before.memory + wanted.raw.memory,
        };
        let balanced = match (wanted.has_requests, self.config.balanced_allocation_v136) {
            (false, _) => 0,
            (true, true) => balanced_change(allocatable, before, with_pod),
            (true, false) => balanced_allocation(allocatable, with_pod),
        };
        least_allocated(allocatable, nonzero) + balanced
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
        node.pods_of[pod.workload] = node.pods_of[pod.workload].wrapping_add_signed(sign as i32);
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

/// Whether a node fits (NodeResourcesFit, node selector); counts the reasons if not.
fn fits(
    node: &Node,
    groups: &[super::spec::NodeGroupSpec],
    template: &PodTemplate,
    wanted: &Wanted,
    unfit: &mut Unfit,
) -> bool {
    let labels = &groups[node.group].labels;
    let selected = template
        .node_selector
        .iter()
        .all(|(key, value)| labels.get(key) == Some(value));
    if !selected {
        unfit.selector += 1;
        return false;
    }
    let too_many = node.pods >= node.max_pods;
    let over = |requested: i64, wanted: i64, allocatable: i64| {
        wanted > 0 && wanted > allocatable - requested
    };
    let no_cpu = over(
        node.requested_cpu.0,
        wanted.raw.cpu.0,
        node.allocatable_cpu.0,
    );
    let no_memory = over(
        node.requested_memory.0,
        wanted.raw.memory.0,
        node.allocatable_memory.0,
    );
    unfit.pods += u32::from(too_many);
    unfit.cpu += u32::from(no_cpu);
    unfit.memory += u32::from(no_memory);
    !(too_many || no_cpu || no_memory)
}
