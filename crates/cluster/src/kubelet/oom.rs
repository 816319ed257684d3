//! A node whose pods hold all the memory that it has for them: the kernel kills the container with
//! the highest score (`oom_badness`), as the kubelet has adjusted it (`pkg/kubelet/qos/policy.go`).
//!
//! A node is looked at whenever the eviction manager looks, and once a second while little is left.

use super::pressure::{Load, Pressure, loads};
use super::{Event, Kubelet, MemoryStats};
use crate::api::{
    ContainerSpec, Context, NodeId, ObjectId, Pod, PodId, TerminationReason, qos_class,
};
use crate::sim::SimDuration;
use crate::units::Bytes;

/// From one look to the next while little is left.
const PERIOD: SimDuration = SimDuration::from_secs(1);
/// What is little: a part of so many.
const LITTLE: i64 = 4;
/// Of what the kernel kills last of all pods, and first (`guaranteedOOMScoreAdj`,
/// `besteffortOOMScoreAdj`).
const ADJUSTMENTS: (i64, i64) = (-997, 1000);
/// From this priority on pods are critical to their node (`IsNodeCriticalPod`).
const NODE_CRITICAL: i32 = 2_000_001_000;

impl Kubelet {
    /// Takes the pods with containers that the kernel has killed for their node's sake since the
    /// last call.
    pub fn take_kernel_kills(&mut self) -> Vec<PodId> {
        std::mem::take(&mut self.kernel_kills)
    }

    /// Kills containers as long as a node's pods hold more than there is. Looks again soon if little
    /// is left.
    pub(super) fn look_for_exhaustion(
        &mut self,
        node: NodeId,
        stats: MemoryStats<'_>,
        context: &mut Context<'_, Event>,
    ) {
        let heard = !self.silent.contains_key(&node);
        let Some(there) = context.store.find_node(node).filter(|_| heard) else {
            return;
        };
        let (capacity, total) = (there.capacity.memory, self.for_pods(there));
        let room = total - there.daemons.memory;
        let mut all = loads(node, stats, context.store);
        let mut used: Bytes = all.iter().flat_map(|load| &load.held).copied().sum();
        while used > room {
            let victim = worst(&all, (capacity, total), context);
            let Some((load, place)) = victim else { break };
            let id = all[load].id;
            used -= std::mem::take(&mut all[load].held[place]);
            self.kill_for_node(id, place, context);
        }
        let is_near = (room - used).0 < room.0 / LITTLE;
        let Some(pressure) = self.pressures.get_mut(&node) else {
            return;
        };
        if is_near && pressure.near.is_none() {
            let next = context.now + PERIOD;
            pressure.near = Some(next);
            context.at(next, Event::Exhaustion(node));
        }
    }

    /// A second later.
    pub(super) fn look_again(
        &mut self,
        node: NodeId,
        stats: MemoryStats<'_>,
        context: &mut Context<'_, Event>,
    ) {
        let now = context.now;
        let is_due = |one: &&mut Pressure| one.near == Some(now);
        if let Some(pressure) = self.pressures.get_mut(&node).filter(is_due) {
            pressure.near = None;
            self.look_for_exhaustion(node, stats, context);
        }
    }

    fn kill_for_node(&mut self, id: PodId, place: usize, context: &mut Context<'_, Event>) {
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let containers = pod.containers.len();
        if let Some(spec) = pod.template.lasting_at(place) {
            let message = || format!("Node out of memory, killed container {}", spec.name);
            let object = ObjectId::Pod(id);
            context.events.warning(object, "OOMKilling", message);
        }
        self.kernel_kills.push(id);
        let reason = TerminationReason::OomKilled;
        if place < containers {
            self.container_exited(id, place as u16, reason, context);
            return;
        }
        let template = &pod.template;
        let mut inits = 0..template.init_containers.len();
        let is_it = |init: &usize| {
            let sidecar = template.init_containers[*init].restartable;
            sidecar && template.place_of_sidecar(*init) == place
        };
        // Those of pods that were there at the start are not followed.
        if let Some(init) = inits.find(is_it)
            && self.worker(id).inits.len() > init
        {
            self.init_ended(id, init, reason, context);
        }
    }
}

/// The pod and its container that the kernel picks, by their places.
fn worst(
    all: &[Load],
    (capacity, total): (Bytes, Bytes),
    context: &Context<'_, Event>,
) -> Option<(usize, usize)> {
    let mut found = None;
    let mut most = i64::MIN;
    for (at, load) in all.iter().enumerate() {
        let Some(pod) = context.store.pod(load.id) else {
            continue;
        };
        let lasting = pod.template.lasting().zip(&load.held).enumerate();
        for (place, (spec, held)) in lasting.filter(|(_, (_, held))| **held > Bytes::ZERO) {
            let score = held.0 + total.0 / 1000 * adjustment(pod, place, spec, capacity);
            if score > most {
                (most, found) = (score, Some((at, place)));
            }
        }
    }
    found
}

/// `GetContainerOOMScoreAdjust`, without what pods request as a whole.
fn adjustment(pod: &Pod, place: usize, spec: &ContainerSpec, capacity: Bytes) -> i64 {
    let (last, first) = ADJUSTMENTS;
    match qos_class(pod) {
        _ if pod.template.priority >= NODE_CRITICAL => return last,
        "Guaranteed" => return last,
        "BestEffort" => return first,
        _ => {}
    }
    let own = pod.containers.get(place);
    let own = own.map_or(spec.memory_request, |status| {
        status.resources.memory_request
    });
    let mut request = own.unwrap_or_default();
    if place >= pod.containers.len() {
        // A sidecar is as safe as the least of the containers that it serves.
        let all = pod.containers.iter();
        let requests = all.map(|status| status.resources.memory_request.unwrap_or_default());
        request = request.max(requests.min().unwrap_or_default());
    }
    let adjusted = 1000 - 1000 * request.0 / capacity.0.max(1);
    adjusted.clamp(1000 + last, first - 1)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::api::{ObjectMeta, PodTemplate, Uid, WorkloadId};
    use crate::sim::SimTime;
    use crate::units::Millicores;

    const CAPACITY: Bytes = Bytes(1000 << 20);

    fn container(request: Option<i64>, limit: Option<i64>) -> ContainerSpec {
        ContainerSpec {
            cpu_request: limit.map(|_| Millicores(100)),
            cpu_limit: limit.map(|_| Millicores(100)),
            memory_request: request.map(|mib| Bytes(mib << 20)),
            memory_limit: limit.map(|mib| Bytes(mib << 20)),
            ..ContainerSpec::default()
        }
    }

    fn adjusted(containers: Vec<ContainerSpec>, sidecar: Option<ContainerSpec>) -> i64 {
        let place = if sidecar.is_some() {
            containers.len()
        } else {
            0
        };
        let restartable = |spec| ContainerSpec {
            restartable: true,
            ..spec
        };
        let template = PodTemplate {
            containers,
            init_containers: sidecar.into_iter().map(restartable).collect(),
            ..PodTemplate::default()
        };
        let meta = ObjectMeta::new("a", "p", Uid(0), SimTime::ZERO);
        let pod = Pod::new(meta, WorkloadId(0), Arc::new(template));
        let spec = pod.template.lasting_at(place).expect("it is there").clone();
        adjustment(&pod, place, &spec, CAPACITY)
    }

    #[test]
    fn the_more_a_container_requests_the_later_it_goes() {
        let burstable = |mib| adjusted(vec![container(Some(mib), None)], None);
        assert_eq!(burstable(100), 900);
        // Never as early as what requests nothing, nor as late as what is guaranteed.
        assert_eq!((burstable(0), burstable(1000)), (999, 3));
        assert_eq!(adjusted(vec![container(None, None)], None), 1000);
        let guaranteed = container(Some(100), Some(100));
        assert_eq!(adjusted(vec![guaranteed], None), -997);
        // A sidecar that requests little is held as its pod's least container.
        let beside = vec![container(Some(300), None), container(Some(200), None)];
        assert_eq!(
            adjusted(beside.clone(), Some(container(Some(10), None))),
            800
        );
        assert_eq!(adjusted(beside, Some(container(Some(400), None))), 600);
    }
}
