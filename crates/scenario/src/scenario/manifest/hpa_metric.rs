//! The metrics of a HorizontalPodAutoscaler, autoscaling/v2.

use k8s_openapi::api::autoscaling::v2;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;

use super::hpa::unsupported;
use super::pod_checks::resource_name;
use super::{Context, names};
use crate::autoscaler::hpa::{
    MetricSpec, ObjectReference, Resource, ResourceTarget, TypedTarget, ValueTarget,
};
use crate::cluster::spec::LabelSelector;
use crate::units::Quantity;

/// `validMetricSourceTypes`, sorted.
const TYPES: [&str; 5] = [
    "ContainerResource",
    "External",
    "Object",
    "Pods",
    "Resource",
];

/// Reads a metric; the field named after its type holds it.
pub(super) fn metric(
    one: &v2::MetricSpec,
    path: &str,
    context: &mut Context<'_>,
) -> Option<MetricSpec> {
    let field = match one.type_.as_str() {
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        "Pods" => "pods",
        "Object" => "object",
        "External" => "external",
        other => {
            let path = format!("{path}.type");
            if other.is_empty() {
                let words = "Required value: must specify a metric source type";
                context.refuse(&path, words, None);
            }
            context.refuse(&path, unsupported(other, &TYPES), None);
            return None;
        }
    };
    let inner = format!("{path}.{field}");
    let made = match field {
        "resource" => one
            .resource
            .as_ref()
            .map(|source| pod_resource(source, &inner, context)),
        "containerResource" => one
            .container_resource
            .as_ref()
            .map(|source| container_resource(source, &inner, context)),
        "pods" => one
            .pods
            .as_ref()
            .map(|source| pods(source, &inner, context)),
        "object" => one
            .object
            .as_ref()
            .map(|source| object(source, &inner, context)),
        _ => one
            .external
            .as_ref()
            .map(|source| external(source, &inner, context)),
    };
    if made.is_some() {
        refuse_others(one, field, path, context);
    }
    made.unwrap_or_else(|| {
        let words = "Required value: must populate information for the given metric source";
        let help = "the field named after the type holds the metric";
        context.refuse(&inner, words, Some(help));
        None
    })
}

/// The API server takes one source per metric only.
fn refuse_others(one: &v2::MetricSpec, field: &str, path: &str, context: &mut Context<'_>) {
    for (other, given) in [
        ("resource", one.resource.is_some()),
        ("containerResource", one.container_resource.is_some()),
        ("pods", one.pods.is_some()),
        ("object", one.object.is_some()),
        ("external", one.external.is_some()),
    ] {
        if given && other != field {
            let words = "Forbidden: must populate the given metric source only";
            let help = Some("write a metric of its own for each source");
            context.refuse(&format!("{path}.{other}"), words, help);
        }
    }
}

fn pod_resource(
    source: &v2::ResourceMetricSource,
    path: &str,
    context: &mut Context<'_>,
) -> Option<MetricSpec> {
    if source.name.is_empty() {
        let words = "Required value: must specify a resource name";
        context.refuse(&format!("{path}.name"), words, None);
    }
    let target = resource_target(&source.target, &format!("{path}.target"), context)?;
    Some(match measured(&source.name) {
        Some(resource) => MetricSpec::Resource { resource, target },
        None => MetricSpec::Unmeasured {
            resource: source.name.clone(),
            container: None,
            target,
        },
    })
}

fn container_resource(
    source: &v2::ContainerResourceMetricSource,
    path: &str,
    context: &mut Context<'_>,
) -> Option<MetricSpec> {
    let (name, path_of_name) = (source.name.as_str(), format!("{path}.name"));
    if name.is_empty() {
        let words = "Required value: must specify a resource name";
        context.refuse(&path_of_name, words, None);
    } else {
        context.refuse_text(&path_of_name, name, resource_name(name));
    }
    let target = resource_target(&source.target, &format!("{path}.target"), context);
    if source.container.is_empty() {
        let words = "Required value: must specify a container";
        let help = Some("for example `container: api`");
        context.refuse(&format!("{path}.container"), words, help);
        return None;
    }
    let container = source.container.as_str();
    context.refuse_text(
        &format!("{path}.container"),
        container,
        names::label(container),
    );
    let (container, target) = (source.container.clone(), target?);
    Some(match measured(name) {
        Some(resource) => MetricSpec::ContainerResource {
            resource,
            container,
            target,
        },
        None => MetricSpec::Unmeasured {
            resource: name.to_owned(),
            container: Some(container),
            target,
        },
    })
}

fn pods(
    source: &v2::PodsMetricSource,
    path: &str,
    context: &mut Context<'_>,
) -> Option<MetricSpec> {
    let target = format!("{path}.target");
    check_target_type(&source.target, &target, context);
    check_besides(
        &source.target,
        &["value", "averageUtilization"],
        &target,
        context,
    );
    let (name, selector) = identifier(&source.metric, &format!("{path}.metric"), context);
    let Some(average) = &source.target.average_value else {
        let words = "Required value: must specify a positive target averageValue";
        context.refuse(&format!("{target}.averageValue"), words, None);
        return None;
    };
    Some(MetricSpec::Pods {
        name,
        selector,
        average_value: milli(average, &format!("{target}.averageValue"), context)?,
    })
}

fn object(
    source: &v2::ObjectMetricSource,
    path: &str,
    context: &mut Context<'_>,
) -> Option<MetricSpec> {
    let (name, selector) = identifier(&source.metric, &format!("{path}.metric"), context);
    let target = object_target(&source.target, &format!("{path}.target"), context);
    let described = &source.described_object;
    for (field, value) in [("kind", &described.kind), ("name", &described.name)] {
        if value.is_empty() {
            let path = format!("{path}.describedObject.{field}");
            context.refuse(&path, "Required value", None);
        }
        let path = format!("{path}.describedObject.{field}");
        context.refuse_text(&path, value, names::path_segment(value));
    }
    let object = ObjectReference {
        api_version: described.api_version.clone().unwrap_or_default(),
        kind: described.kind.clone(),
        name: described.name.clone(),
    };
    Some(match target? {
        Ok(target) => MetricSpec::Object {
            name,
            selector,
            object,
            target,
        },
        Err(target) => MetricSpec::Untargeted {
            name,
            selector,
            object,
            target,
        },
    })
}

fn external(
    source: &v2::ExternalMetricSource,
    path: &str,
    context: &mut Context<'_>,
) -> Option<MetricSpec> {
    let (name, selector) = identifier(&source.metric, &format!("{path}.metric"), context);
    let target = value_target(&source.target, &format!("{path}.target"), context);
    Some(MetricSpec::External {
        name,
        selector,
        target: target?,
    })
}

/// The name of a metric and its selector.
fn identifier(
    metric: &v2::MetricIdentifier,
    path: &str,
    context: &mut Context<'_>,
) -> (String, Option<LabelSelector>) {
    let name = metric.name.as_str();
    let path_of_name = format!("{path}.name");
    if name.is_empty() {
        let help = Some("for example `name: http_requests_per_second`");
        let words = "Required value: must specify a metric name";
        context.refuse(&path_of_name, words, help);
    }
    // It becomes part of a path.
    context.refuse_text(&path_of_name, name, names::path_segment(name));
    let selector = metric
        .selector
        .as_ref()
        .map(|selector| super::selector::of_metric(selector, &format!("{path}.selector"), context));
    (metric.name.clone(), selector)
}

/// The API server wants the type of every target, though the value says it too.
fn check_target_type(target: &v2::MetricTarget, path: &str, context: &mut Context<'_>) {
    let path = format!("{path}.type");
    let kind = target.type_.as_str();
    if kind.is_empty() {
        let words = "Required value: must specify a metric target type";
        context.refuse(&path, words, None);
    }
    if !matches!(kind, "Utilization" | "Value" | "AverageValue") {
        let words = "must be either Utilization, Value, or AverageValue";
        context.refuse(&path, format!("Invalid value: \"{kind}\": {words}"), None);
    }
}

/// Numbers beside the one that counts are above 0, too (`validateMetricTarget`).
fn check_besides(
    target: &v2::MetricTarget,
    fields: &[&str],
    path: &str,
    context: &mut Context<'_>,
) {
    for field in fields {
        let path = format!("{path}.{field}");
        let amount = match *field {
            "value" => target.value.as_ref(),
            "averageValue" => target.average_value.as_ref(),
            _ => {
                if let Some(percent) = target.average_utilization.filter(|percent| *percent < 1) {
                    let words = format!("Invalid value: {percent}: must be greater than 0");
                    context.refuse(&path, words, None);
                }
                continue;
            }
        };
        let parsed = amount.and_then(|amount| amount.0.parse::<Quantity>().ok());
        if let Some(amount) = parsed.filter(|amount| amount.nanos() <= 0) {
            let words = format!("Invalid value: \"{amount}\": must be positive");
            context.refuse(&path, words, None);
        }
    }
}

/// The resources that the resource metrics API tells of.
fn measured(name: &str) -> Option<Resource> {
    match name {
        "cpu" => Some(Resource::Cpu),
        "memory" => Some(Resource::Memory),
        _ => None,
    }
}

fn resource_target(
    target: &v2::MetricTarget,
    path: &str,
    context: &mut Context<'_>,
) -> Option<ResourceTarget> {
    check_target_type(target, path, context);
    check_besides(target, &["value"], path, context);
    match (target.average_utilization, &target.average_value) {
        (Some(percent), None) => Some(ResourceTarget::Utilization(percent)),
        (None, Some(value)) => {
            milli(value, &format!("{path}.averageValue"), context).map(ResourceTarget::AverageValue)
        }
        (None, None) => {
            let words =
                "Required value: must set either a target raw value or a target utilization";
            context.refuse(&format!("{path}.averageUtilization"), words, None);
            None
        }
        (Some(_), Some(_)) => {
            let words = "Forbidden: may not set both a target raw value and a target utilization";
            context.refuse(&format!("{path}.averageValue"), words, None);
            None
        }
    }
}

fn value_target(
    target: &v2::MetricTarget,
    path: &str,
    context: &mut Context<'_>,
) -> Option<ValueTarget> {
    check_target_type(target, path, context);
    check_besides(target, &["averageUtilization"], path, context);
    match (&target.value, &target.average_value) {
        (Some(value), None) => {
            milli(value, &format!("{path}.value"), context).map(ValueTarget::Value)
        }
        (None, Some(value)) => {
            milli(value, &format!("{path}.averageValue"), context).map(ValueTarget::AverageValue)
        }
        (None, None) => {
            let words =
                "Required value: must set either a target value for metric or a per-pod target";
            context.refuse(&format!("{path}.averageValue"), words, None);
            None
        }
        (Some(_), Some(_)) => {
            let words =
                "Forbidden: may not set both a target value for metric and a per-pod target";
            context.refuse(&format!("{path}.value"), words, None);
            None
        }
    }
}

/// Of an Object metric's values the controller takes the one that the type names; a target without
/// it is an error at every sync, which the API server lets pass.
fn object_target(
    target: &v2::MetricTarget,
    path: &str,
    context: &mut Context<'_>,
) -> Option<Result<ValueTarget, TypedTarget>> {
    check_target_type(target, path, context);
    check_besides(target, &["averageUtilization"], path, context);
    if target.value.is_none() && target.average_value.is_none() {
        let words = "Required value: must set either a target value or averageValue";
        context.refuse(&format!("{path}.averageValue"), words, None);
        return None;
    }
    let mut read = |field: &str, given: &Option<ApiQuantity>| match given {
        None => Some(None),
        Some(given) => milli(given, &format!("{path}.{field}"), context).map(Some),
    };
    let value = read("value", &target.value)?;
    let average_value = read("averageValue", &target.average_value)?;
    let (named, other) = match target.type_.as_str() {
        "Value" => (value.map(ValueTarget::Value), "averageValue"),
        "AverageValue" => (average_value.map(ValueTarget::AverageValue), "value"),
        _ => (None, ""),
    };
    Some(match named {
        Some(named) => {
            check_besides(target, &[other], path, context);
            Ok(named)
        }
        None => Err(TypedTarget {
            kind: target.type_.clone(),
            value,
            average_value,
        }),
    })
}

/// The most that thousandths in 64 bits can hold, in billionths.
const MOST: i128 = i64::MAX as i128 * 1_000_000;

/// Thousandths, as the controller counts. The API server judges the exact amount, so that one
/// beyond 64 bits passes it and turns into any number in the controller.
fn milli(quantity: &ApiQuantity, path: &str, context: &mut Context<'_>) -> Option<i64> {
    match quantity.0.parse::<Quantity>() {
        Ok(exact) if exact.nanos() > MOST => {
            let message = format!(
                "{} is beyond what the controller can count: thousandths in 64 bits",
                quantity.0
            );
            let help = Some("write 9223372036854775 or less");
            context.error(path, message, help);
            None
        }
        // Negative ones may wrap around too; only their sign counts.
        Ok(exact) if exact.nanos() < 0 => Some(exact.milli_value().min(-1)),
        Ok(exact) => Some(exact.milli_value()),
        Err(error) => {
            context.error(path, error.to_string(), None);
            None
        }
    }
}
