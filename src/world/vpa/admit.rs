//! Admission: a new pod gets the resources that its VPA recommends.

use super::Simulation;
use crate::api::{PodId, PodWrite, Resources, Write};
use crate::autoscaler::vpa::admission::{ContainerUpdate, admit};
use crate::autoscaler::vpa::{self, Container, UpdateMode};
use crate::scenario::model::Component;
use crate::units::Quantity;

/// A container as the VPA's components see it.
pub(super) fn container(name: &str, resources: Resources) -> Container<'_> {
    let amounts = |cpu: Option<_>, memory: Option<_>| vpa::Resources {
        cpu: cpu.map(Quantity::from_millicores),
        memory: memory.map(Quantity::from_bytes),
    };
    Container {
        name,
        requests: amounts(resources.cpu_request, resources.memory_request),
        limits: amounts(resources.cpu_limit, resources.memory_limit),
    }
}

/// What a container has after an update.
pub(super) fn updated(update: &ContainerUpdate, before: &Container<'_>) -> Resources {
    let (requests, limits) = update.applied_to(before);
    Resources {
        cpu_request: requests.cpu.map(Quantity::to_millicores),
        cpu_limit: limits.cpu.map(Quantity::to_millicores),
        memory_request: requests.memory.map(Quantity::to_bytes),
        memory_limit: limits.memory.map(Quantity::to_bytes),
    }
}

impl Simulation<'_> {
    /// Changes a pod at its creation, before the scheduler sees it. VPAs in mode `Off` are
    /// not asked (`GetMatchingVPA`); where upstream panics, the pod stays as it is. True if
    /// the pod was changed.
    pub(in crate::world) fn admit_pod(&mut self, id: PodId) -> bool {
        let Some(pod) = self.store.pod(id) else {
            return false;
        };
        let Some(index) = self.vpas.of(pod.workload) else {
            return false;
        };
        let (object, _) = self.vpa(index);
        let Some(spec) = self.vpa_spec(index) else {
            return false;
        };
        // The webhook's failure policy is Ignore.
        let is_down = self.is_down(Component::VpaAdmissionController, pod.meta.created);
        if is_down || spec.update_mode == UpdateMode::Off {
            return false;
        }
        let containers: Vec<Container<'_>> = pod
            .template
            .containers
            .iter()
            .zip(&pod.containers)
            .map(|(spec, status)| container(&spec.name, status.resources))
            .collect();
        let recommendations = self.vpas.objects[index].recommender.recommendations();
        let Ok(admission) = admit(
            &object.name,
            &spec,
            recommendations,
            &containers,
            &object.limit_range,
        ) else {
            return false;
        };
        let resources: Vec<Resources> = admission
            .containers
            .iter()
            .zip(&containers)
            .map(|(update, before)| updated(update, before))
            .collect();
        let now = pod.meta.created;
        let write = PodWrite::Admit(resources.into());
        self.store.commit(now, Write::Pod(id, write));
        true
    }
}
