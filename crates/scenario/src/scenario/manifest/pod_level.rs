//! Resources of a pod as a whole, as the API server completes them.

use std::fmt::Display;
use std::ops::Add;

use k8s_openapi::api::core::v1::ResourceRequirements;

use super::Context;
use super::affinity::SPEC;
use super::hpa::unsupported;
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
    let path_of = |list: &str| format!("{path}.{list}");
    check_resource_names(resources, path, context);
    let mut amount = |name: &str| {
        let given = context.amount(requests, name, &path_of("requests"));
        let limit = context.amount(limits, name, &path_of("limits"));
        (given, limit)
    };
    let (cpu, cpu_limit) = amount("cpu");
    let (memory, memory_limit) = amount("memory");
    let cpu_limit = cpu_limit.map(|q| Millicores(q.milli_value()));
    let memory_limit = memory_limit.map(|q| Bytes(q.value()));
    let of_containers_cpu = of_containers(containers, init_containers, |one| one.cpu_request);
    let of_containers_memory = of_containers(containers, init_containers, |one| one.memory_request);
    let cpu = cpu.map(|q| Millicores(q.milli_value())).or_else(|| {
        let filled = of_containers_cpu.or(cpu_limit);
        filled.filter(|_| has_limits)
    });
    let memory = memory.map(|q| Bytes(q.value())).or_else(|| {
        let filled = of_containers_memory.or(memory_limit);
        filled.filter(|_| has_limits)
    });
    let cpu_limits: Vec<_> = containers.iter().map(|one| one.cpu_limit).collect();
    check(
        "cpu",
        (cpu, cpu_limit),
        (of_containers_cpu, &cpu_limits),
        path,
        context,
    );
    let memory_limits: Vec<_> = containers.iter().map(|one| one.memory_limit).collect();
    check(
        "memory",
        (memory, memory_limit),
        (of_containers_memory, &memory_limits),
        path,
        context,
    );
    (cpu, memory)
}

/// `validatePodResourceName`.
fn check_resource_names(
    resources: Option<&ResourceRequirements>,
    path: &str,
    context: &mut Context<'_>,
) {
    const SUPPORTED: [&str; 3] = ["cpu", "hugepages-", "memory"];
    let limits = resources.and_then(|resources| resources.limits.as_ref());
    let requests = resources.and_then(|resources| resources.requests.as_ref());
    for (list, amounts) in [("limits", limits), ("requests", requests)] {
        for name in amounts.into_iter().flatten().map(|(name, _)| name) {
            if !matches!(name.as_str(), "cpu" | "memory") && !name.starts_with("hugepages-") {
                let words = unsupported(name, &SUPPORTED);
                context.refuse(&format!("{path}.{list}[{name}]"), words, None);
            }
        }
    }
}

/// The pod as a whole asks for what its containers do or more, and none of them may use more than
/// the pod (`validatePodResourceConsistency`).
fn check<T: Copy + Ord + Display>(
    name: &str,
    (request, limit): (Option<T>, Option<T>),
    (of_containers, limits): (Option<T>, &[Option<T>]),
    path: &str,
    context: &mut Context<'_>,
) {
    if let (Some(request), Some(limit)) = (request, limit)
        && request > limit
    {
        let words = format!(
            "Invalid value: \"{request}\": must be less than or equal to {name} limit of {limit}"
        );
        let place = format!("{path}.requests.{name}");
        context.refuse_at(&place, &format!("{path}.requests"), words, None);
    }
    if let (Some(request), Some(sum)) = (request, of_containers)
        && sum > request
    {
        let words = format!(
            "Invalid value: \"{request}\": must be greater than or equal to aggregate container requests of {sum}"
        );
        context.refuse(&format!("{path}.requests[{name}]"), words, None);
    }
    let Some(limit) = limit else { return };
    for (index, own) in limits.iter().enumerate() {
        if let Some(own) = own.filter(|own| *own > limit) {
            let words = format!(
                "Invalid value: \"{own}\": must be less than or equal to pod limits of {limit}"
            );
            let known = format!("{path}.containers[{index}][{name}].limits");
            let place = format!("{SPEC}.containers[{index}].resources.limits.{name}");
            context.refuse_at(&place, &known, words, None);
        }
    }
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
