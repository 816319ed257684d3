//! One metric of the spec: fetch, calculate, name, and what to say when it fails
//! (`computeReplicasForMetric` and the `computeStatusFor…` family).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

use super::decision::CurrentMetric;
use super::observation::PodValue;
use super::replica_calculator::{Context, Scratch, Target, by_average, by_value};
use super::spec::{MetricSpec, Resource, ResourceTarget, ValueTarget};

/// A metric that proposes a number.
pub(super) struct Proposal {
    pub(super) replicas: i32,
    pub(super) name: Cow<'static, str>,
    pub(super) current: CurrentMetric,
}

/// A metric that failed.
pub(super) struct Failure {
    /// Reason of the event and the condition.
    pub(super) reason: &'static str,
    /// Message of the event, and of the condition after a prefix.
    pub(super) cause: String,
    /// The error's text.
    pub(super) error: String,
}

type Outcome = Result<Proposal, Failure>;

/// Evaluates the metric at `index` of the spec.
pub(super) fn evaluate(
    metric: &MetricSpec,
    index: usize,
    context: &Context<'_>,
    scratch: &mut Scratch,
    status_replicas: i32,
) -> Outcome {
    match metric {
        MetricSpec::Resource { resource, target } => {
            resource_metric(context, scratch, *resource, None, *target)
        }
        MetricSpec::ContainerResource {
            resource,
            container,
            target,
        } => resource_metric(context, scratch, *resource, Some(container), *target),
        MetricSpec::Pods {
            name,
            average_value,
            ..
        } => pods_metric(context, scratch, index, name, *average_value),
        MetricSpec::Object {
            name,
            object,
            target,
            selector,
        } => {
            let values = custom(context, index).map_err(|text| {
                let namespace = context
                    .observation
                    .reference
                    .split('/')
                    .nth(1)
                    .unwrap_or_default();
                format!(
                    "{} on {namespace} {}/unable to fetch metrics from custom metrics API: {text}",
                    object.kind, object.name
                )
            });
            let usage = values.map(|values| values.first().map_or(0, |value| value.value));
            object_metric(
                context,
                name,
                &object.kind,
                selector.as_ref(),
                *target,
                status_replicas,
                usage,
            )
        }
        MetricSpec::External {
            name,
            selector,
            target,
        } => external_metric(
            context,
            index,
            name,
            selector.as_ref(),
            *target,
            status_replicas,
        ),
    }
}

fn custom<'a>(context: &Context<'a>, index: usize) -> Result<&'a [PodValue], &'a str> {
    context
        .observation
        .custom_metrics
        .get(index)
        .copied()
        .unwrap_or(Err("metric not found"))
}

fn resource_metric(
    context: &Context<'_>,
    scratch: &mut Scratch,
    resource: Resource,
    container: Option<&str>,
    target: ResourceTarget,
) -> Outcome {
    let (calculation, noun) = match target {
        ResourceTarget::Utilization(percent) => (
            Target::Utilization {
                percent,
                resource,
                container,
            },
            "utilization",
        ),
        ResourceTarget::AverageValue(value) => (
            Target::Average {
                value,
                resource: Some(resource),
            },
            "usage",
        ),
    };
    let result = scratch
        .read_resource(context.observation, resource, container)
        .map_err(|cause| format!("unable to get metrics for resource {resource}: {cause}"))
        .and_then(|()| scratch.per_pod(context, calculation));
    let outcome = result.map_err(|cause| {
        let cause = format!("failed to get {resource} {noun}: {cause}");
        let (reason, error) = match container {
            None => (
                "FailedGetResourceMetric",
                format!("failed to get {resource} resource metric value: {cause}"),
            ),
            Some(name) => (
                "FailedGetContainerResourceMetric",
                format!("failed to get {name} container metric value: {cause}"),
            ),
        };
        Failure {
            reason,
            cause,
            error,
        }
    })?;
    let name: Cow<'static, str> = match (target, container, resource) {
        (ResourceTarget::Utilization(_), None, Resource::Cpu) => {
            "cpu resource utilization (percentage of request)".into()
        }
        (ResourceTarget::Utilization(_), None, Resource::Memory) => {
            "memory resource utilization (percentage of request)".into()
        }
        (ResourceTarget::Utilization(_), Some(_), _) => {
            format!("{resource} container resource utilization (percentage of request)").into()
        }
        (ResourceTarget::AverageValue(_), ..) => format!("{resource} resource").into(),
    };
    let (utilization, average) = (outcome.utilization, outcome.average);
    let current = match container {
        None => CurrentMetric::Resource {
            resource,
            utilization,
            average,
        },
        Some(container) => CurrentMetric::ContainerResource {
            resource,
            container: container.to_owned(),
            utilization,
            average,
        },
    };
    Ok(Proposal {
        replicas: outcome.replicas,
        name,
        current,
    })
}

fn pods_metric(
    context: &Context<'_>,
    scratch: &mut Scratch,
    index: usize,
    name: &str,
    target: i64,
) -> Outcome {
    let fetched = match custom(context, index) {
        Err(text) => Err(format!(
            "unable to get metric {name}: unable to fetch metrics from custom metrics API: {text}"
        )),
        Ok([]) => Err(format!(
            "unable to get metric {name}: no metrics returned from custom metrics API"
        )),
        Ok(values) => Ok(values),
    };
    let outcome = fetched
        .and_then(|values| {
            scratch.read_values(context.observation.pods.len(), values);
            scratch.per_pod(
                context,
                Target::Average {
                    value: target,
                    resource: None,
                },
            )
        })
        .map_err(|cause| Failure {
            reason: "FailedGetPodsMetric",
            error: format!("failed to get pods metric value: {cause}"),
            cause,
        })?;
    Ok(Proposal {
        replicas: outcome.replicas,
        name: format!("pods metric {name}").into(),
        current: CurrentMetric::Pods {
            name: name.to_owned(),
            average: outcome.average,
        },
    })
}

fn object_metric(
    context: &Context<'_>,
    name: &str,
    kind: &str,
    selector: Option<&BTreeMap<String, String>>,
    target: ValueTarget,
    status_replicas: i32,
    usage: Result<i64, String>,
) -> Outcome {
    const PREFIX: &str = "failed to get object metric value: ";
    let fail = |cause: String| {
        let inner = match target {
            ValueTarget::Value(_) => String::new(),
            ValueTarget::AverageValue(_) => format!("failed to get {name} object metric: "),
        };
        Failure {
            reason: "FailedGetObjectMetric",
            error: format!("{PREFIX}{inner}{cause}"),
            cause,
        }
    };
    let usage = usage.map_err(|cause| fail(format!("unable to get metric {name}: {cause}")))?;
    let (replicas, label, value, average): (_, Cow<'static, str>, _, _) = match target {
        ValueTarget::Value(target) => {
            let replicas = by_value(context, usage, target).map_err(fail)?;
            (
                replicas,
                format!("{kind} metric {name}").into(),
                Some(usage),
                None,
            )
        }
        ValueTarget::AverageValue(target) => {
            let (replicas, average) = by_average(context, usage, target, status_replicas, false);
            (
                replicas,
                format!("external metric {name}({})", selector_text(selector)).into(),
                None,
                Some(average),
            )
        }
    };
    let current = CurrentMetric::Object {
        name: name.to_owned(),
        value,
        average,
    };
    Ok(Proposal {
        replicas,
        name: label,
        current,
    })
}

fn external_metric(
    context: &Context<'_>,
    index: usize,
    name: &str,
    selector: Option<&BTreeMap<String, String>>,
    target: ValueTarget,
    status_replicas: i32,
) -> Outcome {
    let fail = |cause: String| {
        let inner = match target {
            ValueTarget::Value(_) => format!("failed to get external metric {name}: "),
            ValueTarget::AverageValue(_) => format!("failed to get {name} external metric: "),
        };
        let error = format!("failed to get {name} external metric value: {inner}{cause}");
        Failure {
            reason: "FailedGetExternalMetric",
            error,
            cause,
        }
    };
    let namespace = context
        .observation
        .reference
        .split('/')
        .nth(1)
        .unwrap_or_default();
    let unable = |cause: &str| {
        format!(
            "unable to get external metric {namespace}/{name}/{}: {cause}",
            selector_text(selector)
        )
    };
    let values = custom(context, index).map_err(|text| {
        fail(unable(&format!(
            "unable to fetch metrics from external metrics API: {text}"
        )))
    })?;
    if values.is_empty() {
        return Err(fail(unable(
            "no metrics returned from external metrics API",
        )));
    }
    let capped = context.config.version.0 >= 34;
    let (replicas, value, average) = match target {
        ValueTarget::Value(target) => {
            let usage = sum_capped(values, capped);
            (
                by_value(context, usage, target).map_err(fail)?,
                Some(usage),
                None,
            )
        }
        ValueTarget::AverageValue(_) if capped && sum_turns_negative(values) => {
            (i32::MAX, None, Some(i64::MAX))
        }
        ValueTarget::AverageValue(target) => {
            let usage = sum_capped(values, false);
            let (replicas, average) = by_average(context, usage, target, status_replicas, true);
            (replicas, None, Some(average))
        }
    };
    let current = CurrentMetric::External {
        name: name.to_owned(),
        value,
        average,
    };
    Ok(Proposal {
        replicas,
        name: format!("external metric {name}({})", selector_text(selector)).into(),
        current,
    })
}

/// The sum of all values; past the largest integer it stays there (since 1.34).
fn sum_capped(values: &[PodValue], capped: bool) -> i64 {
    let mut sum = 0i64;
    for value in values {
        sum = match sum.checked_add(value.value) {
            Some(sum) => sum,
            None if capped && value.value > 0 => i64::MAX,
            None => sum.wrapping_add(value.value),
        };
    }
    sum
}

/// Whether adding up the values goes below zero on the way. Upstream takes that for an
/// overflow of a per-pod External metric, whatever the reason.
fn sum_turns_negative(values: &[PodValue]) -> bool {
    let mut sum = 0i64;
    values.iter().any(|value| {
        sum = sum.wrapping_add(value.value);
        sum < 0
    })
}

/// A label selector as Go prints it.
fn selector_text(selector: Option<&BTreeMap<String, String>>) -> String {
    let Some(labels) = selector else {
        return "nil".to_owned();
    };
    let mut text = "&LabelSelector{MatchLabels:map[string]string{".to_owned();
    for (key, value) in labels {
        let _ = write!(text, "{key}: {value},");
    }
    text.push_str("},MatchExpressions:[]LabelSelectorRequirement{},}");
    text
}
