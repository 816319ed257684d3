//! What a pod template says about where or whether its pods run: tolerations, and what is not
//! simulated.

use k8s_openapi::api::core::v1 as core;

use super::Context;
use crate::api::{TaintEffect, Toleration};

/// Warns once per object of all such fields, at the place of the first.
pub(super) fn warn(spec: &core::PodSpec, context: &mut Context<'_>) {
    let mut found = affinity(spec);
    found.extend(others(spec));
    found.extend(of_containers(spec));
    let Some((first, _)) = found.first() else {
        return;
    };
    let path = format!("spec.template.spec.{first}");
    let mut names: Vec<&str> = Vec::new();
    for (_, name) in &found {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let message = format!(
        "not simulated: {}; in a cluster pods may run elsewhere or not at all",
        names.join(", ")
    );
    let help = "nodes are chosen by CPU, memory, number of pods, `nodeSelector` and even spreading; use `nodeSelector` where it says the same";
    context.warning(&path, message, help);
}

/// A field's path in the pod's `spec` and what it is called.
type Found = (String, String);

fn found(given: bool, path: &str, name: &str) -> Option<Found> {
    given.then(|| (path.to_owned(), name.to_owned()))
}

fn some<T>(list: Option<&Vec<T>>) -> bool {
    list.is_some_and(|list| !list.is_empty())
}

/// What is required; preferences only rank the nodes.
fn affinity(spec: &core::PodSpec) -> Vec<Found> {
    let Some(affinity) = &spec.affinity else {
        return Vec::new();
    };
    let node = affinity.node_affinity.as_ref();
    let near = affinity.pod_affinity.as_ref();
    let apart = affinity.pod_anti_affinity.as_ref();
    let required = [
        (
            node.is_some_and(|one| {
                one.required_during_scheduling_ignored_during_execution
                    .is_some()
            }),
            "nodeAffinity",
        ),
        (
            near.is_some_and(|one| {
                some(
                    one.required_during_scheduling_ignored_during_execution
                        .as_ref(),
                )
            }),
            "podAffinity",
        ),
        (
            apart.is_some_and(|one| {
                some(
                    one.required_during_scheduling_ignored_during_execution
                        .as_ref(),
                )
            }),
            "podAntiAffinity",
        ),
    ];
    required
        .into_iter()
        .filter_map(|(given, name)| {
            let path = format!("affinity.{name}.requiredDuringSchedulingIgnoredDuringExecution");
            found(given, &path, &format!("required {name}"))
        })
        .collect()
}

fn others(spec: &core::PodSpec) -> Vec<Found> {
    let spread = spec.topology_spread_constraints.as_deref();
    let spread = spread
        .unwrap_or_default()
        .iter()
        .any(|one| one.when_unsatisfiable != "ScheduleAnyway");
    let scheduler = spec.scheduler_name.as_deref();
    let overhead = spec.overhead.as_ref();
    [
        (spread, "topologySpreadConstraints"),
        (some(spec.scheduling_gates.as_ref()), "schedulingGates"),
        (spec.node_name.is_some(), "nodeName"),
        (
            scheduler.is_some_and(|name| name != "default-scheduler"),
            "schedulerName",
        ),
        (some(spec.resource_claims.as_ref()), "resourceClaims"),
        (
            overhead.is_some_and(|amounts| !amounts.is_empty()),
            "overhead",
        ),
        (
            spec.active_deadline_seconds.is_some(),
            "activeDeadlineSeconds",
        ),
    ]
    .into_iter()
    .filter_map(|(given, name)| found(given, name, name))
    .collect()
}

/// Resources that are requested besides CPU and memory. Nodes have enough of local storage as
/// a rule.
fn of_containers(spec: &core::PodSpec) -> Vec<Found> {
    let on_host = spec.host_network == Some(true);
    let init = spec.init_containers.as_deref().unwrap_or_default();
    let mut list = Vec::new();
    for (field, containers) in [
        ("containers", spec.containers.as_slice()),
        ("initContainers", init),
    ] {
        for (index, one) in containers.iter().enumerate() {
            for (port, ports) in one.ports.iter().flatten().enumerate() {
                // On the host's network every port is the host's.
                if on_host || ports.host_port.is_some_and(|port| port > 0) {
                    let name = if on_host {
                        "hostNetwork with ports"
                    } else {
                        "hostPort"
                    };
                    let path = format!("{field}[{index}].ports[{port}].hostPort");
                    list.push((path, name.to_owned()));
                }
            }
            let resources = one.resources.as_ref();
            let amounts = |key| match key {
                "requests" => resources.and_then(|all| all.requests.as_ref()),
                _ => resources.and_then(|all| all.limits.as_ref()),
            };
            for key in ["requests", "limits"] {
                for name in amounts(key).into_iter().flatten().map(|(name, _)| name) {
                    if !matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage") {
                        let path = format!("{field}[{index}].resources.{key}");
                        list.push((path, format!("requests of {name}")));
                    }
                }
            }
        }
    }
    list
}

/// `spec.tolerations`.
pub(super) fn tolerations(spec: &core::PodSpec, context: &mut Context<'_>) -> Vec<Toleration> {
    let all = spec.tolerations.as_deref().unwrap_or_default();
    let mut made = Vec::new();
    for (index, one) in all.iter().enumerate() {
        let path = |field: &str| format!("spec.template.spec.tolerations[{index}].{field}");
        let (key, value) = (one.key.clone().unwrap_or_default(), one.value.clone());
        let named = one.effect.as_deref().filter(|effect| !effect.is_empty());
        let effect = TaintEffect::ALL
            .into_iter()
            .find(|effect| named == Some(effect.name()));
        if let (Some(name), None) = (named, effect) {
            let words = format!(
                "Unsupported value: \"{name}\": supported values: \"NoExecute\", \"NoSchedule\", \"PreferNoSchedule\""
            );
            context.refuse(&path("effect"), words, None);
        }
        let operator = one
            .operator
            .as_deref()
            .filter(|operator| !operator.is_empty());
        match operator.unwrap_or("Equal") {
            "Equal" if key.is_empty() => {
                let words = "Invalid value: \"Equal\": operator must be Exists when `key` is empty, \
                     which means \"match all values and all keys\"";
                context.refuse(&path("operator"), words, None);
            }
            "Exists" if value.as_ref().is_some_and(|value| !value.is_empty()) => {
                let words = "Invalid value: value must be empty when `operator` is 'Exists'";
                context.refuse(&path("operator"), words, None);
            }
            "Equal" | "Exists" => {}
            other => {
                let words = format!(
                    "Unsupported value: \"{other}\": supported values: \"Equal\", \"Exists\""
                );
                context.refuse(&path("operator"), words, None);
            }
        }
        if one.toleration_seconds.is_some() && effect != Some(TaintEffect::NoExecute) {
            let words = "Invalid value: effect must be 'NoExecute' when `tolerationSeconds` is set";
            context.refuse(&path("effect"), words, None);
        }
        let exists = operator == Some("Exists");
        made.push(Toleration {
            key,
            value: (!exists).then(|| value.unwrap_or_default()),
            effect,
            seconds: one.toleration_seconds,
        });
    }
    made
}
