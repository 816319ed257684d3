//! What the API server asks of a Service (`validateService`), and of its name.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::hpa::unsupported;
use super::selector::check_labels;
use super::{Context, ServiceObject, names};
use crate::autoscaler::hpa::KubernetesVersion;
use crate::sim::SimDuration;

/// `supportedServiceType`, sorted.
const TYPES: [&str; 4] = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
/// `supportedPortProtocols`, sorted.
pub(super) const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];

/// Until 1.36 a name had to begin with a letter (`RelaxedServiceNameValidation`).
pub(in crate::scenario) fn check_name(
    service: &ServiceObject,
    release: KubernetesVersion,
    context: &mut Context<'_>,
) {
    let name = &service.name;
    if release < KubernetesVersion(36) && names::label(name).is_empty() {
        context.refuse_text("metadata.name", name, names::label_1035(name));
    }
}

pub(super) fn check(spec: &core::ServiceSpec, context: &mut Context<'_>) {
    let kind = spec.type_.as_deref().filter(|kind| !kind.is_empty());
    let kind = kind.unwrap_or("ClusterIP");
    let headless = spec.cluster_ip.as_deref() == Some("None");
    let ports = spec.ports.as_deref().unwrap_or_default();
    if ports.is_empty() && !headless && kind != "ExternalName" {
        let help = Some("for example `ports: [{port: 80}]`");
        context.refuse("spec.ports", "Required value", help);
    }
    if kind == "ExternalName" && spec.external_name.as_ref().is_none_or(String::is_empty) {
        context.refuse("spec.externalName", "Required value", None);
    }
    let mut named: Vec<&str> = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        let path = format!("spec.ports[{index}]");
        check_port(port, ports.len() > 1, &path, context);
        if let Some(name) = port.name.as_deref().filter(|name| !name.is_empty()) {
            if named.contains(&name) {
                let words = format!("Duplicate value: {name:?}");
                context.refuse(&format!("{path}.name"), words, None);
            }
            named.push(name);
        }
    }
    let selector = spec.selector.clone().unwrap_or_default();
    check_labels(&selector, ("spec.selector", "spec.selector"), context);
    if !TYPES.contains(&kind) {
        context.refuse("spec.type", unsupported(kind, &TYPES), None);
    }
    check_repeated(ports, kind, context);
    check_affinity(spec, context);
}

/// A client's connections that all go to one pod; the timeout is at most a day.
fn check_affinity(spec: &core::ServiceSpec, context: &mut Context<'_>) {
    const LONGEST: i32 = 86_400;
    let affinity = spec.session_affinity.as_deref().unwrap_or_default();
    if !["", "ClientIP", "None"].contains(&affinity) {
        let words = unsupported(affinity, &["ClientIP", "None"]);
        context.refuse("spec.sessionAffinity", words, None);
    }
    if affinity != "ClientIP" {
        return;
    }
    let config = spec.session_affinity_config.as_ref();
    let timeout = config.and_then(|config| config.client_ip.as_ref()?.timeout_seconds);
    if let Some(timeout) = timeout.filter(|timeout| !(1..=LONGEST).contains(timeout)) {
        let words =
            format!("Invalid value: {timeout}: must be greater than 0 and less than {LONGEST}");
        let path = "spec.sessionAffinityConfig.clientIP.timeoutSeconds";
        context.refuse(path, words, None);
    }
}

/// How long after its last connection a client's next one goes to the same pod.
pub(super) fn affinity(spec: &core::ServiceSpec) -> Option<SimDuration> {
    const DEFAULT: i32 = 10_800;
    let config = spec.session_affinity_config.as_ref();
    let timeout = config.and_then(|config| config.client_ip.as_ref()?.timeout_seconds);
    let timeout = SimDuration::from_secs(i64::from(timeout.unwrap_or(DEFAULT)));
    (spec.session_affinity.as_deref() == Some("ClientIP")).then_some(timeout)
}

fn protocol(port: &core::ServicePort) -> &str {
    let protocol = port.protocol.as_deref();
    protocol.filter(|one| !one.is_empty()).unwrap_or("TCP")
}

/// `validateServicePort`.
fn check_port(port: &core::ServicePort, needs_name: bool, path: &str, context: &mut Context<'_>) {
    match port.name.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => context.refuse_text(&format!("{path}.name"), name, names::label(name)),
        None if needs_name => {
            let help = Some("each of several ports has a name");
            context.refuse(&format!("{path}.name"), "Required value", help);
        }
        None => {}
    }
    for words in names::port(port.port) {
        let words = format!("Invalid value: {}: {words}", port.port);
        context.refuse(&format!("{path}.port"), words, None);
    }
    let protocol = protocol(port);
    if !PROTOCOLS.contains(&protocol) {
        let words = unsupported(protocol, &PROTOCOLS);
        context.refuse(&format!("{path}.protocol"), words, None);
    }
    if let Some(target) = &port.target_port {
        check_number_or_name(target, &format!("{path}.targetPort"), context);
    }
}

/// `ValidatePortNumOrName`; an empty or zero target of a Service is its port.
fn check_number_or_name(port: &IntOrString, path: &str, context: &mut Context<'_>) {
    match port {
        IntOrString::Int(0) => {}
        IntOrString::String(name) if name.is_empty() => {}
        other => number_or_name(other, path, context),
    }
}

/// `ValidatePortNumOrName`.
pub(super) fn number_or_name(port: &IntOrString, path: &str, context: &mut Context<'_>) {
    match port {
        IntOrString::Int(number) => {
            for words in names::port(*number) {
                context.refuse(path, format!("Invalid value: {number}: {words}"), None);
            }
        }
        IntOrString::String(name) => context.refuse_text(path, name, names::port_name(name)),
    }
}

/// Ports of the nodes where there are none, and ports given twice.
fn check_repeated(ports: &[core::ServicePort], kind: &str, context: &mut Context<'_>) {
    for (index, port) in ports.iter().enumerate() {
        let path = format!("spec.ports[{index}]");
        let before = &ports[..index];
        let same_protocol = |one: &&core::ServicePort| protocol(one) == protocol(port);
        if let Some(number) = port.node_port.filter(|number| *number != 0) {
            let path = format!("{path}.nodePort");
            if kind == "ClusterIP" {
                let words = "Forbidden: may not be used when `type` is 'ClusterIP'";
                context.refuse(&path, words, None);
            }
            let mut before = before.iter().filter(same_protocol);
            if before.any(|one| one.node_port == Some(number)) {
                context.refuse(&path, format!("Duplicate value: {number}"), None);
            }
        }
        if before
            .iter()
            .filter(same_protocol)
            .any(|one| one.port == port.port)
        {
            let words = format!(
                "Duplicate value: {{\"Name\":\"\",\"Protocol\":{:?},\"AppProtocol\":null,\"Port\":{},\"TargetPort\":0,\"NodePort\":0}}",
                protocol(port),
                port.port
            );
            let help = Some("a port and its protocol are given once");
            context.refuse(&path, words, help);
        }
    }
}
