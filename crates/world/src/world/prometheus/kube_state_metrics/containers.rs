//! Containers of pods (`pod.go`).

use super::family::{Family, Samples, Seen};
use super::pods::node_of;
use crate::api::{
    ContainerSpec, ContainerState, ContainerStatus, Pod, TerminationReason, container_is_ready,
    container_state, init_container_is_ready, init_container_state,
};
use crate::sim::SimTime;
use crate::units::{Bytes, Millicores};

pub(super) const CONTAINERS: &[Family<Pod>] = &[
    ("kube_pod_container_info", |p, out| {
        each(p, out, |spec, _, out| info(spec, &[], out));
    }),
    ("kube_pod_container_resource_requests", |p, out| {
        for (place, spec) in p.of.template.containers.iter().enumerate() {
            let held = p.of.spec_resources(place);
            amounts(p, spec, (held.cpu_request, held.memory_request), out);
        }
    }),
    ("kube_pod_container_resource_limits", |p, out| {
        for (place, spec) in p.of.template.containers.iter().enumerate() {
            let held = p.of.spec_resources(place);
            amounts(p, spec, (held.cpu_limit, held.memory_limit), out);
        }
    }),
    ("kube_pod_container_state_started", |p, out| {
        each(p, out, |spec, status, out| match state(p, spec, status) {
            ContainerState::Running(at)
            | ContainerState::Terminated {
                times: Some((at, _)),
                ..
            } => out.labelled(&[("container", &spec.name)], p.unix(at)),
            ContainerState::Terminated { .. } | ContainerState::Waiting(_) => {}
        });
    }),
    (
        "kube_pod_container_status_last_terminated_reason",
        |p, out| {
            each(p, out, |spec, status, out| {
                if let Some((reason, ..)) = last(p, spec, status) {
                    let labels = [("container", &*spec.name), ("reason", reason.name())];
                    out.labelled(&labels, 1.0);
                }
            });
        },
    ),
    (
        "kube_pod_container_status_last_terminated_exitcode",
        |p, out| {
            each(p, out, |spec, status, out| {
                if let Some((reason, ..)) = last(p, spec, status) {
                    out.labelled(&[("container", &spec.name)], reason.exit_code().into());
                }
            });
        },
    ),
    (
        "kube_pod_container_status_last_terminated_timestamp",
        |p, out| {
            each(p, out, |spec, status, out| {
                if let Some((_, _, end)) = last(p, spec, status) {
                    out.labelled(&[("container", &spec.name)], p.unix(end));
                }
            });
        },
    ),
    ("kube_pod_container_status_ready", |p, out| {
        each(p, out, |spec, status, out| {
            let ready = container_is_ready(status, spec, p.of);
            out.flag(&[("container", &spec.name)], ready);
        });
    }),
    ("kube_pod_container_status_restarts_total", |p, out| {
        each(p, out, |spec, status, out| {
            let restarts = p.of.restart_count(status, spec);
            out.labelled(&[("container", &spec.name)], restarts.into());
        });
    }),
    ("kube_pod_container_status_running", |p, out| {
        each(p, out, |spec, status, out| {
            let holds = matches!(state(p, spec, status), ContainerState::Running(_));
            out.flag(&[("container", &spec.name)], holds);
        });
    }),
    ("kube_pod_container_status_terminated", |p, out| {
        each(p, out, |spec, status, out| {
            let holds = matches!(state(p, spec, status), ContainerState::Terminated { .. });
            out.flag(&[("container", &spec.name)], holds);
        });
    }),
    ("kube_pod_container_status_terminated_reason", |p, out| {
        each(p, out, |spec, status, out| {
            if let ContainerState::Terminated { reason, .. } = state(p, spec, status) {
                out.labelled(&[("container", &*spec.name), ("reason", reason)], 1.0);
            }
        });
    }),
    ("kube_pod_container_status_waiting", |p, out| {
        each(p, out, |spec, status, out| {
            let holds = matches!(state(p, spec, status), ContainerState::Waiting(_));
            out.flag(&[("container", &spec.name)], holds);
        });
    }),
    ("kube_pod_container_status_waiting_reason", |p, out| {
        each(p, out, |spec, status, out| {
            if let ContainerState::Waiting(reason) = state(p, spec, status) {
                out.labelled(&[("container", &*spec.name), ("reason", reason)], 1.0);
            }
        });
    }),
];

pub(super) const INIT_CONTAINERS: &[Family<Pod>] = &[
    ("kube_pod_init_container_info", |p, out| {
        each_init(p, out, |spec, _, _, out| {
            let policy = if spec.restartable { "Always" } else { "" };
            info(spec, &[("restart_policy", policy)], out);
        });
    }),
    ("kube_pod_init_container_resource_requests", |p, out| {
        for spec in &p.of.template.init_containers {
            amounts(p, spec, (spec.cpu_request, spec.memory_request), out);
        }
    }),
    ("kube_pod_init_container_resource_limits", |p, out| {
        for spec in &p.of.template.init_containers {
            amounts(p, spec, (spec.cpu_limit, spec.memory_limit), out);
        }
    }),
    ("kube_pod_init_container_status_ready", |p, out| {
        each_init(p, out, |spec, status, _, out| {
            let ready = init_container_is_ready(status, spec, p.of);
            out.flag(&[("container", &spec.name)], ready);
        });
    }),
    ("kube_pod_init_container_status_restarts_total", |p, out| {
        each_init(p, out, |spec, status, _, out| {
            let restarts = p.of.restart_count(status, spec);
            out.labelled(&[("container", &spec.name)], restarts.into());
        });
    }),
    ("kube_pod_init_container_status_running", |p, out| {
        each_init(p, out, |spec, _, state, out| {
            let holds = matches!(state, ContainerState::Running(_));
            out.flag(&[("container", &spec.name)], holds);
        });
    }),
    ("kube_pod_init_container_status_terminated", |p, out| {
        each_init(p, out, |spec, _, state, out| {
            let holds = matches!(state, ContainerState::Terminated { .. });
            out.flag(&[("container", &spec.name)], holds);
        });
    }),
    (
        "kube_pod_init_container_status_terminated_reason",
        |p, out| {
            each_init(p, out, |spec, _, state, out| {
                if let ContainerState::Terminated { reason, .. } = state {
                    out.labelled(&[("container", &*spec.name), ("reason", reason)], 1.0);
                }
            });
        },
    ),
    ("kube_pod_init_container_status_waiting", |p, out| {
        each_init(p, out, |spec, _, state, out| {
            let holds = matches!(state, ContainerState::Waiting(_));
            out.flag(&[("container", &spec.name)], holds);
        });
    }),
    ("kube_pod_init_container_status_waiting_reason", |p, out| {
        each_init(p, out, |spec, _, state, out| {
            if let ContainerState::Waiting(reason) = state {
                out.labelled(&[("container", &*spec.name), ("reason", reason)], 1.0);
            }
        });
    }),
];

/// The containers of a pod that its kubelet has seen: others have no statuses.
fn each(
    p: &Seen<'_, Pod>,
    out: &mut Samples<'_>,
    mut show: impl FnMut(&ContainerSpec, &ContainerStatus, &mut Samples<'_>),
) {
    if p.of.start_time.is_some() {
        for (spec, status) in p.of.template.containers.iter().zip(&p.of.containers) {
            show(spec, status, out);
        }
    }
}

/// The same of its init containers.
fn each_init(
    p: &Seen<'_, Pod>,
    out: &mut Samples<'_>,
    mut show: impl FnMut(&ContainerSpec, &ContainerStatus, ContainerState, &mut Samples<'_>),
) {
    if p.of.start_time.is_some() {
        let specs = &p.of.template.init_containers;
        for (spec, status) in specs.iter().zip(&p.of.init_containers) {
            let (state, _) = init_container_state(status, spec, p.of);
            show(spec, status, state, out);
        }
    }
}

fn state(p: &Seen<'_, Pod>, spec: &ContainerSpec, status: &ContainerStatus) -> ContainerState {
    container_state(status, spec, p.of).0
}

/// How a container ended before its state of now.
fn last(
    p: &Seen<'_, Pod>,
    spec: &ContainerSpec,
    status: &ContainerStatus,
) -> Option<(TerminationReason, SimTime, SimTime)> {
    container_state(status, spec, p.of).1
}

fn info(spec: &ContainerSpec, more: &[(&str, &str)], out: &mut Samples<'_>) {
    let mut labels = vec![
        ("container", &*spec.name),
        ("image", &*spec.image),
        ("image_spec", &*spec.image),
    ];
    labels.extend(more);
    out.labelled(&labels, 1.0);
}

/// CPU and memory of a container, as far as it states them.
fn amounts(
    p: &Seen<'_, Pod>,
    spec: &ContainerSpec,
    (cpu, memory): (Option<Millicores>, Option<Bytes>),
    out: &mut Samples<'_>,
) {
    let all = [
        ("cpu", "core", cpu.map(Millicores::cores)),
        ("memory", "byte", memory.map(|memory| memory.0 as f64)),
    ];
    for (resource, unit, amount) in all {
        if let Some(amount) = amount {
            let labels = [
                ("container", &*spec.name),
                ("node", node_of(p)),
                ("resource", resource),
                ("unit", unit),
            ];
            out.labelled(&labels, amount);
        }
    }
}
