//! The ScaledObject as written: `scaledobject_types.go`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::go;
use super::triggers::ScaleTrigger;

/// Stops the loop and deletes the HPA, after setting the target to this many replicas.
pub const PAUSED_REPLICAS: &str = "autoscaling.keda.sh/paused-replicas";
/// Stops the loop and deletes the HPA.
pub const PAUSED: &str = "autoscaling.keda.sh/paused";
/// Nothing is scaled down.
pub const PAUSED_SCALE_IN: &str = "autoscaling.keda.sh/paused-scale-in";
/// Nothing is scaled up.
pub const PAUSED_SCALE_OUT: &str = "autoscaling.keda.sh/paused-scale-out";
/// The target is active, whatever the triggers say.
pub const FORCE_ACTIVATION: &str = "autoscaling.keda.sh/force-activation";
/// Labels that the HPA does not get.
pub const EXCLUDED_LABELS: &str = "scaledobject.keda.sh/hpa-excluded-labels";
/// Whether an existing HPA of the configured name is taken over.
pub const TRANSFER_HPA_OWNERSHIP: &str = "scaledobject.keda.sh/transfer-hpa-ownership";

/// Name, labels and annotations of an object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// Name.
    pub name: String,
    /// Namespace; `default` if empty.
    pub namespace: String,
    /// Labels.
    #[serde(deserialize_with = "null_as_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations; `None` if the object has none.
    pub annotations: Option<BTreeMap<String, String>>,
    /// Counts the changes of the spec.
    pub generation: i64,
}

impl Metadata {
    /// An annotation's value.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// An annotation that is true if present, unless it says otherwise.
    pub fn flag(&self, key: &str) -> bool {
        self.annotation(key)
            .is_some_and(|value| go::parse_bool(value).unwrap_or(true))
    }

    /// The namespace, `default` if none is written.
    pub fn namespace(&self) -> &str {
        if self.namespace.is_empty() {
            "default"
        } else {
            &self.namespace
        }
    }
}

fn null_as_empty<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(from).map(Option::unwrap_or_default)
}

/// A ScaledObject of `keda.sh/v1alpha1`.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(default)]
pub struct ScaledObject {
    /// Name, labels, annotations.
    pub metadata: Metadata,
    /// What is wanted.
    pub spec: ScaledObjectSpec,
}

/// What a ScaledObject wants. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct ScaledObjectSpec {
    /// The workload.
    pub scale_target_ref: ScaleTarget,
    /// Seconds between polls; 30 if unset.
    pub polling_interval: Option<i32>,
    /// Seconds from creation before the first way to zero; 0 if unset.
    pub initial_cooldown_period: Option<i32>,
    /// Seconds from the last activity to zero; 300 if unset.
    pub cooldown_period: Option<i32>,
    /// Replicas without activity, below the minimum.
    pub idle_replica_count: Option<i32>,
    /// Smallest number of replicas; 0 if unset.
    pub min_replica_count: Option<i32>,
    /// Largest number of replicas; 100 if unset.
    pub max_replica_count: Option<i32>,
    /// The HPA's name and behavior, formulas.
    pub advanced: Option<AdvancedConfig>,
    /// What is looked at.
    #[serde(deserialize_with = "null_as_empty")]
    pub triggers: Vec<ScaleTrigger>,
    /// What happens when triggers fail.
    pub fallback: Option<Fallback>,
}

/// The scale target.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct ScaleTarget {
    /// Name.
    pub name: String,
    /// `apps/v1` if empty.
    pub api_version: String,
    /// `Deployment` if empty.
    pub kind: String,
    /// The container whose environment triggers read.
    pub env_source_container_name: String,
}

impl ScaleTarget {
    /// API version and kind, with their defaults.
    pub fn version_and_kind<'a>(&'a self) -> (&'a str, &'a str) {
        let or = |given: &'a str, default| if given.is_empty() { default } else { given };
        (
            or(&self.api_version, "apps/v1"),
            or(&self.kind, "Deployment"),
        )
    }

    /// `apps/v1.Deployment`, as messages name it.
    pub fn gvk(&self) -> String {
        let (version, kind) = self.version_and_kind();
        format!("{version}.{kind}")
    }
}

/// `spec.fallback`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Fallback {
    /// A metric falls back after more failures than this.
    pub failure_threshold: i32,
    /// The replicas to fall back to.
    pub replicas: i32,
    /// How; static if empty.
    pub behavior: FallbackBehavior,
}

/// Which replicas a failing metric asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
pub enum FallbackBehavior {
    /// `fallback.replicas`.
    #[default]
    #[serde(rename = "static", alias = "")]
    Static,
    /// What the target has.
    #[serde(rename = "currentReplicas")]
    CurrentReplicas,
    /// The larger of both.
    #[serde(rename = "currentReplicasIfHigher")]
    CurrentReplicasIfHigher,
    /// The smaller of both.
    #[serde(rename = "currentReplicasIfLower")]
    CurrentReplicasIfLower,
    /// nil in the formula.
    #[serde(rename = "scalingModifiers")]
    ScalingModifiers,
}

/// `spec.advanced`.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct AdvancedConfig {
    /// The HPA's name and behavior.
    pub horizontal_pod_autoscaler_config: Option<HpaConfig>,
    /// Whether deletion puts the replicas of the beginning back.
    pub restore_to_original_replica_count: bool,
    /// The formula.
    #[serde(deserialize_with = "null_as_empty")]
    pub scaling_modifiers: ScalingModifiers,
}

/// `spec.advanced.horizontalPodAutoscalerConfig`.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct HpaConfig {
    /// The HPA's behavior, copied as written.
    pub behavior: Option<Map<String, Value>>,
    /// The HPA's name; `keda-hpa-` and the ScaledObject's if empty.
    pub name: String,
}

/// `spec.advanced.scalingModifiers`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct ScalingModifiers {
    /// An expression over the triggers' names.
    pub formula: String,
    /// What the composite metric is held to.
    pub target: String,
    /// The composite metric above which the object is active; 0 if empty.
    pub activation_target: String,
    /// `AverageValue` (also if empty) or `Value`.
    pub metric_type: String,
}

impl ScaledObject {
    /// Reads an object; fields that upstream does not know are ignored.
    pub fn from_value(value: &Value) -> Result<Self, String> {
        Self::deserialize(value).map_err(|error| error.to_string())
    }

    /// Whether the loop stops and the HPA goes.
    pub fn is_paused(&self) -> bool {
        self.metadata.annotation(PAUSED_REPLICAS).is_some() || self.metadata.flag(PAUSED)
    }

    /// The replicas that `paused-replicas` asks for.
    pub fn paused_replicas(&self) -> Result<Option<i32>, String> {
        self.metadata
            .annotation(PAUSED_REPLICAS)
            .map(go::parse_i32)
            .transpose()
    }

    /// Whether scaling down is blocked.
    pub fn pauses_scale_in(&self) -> bool {
        self.metadata.flag(PAUSED_SCALE_IN)
    }

    /// Whether scaling up is blocked.
    pub fn pauses_scale_out(&self) -> bool {
        self.metadata.flag(PAUSED_SCALE_OUT)
    }

    /// Whether the target counts as active.
    pub fn forces_activation(&self) -> bool {
        self.metadata.flag(FORCE_ACTIVATION)
    }

    /// The formula and its target, if any of it is written.
    pub fn modifiers(&self) -> Option<&ScalingModifiers> {
        let modifiers = &self.spec.advanced.as_ref()?.scaling_modifiers;
        (*modifiers != ScalingModifiers::default()).then_some(modifiers)
    }

    /// The HPA's smallest number of replicas.
    pub fn hpa_min_replicas(&self) -> i32 {
        self.spec
            .min_replica_count
            .filter(|min| *min > 0)
            .unwrap_or(1)
    }

    /// The HPA's largest number of replicas.
    pub fn hpa_max_replicas(&self) -> i32 {
        self.spec.max_replica_count.unwrap_or(100)
    }

    /// Whether a failing trigger is nil in the formula.
    pub fn falls_back_in_formula(&self) -> bool {
        let behavior = self
            .spec
            .fallback
            .as_ref()
            .map(|fallback| fallback.behavior);
        behavior == Some(FallbackBehavior::ScalingModifiers)
    }
}

/// `CheckReplicaCountBoundsAreValid`. A written minimum of 0 counts as 1.
pub fn check_replica_bounds(object: &ScaledObject) -> Result<(), String> {
    let min = match object.spec.min_replica_count {
        Some(_) => object.hpa_min_replicas(),
        None => 0,
    };
    let max = object.hpa_max_replicas();
    if min > max {
        return Err(format!(
            "MinReplicaCount={min} must be less than MaxReplicaCount={max}"
        ));
    }
    match object.spec.idle_replica_count {
        Some(idle) if idle >= min => Err(format!(
            "IdleReplicaCount={idle} must be less than MinReplicaCount={min}"
        )),
        _ => Ok(()),
    }
}

/// `CheckFallbackValid`, which the admission webhook asks.
pub fn check_fallback(object: &ScaledObject) -> Result<(), String> {
    let Some(fallback) = &object.spec.fallback else {
        return Ok(());
    };
    if fallback.failure_threshold < 0 || fallback.replicas < 0 {
        return Err(format!(
            "FailureThreshold={} & Replicas={} must both be greater than or equal to 0",
            fallback.failure_threshold, fallback.replicas
        ));
    }
    let only_resources = object
        .spec
        .triggers
        .iter()
        .all(ScaleTrigger::is_cpu_or_memory);
    if object.modifiers().is_none() && only_resources {
        return Err(
            "at least one trigger (that is not cpu or memory) has to have the `AverageValue` type \
             for the fallback to be enabled"
                .to_owned(),
        );
    }
    Ok(())
}
