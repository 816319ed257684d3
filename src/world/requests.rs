//! What pods request, as the HPA reads it: once per template revision, own ones for pods that
//! were changed.

use std::sync::Arc;

use crate::api::{ContainerSpec, PodTemplate, Resources};
use crate::autoscaler::hpa::{ContainerRequest, PodRequests};
use crate::units::Bytes;

/// The requests of each template revision seen so far.
#[derive(Debug, Clone, Default)]
pub(super) struct TemplateRequests {
    known: Vec<(Arc<PodTemplate>, Arc<PodRequests>)>,
}

impl TemplateRequests {
    /// The requests of pods of this template.
    pub(super) fn of(&mut self, template: &Arc<PodTemplate>) -> Arc<PodRequests> {
        let same = |(known, _): &&(Arc<PodTemplate>, _)| Arc::ptr_eq(known, template);
        if let Some((_, requests)) = self.known.iter().rev().find(same) {
            return Arc::clone(requests);
        }
        let made = Arc::new(requests(template));
        let entry = (Arc::clone(template), Arc::clone(&made));
        self.known.push(entry);
        made
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
