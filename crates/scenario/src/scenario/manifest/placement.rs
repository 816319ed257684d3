//! What a pod template says about where or whether its pods run: tolerations, and what is not
//! simulated.

use k8s_openapi::api::core::v1 as core;

use super::hpa::unsupported;
use super::{Context, names};
use crate::api::{TaintEffect, Toleration};

/// Warns once per object of all such fields, at the place of the first.
pub(super) fn warn(spec: &core::PodSpec, context: &mut Context<'_>) {
    if some(spec.readiness_gates.as_ref()) {
        let path = "spec.template.spec.readinessGates";
        let message = "only `kubectl patch pod --subresource=status` sets the conditions of readinessGates here: the pods are not Ready before";
        context.warning(
            path,
            message,
            "leave them out to have the pods Ready with their containers",
        );
    }
    let found = others(spec);
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
    let help = "leave it out, or say the same by node selectors, affinities and requests";
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

fn others(spec: &core::PodSpec) -> Vec<Found> {
    let scheduler = spec.scheduler_name.as_deref();
    let overhead = spec.overhead.as_ref();
    [
        (
            scheduler.is_some_and(|name| name != "default-scheduler"),
            "schedulerName",
        ),
        (some(spec.resource_claims.as_ref()), "resourceClaims"),
        (
            overhead.is_some_and(|amounts| !amounts.is_empty()),
            "overhead",
        ),
    ]
    .into_iter()
    .filter_map(|(given, name)| found(given, name, name))
    .collect()
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
                "Unsupported value: \"{name}\": supported values: \"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\""
            );
            context.refuse(&path("effect"), words, None);
        }
        let operator = one
            .operator
            .as_deref()
            .filter(|operator| !operator.is_empty());
        if !key.is_empty() {
            context.refuse_text(&path("key"), &key, names::qualified(&key));
        }
        let given = operator.unwrap_or_default();
        if key.is_empty() && given != "Exists" {
            let words = "operator must be Exists when `key` is empty, \
                 which means \"match all values and all keys\"";
            context.refuse_text(&path("operator"), given, vec![words.to_owned()]);
        }
        let text = value.as_deref().unwrap_or_default();
        match given {
            "Equal" | "" => context.refuse_text(&path("operator"), text, names::label_value(text)),
            "Exists" if text.is_empty() => {}
            "Exists" => {
                let words = "value must be empty when `operator` is 'Exists'";
                context.refuse_text(&path("operator"), text, vec![words.to_owned()]);
            }
            "Lt" | "Gt" => {
                let words = unsupported(given, &["Equal", "Exists", "Lt", "Gt"]);
                context.refuse(&path("operator"), words, None);
            }
            other => {
                let words = unsupported(other, &["Equal", "Exists"]);
                context.refuse(&path("operator"), words, None);
            }
        }
        if one.toleration_seconds.is_some() && effect != Some(TaintEffect::NoExecute) {
            let words = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            let given = named.unwrap_or_default();
            context.refuse_text(&path("effect"), given, vec![words.to_owned()]);
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
