//! What pods request, as the HPA reads it: once per template revision, own ones for pods that
//! were changed.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::api::{ContainerSpec, PodTemplate, Resources};
use crate::autoscaler::hpa::{ContainerRequest, PodRequests};
use crate::units::Bytes;

/// The requests of each template revision seen so far.
#[derive(Debug, Clone, Default)]
pub(super) struct TemplateRequests {
    /// By the template's address, which stays its own as long as it is kept here.
    known: FxHashMap<usize, (Arc<PodTemplate>, Arc<PodRequests>)>,
}

impl TemplateRequests {
    /// The requests of pods of this template.
    pub(super) fn of(&mut self, template: &Arc<PodTemplate>) -> Arc<PodRequests> {
        let known = self.known.entry(Arc::as_ptr(template) as usize);
        let made = || (Arc::clone(template), Arc::new(requests(template)));
        Arc::clone(&known.or_insert_with(made).1)
    }
}

fn milli(memory: Bytes) -> i64 {
    memory.0.saturating_mul(1000)
}

/// The requests of a pod of a template.
fn requests(template: &PodTemplate) -> PodRequests {
    let request = |container: &ContainerSpec| ContainerRequest {
        name: container.name.clone(),
        restartable: container.restartable,
        requests: [
            container.cpu_request.map(|cpu| cpu.0),
            container.memory_request.map(milli),
        ],
    };
    let pod_level = (template.pod_cpu_request.is_some() || template.pod_memory_request.is_some())
        .then(|| {
            [
                template.pod_cpu_request.map(|cpu| cpu.0),
                template.pod_memory_request.map(milli),
            ]
        });
    PodRequests {
        containers: template.containers.iter().map(request).collect(),
        init_containers: template.init_containers.iter().map(request).collect(),
        pod_level,
    }
}

/// The requests of a pod whose containers have these resources instead of the template's.
pub(super) fn changed_requests(template: &PodTemplate, containers: &[Resources]) -> PodRequests {
    let mut changed = requests(template);
    for (request, resources) in changed.containers.iter_mut().zip(containers) {
        request.requests = [
            resources.cpu_request.map(|cpu| cpu.0),
            resources.memory_request.map(milli),
        ];
    }
    changed
}
