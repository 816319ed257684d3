//! VerticalPodAutoscalers against the workloads that they act on, with what their recommenders
//! know at the start.

use super::history::Histories;
use super::known::Known;
use super::target::Seeker;
use crate::autoscaler::hpa::{KubernetesVersion, MetricSpec, Resource as HpaResource};
use crate::autoscaler::vpa::{
    ContainerPolicy, ContainerScalingMode, Resource, UpdateMode, VpaSpec,
};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::manifest::{Context, VpaGate, VpaManifest, check_vpa};
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
            release: KubernetesVersion::default(),
        };
        let workload = seeker.find(known, context);
        if let Some(workload) = workload {
            warn_of_others(&made, manifest, workload, context);
            warn_of_containers(known, manifest, workload, context);
            warn_of_hpas(known, manifest, workload, hpas, context);
        }
        check_vpa(manifest, config.gates.admission, context);
        warn_of_gates(manifest, config, context);
        warn_of_flags(manifest, config, context);
        let past = histories.take(&manifest.namespace, &manifest.name);
        past.check(known, workload, diagnostics);
        made.push(VpaObject {
            name: manifest.name.clone(),
            namespace: manifest.namespace.clone(),
            target: manifest.target.clone(),
            workload,
            spec: manifest.spec.clone(),
            document: Some(object.document),
            history: past.usage,
            checkpoints: past.checkpoints,
        });
    }
    made
}

/// Of several VPAs that change the pods of a workload, one does: the oldest, or of the same age
/// the first by name (`Stronger` of `pkg/utils/vpa/api.go`). Admission asks all but those in mode
/// Off, the updater also leaves out those in mode Initial.
fn warn_of_others(
    made: &[VpaObject],
    manifest: &VpaManifest,
    workload: usize,
    context: &mut Context<'_>,
) {
    let rivals = made.iter().filter(|other| other.workload == Some(workload));
    let all: Vec<(&str, UpdateMode)> = rivals
        .map(|other| (other.name.as_str(), other.spec.update_mode))
        .chain([(manifest.name.as_str(), manifest.spec.update_mode)])
        .filter(|(_, mode)| *mode != UpdateMode::Off)
        .collect();
    if all.len() < 2 || manifest.spec.update_mode == UpdateMode::Off {
        return;
    }
    let first = |acts: &dyn Fn(UpdateMode) -> bool| {
        let acting = all.iter().filter(|(_, mode)| acts(*mode));
        acting.map(|(name, _)| *name).min()
    };
    let admits = first(&|_| true).unwrap_or_default();
    let updates = first(&|mode| mode != UpdateMode::Initial);
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    let outcome = match updates {
        Some(updates) if updates != admits => format!(
            "{admits} sets the requests of new pods, {updates} evicts or resizes running ones by its own recommendation"
        ),
        _ => format!("only {admits} changes its pods"),
    };
    let message = format!(
        "{} VPAs act on {}: {}; {outcome}",
        if all.len() == 2 {
            "two".to_owned()
        } else {
            all.len().to_string()
        },
        manifest.target.name,
        names.join(" and "),
    );
    let help = "of several of the same age the first by name does; set `updateMode: \"Off\"` in all others";
    context.warning("spec.targetRef.name", message, help);
}

/// A gate has to be open in each component that acts on it; the admission controller's decides
/// what is accepted.
fn warn_of_gates(manifest: &VpaManifest, config: &VpaConfig, context: &mut Context<'_>) {
    let (admission, updater) = (config.gates.admission, config.gates.updater);
    let recommender = config.gates.recommender;
    for (path, gate, _) in &manifest.gated {
        let (name, is_accepted, closed) = match gate {
            VpaGate::CpuStartupBoost => (
                "CPUStartupBoost",
                admission.cpu_startup_boost,
                (!updater.cpu_startup_boost).then_some("vpa-updater"),
            ),
            VpaGate::InPlace => (
                "InPlace",
                admission.in_place,
                (!updater.in_place).then_some("vpa-updater"),
            ),
            VpaGate::PerVpaConfig if path.ends_with("evictAfterOOMSeconds") => (
                "PerVPAConfig",
                admission.per_vpa_config,
                (!updater.per_vpa_config).then_some("vpa-updater"),
            ),
            VpaGate::PerVpaConfig => (
                "PerVPAConfig",
                admission.per_vpa_config,
                (!recommender.per_vpa_config).then_some("vpa-recommender"),
            ),
        };
        if let Some(component) = closed.filter(|_| is_accepted) {
            let message = format!("no effect: feature gate {name} is off in {component}");
            let help = format!("set `feature-gates = \"{name}=true\"` in `[controllers.vpa]`");
            context.warning(path, message, &help);
        }
    }
}

/// Flags may leave a VPA to somebody else.
fn warn_of_flags(manifest: &VpaManifest, config: &VpaConfig, context: &mut Context<'_>) {
    let (flags, names) = (&config.recommender, &manifest.spec.recommenders);
    if !flags.serves(names) {
        let wanted = names.first().map_or("default", String::as_str);
        let message = format!(
            "the recommender is called {}, so it recommends nothing for a VPA of {wanted}",
            flags.recommender_name
        );
        let path = if names.is_empty() {
            "spec"
        } else {
            "spec.recommenders"
        };
        let help =
            format!("set `recommender-name = \"{wanted}\"` in `[controllers.vpa-recommender]`");
        context.warning(path, message, &help);
    }
    let namespace = &manifest.namespace;
    for (component, watches) in [
        ("vpa-recommender", config.recommender.watches(namespace)),
        ("vpa-updater", config.updater.watches(namespace)),
        (
            "vpa-admission-controller",
            config.admission.watches(namespace),
        ),
    ] {
        if !watches {
            let message = format!("flags of {component} leave namespace {namespace} out");
            let help = "see `vpa-object-namespace` and `ignored-vpa-object-namespaces`";
            context.warning("metadata", message, help);
        }
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
