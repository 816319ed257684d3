//! What the API server asks of a pod's containers and volumes besides what is simulated.
//!
//! Upstream: `validateContainers`, `validateInitContainers`, `ValidateVolumes` and what they call,
//! in `pkg/apis/core/validation/validation.go`.

use k8s_openapi::api::core::v1 as core;

use super::affinity::SPEC;
use super::container::Amounts;
use super::hpa::unsupported;
use super::service::PROTOCOLS;
use super::{Context, names};
use crate::scenario::node::Node;
use crate::units::Quantity;

const NOT_FOR_INIT: &str =
    "Forbidden: may not be set for init containers without restartPolicy=Always";

pub(super) fn check(spec: &core::PodSpec, context: &mut Context<'_>) {
    let policy = spec.restart_policy.as_deref().unwrap_or_default();
    let policies = ["Always", "OnFailure", "Never"];
    if !policy.is_empty() && !policies.contains(&policy) {
        let words = unsupported(policy, &policies);
        context.refuse(&format!("{SPEC}.restartPolicy"), words, None);
    }
    let volumes = volumes(spec, context);
    let init = spec.init_containers.as_deref().unwrap_or_default();
    let mut seen: Vec<&str> = Vec::new();
    for (list, containers) in [("initContainers", init), ("containers", &spec.containers)] {
        for (index, one) in containers.iter().enumerate() {
            let path = format!("{SPEC}.{list}[{index}]");
            check_name(&one.name, &seen, &path, context);
            seen.push(&one.name);
            if one.image.as_ref().is_none_or(String::is_empty) {
                let help = Some("add `image: …`");
                context.refuse(&format!("{path}.image"), "Required value", help);
            }
            let policy = one.image_pull_policy.as_deref().unwrap_or_default();
            let policies = ["Always", "IfNotPresent", "Never"];
            if !policy.is_empty() && !policies.contains(&policy) {
                let words = unsupported(policy, &policies);
                context.refuse(&format!("{path}.imagePullPolicy"), words, None);
            }
            check_ports(one, &path, context);
            check_mounts(one, &volumes, &path, context);
            check_resources(one.resources.as_ref(), &path, context);
            check_resize_policy(one, &path, context);
            if list == "initContainers" && one.restart_policy.as_deref() != Some("Always") {
                check_init(one, &path, context);
            } else {
                check_hook(one, spec.termination_grace_period_seconds, &path, context);
            }
        }
    }
}

/// Containers of a pod have names, all different.
fn check_name(name: &str, seen: &[&str], path: &str, context: &mut Context<'_>) {
    let path = format!("{path}.name");
    if name.is_empty() {
        context.refuse(&path, "Required value", Some("add `name: …`"));
        return;
    }
    context.refuse_text(&path, name, names::label(name));
    if seen.contains(&name) {
        let words = format!("Duplicate value: {name:?}");
        let help = Some("names of a pod's containers are different");
        context.refuse(&path, words, help);
    }
}

/// Names of all volumes, with those that the claims of a StatefulSet become.
fn volumes(spec: &core::PodSpec, context: &mut Context<'_>) -> Vec<String> {
    let claims = context.document.get("spec");
    let claims = claims.and_then(|spec| spec.get("volumeClaimTemplates"));
    let claims = claims.map_or(&[][..], Node::items).iter();
    let mut all: Vec<String> = claims
        .filter_map(|claim| claim.get("metadata")?.get("name")?.text())
        .map(str::to_owned)
        .collect();
    let mut own: Vec<&str> = Vec::new();
    for (index, volume) in spec.volumes.iter().flatten().enumerate() {
        let path = format!("{SPEC}.volumes[{index}].name");
        let name = volume.name.as_str();
        if name.is_empty() {
            context.refuse(&path, "Required value", None);
        } else {
            context.refuse_text(&path, name, names::label(name));
        }
        // A claim takes the place of a volume of its name.
        if own.contains(&name) && !all.iter().any(|claim| claim == name) {
            context.refuse(&path, format!("Duplicate value: {name:?}"), None);
        }
        own.push(name);
    }
    all.extend(own.into_iter().map(str::to_owned));
    all
}

fn check_mounts(one: &core::Container, volumes: &[String], path: &str, context: &mut Context<'_>) {
    let mounts = one.volume_mounts.as_deref().unwrap_or_default();
    for (index, mount) in mounts.iter().enumerate() {
        let path = format!("{path}.volumeMounts[{index}]");
        let (name, at) = (&mount.name, &mount.mount_path);
        if name.is_empty() {
            context.refuse(&format!("{path}.name"), "Required value", None);
        }
        if !volumes.contains(name) {
            let help = Some("the pod has no volume of this name");
            let words = format!("Not found: {name:?}");
            context.refuse(&format!("{path}.name"), words, help);
        }
        let path = format!("{path}.mountPath");
        if at.is_empty() {
            context.refuse(&path, "Required value", None);
        }
        if mounts[..index].iter().any(|other| other.mount_path == *at) {
            context.refuse_text(&path, at, vec!["must be unique".to_owned()]);
        }
    }
}

/// `validateContainerPorts`.
fn check_ports(one: &core::Container, path: &str, context: &mut Context<'_>) {
    let mut named: Vec<&str> = Vec::new();
    for (index, port) in one.ports.iter().flatten().enumerate() {
        let path = format!("{path}.ports[{index}]");
        if let Some(name) = port.name.as_deref().filter(|name| !name.is_empty()) {
            let path = format!("{path}.name");
            let wrong = names::port_name(name);
            if wrong.is_empty() && named.contains(&name) {
                context.refuse(&path, format!("Duplicate value: {name:?}"), None);
            }
            context.refuse_text(&path, name, wrong);
            named.push(name);
        }
        if port.container_port == 0 {
            context.refuse(&format!("{path}.containerPort"), "Required value", None);
        }
        let host = port.host_port.filter(|port| *port != 0);
        for (field, number) in [
            ("containerPort", Some(port.container_port)),
            ("hostPort", host),
        ] {
            let Some(number) = number.filter(|number| *number != 0) else {
                continue;
            };
            for words in names::port(number) {
                let words = format!("Invalid value: {number}: {words}");
                context.refuse(&format!("{path}.{field}"), words, None);
            }
        }
        let protocol = port.protocol.as_deref().unwrap_or_default();
        if !protocol.is_empty() && !PROTOCOLS.contains(&protocol) {
            let words = unsupported(protocol, &PROTOCOLS);
            context.refuse(&format!("{path}.protocol"), words, None);
        }
    }
}

/// What runs once has neither probes nor hooks.
fn check_init(one: &core::Container, path: &str, context: &mut Context<'_>) {
    for (field, given) in [
        ("lifecycle", one.lifecycle.is_some()),
        ("livenessProbe", one.liveness_probe.is_some()),
        ("readinessProbe", one.readiness_probe.is_some()),
        ("startupProbe", one.startup_probe.is_some()),
    ] {
        if given {
            context.refuse(&format!("{path}.{field}"), NOT_FOR_INIT, None);
        }
    }
}

/// A hook has one handler, which does not sleep longer than the pod may take to end.
fn check_hook(one: &core::Container, grace: Option<i64>, path: &str, context: &mut Context<'_>) {
    let Some(lifecycle) = &one.lifecycle else {
        return;
    };
    for (field, hook) in [
        ("postStart", &lifecycle.post_start),
        ("preStop", &lifecycle.pre_stop),
    ] {
        let Some(hook) = hook else { continue };
        let path = format!("{path}.lifecycle.{field}");
        let handlers = [
            ("exec", hook.exec.is_some()),
            ("httpGet", hook.http_get.is_some()),
            ("tcpSocket", hook.tcp_socket.is_some()),
            ("sleep", hook.sleep.is_some()),
        ];
        one_handler(&handlers, &path, context);
        let grace = grace.unwrap_or(30);
        if let Some(sleep) = &hook.sleep
            && !(0..=grace).contains(&sleep.seconds)
        {
            let words = format!(
                "Invalid value: {}: must be non-negative and less than terminationGracePeriodSeconds ({grace})",
                sleep.seconds
            );
            context.refuse(&format!("{path}.sleep"), words, None);
        }
    }
}

/// One handler of several sorts (`validateHandler`).
pub(super) fn one_handler(handlers: &[(&str, bool)], path: &str, context: &mut Context<'_>) {
    let given: Vec<&str> = handlers
        .iter()
        .filter_map(|(name, given)| given.then_some(*name))
        .collect();
    if given.is_empty() {
        let words = "Required value: must specify a handler type";
        context.refuse(path, words, None);
    }
    for more in given.iter().skip(1) {
        let words = "Forbidden: may not specify more than 1 handler type";
        context.refuse(&format!("{path}.{more}"), words, None);
    }
}

/// `validateResizePolicy`.
fn check_resize_policy(one: &core::Container, path: &str, context: &mut Context<'_>) {
    let policies = one.resize_policy.as_deref().unwrap_or_default();
    let path = format!("{path}.resizePolicy");
    for (index, policy) in policies.iter().enumerate() {
        let name = policy.resource_name.as_str();
        let earlier = &policies[..index];
        if earlier.iter().any(|one| one.resource_name == name) {
            let words = format!("Duplicate value: {name:?}");
            context.refuse(&format!("{path}[{index}]"), words, None);
        }
        for (value, supported) in [
            (name, ["cpu", "memory"]),
            (
                policy.restart_policy.as_str(),
                ["NotRequired", "RestartContainer"],
            ),
        ] {
            let words = match value {
                "" => "Required value".to_owned(),
                _ if supported.contains(&value) => continue,
                _ => unsupported(value, &supported),
            };
            context.refuse_at(&format!("{path}[{index}]"), &path, words, None);
        }
    }
}

/// Names and amounts of resources other than CPU and memory (`validateResourceRequirements`).
fn check_resources(
    resources: Option<&core::ResourceRequirements>,
    path: &str,
    context: &mut Context<'_>,
) {
    let Some(resources) = resources else { return };
    let path = format!("{path}.resources");
    let (limits, requests) = (resources.limits.as_ref(), resources.requests.as_ref());
    for (list, amounts) in [("limits", limits), ("requests", requests)] {
        for (name, amount) in amounts.into_iter().flatten() {
            let path = format!("{path}.{list}[{name}]");
            context.refuse_text(&path, name, resource_name(name));
            let fraction = |text: &str| {
                let amount: Option<Quantity> = text.parse().ok();
                amount.is_some_and(|amount| amount.nanos() % 1_000_000_000 != 0)
            };
            if is_extended(name) && fraction(&amount.0) {
                context.refuse_text(&path, &amount.0, vec!["must be an integer".to_owned()]);
            }
        }
    }
    let name = "ephemeral-storage";
    let request = context.amount(requests, name, &format!("{path}.requests"));
    let limit = context.amount(limits, name, &format!("{path}.limits"));
    if let (Some(request), Some(limit)) = (request, limit)
        && request.nanos() > limit.nanos()
    {
        let words = format!("must be less than or equal to {name} limit of {limit}");
        let (place, path) = (
            format!("{path}.requests.{name}"),
            format!("{path}.requests"),
        );
        let words = format!("Invalid value: \"{request}\": {words}");
        context.refuse_at(&place, &path, words, None);
    }
    let held = |wanted: &dyn Fn(&str) -> bool| {
        let all = [limits, requests].into_iter().flatten();
        all.flat_map(Amounts::keys).any(|name| wanted(name))
    };
    if held(&|name| name.starts_with("hugepages-"))
        && !held(&|name| matches!(name, "cpu" | "memory"))
    {
        let words = "Forbidden: HugePages require cpu or memory";
        context.refuse(&path, words, None);
    }
}

/// `IsExtendedResourceName`.
fn is_extended(name: &str) -> bool {
    name.contains('/')
        && !name.contains("kubernetes.io/")
        && !name.starts_with("requests.")
        && names::qualified(&format!("requests.{name}")).is_empty()
}

/// `validateContainerResourceName`.
pub(super) fn resource_name(name: &str) -> names::Wrong {
    const STANDARD: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];
    /// Of the others that the API knows, those that quotas count.
    const OF_QUOTAS: [&str; 11] = [
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "storage",
        "services.nodeports",
        "services.loadbalancers",
        "requests.storage",
    ];
    let mut wrong = names::qualified(name);
    if !name.contains('/') {
        if STANDARD.contains(&name) || name.starts_with("hugepages-") {
            return wrong;
        }
        let of_quotas = OF_QUOTAS.contains(&name)
            || ["limits.", "requests."].iter().any(|part| {
                name.strip_prefix(part)
                    .is_some_and(|rest| STANDARD.contains(&rest) || rest.starts_with("hugepages-"))
            });
        if wrong.is_empty() && !of_quotas {
            wrong.push("must be a standard resource type or fully qualified".to_owned());
        }
        wrong.push("must be a standard resource for containers".to_owned());
    } else if !name.contains("kubernetes.io/") && !is_extended(name) {
        wrong.push("doesn't follow extended resource name standard".to_owned());
    }
    wrong
}
