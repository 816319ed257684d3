//! What a pod template says about where or whether its pods run: tolerations, and what is not
//! simulated.

use k8s_openapi::api::core::v1 as core;

use super::Context;
use crate::api::{TaintEffect, Toleration};

/// Warns once per object of all such fields, at the place of the first.
pub(super) fn warn(spec: &core::PodSpec, context: &mut Context<'_>) {
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
