//! Service, PodDisruptionBudget, PriorityClass.

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::scheduling::v1::PriorityClass;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::container::labels;
use super::{Context, PriorityClassObject, ServiceObject, typed};
use crate::cluster::spec::{IntOrPercent, LabelSelector, PdbSpec};

pub(super) fn service(context: &mut Context<'_>) -> Option<ServiceObject> {
    let object: Service = typed::read(context)?;
    let (name, namespace) = context.identity(object.metadata);
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_label = name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(fits)
        && !name.ends_with('-');
    if !name.is_empty() && !is_label {
        let help = "a Service's name is a label of a host: up to 63 lower-case letters, digits and `-`, a letter first";
        let words = format!(
            "Invalid value: \"{name}\": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character"
        );
        context.refuse("metadata.name", words, Some(help));
    }
    let spec = object.spec.unwrap_or_default();
    Some(ServiceObject {
        name,
        namespace,
        selector: labels(spec.selector.as_ref()),
    })
}

pub(super) fn pdb(context: &mut Context<'_>) -> Option<PdbSpec> {
    let object: PodDisruptionBudget = typed::read(context)?;
    let (name, namespace) = context.identity(object.metadata);
    let spec = object.spec.unwrap_or_default();
    if spec.min_available.is_some() && spec.max_unavailable.is_some() {
        context.error(
            "spec.maxUnavailable",
            "minAvailable and maxUnavailable exclude each other",
            Some("keep one of them"),
        );
    }
    let selector = match &spec.selector {
        Some(one) => super::selector::selector(one, "spec.selector", None, context),
        None => LabelSelector::nothing(),
    };
    let policy = spec.unhealthy_pod_eviction_policy.as_deref();
    if !matches!(policy, None | Some("AlwaysAllow" | "IfHealthyBudget")) {
        let message = "unknown unhealthyPodEvictionPolicy";
        let help = Some("the policies are IfHealthyBudget and AlwaysAllow");
        context.error("spec.unhealthyPodEvictionPolicy", message, help);
    }
    Some(PdbSpec {
        name,
        namespace,
        selector,
        min_available: spec
            .min_available
            .as_ref()
            .and_then(|value| amount(value, "spec.minAvailable", context)),
        max_unavailable: spec
            .max_unavailable
            .as_ref()
            .and_then(|value| amount(value, "spec.maxUnavailable", context)),
        always_allow_unhealthy: policy == Some("AlwaysAllow"),
    })
}

pub(super) fn amount(
    value: &IntOrString,
    path: &str,
    context: &mut Context<'_>,
) -> Option<IntOrPercent> {
    let parsed = match value {
        IntOrString::Int(number) if *number >= 0 => Some(IntOrPercent::Int(*number)),
        IntOrString::Int(_) => None,
        IntOrString::String(text) => {
            let number = text
                .strip_suffix('%')
                .and_then(|number| number.parse::<i32>().ok());
            number
                .filter(|number| (0..=100).contains(number))
                .map(IntOrPercent::Percent)
        }
    };
    if parsed.is_none() {
        context.error(
            path,
            "expected a number of pods or a percentage such as \"50%\"",
            None,
        );
    }
    parsed
}

pub(super) fn priority_class(context: &mut Context<'_>) -> Option<PriorityClassObject> {
    let object: PriorityClass = typed::read(context)?;
    let (name, _) = context.identity(object.metadata);
    if context.document.get("value").is_none() {
        context.error("value", "a PriorityClass needs a `value`", None);
    }
    Some(PriorityClassObject {
        name,
        value: object.value.unwrap_or(0),
        global_default: object.global_default.unwrap_or(false),
        never_preempts: object.preemption_policy.as_deref() == Some("Never"),
    })
}
