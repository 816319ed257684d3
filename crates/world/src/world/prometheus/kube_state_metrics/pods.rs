//! Pods as a whole (`pod.go`).

use super::family::{Family, Samples, Seen, annotations, created, deletion, labels, owner};
use crate::api::{Pod, PodPhase, disruption_reason, qos_class};
use crate::sim::SimTime;

/// Reasons of a pod's status that are exported by name.
const REASONS: [&str; 8] = [
    "Evicted",
    "NodeAffinity",
    "NodeLost",
    "PreemptionByScheduler",
    "SchedulingGated",
    "Shutdown",
    "TerminationByKubelet",
    "UnexpectedAdmissionError",
];

pub(super) const PODS: &[Family<Pod>] = &[
    ("kube_pod_info", info),
    ("kube_pod_owner", owner),
    ("kube_pod_created", created),
    ("kube_pod_deletion_timestamp", deletion),
    ("kube_pod_labels", labels),
    ("kube_pod_annotations", annotations),
    ("kube_pod_start_time", |p, out| {
        since(p, p.of.start_time, out);
    }),
    ("kube_pod_completion_time", |p, out| {
        let ends =
            p.of.containers
                .iter()
                .filter_map(|one| one.last_termination);
        let last = ends.map(|(_, _, end)| end).max();
        since(p, last.filter(|_| p.of.has_ended()), out);
    }),
    ("kube_pod_restart_policy", |p, out| {
        out.labelled(&[("type", p.of.template.restart_policy.name())], 1.0);
    }),
    ("kube_pod_scheduler", |_, out| {
        out.labelled(&[("name", "default-scheduler")], 1.0);
    }),
    ("kube_pod_tolerations", tolerations),
    ("kube_pod_status_phase", |p, out| {
        let phases = [
            PodPhase::Pending,
            PodPhase::Succeeded,
            PodPhase::Failed,
            PodPhase::Running,
        ];
        for phase in phases {
            out.flag(&[("phase", phase.name())], p.of.phase == phase);
        }
        out.flag(&[("phase", "Unknown")], false);
    }),
    ("kube_pod_status_qos_class", |p, out| {
        let own = qos_class(p.of);
        for class in ["BestEffort", "Burstable", "Guaranteed"] {
            out.flag(&[("qos_class", class)], class == own);
        }
    }),
    ("kube_pod_status_ready", |p, out| {
        if p.of.start_time.is_some() {
            out.condition(&[], "condition", Some(p.of.ready));
        }
    }),
    ("kube_pod_status_ready_time", |p, out| {
        since(p, Some(p.of.ready_transition).filter(|_| p.of.ready), out);
    }),
    ("kube_pod_status_container_ready_time", |p, out| {
        since(p, Some(p.of.ready_transition).filter(|_| p.of.ready), out);
    }),
    ("kube_pod_status_initialized_time", |p, out| {
        let waits = p.of.phase == PodPhase::Pending && !p.of.template.init_containers.is_empty();
        since(p, p.of.start_time.filter(|_| !waits), out);
    }),
    ("kube_pod_status_reason", reasons),
    ("kube_pod_status_disruption_reason", |p, out| {
        if let Some(reason) = disruption_reason(p.of) {
            out.labelled(&[("reason", reason)], 1.0);
        }
    }),
    ("kube_pod_status_scheduled", |p, out| {
        if let Some(holds) = scheduled(p.of) {
            out.condition(&[], "condition", Some(holds));
        }
    }),
    ("kube_pod_status_scheduled_time", |p, out| {
        since(p, p.of.scheduled, out);
    }),
    ("kube_pod_status_unschedulable", |p, out| {
        if scheduled(p.of) == Some(false) {
            out.one(1.0);
        }
    }),
    ("kube_pod_status_unscheduled_time", |p, out| {
        since(
            p,
            p.of.unschedulable.filter(|_| p.of.scheduled.is_none()),
            out,
        );
    }),
];

/// A time, if there is one.
fn since(p: &Seen<'_, Pod>, time: Option<SimTime>, out: &mut Samples<'_>) {
    if let Some(time) = time {
        out.one(p.unix(time));
    }
}

/// The name of the node that it is bound to.
pub(super) fn node_of<'v>(p: &Seen<'v, Pod>) -> &'v str {
    let node = p.of.scheduled.and(p.of.node);
    let node = node.and_then(|node| p.store.find_node(node));
    node.map_or("", |node| node.name())
}

fn info(p: &Seen<'_, Pod>, out: &mut Samples<'_>) {
    let (kind, name) = p.owner().unwrap_or_default();
    let on_host = if p.of.template.host_network {
        "true"
    } else {
        "false"
    };
    let labels = [
        ("created_by_kind", kind),
        ("created_by_name", name),
        ("host_network", on_host),
        ("node", node_of(p)),
    ];
    out.labelled(&labels, 1.0);
}

/// The condition PodScheduled, which a pod has from the scheduler's first look on, or while it is
/// gated.
fn scheduled(pod: &Pod) -> Option<bool> {
    let placement = pod.template.placement.as_ref();
    let is_gated = || placement.is_some_and(|one| !one.gates.is_empty());
    let is_refused = pod.scheduled.is_none() && (pod.unschedulable.is_some() || is_gated());
    (pod.scheduled.is_some() || is_refused).then_some(!is_refused)
}

/// Reasons of its status and of its conditions (`hasPodStatusReason`); those of its containers
/// are none of them.
fn reasons(p: &Seen<'_, Pod>, out: &mut Samples<'_>) {
    let pod = p.of;
    let own = pod.failure.as_ref().map(|failure| &*failure.0);
    let is_gated = scheduled(pod) == Some(false) && pod.unschedulable.is_none();
    let conditions = [
        disruption_reason(pod),
        is_gated.then_some("SchedulingGated"),
    ];
    for reason in REASONS {
        if own == Some(reason) || conditions.contains(&Some(reason)) {
            out.labelled(&[("reason", reason)], 1.0);
        }
    }
    if own.is_some_and(|own| !own.is_empty() && !REASONS.contains(&own)) {
        out.labelled(&[("reason", "Other")], 1.0);
    }
}

fn tolerations(p: &Seen<'_, Pod>, out: &mut Samples<'_>) {
    let all = &p.of.template.tolerations;
    for (place, one) in all.iter().enumerate() {
        if all[..place].contains(one) {
            continue;
        }
        let seconds = one.seconds.map(|seconds| seconds.to_string());
        let labels = [
            ("effect", one.effect.map_or("", |effect| effect.name())),
            ("key", &*one.key),
            (
                "operator",
                if one.value.is_some() {
                    "Equal"
                } else {
                    "Exists"
                },
            ),
            ("toleration_seconds", seconds.as_deref().unwrap_or_default()),
            ("value", one.value.as_deref().unwrap_or_default()),
        ];
        out.labelled(&labels, 1.0);
    }
}
