//! HorizontalPodAutoscalers against the workloads they scale and the metrics they read.

use super::by_label::ByLabel;
use super::known::Known;
use super::picks;
use super::target::Seeker;
use crate::autoscaler::hpa::{
    Config, HpaSpec, KubernetesVersion, MetricSpec, Resource, ResourceTarget,
};
use crate::cluster::spec::{ContainerSpec, WorkloadSpec};
use crate::metrics::spec::{CustomMetricSpec, MetricOf};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::manifest::{Context, HpaManifest, check_hpa};
use crate::scenario::model::{AdapterSpec, HpaObject, PrometheusSpec};

pub(super) fn hpas(
    known: &Known<'_>,
    config: &Config,
    (metrics, prometheus): (&[CustomMetricSpec], Option<&PrometheusSpec>),
    diagnostics: &mut Diagnostics,
) -> Vec<HpaObject> {
    let mut made: Vec<HpaObject> = Vec::new();
    let picked = picked(known);
    for object in &known.manifests.hpas {
        let manifest = &object.value;
        let context = &mut Context {
            document: &known.parsed.documents[object.document].node,
            diagnostics,
        };
        if manifest.predictive.is_none() {
            check_hpa(manifest, config.scale_to_zero, config.version, context);
        }
        let who = format!("HPA {}", manifest.name);
        let seeker = Seeker {
            who: &who,
            namespace: &manifest.namespace,
            target: &manifest.target,
            path: "spec.scaleTargetRef",
            does: "scales",
            outcome: "it stops with FailedGetScale",
            by_scale: true,
            release: config.version,
        };
        let workload = seeker.find(known, context);
        let mut spec = manifest.input.clone().defaulted();
        if manifest.predictive.is_some() && manifest.input.metrics.is_empty() {
            // Its controller fills in none.
            spec.metrics.clear();
        }
        warn_of_failures(manifest, &spec, context);
        if let Some(workload) = workload {
            warn_of_others(&picked, &made, manifest, workload, context);
            warn_of_strangers(known, &picked[workload], manifest, workload, context);
            warn_of_requests(
                manifest,
                &spec,
                &known.workloads[workload],
                config.version,
                context,
            );
            let adapter = prometheus.and_then(|one| one.adapter.as_ref());
            warn_of_metrics(manifest, &spec, workload, (metrics, adapter), context);
        }
        made.push(HpaObject {
            name: manifest.name.clone(),
            namespace: manifest.namespace.clone(),
            target: manifest.target.clone(),
            workload,
            spec,
            // What a PredictiveHorizontalPodAutoscaler is written as is no HPA.
            document: manifest.predictive.is_none().then_some(object.document),
            first_syncs: Vec::new(),
        });
    }
    made
}

/// The API server lets metrics pass that can have no number.
fn warn_of_failures(manifest: &HpaManifest, spec: &HpaSpec, context: &mut Context<'_>) {
    for (index, metric) in spec.metrics.iter().enumerate() {
        let (place, message, help) = match metric {
            MetricSpec::Unmeasured {
                resource,
                container,
                ..
            } if !resource.is_empty() => {
                let (place, reason) = match container {
                    None => ("resource.name", "FailedGetResourceMetric"),
                    Some(_) => ("containerResource.name", "FailedGetContainerResourceMetric"),
                };
                let message = format!(
                    "the resource \"{resource}\" is not measured: this metric fails with {reason} at every sync"
                );
                (place, message, "cpu and memory are measured")
            }
            MetricSpec::Untargeted { target, .. } => {
                let missing = match target.kind.as_str() {
                    "Value" => "needs `value`",
                    "AverageValue" => "needs `averageValue`",
                    _ => "is none of an Object metric",
                };
                let message = format!(
                    "a target of type {} {missing}: this metric fails with FailedGetObjectMetric at every sync",
                    target.kind
                );
                let help = "write type Value with `value`, or AverageValue with `averageValue`";
                ("object.target", message, help)
            }
            _ => continue,
        };
        let path = manifest.path(&format!("spec.metrics[{index}].{place}"), context);
        context.warning(&path, message, help);
    }
}

/// Of each workload those whose pods its selector matches, its own included.
fn picked(known: &Known<'_>) -> Vec<Vec<usize>> {
    let workloads = known.workloads.iter();
    let by_label =
        ByLabel::new(workloads.map(|one| (one.namespace.as_str(), &one.template.labels)));
    let picked = |one: &WorkloadSpec| {
        let mut among = by_label.among(&one.namespace, &one.selector.labels);
        among.retain(|&other| {
            let other = &known.workloads[other];
            other.namespace == one.namespace && picks(&one.selector, other)
        });
        among
    };
    known.workloads.iter().map(picked).collect()
}

/// Pods that several HPAs select are scaled by none of them.
fn warn_of_others(
    picked: &[Vec<usize>],
    made: &[HpaObject],
    manifest: &HpaManifest,
    workload: usize,
    context: &mut Context<'_>,
) {
    let shares = |other: &&HpaObject| {
        let other = other.workload;
        other.is_some_and(|other| {
            picked[other].contains(&workload) || picked[workload].contains(&other)
        })
    };
    for other in made.iter().filter(shares) {
        let (target, one, two) = (&manifest.target.name, &other.name, &manifest.name);
        // HPAs know nothing of a PredictiveHorizontalPodAutoscaler.
        let outcome = if manifest.predictive.is_some() || other.document.is_none() {
            "each undoes what the other does"
        } else {
            "both stop with AmbiguousSelector"
        };
        let message = format!("two HPAs select pods of {target}: {one} and {two}; {outcome}");
        let help = "keep one HPA per set of pods; it may have several metrics";
        context.warning("spec.scaleTargetRef.name", message, help);
    }
}

/// An HPA measures all pods that the selector of its target matches, whoever made them.
fn warn_of_strangers(
    known: &Known<'_>,
    picked: &[usize],
    manifest: &HpaManifest,
    workload: usize,
    context: &mut Context<'_>,
) {
    let strangers = picked.iter().filter(|other| **other != workload);
    for other in strangers.map(|other| &known.workloads[*other]) {
        let containers = &other.template.containers;
        let without = |metric: &MetricSpec| match metric {
            MetricSpec::Resource {
                resource,
                target: ResourceTarget::Utilization(_),
            } => containers
                .iter()
                .find(|one| requests(one, *resource).is_none())
                .map(|one| (one, *resource)),
            _ => None,
        };
        let metrics = manifest.input.clone().defaulted().metrics;
        let pods = format!("{}/{}", other.kind.name(), other.name);
        let (message, help) = match metrics.iter().find_map(without) {
            Some((container, resource)) => (
                format!(
                    "pods of {pods} match the selector of {}, and their container {} has no {resource} request: HPA {} fails with FailedGetResourceMetric as long as they are there",
                    manifest.target, container.name, manifest.name
                ),
                format!(
                    "give the pods of {pods} other labels, or the container `resources.requests.{resource}`"
                ),
            ),
            None => (
                format!(
                    "pods of {pods} match the selector of {}: HPA {} measures them too",
                    manifest.target, manifest.name
                ),
                format!("give the pods of {pods} other labels"),
            ),
        };
        context.warning("spec.scaleTargetRef.name", message, &help);
    }
}

/// What a container requests: millicores or bytes.
fn requests(container: &ContainerSpec, resource: Resource) -> Option<i64> {
    match resource {
        Resource::Cpu => container.cpu_request.map(|cpu| cpu.0),
        Resource::Memory => container.memory_request.map(|memory| memory.0),
    }
}

/// Utilization is percent of a request: without one, or with one of 0, the HPA can never act.
fn warn_of_requests(
    manifest: &HpaManifest,
    spec: &HpaSpec,
    workload: &WorkloadSpec,
    version: KubernetesVersion,
    context: &mut Context<'_>,
) {
    let template = &workload.template;
    let sidecars = template
        .init_containers
        .iter()
        .filter(|one| one.restartable);
    let containers: Vec<&ContainerSpec> = template.containers.iter().chain(sidecars).collect();
    for (index, metric) in spec.metrics.iter().enumerate() {
        let (resource, target, named) = match metric {
            MetricSpec::Resource { resource, target } => (*resource, *target, None),
            MetricSpec::ContainerResource {
                resource,
                container,
                target,
            } => (*resource, *target, Some(container)),
            _ => continue,
        };
        let path = match named {
            None => format!("spec.metrics[{index}].resource"),
            Some(_) => format!("spec.metrics[{index}].containerResource.container"),
        };
        let path = manifest.path(&path, context);
        if let Some(name) = named
            && containers.iter().all(|container| container.name != *name)
        {
            let names: Vec<&str> = containers.iter().map(|one| one.name.as_str()).collect();
            let message = format!(
                "no container {name} in {}: this metric would fail with FailedGetContainerResourceMetric",
                workload.name
            );
            context.warning(
                &path,
                message,
                &format!("its containers are {}", names.join(", ")),
            );
            continue;
        }
        let pod_level = match resource {
            Resource::Cpu => template.pod_cpu_request.map(|cpu| cpu.0),
            Resource::Memory => template.pod_memory_request.map(|memory| memory.0),
        };
        // With any request at pod level, what is missing there is what the containers ask for.
        let filled = (template.pod_cpu_request.is_some() || template.pod_memory_request.is_some())
            && (containers.iter().copied().chain(&template.init_containers))
                .any(|container| requests(container, resource).is_some());
        let by_pod =
            (pod_level.is_some() || filled) && named.is_none() && version >= KubernetesVersion(34);
        if !matches!(target, ResourceTarget::Utilization(_)) {
            continue;
        }
        let counted = || {
            let fits = |one: &&&ContainerSpec| named.is_none_or(|name| one.name == *name);
            containers.iter().filter(fits)
        };
        let missing = counted().find(|one| requests(one, resource).is_none());
        let sum = || -> i64 { counted().filter_map(|one| requests(one, resource)).sum() };
        let asked = pod_level.filter(|_| by_pod).unwrap_or_else(sum);
        let (name, problem) = match missing.filter(|_| !by_pod) {
            Some(one) => (&one.name, format!("has no {resource} request")),
            None if asked > 0 => continue,
            None => match counted().next() {
                Some(one) => (&one.name, format!("requests 0 of {resource}")),
                None => continue,
            },
        };
        let message = format!(
            "container {name} of {} {problem}: this metric would fail, as it is percent of the request",
            workload.name
        );
        context.warning(
            &path,
            message,
            &format!("set `resources.requests.{resource}` of the container"),
        );
    }
}

/// Metrics of the custom and external APIs come from `[[metric]]`, or from the adapter's rules: of
/// what those make is known in the run.
fn warn_of_metrics(
    manifest: &HpaManifest,
    spec: &HpaSpec,
    workload: usize,
    (metrics, adapter): (&[CustomMetricSpec], Option<&AdapterSpec>),
    context: &mut Context<'_>,
) {
    for (index, metric) in spec.metrics.iter().enumerate() {
        let (field, name) = match metric {
            MetricSpec::Pods { name, .. } => ("pods", name),
            MetricSpec::Object { name, .. } => ("object", name),
            MetricSpec::External { name, .. } => ("external", name),
            _ => continue,
        };
        let is_of_adapter = adapter.is_some_and(|adapter| match metric {
            MetricSpec::External { .. } => !adapter.config.external_rules.is_empty(),
            _ => !adapter.config.rules.is_empty(),
        });
        if name.is_empty() || is_of_adapter {
            continue;
        }
        let fits = |one: &&CustomMetricSpec| {
            one.name == *name
                && match (metric, &one.of) {
                    (MetricSpec::Pods { .. }, MetricOf::Pods(of)) => *of == workload,
                    (MetricSpec::Object { object, .. }, MetricOf::Object { kind, name }) => {
                        object.kind == *kind && object.name == *name
                    }
                    (MetricSpec::External { selector, .. }, MetricOf::External) => selector
                        .as_ref()
                        .is_none_or(|selector| selector.matches(&one.labels)),
                    _ => false,
                }
        };
        if !metrics.iter().any(|one| fits(&one)) {
            let message =
                format!("no `[[metric]]` serves {name}: this metric would fail at every sync");
            let help = format!(
                "add `[[metric]]` with `name = \"{name}\"` and `type = \"{field}\"` to the scenario"
            );
            let path = format!("spec.metrics[{index}].{field}.metric.name");
            context.warning(&manifest.path(&path, context), message, &help);
        }
    }
}
