//! Where pods may run: affinity, spread constraints, gates.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;

use super::Context;
use super::claims::{extended, host_ports};
use super::placement_rules;
use super::selector::{check_key, check_values};
use crate::api::{
    LabelSelector, NodeSelectorTerm, Operator, Placement, PodAffinity, PodAffinityTerm,
    Requirement, SpreadConstraint,
};

pub(super) const SPEC: &str = "spec.template.spec";

/// What a template says about where its pods run, if anything.
pub(super) fn placement(spec: &core::PodSpec, context: &mut Context<'_>) -> Option<Box<Placement>> {
    placement_rules::check(spec, context);
    let affinity = spec.affinity.as_ref();
    let node = affinity.and_then(|one| one.node_affinity.as_ref());
    let (nodes, preferred_nodes) = node.map_or((None, Vec::new()), |one| nodes(one, context));
    let spread = spec.topology_spread_constraints.as_deref();
    let gates = spec.scheduling_gates.as_deref().unwrap_or_default();
    let made = Placement {
        nodes,
        preferred_nodes,
        affinity: affinity
            .and_then(|one| one.pod_affinity.as_ref())
            .map_or_else(PodAffinity::default, |one| {
                let required = &one.required_during_scheduling_ignored_during_execution;
                let preferred = &one.preferred_during_scheduling_ignored_during_execution;
                pods(
                    "podAffinity",
                    required.as_deref(),
                    preferred.as_deref(),
                    context,
                )
            }),
        anti_affinity: affinity
            .and_then(|one| one.pod_anti_affinity.as_ref())
            .map_or_else(PodAffinity::default, |one| {
                let required = &one.required_during_scheduling_ignored_during_execution;
                let preferred = &one.preferred_during_scheduling_ignored_during_execution;
                pods(
                    "podAntiAffinity",
                    required.as_deref(),
                    preferred.as_deref(),
                    context,
                )
            }),
        spread: spread
            .unwrap_or_default()
            .iter()
            .enumerate()
            .map(|(place, one)| constraint(one, place, context))
            .collect(),
        host_ports: host_ports(spec),
        extended: extended(spec, context),
        gates: gates.iter().map(|gate| gate.name.clone()).collect(),
    };
    (!made.is_empty()).then(|| Box::new(made))
}

fn nodes(
    affinity: &core::NodeAffinity,
    context: &mut Context<'_>,
) -> (Option<Vec<NodeSelectorTerm>>, Vec<(i64, NodeSelectorTerm)>) {
    let path = format!("{SPEC}.affinity.nodeAffinity");
    let required = affinity
        .required_during_scheduling_ignored_during_execution
        .as_ref();
    let required = required.map(|required| {
        let path =
            format!("{path}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms");
        if required.node_selector_terms.is_empty() {
            context.refuse(
                &path,
                "Required value: must have at least one node selector term",
                None,
            );
        }
        let terms = required.node_selector_terms.iter().enumerate();
        terms
            .map(|(place, term)| {
                let path = format!("{path}[{place}]");
                for (place, one) in term.match_expressions.iter().flatten().enumerate() {
                    let values = one.values.as_deref().unwrap_or_default();
                    check_values(
                        values,
                        &format!("{path}.matchExpressions[{place}]"),
                        context,
                    );
                }
                node_term(term, &path, context)
            })
            .collect()
    });
    let preferred = affinity
        .preferred_during_scheduling_ignored_during_execution
        .as_deref()
        .unwrap_or_default();
    let preferred = preferred.iter().enumerate().map(|(place, one)| {
        let path = format!("{path}.preferredDuringSchedulingIgnoredDuringExecution[{place}]");
        check_weight(one.weight, &path, context);
        let term = node_term(&one.preference, &format!("{path}.preference"), context);
        (i64::from(one.weight), term)
    });
    (required, preferred.collect())
}

fn check_weight(weight: i32, path: &str, context: &mut Context<'_>) {
    if !(1..=100).contains(&weight) {
        let words = format!("Invalid value: {weight}: must be in the range 1-100");
        context.refuse(&format!("{path}.weight"), words, None);
    }
}

fn node_term(
    term: &core::NodeSelectorTerm,
    path: &str,
    context: &mut Context<'_>,
) -> NodeSelectorTerm {
    let mut read = |list: Option<&Vec<core::NodeSelectorRequirement>>, field: &str| {
        let list = list
            .map(Vec::as_slice)
            .unwrap_or_default()
            .iter()
            .enumerate();
        list.filter_map(|(place, one)| {
            let path = format!("{path}.{field}[{place}]");
            let values = one.values.clone().unwrap_or_default();
            if field == "matchFields" {
                return field_requirement(one, values, &path, context);
            }
            requirement(&one.key, &one.operator, values, true, &path, context)
        })
        .collect()
    };
    NodeSelectorTerm {
        expressions: read(term.match_expressions.as_ref(), "matchExpressions"),
        fields: read(term.match_fields.as_ref(), "matchFields"),
    }
}

/// A requirement of a node's name, the only field (`ValidateNodeFieldSelectorRequirement`).
fn field_requirement(
    one: &core::NodeSelectorRequirement,
    values: Vec<String>,
    path: &str,
    context: &mut Context<'_>,
) -> Option<Requirement> {
    let mut known = [Operator::In, Operator::NotIn].into_iter();
    let found = known.find(|known| known.name() == one.operator);
    if found.is_none() {
        let words = format!(
            "Invalid value: \"{}\": not a valid selector operator",
            one.operator
        );
        context.refuse(&format!("{path}.operator"), words, None);
    } else if values.len() != 1 {
        let words = "Required value: must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
        context.refuse(&format!("{path}.values"), words, None);
    }
    if one.key != "metadata.name" {
        let words = format!(
            "Invalid value: \"{}\": not a valid field selector key",
            one.key
        );
        context.refuse(&format!("{path}.key"), words, None);
    }
    Some(Requirement {
        key: one.key.clone(),
        operator: found?,
        values,
    })
}

/// An expression, with what the API server asks of its values.
fn requirement(
    key: &str,
    operator: &str,
    values: Vec<String>,
    of_nodes: bool,
    path: &str,
    context: &mut Context<'_>,
) -> Option<Requirement> {
    check_key(key, &format!("{path}.key"), context);
    let known = &Operator::ALL[..if of_nodes { 6 } else { 4 }];
    let Some(found) = known.iter().find(|one| one.name() == operator) else {
        let words = format!("Invalid value: \"{operator}\": not a valid selector operator");
        context.refuse(&format!("{path}.operator"), words, None);
        return None;
    };
    let words = match found {
        Operator::In | Operator::NotIn if values.is_empty() => {
            Some("Required value: must be specified when `operator` is 'In' or 'NotIn'")
        }
        Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
            Some("Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
        }
        Operator::Gt | Operator::Lt if values.len() != 1 => {
            Some("Required value: must be specified single value when `operator` is 'Lt' or 'Gt'")
        }
        _ => None,
    };
    if let Some(words) = words {
        context.refuse(&format!("{path}.values"), words, None);
    }
    Some(Requirement {
        key: key.to_owned(),
        operator: *found,
        values,
    })
}

fn selector(
    selector: Option<&meta::LabelSelector>,
    path: &str,
    context: &mut Context<'_>,
) -> Option<LabelSelector> {
    let selector = selector?;
    let expressions = selector.match_expressions.as_deref().unwrap_or_default();
    let expressions = expressions.iter().enumerate();
    Some(LabelSelector {
        labels: selector.match_labels.clone().unwrap_or_default(),
        expressions: expressions
            .filter_map(|(place, one)| {
                let path = format!("{path}.matchExpressions[{place}]");
                let values = one.values.clone().unwrap_or_default();
                check_values(&values, &path, context);
                requirement(&one.key, &one.operator, values, false, &path, context)
            })
            .collect(),
    })
}

fn pods(
    name: &str,
    required: Option<&[core::PodAffinityTerm]>,
    preferred: Option<&[core::WeightedPodAffinityTerm]>,
    context: &mut Context<'_>,
) -> PodAffinity {
    let path = |list: &str, place: usize| {
        format!("{SPEC}.affinity.{name}.{list}DuringSchedulingIgnoredDuringExecution[{place}]")
    };
    let required = required.unwrap_or_default().iter().enumerate();
    let preferred = preferred.unwrap_or_default().iter().enumerate();
    PodAffinity {
        required: required
            .map(|(place, term)| pod_term(term, &path("required", place), context))
            .collect(),
        preferred: preferred
            .map(|(place, one)| {
                let path = path("preferred", place);
                check_weight(one.weight, &path, context);
                let path = format!("{path}.podAffinityTerm");
                let term = pod_term(&one.pod_affinity_term, &path, context);
                (i64::from(one.weight), term)
            })
            .collect(),
    }
}

fn pod_term(
    term: &core::PodAffinityTerm,
    path: &str,
    context: &mut Context<'_>,
) -> PodAffinityTerm {
    placement_rules::term(term, path, context);
    let namespaces = format!("{path}.namespaceSelector");
    PodAffinityTerm {
        selector: selector(
            term.label_selector.as_ref(),
            &format!("{path}.labelSelector"),
            context,
        ),
        same: term.match_label_keys.clone().unwrap_or_default(),
        different: term.mismatch_label_keys.clone().unwrap_or_default(),
        namespaces: term.namespaces.clone().unwrap_or_default(),
        namespace_selector: selector(term.namespace_selector.as_ref(), &namespaces, context),
        topology_key: term.topology_key.clone(),
    }
}

fn constraint(
    one: &core::TopologySpreadConstraint,
    place: usize,
    context: &mut Context<'_>,
) -> SpreadConstraint {
    let path = |field: &str| format!("{SPEC}.topologySpreadConstraints[{place}].{field}");
    let required = one.when_unsatisfiable == "DoNotSchedule";
    if !required && one.when_unsatisfiable != "ScheduleAnyway" {
        let words = format!(
            "Unsupported value: \"{}\": supported values: \"DoNotSchedule\", \"ScheduleAnyway\"",
            one.when_unsatisfiable
        );
        context.refuse(&path("whenUnsatisfiable"), words, None);
    }
    if one.max_skew < 1 {
        let words = format!("Invalid value: {}: must be greater than zero", one.max_skew);
        context.refuse(&path("maxSkew"), words, None);
    }
    if one.topology_key.is_empty() {
        context.refuse(
            &path("topologyKey"),
            "Required value: can not be empty",
            None,
        );
    }
    if let Some(domains) = one.min_domains {
        if domains < 1 {
            let words = format!("Invalid value: {domains}: must be greater than zero");
            context.refuse(&path("minDomains"), words, None);
        } else if !required {
            let words = format!(
                "Invalid value: {domains}: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway"
            );
            context.refuse(&path("minDomains"), words, None);
        }
    }
    let mut honors = |policy: Option<&String>, field: &str, default: bool| match policy
        .map(String::as_str)
    {
        None => default,
        Some("Honor") => true,
        Some("Ignore") => false,
        Some(other) => {
            let words =
                format!("Unsupported value: \"{other}\": supported values: \"Honor\", \"Ignore\"");
            context.refuse(&path(field), words, None);
            default
        }
    };
    let honors_affinity = honors(
        one.node_affinity_policy.as_ref(),
        "nodeAffinityPolicy",
        true,
    );
    let honors_taints = honors(one.node_taints_policy.as_ref(), "nodeTaintsPolicy", false);
    SpreadConstraint {
        max_skew: i64::from(one.max_skew),
        topology_key: one.topology_key.clone(),
        required,
        selector: selector(one.label_selector.as_ref(), &path("labelSelector"), context),
        same: one.match_label_keys.clone().unwrap_or_default(),
        min_domains: one.min_domains.map_or(1, |domains| domains.max(1) as usize),
        honors_affinity,
        honors_taints,
    }
}
