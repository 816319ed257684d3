//! Probes, with the API server's defaults and validation.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Context;
use super::hpa::unsupported;
use super::pod_checks::one_handler;
use super::service::number_or_name;
use crate::cluster::spec::{ProbeAction, ProbeSpec};
use crate::sim::SimDuration;

/// A container's probe of this name, if it has one.
pub(super) fn probe(
    name: &str,
    container: &core::Container,
    path: &str,
    context: &mut Context<'_>,
) -> Option<ProbeSpec> {
    let probe = match name {
        "startupProbe" => container.startup_probe.as_ref(),
        "livenessProbe" => container.liveness_probe.as_ref(),
        _ => container.readiness_probe.as_ref(),
    }?;
    let path = format!("{path}.{name}");
    // The API server takes 0 for what is not stated.
    let mut positive = |value: Option<i32>, default: i32, field: &str| {
        let value = value.unwrap_or(0);
        if value < 0 {
            let words = format!("Invalid value: {value}: must be greater than or equal to 0");
            context.refuse(&format!("{path}.{field}"), words, None);
        }
        if value > 0 { value } else { default }
    };
    let seconds = |value: i32| SimDuration::from_secs(i64::from(value));
    let initial_delay = positive(probe.initial_delay_seconds, 0, "initialDelaySeconds");
    let timeout = positive(probe.timeout_seconds, 1, "timeoutSeconds");
    let period = positive(probe.period_seconds, 10, "periodSeconds");
    let success_threshold = positive(probe.success_threshold, 1, "successThreshold");
    let failure_threshold = positive(probe.failure_threshold, 3, "failureThreshold");
    let is_readiness = name == "readinessProbe";
    if success_threshold != 1 && !is_readiness {
        let words = format!("Invalid value: {success_threshold}: must be 1");
        context.refuse(&format!("{path}.successThreshold"), words, None);
    }
    let grace = probe.termination_grace_period_seconds;
    if let Some(grace) = grace {
        let path = format!("{path}.terminationGracePeriodSeconds");
        if is_readiness {
            let words = format!("Invalid value: {grace}: must not be set for readinessProbes");
            context.refuse(&path, words, None);
        } else if grace <= 0 {
            let words = format!("Invalid value: {grace}: must be greater than 0");
            context.refuse(&path, words, None);
        }
    }
    check_handler(probe, &path, context);
    Some(ProbeSpec {
        initial_delay: seconds(initial_delay),
        period: seconds(period),
        timeout: seconds(timeout),
        success_threshold: success_threshold as u32,
        failure_threshold: failure_threshold as u32,
        termination_grace: grace.map(|grace| SimDuration::from_secs(grace.clamp(1, 1 << 31))),
        action: action(probe, container),
    })
}

/// One handler, whose port can be one (`validateHandler`).
fn check_handler(probe: &core::Probe, path: &str, context: &mut Context<'_>) {
    let handlers = [
        ("exec", probe.exec.is_some()),
        ("httpGet", probe.http_get.is_some()),
        ("tcpSocket", probe.tcp_socket.is_some()),
        ("grpc", probe.grpc.is_some()),
    ];
    one_handler(&handlers, path, context);
    if let Some(http) = &probe.http_get {
        number_or_name(&http.port, &format!("{path}.httpGet.port"), context);
        let scheme = http.scheme.as_deref().unwrap_or_default();
        if !matches!(scheme, "" | "HTTP" | "HTTPS") {
            let words = unsupported(scheme, &["HTTP", "HTTPS"]);
            context.refuse(&format!("{path}.httpGet.scheme"), words, None);
        }
    } else if let Some(tcp) = &probe.tcp_socket {
        number_or_name(&tcp.port, &format!("{path}.tcpSocket.port"), context);
    } else if let Some(grpc) = &probe.grpc {
        let port = IntOrString::Int(grpc.port);
        number_or_name(&port, &format!("{path}.grpc.port"), context);
    }
}

fn action(probe: &core::Probe, container: &core::Container) -> ProbeAction {
    if let Some(http) = &probe.http_get {
        let path = http.path.as_deref().filter(|path| !path.is_empty());
        return ProbeAction::HttpGet {
            scheme: http.scheme.clone().unwrap_or_else(|| "HTTP".to_owned()),
            host: http.host.clone().filter(|host| !host.is_empty()),
            port: port(&http.port, container),
            path: path.unwrap_or("/").to_owned(),
        };
    }
    if let Some(tcp) = &probe.tcp_socket {
        return ProbeAction::TcpSocket {
            host: tcp.host.clone().filter(|host| !host.is_empty()),
            port: port(&tcp.port, container),
        };
    }
    if let Some(grpc) = &probe.grpc {
        return ProbeAction::Grpc {
            port: u16::try_from(grpc.port).unwrap_or(0),
            service: grpc.service.clone().unwrap_or_default(),
        };
    }
    let exec = probe.exec.as_ref().and_then(|exec| exec.command.clone());
    ProbeAction::Exec(exec.unwrap_or_default())
}

/// A port by its number, or by the name that the container gives it (`ResolveContainerPort`).
fn port(port: &IntOrString, container: &core::Container) -> u16 {
    let number = match port {
        IntOrString::Int(number) => Some(*number),
        IntOrString::String(name) => {
            let ports = container.ports.iter().flatten();
            let mut named = ports.filter(|one| one.name.as_ref() == Some(name));
            let named = named.next().map(|one| one.container_port);
            named.or_else(|| name.parse().ok())
        }
    };
    number
        .and_then(|port| u16::try_from(port).ok())
        .unwrap_or(0)
}
