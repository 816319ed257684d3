//! Resources of single pods: set at creation by admission, changed later through the
//! subresource `resize` (KEP-1287).
//!
//! The kubelet admits a resize against what its node has left. While it is under way the pod
//! shows that it is; a resize that has no room waits until there is some.

use super::effect::{ClusterEffect, EffectLog, EventKind};
use super::pod::{Pod, PodId, Resources};
use super::score::Amounts;
use super::spec::PodTemplate;
use super::state::{Cluster, ClusterEvent, Context};
use crate::sim::{EventQueue, SimDuration, SimTime};
use crate::units::{Bytes, Millicores};

/// How a resize stands, from the conditions `PodResizePending` and `PodResizeInProgress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResizeState {
    /// The kubelet has not looked at it yet, or is applying it.
    InProgress,
    /// There is no room on the node at the moment.
    Deferred,
    /// The node could not hold it even if it were empty.
    Infeasible,
}

/// Why a resize was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResizeError {
    /// There is no such pod, or it is being deleted.
    #[error("there is no such pod")]
    NotFound,
    /// The pod's QoS class would change.
    #[error("Pod QOS Class may not change as a result of resizing")]
    QosClass,
}

/// Where the retries of a resize without room begin, and what they settle at.
const FIRST_RETRY: SimDuration = SimDuration::from_secs(30);
const RETRY: SimDuration = SimDuration::from_secs(180);

/// A pod's quality of service (`GetPodQOS`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum QosClass {
    BestEffort,
    Burstable,
    Guaranteed,
}

fn qos_class<'a>(containers: impl Iterator<Item = &'a Resources>) -> QosClass {
    let (mut any, mut all_equal) = (false, true);
    for resources in containers {
        let Resources {
            cpu_request,
            cpu_limit,
            memory_request,
            memory_limit,
        } = resources;
        any |= cpu_request.or(*cpu_limit).is_some() || memory_request.or(*memory_limit).is_some();
        all_equal &= cpu_limit.is_some() && cpu_request.or(*cpu_limit) == *cpu_limit;
        all_equal &= memory_limit.is_some() && memory_request.or(*memory_limit) == *memory_limit;
    }
    match (any, all_equal) {
        (false, _) => QosClass::BestEffort,
        (true, true) => QosClass::Guaranteed,
        (true, false) => QosClass::Burstable,
    }
}

impl Cluster {
    /// Sets what the containers of a pod ask for, as admission does: before the scheduler has
    /// seen the pod.
    pub fn set_resources(&mut self, id: PodId, resources: &[Resources]) {
        if let Some(pod) = self.pods.get_mut(id)
            && pod.node.is_none()
        {
            for (container, resources) in pod.containers.iter_mut().zip(resources) {
                container.resources = *resources;
            }
        }
    }

    /// Patches a pod's subresource `resize`, one place per container.
    pub fn resize<E: Copy + From<ClusterEvent>>(
        &mut self,
        id: PodId,
        resources: &[Resources],
        now: SimTime,
        queue: &mut EventQueue<E>,
        log: &mut EffectLog,
    ) -> Result<(), ResizeError> {
        let alive = |pod: &&mut Pod| pod.deletion.is_none() && pod.is_active();
        let pod = self
            .pods
            .get_mut(id)
            .filter(alive)
            .ok_or(ResizeError::NotFound)?;
        let before = qos_class(pod.containers.iter().map(|container| &container.resources));
        if before != qos_class(resources.iter()) {
            return Err(ResizeError::QosClass);
        }
        if pod.node.is_none() {
            self.set_resources(id, resources);
            log.push(ClusterEffect::Resized(id));
            return Ok(());
        }
        pod.resize = Some(ResizeState::InProgress);
        pod.desired = resources.to_vec();
        pod.resizes = pod.resizes.wrapping_add(1);
        let event = ClusterEvent::Resize(id, pod.resizes);
        if let Some(node) = pod.node {
            self.recount_deferred(node);
        }
        queue.schedule(now + self.config.api_latency, event);
        Ok(())
    }

    /// The kubelet looks at a resize; without room it looks again later.
    pub(super) fn allocate_resize<E: Copy + From<ClusterEvent>>(
        &mut self,
        id: PodId,
        number: u16,
        context: &mut Context<'_, E>,
    ) {
        let current = |pod: &&Pod| pod.resizes == number && !pod.desired.is_empty();
        let Some(before) = self.pods.get(id).filter(current).map(|pod| pod.resize) else {
            return;
        };
        if self.try_resize(id, context) == Some(ResizeState::Deferred) {
            let again = before == Some(ResizeState::Deferred);
            let delay = if again { RETRY } else { FIRST_RETRY };
            context.after(delay, ClusterEvent::Resize(id, number));
        }
    }

    /// Takes a resize that fits; returns how it stands then.
    fn try_resize<E: Copy + From<ClusterEvent>>(
        &mut self,
        id: PodId,
        context: &mut Context<'_, E>,
    ) -> Option<ResizeState> {
        let pod = self.pods.get(id).filter(|pod| pod.deletion.is_none())?;
        let (node, before, number) = (pod.node?, pod.resize, pod.resizes);
        let template = &self.workloads[pod.workload].spec.template;
        let (own_cpu, own_memory) = (pod.cpu_request(template).0, pod.memory_request(template).0);
        let (cpu, memory) = desired_requests(pod, template);
        let host = &self.nodes[node];
        let fits = |others_cpu: i64, others_memory: i64| {
            others_cpu + cpu <= host.allocatable_cpu.0
                && others_memory + memory <= host.allocatable_memory.0
        };
        // What shrinks is let in, whatever else is on the node.
        let shrinks = cpu <= own_cpu && memory <= own_memory;
        let (used_cpu, used_memory) = (host.requested_cpu.0, host.requested_memory.0);
        if shrinks || fits(used_cpu - own_cpu, used_memory - own_memory) {
            self.take_resize(id, node, number, context);
            return Some(ResizeState::InProgress);
        }
        let (state, reason) = if fits(0, 0) {
            (ResizeState::Deferred, "ResizeDeferred")
        } else {
            (ResizeState::Infeasible, "ResizeInfeasible")
        };
        if before != Some(state) {
            self.pend_resize(id, state, reason, context);
        }
        Some(state)
    }

    fn pend_resize<E>(
        &mut self,
        id: PodId,
        state: ResizeState,
        reason: &'static str,
        context: &mut Context<'_, E>,
    ) {
        let Some(pod) = self.pods.get_mut(id) else {
            return;
        };
        pod.resize = Some(state);
        if let Some(node) = pod.node {
            self.recount_deferred(node);
        }
        let message = || "The node has no room for the pod's new requests".to_owned();
        self.pod_event(id, EventKind::Warning, reason, message, context);
    }

    /// The node promises what was asked for; it is in force a little later.
    fn take_resize<E: Copy + From<ClusterEvent>>(
        &mut self,
        id: PodId,
        node: usize,
        number: u16,
        context: &mut Context<'_, E>,
    ) {
        self.count_on_node(id, node, -1);
        let Some(delay) = self.pods.get_mut(id).map(|pod| {
            pod.resize = Some(ResizeState::InProgress);
            for (container, desired) in pod.containers.iter_mut().zip(pod.desired.drain(..)) {
                container.changed = [
                    container.changed[0] || differs(&container.resources, &desired, true),
                    container.changed[1] || differs(&container.resources, &desired, false),
                ];
                container.resources = desired;
            }
            self.config.resize_actuation.sample(&mut pod.stream)
        }) else {
            return;
        };
        self.count_on_node(id, node, 1);
        self.recount_deferred(node);
        let delay = SimDuration::from_secs_f64(delay);
        context.after(delay, ClusterEvent::Resized(id, number));
        self.retry_unschedulable(context);
        self.retry_resizes(node, context);
    }

    /// A resize is in force; containers whose policy says so start again for it.
    pub(super) fn resized<E: Copy + From<ClusterEvent>>(
        &mut self,
        id: PodId,
        number: u16,
        context: &mut Context<'_, E>,
    ) {
        let Some(pod) = self.pods.get_mut(id).filter(|pod| pod.resizes == number) else {
            return;
        };
        pod.resize = None;
        let policies = &self.workloads[pod.workload].spec.template.containers;
        let mut restarts = Vec::new();
        for (place, (status, spec)) in pod.containers.iter_mut().zip(policies).enumerate() {
            let changed = std::mem::take(&mut status.changed);
            let restart =
                (0..2).any(|resource| changed[resource] && spec.restart_on_resize[resource]);
            if restart && status.running_since.is_some() {
                restarts.push(place as u16);
            }
        }
        context.log.push(ClusterEffect::Resized(id));
        for container in restarts {
            self.restart_for_resize(id, container, context);
        }
    }

    /// A pod has left its node: what waits for room is tried again, the kubelet first.
    pub(super) fn room_appeared<E: Copy + From<ClusterEvent>>(
        &mut self,
        left: PodId,
        context: &mut Context<'_, E>,
    ) {
        if let Some(node) = self.pods.get(left).and_then(|pod| pod.node) {
            self.retry_resizes(node, context);
        }
        self.retry_unschedulable(context);
    }

    /// Room has appeared on a node: resizes that wait for it are looked at again.
    fn retry_resizes<E: Copy + From<ClusterEvent>>(
        &mut self,
        node: usize,
        context: &mut Context<'_, E>,
    ) {
        let waits = |pod: &Pod| pod.node == Some(node) && pod.resize == Some(ResizeState::Deferred);
        let pods = self.workloads.iter().flat_map(|workload| &workload.pods);
        let waiting: Vec<PodId> = pods
            .filter(|id| self.pods.get(**id).is_some_and(waits))
            .copied()
            .collect();
        for id in waiting {
            self.try_resize(id, context);
        }
    }
}

impl Cluster {
    /// Adds up what resizes under way ask for beyond what their pods have: the scheduler counts
    /// the larger of both, unless the kubelet has found a resize infeasible.
    pub(super) fn recount_deferred(&mut self, node: usize) {
        self.nodes[node].deferred = self.deferred(node);
    }

    pub(super) fn deferred(&self, node: usize) -> Amounts {
        let waits = |pod: &&Pod| {
            let undecided = pod.resize != Some(ResizeState::Infeasible);
            pod.node == Some(node) && pod.occupies_node() && !pod.desired.is_empty() && undecided
        };
        let pods = self.workloads.iter().flat_map(|workload| &workload.pods);
        let pods = pods.filter_map(|id| self.pods.get(*id)).filter(waits);
        pods.fold(Amounts::default(), |sum, pod| {
            let template = &self.workloads[pod.workload].spec.template;
            let mut larger = pod.clone();
            for (container, desired) in larger.containers.iter_mut().zip(&pod.desired) {
                let own = &mut container.resources;
                own.cpu_request = own.cpu_request.max(desired.cpu_request);
                own.memory_request = own.memory_request.max(desired.memory_request);
            }
            let more_cpu = larger.cpu_request(template).0 - pod.cpu_request(template).0;
            let more_memory = larger.memory_request(template).0 - pod.memory_request(template).0;
            sum + Amounts {
                cpu: Millicores(more_cpu),
                memory: Bytes(more_memory),
            }
        })
    }
}

fn differs(before: &Resources, after: &Resources, cpu: bool) -> bool {
    if cpu {
        (before.cpu_request, before.cpu_limit) != (after.cpu_request, after.cpu_limit)
    } else {
        (before.memory_request, before.memory_limit) != (after.memory_request, after.memory_limit)
    }
}

/// What the scheduler would count of a pod once its resize is in force.
fn desired_requests(pod: &Pod, template: &PodTemplate) -> (i64, i64) {
    let mut after = pod.clone();
    for (container, desired) in after.containers.iter_mut().zip(&pod.desired) {
        container.resources = *desired;
    }
    (
        after.cpu_request(template).0,
        after.memory_request(template).0,
    )
}
