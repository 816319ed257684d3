//! Requests and limits: of a container, of a pod as the scheduler counts them.

use super::pod::ContainerStatus;
use super::template::{ContainerSpec, PodTemplate};
use crate::units::{Bytes, Millicores};

/// What a container without a request counts in scores (`DefaultMilliCPURequest`).
const NONZERO_CPU: Millicores = Millicores(100);
/// The same for memory (`DefaultMemoryRequest`).
const NONZERO_MEMORY: Bytes = Bytes(200 << 20);

/// Requests and limits of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resources {
    /// CPU request.
    pub cpu_request: Option<Millicores>,
    /// CPU limit.
    pub cpu_limit: Option<Millicores>,
    /// Memory request.
    pub memory_request: Option<Bytes>,
    /// Memory limit.
    pub memory_limit: Option<Bytes>,
}

/// CPU and memory together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amounts {
    /// CPU.
    pub cpu: Millicores,
    /// Memory.
    pub memory: Bytes,
}

impl std::ops::Add for Amounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            cpu: self.cpu + other.cpu,
            memory: self.memory + other.memory,
        }
    }
}

impl std::ops::Sub for Amounts {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            cpu: self.cpu - other.cpu,
            memory: self.memory - other.memory,
        }
    }
}

/// A pod's requests: as filters and as scores count them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PodAmounts {
    /// What it requests.
    pub raw: Amounts,
    /// The same with 100m and 200Mi for each container without a request.
    pub nonzero: Amounts,
}

impl PodAmounts {
    /// The pod requests `raw`; `containers` are the requests of those of its containers that
    /// count for themselves.
    pub fn new(
        raw: Amounts,
        containers: impl Iterator<Item = (Option<Millicores>, Option<Bytes>)>,
    ) -> Self {
        let mut nonzero = raw;
        for (cpu, memory) in containers {
            if cpu.is_none() {
                nonzero.cpu += NONZERO_CPU;
            }
            if memory.is_none() {
                nonzero.memory += NONZERO_MEMORY;
            }
        }
        Self { raw, nonzero }
    }

    /// What a pod with these containers of this template requests.
    pub fn of(containers: &[ContainerStatus], template: &PodTemplate) -> Self {
        let own = containers.iter().map(|status| status.resources);
        let missing = Amounts {
            cpu: NONZERO_CPU,
            memory: NONZERO_MEMORY,
        };
        Self {
            raw: requested(own.clone(), template),
            nonzero: requested_or(own, template, missing),
        }
    }

    /// Whether it requests anything.
    pub fn has_requests(&self) -> bool {
        self.raw.cpu.0 > 0 || self.raw.memory.0 > 0
    }
}

/// What a pod requests whose containers have these resources.
pub(super) fn requested(
    containers: impl Iterator<Item = Resources> + Clone,
    template: &PodTemplate,
) -> Amounts {
    requested_or(containers, template, Amounts::default())
}

/// The same with something for each container without a request (`NonMissingContainerRequests`).
fn requested_or(
    containers: impl Iterator<Item = Resources> + Clone,
    template: &PodTemplate,
    missing: Amounts,
) -> Amounts {
    let cpu = |c: Resources| c.cpu_request.unwrap_or(missing.cpu).0;
    let memory = |c: Resources| c.memory_request.unwrap_or(missing.memory).0;
    Amounts {
        cpu: template
            .pod_cpu_request
            .unwrap_or_else(|| Millicores(peak(containers.clone().map(cpu), template, cpu))),
        memory: template
            .pod_memory_request
            .unwrap_or_else(|| Bytes(peak(containers.map(memory), template, memory))),
    }
}

/// What a pod requests while containers with these resources and its sidecars run: what
/// utilization is measured against (`calculateRequests` of the HPA).
pub(super) fn lasting(
    containers: impl Iterator<Item = Resources> + Clone,
    template: &PodTemplate,
) -> Amounts {
    let all = containers.chain(template.sidecars().map(ContainerSpec::resources));
    let cpu = all.clone().filter_map(|one| one.cpu_request);
    let memory = all.filter_map(|one| one.memory_request);
    Amounts {
        cpu: template
            .pod_cpu_request
            .unwrap_or_else(|| Millicores(cpu.map(|cpu| cpu.0).sum())),
        memory: template
            .pod_memory_request
            .unwrap_or_else(|| Bytes(memory.map(|memory| memory.0).sum())),
    }
}

/// The most that a pod's containers request at once: each init container runs beside the
/// sidecars that started before it, the containers beside all of them.
fn peak(
    containers: impl Iterator<Item = i64>,
    template: &PodTemplate,
    request: impl Fn(Resources) -> i64,
) -> i64 {
    let (mut sidecars, mut most) = (0, 0);
    for container in &template.init_containers {
        let beside = sidecars + request(ContainerSpec::resources(container));
        if container.restartable {
            sidecars = beside;
        }
        most = most.max(beside);
    }
    most.max(containers.sum::<i64>() + sidecars)
}
