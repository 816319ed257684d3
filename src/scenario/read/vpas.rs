//! VerticalPodAutoscalers against the workloads that they act on, with what their recommenders
//! know at the start.

use super::history::Histories;
use super::known::Known;
use super::target::Seeker;
use crate::autoscaler::hpa::{MetricSpec, Resource as HpaResource};
use crate::autoscaler::vpa::{
    ContainerPolicy, ContainerScalingMode, Resource, UpdateMode, VpaSpec,
};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::manifest::{Context, VpaManifest};
use crate::scenario::model::{HpaObject, VpaConfig, VpaObject};

pub(super) fn vpas(
    known: &Known<'_>,
    config: &VpaConfig,
    hpas: &[HpaObject],
    mut histories: Histories,
    diagnostics: &mut Diagnostics,
) -> Vec<VpaObject> {
    let mut made: Vec<VpaObject> = Vec::new();
    for object in &known.manifests.vpas {
        let manifest = &object.value;
        let context = &mut Context {
            document: &known.parsed.documents[object.document].node,
            diagnostics,
        };
        let who = format!("VPA {}", manifest.name);
        let seeker = Seeker {
            who: &who,
            namespace: &manifest.namespace,
            target: &manifest.target,
            path: "spec.targetRef",
            does: "acts on",
            outcome: "it recommends nothing (ConfigUnsupported)",
            by_scale: false,
        };
        let workload = seeker.find(known, context);
        if let Some(workload) = workload {
            warn_of_others(&made, manifest, workload, context);
            warn_of_containers(known, manifest, workload, context);
            warn_of_hpas(known, manifest, workload, hpas, context);
        }
        if manifest.spec.update_mode == UpdateMode::InPlace && !config.in_place {
            context.warning(
                "spec.updatePolicy.updateMode",
                "mode InPlace does nothing without the feature gate InPlace",
                "set `[controllers.vpa-updater] in-place = true`, or use InPlaceOrRecreate",
            );
        }
        let (history, checkpoints) = histories.take(&manifest.namespace, &manifest.name);
        made.push(VpaObject {
            name: manifest.name.clone(),
            namespace: manifest.namespace.clone(),
            target: manifest.target.clone(),
            workload,
            spec: manifest.spec.clone(),
            document: Some(object.document),
            limit_range: known.manifests.admission.limit_range(&manifest.namespace),
            history,
            checkpoints,
        });
    }
    made
}

/// Of several VPAs that change the pods of a workload, one does: the oldest, or of the same age
/// the first by name (`stronger` of `pkg/utils/vpa/api.go`). Those in mode Off change nothing.
fn warn_of_others(
    made: &[VpaObject],
    manifest: &VpaManifest,
    workload: usize,
    context: &mut Context<'_>,
) {
    let acts = |mode: UpdateMode| mode != UpdateMode::Off;
    let rival =
        |other: &&VpaObject| other.workload == Some(workload) && acts(other.spec.update_mode);
    if !acts(manifest.spec.update_mode) {
        return;
    }
    if let Some(other) = made.iter().find(rival) {
        let (name, other) = (&manifest.name, &other.name);
        let message = format!(
            "two VPAs act on {}: {other} and {name}; only {} changes its pods",
            manifest.target.name,
            name.min(other)
        );
        let help = "of several of the same age the first by name does; set `updateMode: \"Off\"` in all others";
        context.warning("spec.targetRef.name", message, help);
    }
}

/// Policies of containers that are not there have no effect.
fn warn_of_containers(
    known: &Known<'_>,
    manifest: &VpaManifest,
    workload: usize,
    context: &mut Context<'_>,
) {
    let containers = &known.workloads[workload].template.containers;
    let names: Vec<&str> = containers.iter().map(|one| one.name.as_str()).collect();
    for (index, policy) in manifest.spec.container_policies.iter().enumerate() {
        let name = policy.container_name.as_str();
        if name != ContainerPolicy::ANY && !name.is_empty() && !names.contains(&name) {
            let path = format!("spec.resourcePolicy.containerPolicies[{index}].containerName");
            let message = format!("no container {name} in {}", manifest.target.name);
            let help = format!("its containers are {}", names.join(", "));
            context.warning(&path, message, &help);
        }
    }
}

/// Whether the VPA sets a resource of any of these containers.
fn controls(spec: &VpaSpec, containers: &[&str], resource: Resource) -> bool {
    containers.iter().any(|name| {
        spec.mode(name) == ContainerScalingMode::Auto
            && spec.controlled_resources(name).contains(resource)
    })
}

/// An HPA divides usage by requests, which the VPA changes: one metric must not be both's.
fn warn_of_hpas(
    known: &Known<'_>,
    manifest: &VpaManifest,
    workload: usize,
    hpas: &[HpaObject],
    context: &mut Context<'_>,
) {
    if manifest.spec.update_mode == UpdateMode::Off {
        return;
    }
    let template = &known.workloads[workload].template;
    let containers: Vec<&str> = template
        .containers
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    for hpa in hpas.iter().filter(|hpa| hpa.workload == Some(workload)) {
        for metric in &hpa.spec.metrics {
            let (resource, measured) = match metric {
                MetricSpec::Resource { resource, .. } => (*resource, containers.clone()),
                MetricSpec::ContainerResource {
                    resource,
                    container,
                    ..
                } => (*resource, vec![container.as_str()]),
                _ => continue,
            };
            let resource = match resource {
                HpaResource::Cpu => Resource::Cpu,
                HpaResource::Memory => Resource::Memory,
            };
            if controls(&manifest.spec, &measured, resource) {
                let message = format!(
                    "HPA {} scales {} on {resource}, and this VPA changes its {resource} requests: each undoes what the other measures",
                    hpa.name, manifest.target.name
                );
                let help = format!(
                    "leave {resource} out of `controlledResources`, set `updateMode: \"Off\"`, or scale on another metric"
                );
                context.warning("spec.targetRef.name", message, &help);
            }
        }
    }
}
