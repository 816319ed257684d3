//! Resources of a pod as a whole, as the API server completes them.

use std::ops::Add;

use k8s_openapi::api::core::v1::ResourceRequirements;

use super::Context;
use crate::cluster::spec::ContainerSpec;
use crate::units::{Bytes, Millicores};

/// The pod's own requests of CPU and memory. Where it has limits, a request left out is what
/// its containers ask for, or else the limit.
pub(super) fn requests(
    resources: Option<&ResourceRequirements>,
    path: &str,
    containers: &[ContainerSpec],
    init_containers: &[ContainerSpec],
    context: &mut Context<'_>,
) -> (Option<Millicores>, Option<Bytes>) {
    let requests = resources.and_then(|resources| resources.requests.as_ref());
    let limits = resources.and_then(|resources| resources.limits.as_ref());
    let has_limits = limits.is_some_and(|limits| !limits.is_empty());
    let mut amount = |name: &str| {
        let given = context.amount(requests, name, &format!("{path}.requests"));
        let limit = context.amount(limits, name, &format!("{path}.limits"));
        (given, limit)
    };
    let (cpu, cpu_limit) = amount("cpu");
    let (memory, memory_limit) = amount("memory");
    let cpu = cpu.map(|q| Millicores(q.milli_value())).or_else(|| {
        let of_containers = of_containers(containers, init_containers, |one| one.cpu_request);
        let limit = cpu_limit.map(|q| Millicores(q.milli_value()));
        of_containers.or(limit).filter(|_| has_limits)
    });
    let memory = memory.map(|q| Bytes(q.value())).or_else(|| {
        let of_containers = of_containers(containers, init_containers, |one| one.memory_request);
        let limit = memory_limit.map(|q| Bytes(q.value()));
        of_containers.or(limit).filter(|_| has_limits)
    });
    (cpu, memory)
}

/// What the containers ask for together: all that last, or the peak while an init container
/// runs beside the sidecars before it; nothing if none asks.
pub(super) fn of_containers<T: Copy + Default + Ord + Add<Output = T>>(
    containers: &[ContainerSpec],
    init_containers: &[ContainerSpec],
    request: impl Fn(&ContainerSpec) -> Option<T>,
) -> Option<T> {
    let (mut sidecars, mut peak) = (None, None);
    for one in init_containers {
        let Some(asked) = request(one) else { continue };
        let beside = sidecars.unwrap_or_default() + asked;
        if one.restartable {
            sidecars = Some(beside);
        } else {
            peak = peak.max(Some(beside));
        }
    }
    let lasting = containers.iter().filter_map(request).chain(sidecars);
    lasting.reduce(T::add).max(peak)
}
