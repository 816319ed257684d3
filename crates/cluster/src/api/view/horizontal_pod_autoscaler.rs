//! HorizontalPodAutoscalers, in version `autoscaling/v2`.

use serde_json::{Value, json};

use super::hpa_metric::{current, metric};
use super::template::seconds;
use super::{Clock, count, list, meta};
use crate::api::autoscaling::HorizontalPodAutoscaler;
use crate::api::store::Store;
use crate::autoscaler::hpa::{Behavior, Condition, Policy, PolicyType, ScalingRules, SelectPolicy};
use crate::units::{Quantity, QuantityFormat};

pub(super) fn view(hpa: &HorizontalPodAutoscaler, store: &Store, clock: Clock) -> Value {
    let (spec, status, target) = (&hpa.spec, &hpa.status, &hpa.target);
    let mut metadata = meta::plain(&hpa.meta, store, clock);
    // The API server keeps no generation of this kind.
    metadata["generation"] = Value::Null;
    let metrics: Vec<Value> = spec.metrics.iter().map(metric).collect();
    let current_metrics: Vec<Value> = status.current_metrics.iter().map(current).collect();
    let conditions = status.conditions.iter().map(|one| condition(one, clock));
    let version = Some(&target.api_version).filter(|version| !version.is_empty());
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata,
        "spec": {
            "behavior": spec.behavior.as_ref().map(behavior),
            "maxReplicas": spec.max_replicas,
            "metrics": metrics,
            "minReplicas": spec.min_replicas,
            "scaleTargetRef": {
                "apiVersion": version,
                "kind": target.kind,
                "name": target.name,
            },
        },
        "status": {
            "conditions": list(conditions.collect()),
            "currentMetrics": list(current_metrics),
            "currentReplicas": count(status.current_replicas),
            "desiredReplicas": status.desired_replicas,
            "lastScaleTime": clock.maybe(status.last_scale_time),
        },
    })
}

fn condition(condition: &Condition, clock: Clock) -> Value {
    json!({
        "lastTransitionTime": clock.time(condition.last_transition),
        "message": condition.message,
        "reason": condition.reason,
        "status": condition.status.to_string(),
        "type": condition.kind.to_string(),
    })
}

fn behavior(behavior: &Behavior) -> Value {
    json!({
        "scaleDown": rules(&behavior.scale_down),
        "scaleUp": rules(&behavior.scale_up),
    })
}

fn rules(rules: &ScalingRules) -> Value {
    let select = match rules.select_policy {
        SelectPolicy::Max => "Max",
        SelectPolicy::Min => "Min",
        SelectPolicy::Disabled => "Disabled",
    };
    let tolerance = rules.tolerance.map(|tolerance| {
        let nanos = (tolerance * 1e9).round() as i128;
        Quantity::from_nanos(nanos, QuantityFormat::DecimalSi).to_string()
    });
    json!({
        "policies": list(rules.policies.iter().map(policy).collect()),
        "selectPolicy": select,
        "stabilizationWindowSeconds": rules.stabilization_window.map(seconds),
        "tolerance": tolerance,
    })
}

fn policy(policy: &Policy) -> Value {
    json!({
        "periodSeconds": seconds(policy.period),
        "type": match policy.kind {
            PolicyType::Pods => "Pods",
            PolicyType::Percent => "Percent",
        },
        "value": policy.value,
    })
}
