//! What the API server refuses of fields that say where pods run, beyond each field by itself.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::Context;
use super::affinity::SPEC;
use super::selector::{check_key, is_key};

/// Looks at all of a pod's but its affinity to others.
pub(super) fn check(spec: &core::PodSpec, context: &mut Context<'_>) {
    gates(spec, context);
    spread(spec, context);
    host_ports(spec, context);
}

fn gates(spec: &core::PodSpec, context: &mut Context<'_>) {
    let mut seen = BTreeSet::new();
    let all = spec.scheduling_gates.iter().flatten();
    for (place, gate) in all.enumerate() {
        let (name, path) = (&gate.name, format!("{SPEC}.schedulingGates[{place}]"));
        let name_path = format!("{path}.name");
        if !is_key(name) {
            let words = format!("Invalid value: \"{name}\": not a qualified name");
            context.refuse_at(&name_path, &path, words, None);
        }
        if !seen.insert(name) {
            let words = format!("Duplicate value: \"{name}\"");
            context.refuse_at(&name_path, &path, words, None);
        }
    }
}

fn spread(spec: &core::PodSpec, context: &mut Context<'_>) {
    let all = spec.topology_spread_constraints.as_deref();
    let all = all.unwrap_or_default();
    for (place, one) in all.iter().enumerate() {
        let path = format!("{SPEC}.topologySpreadConstraints[{place}]");
        // A domain and what becomes of pods that do not fit are given once.
        let (domain, otherwise) = (&one.topology_key, &one.when_unsatisfiable);
        let same = |other: &core::TopologySpreadConstraint| {
            (&other.topology_key, &other.when_unsatisfiable) == (domain, otherwise)
        };
        if all[place + 1..].iter().any(same) {
            let known = format!("{path}.{{topologyKey, whenUnsatisfiable}}");
            let words = format!("Duplicate value: \"{{{domain}, {otherwise}}}\"");
            context.refuse_at(&path, &known, words, None);
        }
        let selector = one.label_selector.as_ref();
        let keys = one.match_label_keys.as_deref().unwrap_or_default();
        let of_keys = format!("{path}.matchLabelKeys");
        label_keys(keys, selector, &of_keys, context);
        not_in_selector(keys, selector, &of_keys, context);
    }
}

/// `matchLabelKeys` that the selector has as well. Up to 1.33 the API server refuses a template
/// with them (`ValidateMatchLabelKeysInTopologySpread`), later each of its pods, as it does with
/// terms of affinity (`ValidateMatchLabelKeysAndMismatchLabelKeys`): by then the keys are
/// expressions of the selector.
fn not_in_selector(
    keys: &[String],
    selector: Option<&LabelSelector>,
    path: &str,
    context: &mut Context<'_>,
) {
    let Some(selector) = selector else { return };
    for (place, key) in keys.iter().enumerate() {
        let labels = selector.match_labels.as_ref();
        let expressions = selector.match_expressions.iter().flatten();
        if labels.is_some_and(|labels| labels.contains_key(key))
            || expressions.into_iter().any(|one| one.key == *key)
        {
            let words = format!(
                "Invalid value: \"{key}\": exists in both matchLabelKeys and labelSelector"
            );
            context.refuse(&format!("{path}[{place}]"), words, None);
        }
    }
}

/// `matchLabelKeys` and `mismatchLabelKeys` (`validateLabelKeys`).
fn label_keys(
    keys: &[String],
    selector: Option<&LabelSelector>,
    path: &str,
    context: &mut Context<'_>,
) {
    if !keys.is_empty() && selector.is_none() {
        let words = "Forbidden: must not be specified when labelSelector is not set";
        context.refuse(path, words, None);
        return;
    }
    for (place, key) in keys.iter().enumerate() {
        check_key(key, &format!("{path}[{place}]"), context);
    }
}

/// A term of a pod's affinity to others.
pub(super) fn term(one: &core::PodAffinityTerm, path: &str, context: &mut Context<'_>) {
    let selector = one.label_selector.as_ref();
    let same = one.match_label_keys.as_deref().unwrap_or_default();
    let different = one.mismatch_label_keys.as_deref().unwrap_or_default();
    let (of_same, of_different) = (
        format!("{path}.matchLabelKeys"),
        format!("{path}.mismatchLabelKeys"),
    );
    label_keys(same, selector, &of_same, context);
    not_in_selector(same, selector, &of_same, context);
    label_keys(different, selector, &of_different, context);
    for (place, key) in same.iter().enumerate() {
        if different.contains(key) {
            let words = format!(
                "Invalid value: \"{key}\": exists in both matchLabelKeys and mismatchLabelKeys"
            );
            context.refuse(&format!("{of_same}[{place}]"), words, None);
        }
    }
    let domain = format!("{path}.topologyKey");
    if one.topology_key.is_empty() {
        context.refuse(&domain, "Required value: can not be empty", None);
    } else {
        check_key(&one.topology_key, &domain, context);
    }
}

/// Containers share their pod's ports of the node; each init container has its own
/// (`checkHostPortConflicts`).
fn host_ports(spec: &core::PodSpec, context: &mut Context<'_>) {
    let on_host = spec.host_network == Some(true);
    let init = spec.init_containers.iter().flatten();
    let init = init.map(|one| ("initContainers", one)).enumerate();
    let all = spec.containers.iter().map(|one| ("containers", one));
    let mut seen = BTreeSet::new();
    for (place, (list, container)) in init.chain(all.enumerate()) {
        if list == "initContainers" || place == 0 {
            seen.clear();
        }
        for (number, port) in container.ports.iter().flatten().enumerate() {
            let Some(on_node) = port.host_port.filter(|port| *port != 0) else {
                continue;
            };
            let path = format!("{SPEC}.{list}[{place}].ports[{number}].hostPort");
            let protocol = port.protocol.as_deref().unwrap_or("TCP");
            let address = port.host_ip.as_deref().unwrap_or_default();
            let text = format!("{protocol}/{address}/{on_node}");
            if seen.contains(&text) {
                let words = format!("Duplicate value: \"{text}\"");
                context.refuse(&path, words, None);
            }
            seen.insert(text);
            if on_host && on_node != port.container_port {
                let words = format!(
                    "Invalid value: {on_node}: must match `containerPort` when `hostNetwork` is true"
                );
                context.refuse(&path, words, None);
            }
        }
    }
}
