//! What pods take of their nodes besides CPU and memory: host ports, extended resources.

use k8s_openapi::api::core::v1 as core;

use super::Context;
use super::affinity::SPEC;
use super::container::Amounts;
use crate::api::{Extended, HostPort};
use crate::units::Quantity;

/// Init containers that run beside the others: sidecars.
fn is_sidecar(one: &core::Container) -> bool {
    one.restart_policy.as_deref() == Some("Always")
}

/// Ports of the node; on the host's network every port is one.
pub(super) fn host_ports(spec: &core::PodSpec) -> Vec<HostPort> {
    let on_host = spec.host_network == Some(true);
    let init = spec.init_containers.as_deref().unwrap_or_default();
    let sidecars = init.iter().filter(|one| is_sidecar(one));
    let running = spec.containers.iter().chain(sidecars);
    let ports = running.flat_map(|one| one.ports.iter().flatten());
    ports
        .filter_map(|port| {
            let own = port.host_port.filter(|port| *port > 0);
            Some(HostPort {
                protocol: port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()),
                address: port.host_ip.clone().unwrap_or_default(),
                port: own.or(on_host.then_some(port.container_port))?,
            })
        })
        .collect()
}

/// Whether the name is that of a resource of its own kind, which the scheduler counts besides CPU
/// and memory. Nodes have enough of local storage as a rule.
fn is_extended(name: &str) -> bool {
    !matches!(name, "cpu" | "memory" | "ephemeral-storage")
}

/// Requests of extended resources (`AggregateContainerRequests`): the sum of the containers and
/// sidecars, or of an init container and the sidecars before it if that is more. A limit is a
/// request.
pub(super) fn extended(spec: &core::PodSpec, context: &mut Context<'_>) -> Extended {
    let mut sums = Extended::new();
    for (place, one) in spec.containers.iter().enumerate() {
        let path = format!("{SPEC}.containers[{place}].resources");
        for (name, amount) in amounts(one, &path, context) {
            add(&mut sums, name, amount);
        }
    }
    let (mut sidecars, mut most) = (Extended::new(), Extended::new());
    let init = spec.init_containers.as_deref().unwrap_or_default();
    for (place, one) in init.iter().enumerate() {
        let path = format!("{SPEC}.initContainers[{place}].resources");
        for (name, amount) in amounts(one, &path, context) {
            if is_sidecar(one) {
                add(&mut sums, name.clone(), amount);
                add(&mut sidecars, name, amount);
            } else {
                let before = sidecars.get(&name).copied().unwrap_or(0);
                let with_them = amount.saturating_add(before);
                let most = most.entry(name).or_default();
                *most = with_them.max(*most);
            }
        }
    }
    for (name, amount) in most {
        let sum = sums.entry(name).or_default();
        *sum = amount.max(*sum);
    }
    sums.retain(|_, amount| *amount > 0);
    sums
}

fn add(sums: &mut Extended, name: String, amount: i64) {
    let sum = sums.entry(name).or_default();
    *sum = sum.saturating_add(amount);
}

/// What cannot be promised twice is requested as it is limited (`IsOvercommitAllowed`).
fn check(one: &core::Container, names: &[String], path: &str, context: &mut Context<'_>) {
    let resources = one.resources.as_ref();
    let of = |all: Option<&Amounts>, name: &String| {
        all.and_then(|all| all.get(name)).map(|one| one.0.clone())
    };
    for name in names {
        let request = of(resources.and_then(|all| all.requests.as_ref()), name);
        let limit = of(resources.and_then(|all| all.limits.as_ref()), name);
        let (Some(request), limit) = (request, limit) else {
            continue;
        };
        let number = |text: &str| text.parse::<Quantity>().ok();
        match limit {
            None => context.refuse(
                &format!("{path}.limits"),
                "Required value: Limit must be set for non overcommitable resources",
                Some("a limit alone is a request, too"),
            ),
            Some(limit) if number(&limit) != number(&request) => {
                let words = format!(
                    "Invalid value: \"{request}\": must be equal to {name} limit of {limit}"
                );
                context.refuse(&format!("{path}.requests"), words, None);
            }
            Some(_) => {}
        }
    }
}

fn amounts(one: &core::Container, path: &str, context: &mut Context<'_>) -> Vec<(String, i64)> {
    let resources = one.resources.as_ref();
    let requests: Option<&Amounts> = resources.and_then(|all| all.requests.as_ref());
    let limits: Option<&Amounts> = resources.and_then(|all| all.limits.as_ref());
    let of = |all: Option<&Amounts>| -> Vec<String> {
        let names = all.into_iter().flatten().map(|(name, _)| name.clone());
        names.filter(|name| is_extended(name)).collect()
    };
    let mut names = of(requests);
    let more = of(limits).into_iter().filter(|name| !names.contains(name));
    let more: Vec<String> = more.collect();
    names.extend(more);
    check(one, &names, path, context);
    names
        .into_iter()
        .filter_map(|name| {
            let (list, field) = match requests {
                Some(own) if own.contains_key(&name) => (requests, "requests"),
                _ => (limits, "limits"),
            };
            let amount = context.amount(list, &name, &format!("{path}.{field}"))?;
            Some((name, amount.value()))
        })
        .collect()
}
