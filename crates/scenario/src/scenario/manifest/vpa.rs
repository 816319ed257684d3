//! VerticalPodAutoscaler (autoscaling.k8s.io/v1).
//!
//! The VPA is a custom resource: its types are ours, its checks those of the CRD's schema and
//! of the admission controller (`pkg/admission-controller/resource/vpa/validation.go`), which
//! comes first, in their words.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::container::Amounts;
use super::hpa::unsupported;
use super::vpa_gated::{self as gated, StartupBoost, startup_boost};
use super::{Context, Gated, VpaGate, VpaManifest, typed};
use crate::autoscaler::vpa::{
    ChangeRequirement, ContainerPolicy, ContainerScalingMode, ControlledResources,
    ControlledValues, EvictionRequirement, Resource, Resources, UpdateMode, VpaSpec,
};
use crate::scenario::model::CrossVersionObjectReference;
use crate::scenario::suggest::advice;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VpaObject {
    #[serde(rename = "apiVersion")]
    _api_version: Option<IgnoredAny>,
    #[serde(rename = "kind")]
    _kind: Option<IgnoredAny>,
    #[serde(default)]
    metadata: ObjectMeta,
    spec: Option<Spec>,
    #[serde(rename = "status")]
    _status: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    target_ref: Option<TargetRef>,
    update_policy: Option<UpdatePolicy>,
    resource_policy: Option<ResourcePolicy>,
    recommenders: Option<Vec<Recommender>>,
    startup_boost: Option<StartupBoost>,
}

#[derive(Deserialize)]
struct Recommender {
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TargetRef {
    api_version: Option<String>,
    kind: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdatePolicy {
    update_mode: Option<String>,
    min_replicas: Option<i32>,
    eviction_requirements: Option<Vec<Requirement>>,
    #[serde(rename = "evictAfterOOMSeconds")]
    evict_after_oom_seconds: Option<i32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Requirement {
    resources: Option<Vec<String>>,
    change_requirement: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourcePolicy {
    container_policies: Option<Vec<Policy>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    container_name: Option<String>,
    mode: Option<String>,
    min_allowed: Option<Amounts>,
    max_allowed: Option<Amounts>,
    controlled_resources: Option<Vec<String>>,
    controlled_values: Option<String>,
    startup_boost: Option<StartupBoost>,
    oom_bump_up_ratio: Option<ApiQuantity>,
    oom_min_bump_up: Option<ApiQuantity>,
    memory_aggregation_interval_seconds: Option<i32>,
    memory_aggregation_interval_count: Option<i64>,
}

pub(super) fn vpa(context: &mut Context<'_>) -> Option<VpaManifest> {
    let object: VpaObject = typed::read(context)?;
    let annotations = object.metadata.annotations.clone().unwrap_or_default();
    let (name, namespace) = context.identity(object.metadata);
    let Some(spec) = object.spec else {
        context.error("spec", "a VerticalPodAutoscaler needs a `spec`", None);
        return None;
    };
    let target = target(spec.target_ref, context);
    let mut made = VpaSpec::default();
    for (key, value) in &annotations {
        made.read_annotation(key, value);
    }
    let mut needs = Vec::new();
    if let Some(policy) = spec.update_policy {
        update_policy(policy, &mut made, &mut needs, context);
    }
    let policies = spec.resource_policy.and_then(|p| p.container_policies);
    for (index, policy) in policies.unwrap_or_default().into_iter().enumerate() {
        let path = format!("spec.resourcePolicy.containerPolicies[{index}]");
        made.container_policies
            .push(container_policy(policy, &path, &mut needs, context));
    }
    made.recommenders = recommenders(spec.recommenders.unwrap_or_default(), context);
    if let Some(boost) = spec.startup_boost {
        let path = "spec.startupBoost".to_owned();
        made.startup_boost = startup_boost(boost, &path, context);
        needs.push((path, VpaGate::CpuStartupBoost, None));
    }
    Some(VpaManifest {
        name,
        namespace,
        target,
        spec: made,
        gated: needs,
    })
}

fn recommenders(listed: Vec<Recommender>, context: &mut Context<'_>) -> Vec<String> {
    if listed.len() > 1 {
        let words = format!("Too many: {}: must have at most 1 item", listed.len());
        context.refuse("spec.recommenders", words, Some("keep one of them"));
    }
    if let Some(place) = listed.iter().position(|one| one.name.is_none()) {
        let help = Some("for example `- name: default`");
        let path = format!("spec.recommenders[{place}].name");
        context.refuse(&path, "Required value", help);
    }
    listed.into_iter().filter_map(|one| one.name).collect()
}

fn target(reference: Option<TargetRef>, context: &mut Context<'_>) -> CrossVersionObjectReference {
    let Some(reference) = reference else {
        let help = "for example `targetRef: {apiVersion: apps/v1, kind: Deployment, name: api}`";
        context.refuse("spec.targetRef", "Required value", Some(help));
        return CrossVersionObjectReference::default();
    };
    let target = CrossVersionObjectReference {
        api_version: reference.api_version.unwrap_or_default(),
        kind: reference.kind.unwrap_or_default(),
        name: reference.name.unwrap_or_default(),
    };
    for (field, value, example) in [
        ("kind", &target.kind, "Deployment"),
        ("name", &target.name, "api"),
    ] {
        if value.is_empty() {
            let help = format!("for example `{field}: {example}`");
            let path = format!("spec.targetRef.{field}");
            context.refuse(&path, "Required value", Some(&help));
        }
    }
    target
}

/// A word of a fixed list; says what is wrong with any other.
fn word<T: Copy>(
    text: &str,
    words: &[(&'static str, T)],
    path: &str,
    context: &mut Context<'_>,
) -> Option<T> {
    let found = words.iter().find(|(word, _)| *word == text);
    if found.is_none() {
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let words = unsupported(text, &names);
        context.refuse(path, words, Some(&advice(text, &names)));
    }
    found.map(|(_, value)| *value)
}

fn update_policy(
    policy: UpdatePolicy,
    made: &mut VpaSpec,
    needs: &mut Vec<Gated>,
    context: &mut Context<'_>,
) {
    // In the order in which upstream names them.
    const MODES: [UpdateMode; 5] = [
        UpdateMode::InPlace,
        UpdateMode::InPlaceOrRecreate,
        UpdateMode::Initial,
        UpdateMode::Off,
        UpdateMode::Recreate,
    ];
    let path = "spec.updatePolicy.updateMode";
    if let Some(text) = policy.update_mode.as_deref() {
        let words = MODES.map(|mode| (mode.name(), mode));
        // Not named, as it is deprecated.
        let auto = (text == UpdateMode::Auto.name()).then_some(UpdateMode::Auto);
        let mode = auto.or_else(|| word(text, &words, path, context));
        made.update_mode = mode.unwrap_or_default();
        if made.update_mode == UpdateMode::Auto {
            let message =
                "UpdateMode \"Auto\" is deprecated and will be removed in a future API version";
            let help = "it does what \"Recreate\" does; \"Initial\" and \"InPlaceOrRecreate\" are the others";
            context.warning(path, message, help);
        }
        if made.update_mode == UpdateMode::InPlace {
            needs.push((path.to_owned(), VpaGate::InPlace, None));
        }
    } else {
        let words = "Required value: updateMode is required if UpdatePolicy is used";
        let help = Some("for example `updateMode: Recreate`");
        context.refuse(path, words, help);
    }
    if let Some(number) = policy.min_replicas.filter(|number| *number <= 0) {
        let words = format!("Invalid value: {number}: minReplicas has to be positive");
        context.refuse("spec.updatePolicy.minReplicas", words, None);
    }
    made.min_replicas = policy.min_replicas;
    let path = "spec.updatePolicy.evictAfterOOMSeconds";
    let seconds = policy.evict_after_oom_seconds.map(i64::from);
    gated::at_least(1, seconds, path, needs);
    made.evict_after_oom_seconds = policy.evict_after_oom_seconds;
    let requirements = policy.eviction_requirements.unwrap_or_default();
    for (index, one) in requirements.into_iter().enumerate() {
        let path = format!("spec.updatePolicy.evictionRequirements[{index}]");
        made.eviction_requirements
            .extend(requirement(one, &path, context));
    }
}

fn requirement(
    one: Requirement,
    path: &str,
    context: &mut Context<'_>,
) -> Option<EvictionRequirement> {
    let words = [
        (
            "TargetHigherThanRequests",
            ChangeRequirement::TargetHigherThanRequests,
        ),
        (
            "TargetLowerThanRequests",
            ChangeRequirement::TargetLowerThanRequests,
        ),
    ];
    let change_path = format!("{path}.changeRequirement");
    let text = one.change_requirement.unwrap_or_default();
    let change = word(&text, &words, &change_path, context);
    let at_resources = format!("{path}.resources");
    let help = "for example `resources: [cpu]`";
    let Some(names) = one.resources else {
        context.refuse(&at_resources, "Required value", Some(help));
        return None;
    };
    let resources = ControlledResources {
        cpu: names.iter().any(|name| name == "cpu"),
        memory: names.iter().any(|name| name == "memory"),
    };
    // Of a resource that is not scaled, neither requests nor targets are known.
    if !resources.cpu && !resources.memory {
        let message = "no eviction fulfils this requirement: it names neither cpu nor memory";
        context.warning(&at_resources, message, help);
    } else if let Some(place) = names
        .iter()
        .position(|name| !["cpu", "memory"].contains(&&**name))
    {
        let message = format!(
            "no eviction fulfils the requirement by its {}",
            names[place]
        );
        let path = format!("{at_resources}[{place}]");
        context.warning(&path, message, "VPAs change cpu and memory");
    }
    Some(EvictionRequirement {
        resources,
        change_requirement: change?,
    })
}

fn resource_names(names: &[String], path: &str, context: &mut Context<'_>) -> ControlledResources {
    let mut made = ControlledResources {
        cpu: false,
        memory: false,
    };
    let words = [("cpu", Resource::Cpu), ("memory", Resource::Memory)];
    for (index, name) in names.iter().enumerate() {
        match word(name, &words, &format!("{path}[{index}]"), context) {
            Some(Resource::Cpu) => made.cpu = true,
            Some(Resource::Memory) => made.memory = true,
            None => {}
        }
    }
    made
}

fn container_policy(
    policy: Policy,
    path: &str,
    needs: &mut Vec<Gated>,
    context: &mut Context<'_>,
) -> ContainerPolicy {
    let container_name = policy.container_name.unwrap_or_default();
    let at = |field: &str| format!("{path}.{field}");
    if container_name.is_empty() {
        let help = Some("write the container's name, or \"*\" for all others");
        context.refuse(&at("containerName"), "Required value", help);
    }
    let modes = [
        ("Auto", ContainerScalingMode::Auto),
        ("Off", ContainerScalingMode::Off),
    ];
    let mode = policy.mode.as_deref();
    let mode = mode.and_then(|text| word(text, &modes, &at("mode"), context));
    let values = [
        ("RequestsAndLimits", ControlledValues::RequestsAndLimits),
        ("RequestsOnly", ControlledValues::RequestsOnly),
    ];
    let controlled_values = policy.controlled_values.as_deref();
    let path_of_values = at("controlledValues");
    let controlled_values =
        controlled_values.and_then(|text| word(text, &values, &path_of_values, context));
    if controlled_values == Some(ControlledValues::RequestsAndLimits)
        && mode == Some(ContainerScalingMode::Off)
    {
        let words =
            "Forbidden: controlledValues shouldn't be specified if container scaling mode is off";
        context.refuse(&path_of_values, words, Some("remove one of the two"));
    }
    let controlled_resources = policy
        .controlled_resources
        .map(|names| resource_names(&names, &at("controlledResources"), context));
    let min_allowed = resources(policy.min_allowed.as_ref(), &at("minAllowed"), context);
    let max_allowed = resources(policy.max_allowed.as_ref(), &at("maxAllowed"), context);
    for resource in Resource::ALL {
        if let (Some(min), Some(max)) = (min_allowed.get(resource), max_allowed.get(resource))
            && max.nanos() < min.nanos()
        {
            let words = format!(
                "Invalid value: \"{max}\": max resource for {resource} is lower than min of \"{min}\""
            );
            let place = at(&format!("maxAllowed.{resource}"));
            let path = at(&format!("maxAllowed[{resource}]"));
            let help = Some("raise maxAllowed or lower minAllowed");
            context.refuse_at(&place, &path, words, help);
        }
    }
    let seconds = policy.memory_aggregation_interval_seconds;
    let path_of_seconds = at("memoryAggregationIntervalSeconds");
    gated::at_least(1, seconds.map(i64::from), &path_of_seconds, needs);
    let count = policy.memory_aggregation_interval_count;
    let path_of_count = at("memoryAggregationIntervalCount");
    gated::at_least(1, count, &path_of_count, needs);
    let ratio = policy.oom_bump_up_ratio;
    let ratio = gated::quantity(true, ratio.as_ref(), &at("oomBumpUpRatio"), needs, context);
    let least = policy.oom_min_bump_up;
    let least = gated::quantity(false, least.as_ref(), &at("oomMinBumpUp"), needs, context);
    let startup_boost = policy.startup_boost.and_then(|boost| {
        needs.push((at("startupBoost"), VpaGate::CpuStartupBoost, None));
        startup_boost(boost, &at("startupBoost"), context)
    });
    ContainerPolicy {
        container_name,
        mode: mode.unwrap_or_default(),
        min_allowed,
        max_allowed,
        controlled_resources: controlled_resources.unwrap_or_default(),
        controlled_values: controlled_values.unwrap_or_default(),
        oom_bump_up_ratio: ratio,
        oom_min_bump_up: least,
        memory_aggregation_interval_seconds: seconds,
        memory_aggregation_interval_count: count,
        startup_boost,
    }
}

/// A `ResourceList`: whole millicores and whole bytes.
pub(super) fn resources(
    amounts: Option<&Amounts>,
    path: &str,
    context: &mut Context<'_>,
) -> Resources {
    let made = Resources {
        cpu: context.amount(amounts, "cpu", path),
        memory: context.amount(amounts, "memory", path),
    };
    for (name, amount, unit, units) in [
        ("cpu", made.cpu, 1_000_000, "milli CPUs"),
        ("memory", made.memory, 1_000_000_000, "bytes"),
    ] {
        if let Some(amount) = amount.filter(|amount| amount.nanos() % unit != 0) {
            let words = format!("Invalid value: \"{amount}\": must be a whole number of {units}");
            let (place, path) = (format!("{path}.{name}"), format!("{path}[{name}]"));
            context.refuse_at(&place, &path, words, None);
        }
    }
    made
}
