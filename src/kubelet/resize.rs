//! The subresource `resize` of a pod (KEP-1287).
//!
//! The kubelet admits a resize against what its node has left. While it is under way the pod
//! shows that it is; a resize that has no room waits until there is some.

use std::sync::Arc;

use super::{Event, Kubelet};
use crate::api::{
    Amounts, Context, NodeId, ObjectId, Pod, PodId, PodWrite, ResizeState, Resources, What,
};
use crate::sim::{SimDuration, SimTime};

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

impl Kubelet {
    /// Patches a pod's subresource `resize` at `at`, one place per container.
    pub fn resize(
        &mut self,
        id: PodId,
        resources: &[Resources],
        at: SimTime,
        context: &mut Context<'_, Event>,
    ) -> Result<(), ResizeError> {
        let alive = |pod: &&Pod| pod.is_active() && !pod.removed;
        let pod = context.store.pod(id).filter(alive);
        let pod = pod.ok_or(ResizeError::NotFound)?;
        let before = qos_class(pod.containers.iter().map(|container| &container.resources));
        if before != qos_class(resources.iter()) {
            return Err(ResizeError::QosClass);
        }
        if pod.node.is_none() {
            context.write_pod(id, PodWrite::Admit(resources.into()));
            context.store.notify(ObjectId::Pod(id), What::Resized);
            return Ok(());
        }
        context.write_pod(id, PodWrite::Resize(resources.into()));
        if !self.resizing.contains(&id) {
            self.resizing.push(id);
        }
        let worker = self.worker(id);
        worker.resizes = worker.resizes.wrapping_add(1);
        let event = Event::Resize(id, worker.resizes);
        context.at(at + self.config.api_latency, event);
        Ok(())
    }

    /// The kubelet looks at a resize; without room it looks again later.
    pub(super) fn allocate_resize(
        &mut self,
        id: PodId,
        number: u16,
        context: &mut Context<'_, Event>,
    ) {
        if self.worker(id).resizes != number {
            return;
        }
        let waits = |pod: &&Pod| !pod.desired.is_empty();
        let Some(before) = context.store.pod(id).filter(waits).map(|pod| pod.resize) else {
            return;
        };
        if self.try_resize(id, context) == Some(ResizeState::Deferred) {
            let again = before == Some(ResizeState::Deferred);
            let delay = if again { RETRY } else { FIRST_RETRY };
            context.after(delay, Event::Resize(id, number));
        }
    }

    /// Takes a resize that fits; returns how it stands then.
    fn try_resize(&mut self, id: PodId, context: &mut Context<'_, Event>) -> Option<ResizeState> {
        let pod = context.store.pod(id).filter(|pod| !pod.is_deleting())?;
        let (node, before) = (pod.node?, pod.resize);
        let (own, wanted) = (pod.requested(), pod.desired_requests());
        let allocatable = context.store.find_node(node)?.allocatable;
        let fits = |others: Amounts| {
            let all = others + wanted;
            all.cpu <= allocatable.cpu && all.memory <= allocatable.memory
        };
        // A resize that only shrinks is always admitted.
        let shrinks = wanted.cpu <= own.cpu && wanted.memory <= own.memory;
        if shrinks || fits(context.store.node_info(node).requested - own) {
            self.take_resize(id, node, context);
            return Some(ResizeState::InProgress);
        }
        let (state, reason) = if fits(Amounts::default()) {
            (ResizeState::Deferred, "ResizeDeferred")
        } else {
            (ResizeState::Infeasible, "ResizeInfeasible")
        };
        if before != Some(state) {
            context.write_pod(id, PodWrite::ResizeStatus(Some(state)));
            let message = || "The node has no room for the pod's new requests".to_owned();
            context.events.warning(ObjectId::Pod(id), reason, message);
        }
        Some(state)
    }

    /// The node allocates what was asked for; it takes effect a little later.
    fn take_resize(&mut self, id: PodId, node: NodeId, context: &mut Context<'_, Event>) {
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let both = pod.containers.iter().zip(&pod.desired);
        let differing: Vec<[bool; 2]> = both
            .map(|(own, desired)| [true, false].map(|cpu| differs(&own.resources, desired, cpu)))
            .collect();
        let worker = self.worker(id);
        for (changed, differs) in worker.changed.iter_mut().zip(differing) {
            *changed = [changed[0] || differs[0], changed[1] || differs[1]];
        }
        let number = worker.resizes;
        let delay = context.draws.delay(id, &self.config.resize_actuation);
        context.write_pod(id, PodWrite::AllocateResize);
        context.after(delay, Event::Resized(id, number));
        self.retry_resizes(node, context);
    }

    /// A resize has taken effect; containers restart if their policy says so.
    pub(super) fn resized(&mut self, id: PodId, number: u16, context: &mut Context<'_, Event>) {
        let Some(pod) = context.store.pod(id).filter(|pod| !pod.removed) else {
            return;
        };
        let worker = self.worker(id);
        if worker.resizes != number {
            return;
        }
        let template = Arc::clone(&pod.template);
        let mut restarts = Vec::new();
        let containers = pod.containers.iter().zip(&template.containers);
        for (place, (status, spec)) in containers.enumerate() {
            let changed = worker.changed.get_mut(place).map(std::mem::take);
            let changed = changed.unwrap_or_default();
            let restart =
                (0..2).any(|resource| changed[resource] && spec.restart_on_resize[resource]);
            if restart && status.running_since.is_some() {
                restarts.push(place as u16);
            }
        }
        self.resizing.retain(|other| *other != id);
        context.write_pod(id, PodWrite::ResizeStatus(None));
        for container in restarts {
            self.restart_for_resize(id, container, context);
        }
    }

    /// A pod has left its node: what waits for room there is tried again.
    pub(super) fn room_appeared(&mut self, left: PodId, context: &mut Context<'_, Event>) {
        if self.resizing.is_empty() {
            return;
        }
        if let Some(node) = context.store.pod(left).and_then(|pod| pod.node) {
            self.retry_resizes(node, context);
        }
    }

    /// Room has appeared on a node: resizes that wait for it are looked at again.
    fn retry_resizes(&mut self, node: NodeId, context: &mut Context<'_, Event>) {
        let waits = |pod: &Pod| pod.node == Some(node) && pod.resize == Some(ResizeState::Deferred);
        let waiting = self.resizing.iter().copied();
        let waiting: Vec<PodId> = waiting
            .filter(|id| context.store.pod(*id).is_some_and(waits))
            .collect();
        for id in waiting {
            self.try_resize(id, context);
        }
    }
}

fn differs(before: &Resources, after: &Resources, cpu: bool) -> bool {
    if cpu {
        (before.cpu_request, before.cpu_limit) != (after.cpu_request, after.cpu_limit)
    } else {
        (before.memory_request, before.memory_limit) != (after.memory_request, after.memory_limit)
    }
}
