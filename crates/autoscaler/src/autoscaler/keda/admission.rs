//! The admission webhook's checks of a ScaledObject: `scaledobject_webhook.go`.
//!
//! Upstream makes them in the order of a map, at random; here they have the order in which they
//! are written there. KEDA installs the webhook so that an object passes when it cannot answer.

use super::hpa::hpa_name;
use super::kinds::check_kind;
use super::modifiers;
use super::scaled_object::{
    ScaledObject, TRANSFER_HPA_OWNERSHIP, check_fallback, check_replica_bounds,
};
use super::triggers::{ScaleTrigger, validate_triggers};

const LABEL_LENGTH: usize = 63;

/// An HPA that exists in the namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExistingHpa {
    /// Its name.
    pub name: String,
    /// API version and kind of its target with a point between, as `apps/v1.Deployment`.
    pub target_kind: String,
    /// Its target's name.
    pub target_name: String,
    /// The ScaledObject that owns it.
    pub owner: Option<String>,
    /// Whether its annotation `validations.keda.sh/hpa-ownership` is `false`.
    pub unchecked: bool,
}

/// A container of the target's pods.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TargetContainer {
    /// Its name.
    pub name: String,
    /// Whether it has a request or limit of cpu above 0, or a default from a LimitRange.
    pub has_cpu: bool,
    /// The same of memory.
    pub has_memory: bool,
}

/// What the webhook finds of the pods whose resources cpu and memory triggers measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetPods<'a> {
    /// It does not look: the target is no Deployment and no StatefulSet, or nobody knows.
    Unchecked,
    /// There is no such target, in the API server's words.
    Missing(String),
    /// Their containers.
    Of(&'a [TargetContainer]),
}

/// Admits an object, with warnings, or says why not. `others` are all ScaledObjects of the
/// namespace.
pub fn admit(
    object: &ScaledObject,
    others: &[ScaledObject],
    hpas: &[ExistingHpa],
    pods: &TargetPods<'_>,
) -> Result<Vec<String>, String> {
    let (version, kind) = object.spec.scale_target_ref.version_and_kind();
    check_kind(version, kind)?;
    check_other_objects(object, others)?;
    check_modifiers(object)?;
    check_resources(object, pods)?;
    for hpa in hpas {
        check_hpa(object, hpa)?;
    }
    check_replica_bounds(object)?;
    check_fallback(object)?;
    check_name(object)?;
    validate_triggers(&object.spec.triggers)?;
    Ok(warnings(object))
}

fn warnings(object: &ScaledObject) -> Vec<String> {
    let spec = &object.spec;
    let never_idle = spec.min_replica_count.unwrap_or(0) > 0
        && spec.idle_replica_count.is_none_or(|idle| idle != 0);
    let cached = spec
        .triggers
        .iter()
        .any(|trigger| trigger.use_cached_metrics);
    let mut warnings = Vec::new();
    if spec.polling_interval.is_some() && never_idle && !cached {
        warnings.push(
            "PollingInterval is configured but is not relevant. PollingInterval is only relevant \
             when minReplicaCount = 0 or idleReplicaCount = 0 or useCachedMetrics is enabled"
                .to_owned(),
        );
    }
    if spec.cooldown_period.is_some() && never_idle {
        warnings.push(
            "CooldownPeriod is configured but is not relevant. CooldownPeriod is only relevant \
             when minReplicaCount = 0 or idleReplicaCount = 0"
                .to_owned(),
        );
    }
    warnings
}

fn check_other_objects(object: &ScaledObject, others: &[ScaledObject]) -> Result<(), String> {
    let target = &object.spec.scale_target_ref;
    for other in others {
        let name = &other.metadata.name;
        if *name == object.metadata.name {
            continue;
        }
        let theirs = &other.spec.scale_target_ref;
        let (version, kind) = theirs.version_and_kind();
        check_kind(version, kind)?;
        if theirs.gvk() == target.gvk() && theirs.name == target.name {
            return Err(format!(
                "the workload '{}' of type '{}' is already managed by the ScaledObject '{name}'",
                theirs.name,
                target.gvk()
            ));
        }
        let hpa = hpa_name(other);
        if hpa == hpa_name(object) {
            return Err(format!(
                "the HPA '{hpa}' is already managed by the ScaledObject '{name}'"
            ));
        }
    }
    Ok(())
}

/// Unlike the controller, the webhook wants a formula with every target.
fn check_modifiers(object: &ScaledObject) -> Result<(), String> {
    let formula = object
        .modifiers()
        .map(|modifiers| modifiers.formula.as_str());
    if formula == Some("") {
        return Err("error ScalingModifiers.Formula is mandatory".to_owned());
    }
    modifiers::compile(object)?;
    if object.falls_back_in_formula() && formula.is_none() {
        return Err(
            "scalingModifiers fallback behavior requires scalingModifiers.formula to be defined"
                .to_owned(),
        );
    }
    Ok(())
}

fn check_resources(object: &ScaledObject, pods: &TargetPods<'_>) -> Result<(), String> {
    let triggers = &object.spec.triggers;
    for trigger in triggers.iter().filter(|trigger| trigger.is_cpu_or_memory()) {
        let containers = match pods {
            TargetPods::Unchecked => return Ok(()),
            TargetPods::Missing(why) => return Err(why.clone()),
            TargetPods::Of(containers) => *containers,
        };
        let resource = trigger.kind.as_str();
        let only = trigger
            .metadata
            .get("containerName")
            .filter(|name| !name.is_empty());
        for container in containers {
            let name = &container.name;
            let has = if resource == "cpu" {
                container.has_cpu
            } else {
                container.has_memory
            };
            if !has && only.is_none_or(|only| only == name) {
                return Err(format!(
                    "the scaledobject has a {resource} trigger but the container {name} doesn't \
                     have the {resource} request defined"
                ));
            }
        }
        let only_resources = triggers.iter().all(ScaleTrigger::is_cpu_or_memory);
        if only_resources && object.spec.min_replica_count.unwrap_or(0) == 0 {
            return Err(
                "scaledobject has only cpu/memory triggers AND minReplica is 0 (scale to zero \
                 doesn't work in this case)"
                    .to_owned(),
            );
        }
    }
    Ok(())
}

/// An HPA of the same target must be this object's, or be handed over by name.
fn check_hpa(object: &ScaledObject, hpa: &ExistingHpa) -> Result<(), String> {
    let target = &object.spec.scale_target_ref;
    let (kind, workload, name) = (target.gvk(), &target.name, &hpa.name);
    if hpa.unchecked {
        return Ok(());
    }
    if let Some((version, kind)) = hpa.target_kind.rsplit_once('.') {
        check_kind(version, kind)?;
    }
    let same = hpa.target_kind == kind && hpa.target_name == *workload;
    if !same || hpa.owner.as_ref() == Some(&object.metadata.name) {
        return Ok(());
    }
    if object.metadata.annotation(TRANSFER_HPA_OWNERSHIP) != Some("true") {
        return Err(format!(
            "the workload '{workload}' of type '{kind}' is already managed by the hpa '{name}'"
        ));
    }
    let advanced = object.spec.advanced.as_ref();
    let config = advanced.and_then(|advanced| advanced.horizontal_pod_autoscaler_config.as_ref());
    if config.is_some_and(|config| config.name == *name) {
        return Ok(());
    }
    Err(format!(
        "the existing hpa '{name}' for workload '{workload}' of type '{kind}' must be specified by \
         name in advanced settings to enable ownership transfer"
    ))
}

fn check_name(object: &ScaledObject) -> Result<(), String> {
    let name = &object.metadata.name;
    if name.len() > LABEL_LENGTH {
        return Err(format!(
            "scaledobject name {name:?} is {} characters long; must be no more than \
             {LABEL_LENGTH} characters because it is used as the {:?} label value",
            name.len(),
            super::OWNER_LABEL
        ));
    }
    let hpa = hpa_name(object);
    if hpa.len() > LABEL_LENGTH {
        return Err(format!(
            "HPA name {hpa:?} derived from scaledobject is {} characters long; must be no more \
             than {LABEL_LENGTH} characters; set spec.advanced.horizontalPodAutoscalerConfig.name \
             to a shorter name or shorten the scaledobject name",
            hpa.len()
        ));
    }
    Ok(())
}
