//! Nodes (`node.go`).

use super::family::{Family, Samples, Seen, annotations, created, deletion, labels};
use crate::api::{Amounts, Node, Readiness, taints_of};

pub(super) const NODES: &[Family<Node>] = &[
    ("kube_node_info", |_, out| {
        out.labelled(&[("kubeproxy_version", "deprecated")], 1.0);
    }),
    ("kube_node_created", created),
    ("kube_node_deletion_timestamp", deletion),
    ("kube_node_labels", labels),
    ("kube_node_annotations", annotations),
    ("kube_node_role", |n, out| {
        let prefix = "node-role.kubernetes.io/";
        for role in n
            .meta
            .labels
            .keys()
            .filter_map(|key| key.strip_prefix(prefix))
        {
            out.labelled(&[("role", role)], 1.0);
        }
    }),
    ("kube_node_spec_taint", |n, out| {
        for taint in taints_of(n.of) {
            let labels = [
                ("effect", taint.effect.name()),
                ("key", &taint.key),
                ("value", &taint.value),
            ];
            out.labelled(&labels, 1.0);
        }
    }),
    ("kube_node_spec_unschedulable", |n, out| {
        out.flag(&[], n.of.unschedulable);
    }),
    ("kube_node_status_allocatable", |n, out| {
        resources(n, n.of.allocatable, out);
    }),
    ("kube_node_status_capacity", |n, out| {
        resources(n, n.of.capacity, out);
    }),
    ("kube_node_status_condition", conditions),
    ("kube_node_status_addresses", |n, out| {
        out.labelled(&[("address", n.of.name()), ("type", "Hostname")], 1.0);
    }),
];

fn resources(n: &Seen<'_, Node>, amounts: Amounts, out: &mut Samples<'_>) {
    let mut tell = |resource: &str, unit: &str, value: f64| {
        out.labelled(&[("resource", resource), ("unit", unit)], value);
    };
    tell("cpu", "core", amounts.cpu.cores());
    tell("memory", "byte", amounts.memory.0 as f64);
    tell("pods", "integer", n.of.max_pods.into());
    for (name, amount) in &*n.of.extended {
        // `SanitizeLabelName`.
        let name = name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        tell(&name, "integer", *amount as f64);
    }
}

fn conditions(n: &Seen<'_, Node>, out: &mut Samples<'_>) {
    let is_known = n.of.readiness != Readiness::Unknown;
    let all = [
        ("MemoryPressure", n.of.has_memory_pressure()),
        ("DiskPressure", false),
        ("PIDPressure", false),
        ("Ready", n.of.is_ready()),
    ];
    for (kind, holds) in all {
        out.condition(&[("condition", kind)], "status", is_known.then_some(holds));
    }
}
