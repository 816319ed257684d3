//! Admission: a new pod gets the resources that its VPA recommends.

use super::{Boosted, Simulation};
use crate::api::{PodId, PodWrite, Resources, Write};
use crate::autoscaler::vpa::admission::{ContainerUpdate, admit, admit_with_boost};
use crate::autoscaler::vpa::{self, Container, UpdateMode, VpaSpec};
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
    /// not asked unless they boost (`GetMatchingVPA`); where upstream panics, the pod stays as it
    /// is. Returns the VPA that has changed the pod.
    pub(in crate::world) fn admit_pod(&mut self, id: PodId) -> Option<usize> {
        if self.vpas.all.is_empty() {
            return None;
        }
        let now = self.store.pod(id)?.meta.created;
        // The webhook's failure policy is Ignore.
        if self.is_down(Component::VpaAdmissionController, now) {
            return None;
        }
        for index in 0..self.vpas.all.len() {
            self.refresh_vpa_target(index);
        }
        let (index, resources, boosted) = self.admission_of(id)?;
        self.pods[id.slot()].boost = boosted;
        let write = PodWrite::Admit(resources.into());
        self.store.commit(now, Write::Pod(id, write));
        Some(index)
    }

    /// The VPA that controls a new pod, what the pod's containers have after admission, and which
    /// of them are boosted.
    fn admission_of(&self, id: PodId) -> Option<(usize, Vec<Resources>, Option<Boosted>)> {
        let pod = self.store.pod(id)?;
        let config = &self.scenario.controllers.vpa;
        // A pod's VPA is of its namespace.
        if !config.admission.watches(&pod.meta.namespace) {
            return None;
        }
        let acts = |spec: &VpaSpec| spec.update_mode != UpdateMode::Off || spec.has_startup_boost();
        let index = self.controlling_vpa(pod.workload, &pod.meta.labels, acts)?;
        let object = self.store.vpa(self.vpas.all[index].id)?;
        let (name, spec) = (&object.meta.name, &object.spec);
        let containers: Vec<Container<'_>> = pod
            .template
            .containers
            .iter()
            .zip(&pod.containers)
            .map(|(spec, status)| container(&spec.name, status.resources))
            .collect();
        let recommendations = self.vpas.recommendations(index);
        let limit_range = self.manifests.limit_range(&object.meta.namespace);
        let admission = if config.gates.admission.cpu_startup_boost {
            let max = config.admission.max_allowed_cpu_boost;
            admit_with_boost(name, spec, recommendations, &containers, &limit_range, max)
        } else {
            admit(name, spec, recommendations, &containers, &limit_range)
        };
        let admission = admission.ok()?;
        let updates = admission.containers.iter().zip(&containers);
        let resources = updates.map(|(update, before)| updated(update, before));
        let boosted = Boosted::new(&admission.boosted, &containers);
        Some((index, resources.collect(), boosted))
    }
}
