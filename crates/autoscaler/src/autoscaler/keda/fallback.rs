//! Fallback: failing metrics are replaced by ones that ask for a number of replicas,
//! `pkg/fallback/fallback.go`.

use super::conditions::{ConditionStatus, ConditionType};
use super::executor::Target;
use super::metric::{Amount, MetricSpec, MetricValue, VALUE};
use super::scaled_object::{Fallback, FallbackBehavior, ScaledObject};
use super::status::{HealthStatus, Status};

/// The name of the metric that a formula gives.
pub const COMPOSITE_METRIC: &str = "composite-metric";

/// What a fetch comes to after its fallback.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fetched {
    /// The values, real or synthetic.
    pub metrics: Vec<MetricValue>,
    /// Whether they are synthetic.
    pub fallback_active: bool,
    /// The error that is left.
    pub error: Option<String>,
}

/// Whether a fallback is written and can be used.
pub fn has_valid_fallback(object: &ScaledObject) -> bool {
    valid_fallback(object).is_some()
}

fn valid_fallback(object: &ScaledObject) -> Option<&Fallback> {
    let fallback = object.spec.fallback.as_ref()?;
    let target_is_whole = object.modifiers().is_none_or(|modifiers| {
        modifiers
            .target
            .parse::<i64>()
            .is_ok_and(|target| target > 0)
    });
    (fallback.failure_threshold >= 0 && fallback.replicas >= 0 && target_is_whole)
        .then_some(fallback)
}

/// `GetMetricsWithFallback`: counts the fetch in the status' health, and replaces its values if
/// it failed more often than the threshold allows.
pub fn with_fallback(
    object: &ScaledObject,
    status: &mut Status,
    target: &Target,
    spec: &MetricSpec,
    fetched: Result<Vec<MetricValue>, String>,
) -> Fetched {
    let name = spec.external_name().unwrap_or_default();
    let Some(fallback) = valid_fallback(object) else {
        return without(fetched);
    };
    let error = match fetched {
        Ok(metrics) => {
            count(status, name, fallback, HealthStatus::default());
            return without(Ok(metrics));
        }
        Err(error) => error,
    };
    let mut health = status.health.get(name).copied().unwrap_or_default();
    health.failures += 1;
    health.failing = true;
    count(status, name, fallback, health);
    if health.failures <= fallback.failure_threshold {
        return without(Err(error));
    }
    if fallback.behavior == FallbackBehavior::ScalingModifiers {
        // The formula takes it for nil.
        let placeholder = MetricValue {
            name: name.to_owned(),
            value: Amount::whole(-1),
        };
        return without(Ok(vec![placeholder]));
    }
    let current = match (fallback.behavior, &target.replicas) {
        (FallbackBehavior::Static, _) => 0,
        (_, Ok(replicas)) => *replicas,
        (_, Err(_)) => return without(Err(error)),
    };
    match synthetic(object, fallback, target, spec, current) {
        Some(metric) => Fetched {
            metrics: vec![metric],
            fallback_active: true,
            error: None,
        },
        None => without(Err("error performing fallback".to_owned())),
    }
}

fn without(fetched: Result<Vec<MetricValue>, String>) -> Fetched {
    let (metrics, error) = match fetched {
        Ok(metrics) => (metrics, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    Fetched {
        metrics,
        fallback_active: false,
        error,
    }
}

/// Notes a metric's health and whether any metric is beyond the threshold.
fn count(status: &mut Status, name: &str, fallback: &Fallback, health: HealthStatus) {
    status.health.insert(name.to_owned(), health);
    let beyond =
        |health: &HealthStatus| health.failing && health.failures > fallback.failure_threshold;
    let (holds, reason, message) = if status.health.values().any(beyond) {
        (
            ConditionStatus::True,
            "FallbackExists",
            "At least one trigger is falling back on this scaled object",
        )
    } else {
        (
            ConditionStatus::False,
            "NoFallbackFound",
            "No fallbacks are active on this scaled object",
        )
    };
    status
        .conditions_mut()
        .set(ConditionType::Fallback, holds, reason, message);
}

impl ScaledObject {
    /// Whether a fallback of it may divide by the target's ready pods: one of a metric of type `Value`.
    pub fn asks_for_ready_pods(&self) -> bool {
        let is_value = match self.modifiers() {
            Some(modifiers) => modifiers.metric_type == VALUE,
            None => (self.spec.triggers.iter()).any(|trigger| trigger.metric_type == VALUE),
        };
        self.spec.fallback.is_some() && is_value
    }
}

/// `doFallback`: the value from which the HPA calculates the wanted replicas.
fn synthetic(
    object: &ScaledObject,
    fallback: &Fallback,
    target: &Target,
    spec: &MetricSpec,
    current: i32,
) -> Option<MetricValue> {
    let wanted = match fallback.behavior {
        FallbackBehavior::Static => fallback.replicas,
        FallbackBehavior::CurrentReplicas => current,
        FallbackBehavior::CurrentReplicasIfHigher => current.max(fallback.replicas),
        FallbackBehavior::CurrentReplicasIfLower => current.min(fallback.replicas),
        FallbackBehavior::ScalingModifiers => return None,
    };
    let mut replicas = f64::from(wanted);
    let modifiers = object.modifiers();
    let kind = modifiers.map_or(spec.target.kind.as_str(), |modifiers| {
        &modifiers.metric_type
    });
    if kind == VALUE {
        let ready = target
            .ready_replicas
            .as_ref()
            .ok()
            .filter(|ready| **ready != 0)?;
        replicas /= f64::from(*ready);
    }
    let (name, goal) = match modifiers {
        Some(modifiers) => (COMPOSITE_METRIC, modifiers.target.parse().unwrap_or(0.0)),
        None => (
            spec.external_name().unwrap_or_default(),
            spec.target.approximate,
        ),
    };
    Some(MetricValue {
        name: name.to_owned(),
        value: Amount::milli(super::expr::go_int(goal * 1000.0 * replicas)),
    })
}
