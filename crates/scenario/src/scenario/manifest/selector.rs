//! Label selectors: what the API server refuses, and what they select.

use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;

use super::{Context, names};
use crate::api::{LabelSelector, Operator, Requirement};
use crate::cluster::spec::Labels;
use crate::scenario::diagnostic::Diagnostics;

/// Reads a selector; with the labels that it has to fit, if it is a workload's.
pub(super) fn selector(
    selector: &meta::LabelSelector,
    path: &str,
    carried: Option<&Labels>,
    context: &mut Context<'_>,
) -> LabelSelector {
    let labels: Labels = selector.match_labels.clone().unwrap_or_default();
    let path_of_labels = format!("{path}.matchLabels");
    check_labels(&labels, (&path_of_labels, &path_of_labels), context);
    let expressions = selector.match_expressions.as_deref().unwrap_or_default();
    let expressions = expressions.iter().enumerate();
    let expressions: Vec<Requirement> = expressions
        .filter_map(|(index, one)| {
            let path = format!("{path}.matchExpressions[{index}]");
            expression(one, &path, carried, context)
        })
        .collect();
    if let Some(carried) = carried {
        let missing = |(key, value): &(&String, &String)| carried.get(*key) != Some(*value);
        if let Some((key, value)) = labels.iter().find(missing) {
            let help = format!("the selector asks for {key}={value}: label the pods so");
            let place = format!("{path}.matchLabels[{key}]");
            mismatch(&place, carried, &help, context);
        }
    }
    LabelSelector {
        labels,
        expressions,
    }
}

/// The selector of a metric, which nobody checks before a sync.
pub(super) fn of_metric(
    one: &meta::LabelSelector,
    path: &str,
    context: &mut Context<'_>,
) -> LabelSelector {
    let mut problems = Diagnostics::default();
    let found = selector(
        one,
        path,
        None,
        &mut Context {
            document: context.document,
            diagnostics: &mut problems,
        },
    );
    let Some(problem) = problems.list.first() else {
        return found;
    };
    let message = "the controller cannot read this selector: the metric fails at every sync";
    context.warning(path, message, &problem.title);
    LabelSelector::nothing()
}

/// The labels of the pods are not those that a workload's selector asks for.
fn mismatch(place: &str, carried: &Labels, help: &str, context: &mut Context<'_>) {
    let json = serde_json::to_string(carried).unwrap_or_default();
    let words = format!("Invalid value: {json}: `selector` does not match template `labels`");
    let path = "spec.template.metadata.labels";
    context.refuse_at(place, path, words, Some(help));
}

/// Checks an expression.
fn expression(
    one: &meta::LabelSelectorRequirement,
    path: &str,
    carried: Option<&Labels>,
    context: &mut Context<'_>,
) -> Option<Requirement> {
    let values = one.values.as_deref().unwrap_or_default();
    let operator = one.operator.as_str();
    let path_of_values = format!("{path}.values");
    match (operator, values.is_empty()) {
        ("In" | "NotIn", false) | ("Exists" | "DoesNotExist", true) => {}
        ("In" | "NotIn", true) => {
            let words = "Required value: must be specified when `operator` is 'In' or 'NotIn'";
            let help = Some("for example `values: [web]`");
            context.refuse(&path_of_values, words, help);
            return None;
        }
        ("Exists" | "DoesNotExist", false) => {
            let words =
                "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            context.refuse(&path_of_values, words, Some("leave `values` out"));
            return None;
        }
        _ => {
            let words = format!("Invalid value: {operator:?}: not a valid selector operator");
            let help = Some("the operators are In, NotIn, Exists and DoesNotExist");
            context.refuse(&format!("{path}.operator"), words, help);
            return None;
        }
    }
    check_key(&one.key, &format!("{path}.key"), context);
    check_values(values, path, context);
    let found = Operator::ALL.into_iter().find(|one| one.name() == operator);
    let requirement = Requirement {
        key: one.key.clone(),
        operator: found?,
        values: values.to_vec(),
    };
    if let Some(carried) = carried.filter(|carried| !requirement.matches(carried)) {
        let help = format!("the selector asks for {} {operator}", one.key);
        mismatch(path, carried, &help, context);
    }
    Some(requirement)
}

/// Labels as the API server takes them; it knows them by the second path (`ValidateLabels`).
pub(super) fn check_labels(
    labels: &Labels,
    (place, path): (&str, &str),
    context: &mut Context<'_>,
) {
    for (key, value) in labels {
        let place = format!("{place}[{key}]");
        for (text, wrong) in [
            (key, names::qualified(key)),
            (value, names::label_value(value)),
        ] {
            for words in wrong {
                let words = format!("Invalid value: {text:?}: {words}");
                context.refuse_at(&place, path, words, None);
            }
        }
    }
}

/// The values of a selector's requirement (`ValidateLabelSelectorRequirement`).
pub(super) fn check_values(values: &[String], path: &str, context: &mut Context<'_>) {
    for (place, value) in values.iter().enumerate() {
        let path = format!("{path}.values[{place}]");
        context.refuse_text(&path, value, names::label_value(value));
    }
}

/// Whether a text is a name with or without a prefix, as keys of labels are.
pub(super) fn is_key(key: &str) -> bool {
    names::qualified(key).is_empty()
}

pub(super) fn check_key(key: &str, path: &str, context: &mut Context<'_>) {
    context.refuse_text(path, key, names::qualified(key));
}
