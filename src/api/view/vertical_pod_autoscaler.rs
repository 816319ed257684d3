//! VerticalPodAutoscalers, in version `autoscaling.k8s.io/v1`.

use serde_json::{Value, json};

use super::{Clock, list, meta};
use crate::api::autoscaling::VerticalPodAutoscaler;
use crate::api::store::Store;
use crate::autoscaler::vpa::recommender::Condition;
use crate::autoscaler::vpa::{
    ContainerPolicy, ContainerScalingMode, ControlledValues, Recommendation, Resources,
};

pub(super) fn view(vpa: &VerticalPodAutoscaler, store: &Store, clock: Clock) -> Value {
    let (spec, status, target) = (&vpa.spec, &vpa.status, &vpa.target);
    let policies = spec.container_policies.iter().map(policy);
    let recommendations = status.recommendations.iter().map(recommendation);
    let conditions = status.conditions.iter().map(|one| condition(one, clock));
    json!({
        "apiVersion": "autoscaling.k8s.io/v1",
        "kind": "VerticalPodAutoscaler",
        "metadata": meta::plain(&vpa.meta, store, clock),
        "spec": {
            "resourcePolicy": { "containerPolicies": list(policies.collect()) },
            "targetRef": {
                "apiVersion": target.api_version,
                "kind": target.kind,
                "name": target.name,
            },
            "updatePolicy": {
                "minReplicas": spec.min_replicas,
                "updateMode": spec.update_mode.name(),
            },
        },
        "status": {
            "conditions": list(conditions.collect()),
            "recommendation": {
                "containerRecommendations": list(recommendations.collect()),
            },
        },
    })
}

fn resources(resources: &Resources) -> Value {
    json!({
        "cpu": resources.cpu.map(|cpu| cpu.to_string()),
        "memory": resources.memory.map(|memory| memory.to_string()),
    })
}

fn policy(policy: &ContainerPolicy) -> Value {
    let mode = match policy.mode {
        ContainerScalingMode::Auto => "Auto",
        ContainerScalingMode::Off => "Off",
    };
    let controlled = policy.controlled_resources;
    let resource = |name: &'static str, listed: bool| listed.then_some(name);
    let both = [
        resource("cpu", controlled.cpu),
        resource("memory", controlled.memory),
    ];
    let values = match policy.controlled_values {
        ControlledValues::RequestsAndLimits => "RequestsAndLimits",
        ControlledValues::RequestsOnly => "RequestsOnly",
    };
    json!({
        "containerName": policy.container_name,
        "controlledResources": both.into_iter().flatten().collect::<Vec<_>>(),
        "controlledValues": values,
        "maxAllowed": resources(&policy.max_allowed),
        "minAllowed": resources(&policy.min_allowed),
        "mode": mode,
    })
}

fn recommendation(of: &Recommendation) -> Value {
    json!({
        "containerName": of.container_name,
        "lowerBound": resources(&of.lower_bound),
        "target": resources(&of.target),
        "uncappedTarget": resources(&of.uncapped_target),
        "upperBound": resources(&of.upper_bound),
    })
}

fn condition(condition: &Condition, clock: Clock) -> Value {
    json!({
        "lastTransitionTime": clock.time(condition.last_transition),
        "message": condition.message,
        "reason": condition.reason,
        "status": if condition.status { "True" } else { "False" },
        "type": condition.kind.to_string(),
    })
}
