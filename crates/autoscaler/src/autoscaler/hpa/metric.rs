//! One metric of the spec: fetch, calculate, name, and what to say when it fails
//! (`computeReplicasForMetric` and the `computeStatusFor…` family). Metrics of pods are
//! here, the others in `outside.rs`.

use std::borrow::Cow;

use super::decision::{Calculation, CurrentMetric};
use super::observation::PodValue;
use super::outside::Outside;
use super::replica_calculator::{
    Context, NO_METRICS_FOR_PODS, NO_PODS, PerPod, Scratch, listed, per_pod,
};
use super::spec::{MetricSpec, Resource, ResourceTarget};
use super::tally::{Target, target_of};

/// Of an Object metric whose target's type names no value that is set.
const NO_TARGET: &str =
    "invalid object metric source: neither a value target nor an average value target was set";

/// A metric that proposes a number.
pub(super) struct Proposal {
    pub(super) replicas: i32,
    pub(super) name: Cow<'static, str>,
    pub(super) current: CurrentMetric,
    pub(super) calculation: Calculation,
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

pub(super) type Outcome = Result<Proposal, Failure>;

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
            resource_metric(context, index, scratch, *resource, None, *target)
        }
        MetricSpec::ContainerResource {
            resource,
            container,
            target,
        } => resource_metric(context, index, scratch, *resource, Some(container), *target),
        MetricSpec::Unmeasured {
            resource,
            container,
            target,
        } => Err(resource_failure(
            resource,
            container.as_deref(),
            *target,
            &unmeasured(context, resource),
        )),
        MetricSpec::Pods {
            name,
            selector,
            average_value,
        } => {
            let outcome = pods_metric(context, scratch, index, name, *average_value)?;
            Ok(Proposal {
                current: CurrentMetric::Pods {
                    name: name.clone(),
                    selector: selector.clone(),
                    average: outcome.average,
                },
                replicas: outcome.replicas,
                name: format!("pods metric {name}").into(),
                calculation: outcome.calculation,
            })
        }
        MetricSpec::Object {
            name,
            object,
            target,
            selector,
        } => Outside {
            name,
            selector: selector.as_ref(),
            target: *target,
            status_replicas,
        }
        .object(context, index, object),
        MetricSpec::Untargeted { .. } => Err(Failure {
            reason: "FailedGetObjectMetric",
            error: format!("failed to get object metric value: {NO_TARGET}"),
            cause: NO_TARGET.to_owned(),
        }),
        MetricSpec::External {
            name,
            selector,
            target,
        } => Outside {
            name,
            selector: selector.as_ref(),
            target: *target,
            status_replicas,
        }
        .external(context, index),
    }
}

/// The answer of the custom or external metrics API for the metric at `index`.
pub(super) fn custom<'a>(context: &Context<'a>, index: usize) -> Result<&'a [PodValue], &'a str> {
    context
        .observation
        .custom_metrics
        .get(index)
        .copied()
        .unwrap_or(Err("metric not found"))
}

fn resource_metric(
    context: &Context<'_>,
    index: usize,
    scratch: &mut Scratch,
    resource: Resource,
    container: Option<&str>,
    target: ResourceTarget,
) -> Outcome {
    let calculation = target_of(resource, container, target);
    let added_up = context.observation.tallies;
    let result = match added_up.and_then(|tallies| tallies.get(index)) {
        Some(tally) => per_pod(context, calculation, tally),
        None => scratch
            .read_resource(context.observation, resource, container)
            .map_err(|cause| format!("unable to get metrics for resource {resource}: {cause}"))
            .and_then(|()| scratch.per_pod(context, calculation)),
    };
    let outcome = result
        .map_err(|cause| resource_failure(&resource.to_string(), container, target, &cause))?;
    let name: Cow<'static, str> = match (target, container, resource) {
        (ResourceTarget::Utilization(_), None, Resource::Cpu) => {
            "cpu resource utilization (percentage of request)".into()
        }
        (ResourceTarget::Utilization(_), None, Resource::Memory) => {
            "memory resource utilization (percentage of request)".into()
        }
        (ResourceTarget::Utilization(_), Some(_), Resource::Cpu) => {
            "cpu container resource utilization (percentage of request)".into()
        }
        (ResourceTarget::Utilization(_), Some(_), Resource::Memory) => {
            "memory container resource utilization (percentage of request)".into()
        }
        (ResourceTarget::AverageValue(_), _, Resource::Cpu) => "cpu resource".into(),
        (ResourceTarget::AverageValue(_), _, Resource::Memory) => "memory resource".into(),
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
        calculation: outcome.calculation,
    })
}

/// Why a resource that no pod has metrics of has no number: the API's answer is looked at first,
/// then the pods.
fn unmeasured(context: &Context<'_>, resource: &str) -> String {
    match listed(context.observation) {
        Err(cause) => format!("unable to get metrics for resource {resource}: {cause}"),
        Ok(_) if context.observation.pods.is_empty() => NO_PODS.to_owned(),
        Ok(_) => NO_METRICS_FOR_PODS.to_owned(),
    }
}

fn resource_failure(
    resource: &str,
    container: Option<&str>,
    target: ResourceTarget,
    cause: &str,
) -> Failure {
    let noun = match target {
        ResourceTarget::Utilization(_) => "utilization",
        ResourceTarget::AverageValue(_) => "usage",
    };
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
}

fn pods_metric(
    context: &Context<'_>,
    scratch: &mut Scratch,
    index: usize,
    name: &str,
    target: i64,
) -> Result<PerPod, Failure> {
    let fetched = match custom(context, index) {
        Err(text) => Err(format!(
            "unable to get metric {name}: unable to fetch metrics from custom metrics API: {text}"
        )),
        Ok([]) => Err(format!(
            "unable to get metric {name}: no metrics returned from custom metrics API"
        )),
        Ok(values) => Ok(values),
    };
    fetched
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
        })
}
