//! Service, PodDisruptionBudget, PriorityClass.

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::container::labels;
use super::hpa::unsupported;
use super::{Context, PriorityClassObject, ServiceObject, names, typed};
use crate::cluster::spec::{IntOrPercent, LabelSelector, PdbSpec};

pub(super) fn service(context: &mut Context<'_>) -> Option<ServiceObject> {
    let object: Service = typed::read(context)?;
    let (name, namespace) = context.identity_by(object.metadata, names::label);
    let spec = object.spec.unwrap_or_default();
    super::service::check(&spec, context);
    Some(ServiceObject {
        name,
        namespace,
        selector: labels(spec.selector.as_ref()),
        affinity: super::service::affinity(&spec),
    })
}

pub(super) fn pdb(context: &mut Context<'_>) -> Option<PdbSpec> {
    let object: PodDisruptionBudget = typed::read(context)?;
    let (name, namespace) = context.identity_by(object.metadata, names::path_segment);
    let spec = object.spec.unwrap_or_default();
    if spec.min_available.is_some() && spec.max_unavailable.is_some() {
        let words = format!(
            "Invalid value: {}: minAvailable and maxUnavailable cannot be both set",
            quoted(&spec)
        );
        context.refuse_at(
            "spec.maxUnavailable",
            "spec",
            words,
            Some("keep one of them"),
        );
    }
    let selector = match &spec.selector {
        Some(one) => super::selector::selector(one, "spec.selector", None, context),
        None => LabelSelector::nothing(),
    };
    let policy = spec.unhealthy_pod_eviction_policy.as_deref();
    if let Some(policy) = policy.filter(|one| !matches!(*one, "AlwaysAllow" | "IfHealthyBudget")) {
        let words = unsupported(policy, &["AlwaysAllow", "IfHealthyBudget"]);
        context.refuse("spec.unhealthyPodEvictionPolicy", words, None);
    }
    Some(PdbSpec {
        name,
        namespace,
        selector,
        min_available: spec
            .min_available
            .as_ref()
            .and_then(|value| share(value, "spec.minAvailable", context)),
        max_unavailable: spec
            .max_unavailable
            .as_ref()
            .and_then(|value| share(value, "spec.maxUnavailable", context)),
        always_allow_unhealthy: policy == Some("AlwaysAllow"),
    })
}

/// A spec as the API server quotes it.
fn quoted(spec: &PodDisruptionBudgetSpec) -> String {
    let json = |value: serde_json::Result<String>| value.unwrap_or_default();
    format!(
        "{{\"MinAvailable\":{},\"Selector\":{},\"MaxUnavailable\":{},\"UnhealthyPodEvictionPolicy\":{}}}",
        json(serde_json::to_string(&spec.min_available)),
        json(serde_json::to_string(&spec.selector)),
        json(serde_json::to_string(&spec.max_unavailable)),
        json(serde_json::to_string(&spec.unhealthy_pod_eviction_policy))
    )
}

/// A number of pods or a percentage (`ValidatePositiveIntOrPercent`).
pub(super) fn amount(
    value: &IntOrString,
    path: &str,
    context: &mut Context<'_>,
) -> Option<IntOrPercent> {
    match value {
        IntOrString::Int(number) if *number >= 0 => Some(IntOrPercent::Int(*number)),
        IntOrString::Int(number) => {
            let words = format!("Invalid value: {number}: must be greater than or equal to 0");
            context.refuse(path, words, None);
            None
        }
        IntOrString::String(text) => match names::percent(text) {
            Ok(percent) => Some(IntOrPercent::Percent(percent)),
            Err(wrong) => {
                context.refuse_text(path, text, vec![wrong]);
                None
            }
        },
    }
}

/// As [`amount`], and not more than all pods (`IsNotMoreThan100Percent`).
pub(super) fn share(
    value: &IntOrString,
    path: &str,
    context: &mut Context<'_>,
) -> Option<IntOrPercent> {
    let made = amount(value, path, context)?;
    if let (IntOrPercent::Percent(101..), IntOrString::String(text)) = (made, value) {
        let wrong = "must not be greater than 100%".to_owned();
        context.refuse_text(path, text, vec![wrong]);
        return None;
    }
    Some(made)
}

/// The most that a PriorityClass of users may have (`HighestUserDefinablePriority`).
const HIGHEST_PRIORITY: i32 = 1_000_000_000;

pub(super) fn priority_class(context: &mut Context<'_>) -> Option<PriorityClassObject> {
    let object: PriorityClass = typed::read(context)?;
    let (name, _) = context.identity(object.metadata);
    if context.document.get("value").is_none() {
        context.error("value", "a PriorityClass needs a `value`", None);
    }
    let (value, default) = (
        object.value.unwrap_or(0),
        object.global_default.unwrap_or(false),
    );
    if name.starts_with("system-") {
        if let Some(wrong) = not_of_the_system(&name, value, default) {
            let words = format!(
                "Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: {wrong}"
            );
            context.refuse("metadata.name", words, None);
        }
    } else if value > HIGHEST_PRIORITY {
        let words = format!(
            "Forbidden: maximum allowed value of a user defined priority is {HIGHEST_PRIORITY}"
        );
        context.refuse("value", words, None);
    }
    let policy = object.preemption_policy.as_deref();
    if let Some(policy) = policy.filter(|one| !matches!(*one, "Never" | "PreemptLowerPriority")) {
        let words = match policy {
            "" => "Required value".to_owned(),
            other => unsupported(other, &["PreemptLowerPriority", "Never"]),
        };
        context.refuse("preemptionPolicy", words, None);
    }
    Some(PriorityClassObject {
        name,
        value,
        global_default: default,
        never_preempts: policy == Some("Never"),
    })
}

/// Why a class is none of those that every cluster has (`IsKnownSystemPriorityClass`).
fn not_of_the_system(name: &str, value: i32, default: bool) -> Option<String> {
    let known = match name {
        "system-node-critical" => 2_000_001_000,
        "system-cluster-critical" => 2_000_000_000,
        _ => return Some(format!("{name} is not a known system priority class")),
    };
    if value != known {
        return Some(format!("value of {name} PriorityClass must be {known}"));
    }
    default.then(|| format!("globalDefault of {name} PriorityClass must be false"))
}
