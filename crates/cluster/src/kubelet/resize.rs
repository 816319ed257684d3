//! The subresource `resize` of a pod (KEP-1287).
//!
//! The kubelet admits a resize against what its node has left. While it is under way the pod
//! shows that it is; a resize that has no room waits until there is some.

use std::fmt;
use std::sync::Arc;

use super::{Event, Kubelet, MemoryStats};
use crate::api::{
    Amounts, ContainerSpec, Context, NodeId, ObjectId, Pod, PodId, PodWrite, ResizeState,
    Resources, What, resize_error,
};
use crate::cluster::spec::InPlaceResize;
use crate::sim::{SimDuration, SimTime};
use crate::units::{Bytes, Millicores};

/// Why a resize was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResizeError {
    /// There is no such pod, or it is being deleted.
    #[error("there is no such pod")]
    NotFound,
    /// The pod's QoS class would change.
    #[error("Pod QOS Class may not change as a result of resizing")]
    QosClass,
    /// The release has no subresource `resize`.
    #[error("the server could not find the requested resource")]
    Off,
    /// A limit of memory would be lowered while its container runs on.
    #[error("memory limits cannot be decreased unless resizePolicy is RestartContainer")]
    LowerMemoryLimit,
    /// The node can never hold it.
    #[error("node didn't have enough allocatable resources: {0}")]
    NodeCapacity(NodeCapacity),
}

/// What a node can never hold: each resource with what the pod would request and what is
/// allocatable (`validateRequestsWithinAllocatable` of `plugin/pkg/admission/podresize`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeCapacity {
    /// CPU, if that is exceeded.
    pub cpu: Option<(Millicores, Millicores)>,
    /// Memory, if that is exceeded.
    pub memory: Option<(Bytes, Bytes)>,
}

impl fmt::Display for NodeCapacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cpu = self.cpu.map(|(asked, there)| ("cpu", asked.0, there.0));
        let memory = (self.memory).map(|(asked, there)| ("memory", asked.0, there.0));
        let mut separator = "";
        for (resource, asked, there) in cpu.into_iter().chain(memory) {
            write!(
                f,
                "{separator}{resource}, requested: {asked}, allocatable: {there}"
            )?;
            separator = "; ";
        }
        Ok(())
    }
}

impl NodeCapacity {
    fn check(asked: Amounts, allocatable: Amounts) -> Result<(), ResizeError> {
        let cpu = (asked.cpu > allocatable.cpu).then_some((asked.cpu, allocatable.cpu));
        let memory = asked.memory > allocatable.memory;
        let memory = memory.then_some((asked.memory, allocatable.memory));
        match (cpu, memory) {
            (None, None) => Ok(()),
            _ => Err(ResizeError::NodeCapacity(Self { cpu, memory })),
        }
    }
}

/// From a kubelet's last look at its resizes without room, whatever has caused that, to the next one
/// (`retryDelay` of `pkg/kubelet/allocation`; its first one after 30 s is that of a kubelet that
/// has just started).
const RETRY: SimDuration = SimDuration::from_secs(180);
/// What has failed is tried again after this and up to half of it more (`backOffPeriod`,
/// `workerBackOffPeriodJitterFactor`).
const BACK_OFF: SimDuration = SimDuration::from_secs(10);

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
        match self.config.in_place_resize {
            InPlaceResize::Off => return Err(ResizeError::Off),
            InPlaceResize::NoLowerMemoryLimit if lowered(pod, resources).next().is_some() => {
                return Err(ResizeError::LowerMemoryLimit);
            }
            _ => {}
        }
        let mut asked = resources.iter().enumerate();
        if asked.all(|(place, resources)| pod.spec_resources(place) == *resources) {
            return Ok(()); // the patch changes nothing
        }
        let Some(node) = pod.node else {
            context.write_pod(id, PodWrite::Admit(resources.into()));
            context.store.notify(ObjectId::Pod(id), What::Resized);
            return Ok(());
        };
        if self.config.in_place_resize == InPlaceResize::WithinAllocatable
            && let Some(node) = context.store.find_node(node)
        {
            NodeCapacity::check(pod.requested_with(resources), node.allocatable)?;
        }
        context.write_pod(id, PodWrite::Resize(resources.into()));
        if !self.resizing.contains(&id) {
            self.resizing.push(id);
        }
        let worker = self.worker(id);
        worker.resizes = worker.resizes.wrapping_add(1);
        worker.resize_rests = SimTime::ZERO;
        let event = Event::Resize(id, worker.resizes);
        context.at(at + self.config.api_latency, event);
        Ok(())
    }

    /// The kubelet looks at a resize; without room it looks again later.
    pub(super) fn allocate_resize(
        &mut self,
        id: PodId,
        number: u16,
        stats: MemoryStats<'_>,
        context: &mut Context<'_, Event>,
    ) {
        let now = context.now;
        let worker = self.worker(id);
        if worker.resizes != number || worker.resize_rests > now {
            return;
        }
        let waits = |pod: &&Pod| !pod.desired.is_empty();
        let Some(node) = context.store.pod(id).filter(waits).and_then(|pod| pod.node) else {
            return;
        };
        let delay = match self.try_resize(id, stats, context) {
            Some(ResizeState::Deferred) => {
                self.retry_resizes(node, stats, context);
                return;
            }
            Some(ResizeState::Error) => {
                BACK_OFF + SimDuration((BACK_OFF.0 as f64 / 2.0 * context.draws.unit(id)) as i64)
            }
            _ => return,
        };
        context.after(delay, Event::Resize(id, number));
    }

    /// Takes a resize that fits; returns how it stands then.
    fn try_resize(
        &mut self,
        id: PodId,
        stats: MemoryStats<'_>,
        context: &mut Context<'_, Event>,
    ) -> Option<ResizeState> {
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
            if let Some(error) = memory_in_use(id, pod, stats) {
                if pod.resize_error.as_deref() != Some(&*error) {
                    let message = resize_error(pod, &error);
                    let object = ObjectId::Pod(id);
                    context.events.warning(object, "ResizeError", || message);
                    context.write_pod(id, PodWrite::ResizeError(error.into()));
                }
                return Some(ResizeState::Error);
            }
            self.take_resize(id, node, stats, context);
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
    fn take_resize(
        &mut self,
        id: PodId,
        node: NodeId,
        stats: MemoryStats<'_>,
        context: &mut Context<'_, Event>,
    ) {
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
        self.retry_resizes(node, stats, context);
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
        self.watch_resized(id, context);
        for container in restarts {
            self.restart_for_resize(id, container, context);
        }
    }

    /// A pod has left its node: what waits for room there is tried again.
    pub(super) fn room_appeared(
        &mut self,
        left: PodId,
        stats: MemoryStats<'_>,
        context: &mut Context<'_, Event>,
    ) {
        if self.resizing.is_empty() {
            return;
        }
        if let Some(node) = context.store.pod(left).and_then(|pod| pod.node) {
            self.retry_resizes(node, stats, context);
        }
    }

    /// Room has appeared on a node: resizes that wait for it are looked at again.
    fn retry_resizes(
        &mut self,
        node: NodeId,
        stats: MemoryStats<'_>,
        context: &mut Context<'_, Event>,
    ) {
        let waits = |pod: &Pod| pod.node == Some(node) && pod.resize == Some(ResizeState::Deferred);
        let waiting = self.resizing.iter().copied();
        let waiting: Vec<PodId> = waiting
            .filter(|id| context.store.pod(*id).is_some_and(waits))
            .collect();
        let next = context.now + RETRY;
        for id in waiting {
            if self.try_resize(id, stats, context) == Some(ResizeState::Deferred) {
                let worker = self.worker(id);
                worker.resize_rests = next;
                let number = worker.resizes;
                context.at(next, Event::Resize(id, number));
            }
        }
    }
}

/// The containers, by place, whose limit of memory is lowered or added while they run on.
fn lowered<'a>(
    pod: &'a Pod,
    resources: &'a [Resources],
) -> impl Iterator<Item = (usize, Bytes)> + 'a {
    let containers = pod.containers.iter().zip(&pod.template.containers);
    let all = containers.zip(resources).enumerate();
    all.filter_map(|(place, ((status, spec), new))| {
        let limit = new.memory_limit?;
        let is_lower = status.resources.memory_limit.is_none_or(|old| limit < old);
        (is_lower && !spec.restart_on_resize[1]).then_some((place, limit))
    })
}

/// Why the limits of memory that a resize asks for cannot be set
/// (`validateMemoryResizeAction`): one is lowered to what is in use, or below it.
fn memory_in_use(id: PodId, pod: &Pod, stats: MemoryStats<'_>) -> Option<String> {
    lowered(pod, &pod.desired).next()?;
    let held = |(place, spec): (usize, &ContainerSpec)| {
        let runs = pod
            .containers
            .get(place)
            .is_none_or(|c| c.running_since.is_some());
        runs.then(|| stats(id, place).unwrap_or(spec.idle_memory))
    };
    let in_use = |place| held((place, pod.template.lasting_at(place)?));
    let all: Bytes = pod.template.lasting().enumerate().filter_map(held).sum();
    let mut errors = Vec::new();
    let limit_of_pod = |containers: &mut dyn Iterator<Item = Option<Bytes>>| -> Option<Bytes> {
        let sidecars = pod.template.sidecars().map(|one| one.memory_limit);
        containers.chain(sidecars).sum()
    };
    let before = limit_of_pod(&mut pod.containers.iter().map(|c| c.resources.memory_limit));
    let after = limit_of_pod(&mut pod.desired.iter().map(|c| c.memory_limit));
    if let Some(limit) = after.filter(|after| before.is_none_or(|before| *after < before))
        && all >= limit
    {
        errors.push(format!(
            "attempting to set pod memory limit ({}) below current usage ({})",
            limit.0, all.0
        ));
    }
    for (place, limit) in lowered(pod, &pod.desired) {
        if in_use(place).is_some_and(|held| held >= limit) {
            // Upstream prints the usage of the whole pod here too.
            errors.push(format!(
                "attempting to set container \"{}\" memory limit ({}) below current usage ({})",
                pod.template.containers[place].name, limit.0, all.0
            ));
        }
    }
    match errors.as_slice() {
        [] => None,
        [one] => Some(format!("cannot decrease memory limits: {one}")),
        several => Some(format!(
            "cannot decrease memory limits: [{}]",
            several.join(", ")
        )),
    }
}

fn differs(before: &Resources, after: &Resources, cpu: bool) -> bool {
    if cpu {
        (before.cpu_request, before.cpu_limit) != (after.cpu_request, after.cpu_limit)
    } else {
        (before.memory_request, before.memory_limit) != (after.memory_request, after.memory_limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_tells_all_that_it_can_never_hold() {
        let amounts = |cpu, memory| Amounts {
            cpu: Millicores(cpu),
            memory: Bytes(memory),
        };
        let refused = |cpu, memory| {
            let found = NodeCapacity::check(amounts(cpu, memory), amounts(1930, 1 << 30));
            found.map_err(|why| why.to_string())
        };
        assert_eq!(refused(1930, 1 << 30), Ok(()));
        let start = "node didn't have enough allocatable resources: ";
        let both = "cpu, requested: 4000, allocatable: 1930; \
                    memory, requested: 2147483648, allocatable: 1073741824";
        assert_eq!(refused(4000, 2 << 30), Err(format!("{start}{both}")));
    }
}
