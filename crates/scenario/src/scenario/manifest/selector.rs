//! Label selectors: what the API server refuses, and what they select.

use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;

use super::Context;
use crate::api::{LabelSelector, Operator, Requirement};
use crate::cluster::spec::Labels;

/// Reads a selector; with the labels that it has to fit, if it is a workload's.
pub(super) fn selector(
    selector: &meta::LabelSelector,
    path: &str,
    carried: Option<&Labels>,
    context: &mut Context<'_>,
) -> LabelSelector {
    let labels: Labels = selector.match_labels.clone().unwrap_or_default();
    check_labels(&labels, &format!("{path}.matchLabels"), context);
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
            let json = serde_json::to_string(carried).unwrap_or_default();
            let words =
                format!("Invalid value: {json}: `selector` does not match template `labels`");
            let help = format!("the selector asks for {key}={value}: label the pods so");
            let place = format!("{path}.matchLabels[{key}]");
            let of_pods = "spec.template.metadata.labels";
            context.refuse_at(&place, of_pods, words, Some(&help));
        }
    }
    LabelSelector {
        labels,
        expressions,
    }
}

/// Checks an expression.
fn expression(
    one: &meta::LabelSelectorRequirement,
    path: &str,
    carried: Option<&Labels>,
    context: &mut Context<'_>,
) -> Option<Requirement> {
    let values = one.values.as_deref().unwrap_or_default();
    check_key(&one.key, &format!("{path}.key"), context);
    let operator = one.operator.as_str();
    match (operator, values.is_empty()) {
        ("In" | "NotIn", false) | ("Exists" | "DoesNotExist", true) => {}
        ("In" | "NotIn", true) => {
            let message = format!("{operator} needs `values`");
            context.error(path, message, Some("for example `values: [web]`"));
            return None;
        }
        ("Exists" | "DoesNotExist", false) => {
            let message = format!("{operator} has no values");
            context.error(
                &format!("{path}.values"),
                message,
                Some("leave `values` out"),
            );
            return None;
        }
        _ => {
            let message = format!("unknown operator \"{operator}\"");
            let help = Some("the operators are In, NotIn, Exists and DoesNotExist");
            context.error(&format!("{path}.operator"), message, help);
            return None;
        }
    }
    check_values(values, path, context);
    let found = Operator::ALL.into_iter().find(|one| one.name() == operator);
    let requirement = Requirement {
        key: one.key.clone(),
        operator: found?,
        values: values.to_vec(),
    };
    if carried.is_some_and(|carried| !requirement.matches(carried)) {
        let message = format!(
            "the pod template's labels do not satisfy {} {operator}",
            one.key
        );
        let help = Some("give `spec.template.metadata.labels` labels that do");
        context.error(path, message, help);
    }
    Some(requirement)
}

/// Labels as the API server takes them.
pub(super) fn check_labels(labels: &Labels, path: &str, context: &mut Context<'_>) {
    for (key, value) in labels {
        let path = format!("{path}[{key}]");
        check_key(key, &path, context);
        if !value.is_empty() && !is_word(value) {
            let message = format!("\"{value}\" is not a valid label value");
            context.error(&path, message, Some(WORD));
        }
    }
}

/// The values of a selector's requirement (`ValidateLabelSelectorRequirement`).
pub(super) fn check_values(values: &[String], path: &str, context: &mut Context<'_>) {
    for (place, value) in values.iter().enumerate() {
        if !value.is_empty() && !is_word(value) {
            let message = format!("\"{value}\" is not a valid label value");
            context.error(&format!("{path}.values[{place}]"), message, Some(WORD));
        }
    }
}

const WORD: &str = "up to 63 letters, digits, `-`, `_` and `.`, a letter or digit at both ends";

pub(super) fn check_key(key: &str, path: &str, context: &mut Context<'_>) {
    let (prefix, name) = key
        .split_once('/')
        .map_or((None, key), |(prefix, name)| (Some(prefix), name));
    if !is_word(name) || prefix.is_some_and(|prefix| prefix.is_empty() || prefix.len() > 253) {
        let message = format!("\"{key}\" is not a valid label key");
        context.error(path, message, Some(WORD));
    }
}

fn is_word(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let edge = |c: char| c.is_ascii_alphanumeric();
    text.len() <= 63 && text.chars().all(fits) && text.starts_with(edge) && text.ends_with(edge)
}
