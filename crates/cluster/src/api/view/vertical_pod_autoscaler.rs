//! VerticalPodAutoscalers, in version `autoscaling.k8s.io/v1`.

use serde_json::{Value, json};

use super::{Clock, list, meta};
use crate::api::autoscaling::VerticalPodAutoscaler;
use crate::api::store::Store;
use crate::autoscaler::vpa::recommender::Condition;
use crate::autoscaler::vpa::{
    BoostAmount, ChangeRequirement, ContainerPolicy, ContainerScalingMode, ControlledResources,
    ControlledValues, EvictionRequirement, Recommendation, Resource, Resources, StartupBoost,
};

pub(super) fn view(vpa: &VerticalPodAutoscaler, store: &Store, clock: Clock) -> Value {
    let (spec, status, target) = (&vpa.spec, &vpa.status, &vpa.target);
    let policies = spec.container_policies.iter().map(policy);
    let requirements = spec.eviction_requirements.iter().copied().map(requirement);
    let recommenders = spec.recommenders.iter().map(|name| json!({ "name": name }));
    let recommendations = status.recommendations.iter().map(recommendation);
    let conditions = status.conditions.iter().map(|one| condition(one, clock));
    json!({
        "apiVersion": "autoscaling.k8s.io/v1",
        "kind": "VerticalPodAutoscaler",
        "metadata": meta::plain(&vpa.meta, store, clock),
        "spec": {
            "recommenders": list(recommenders.collect()),
            "resourcePolicy": { "containerPolicies": list(policies.collect()) },
            "startupBoost": spec.startup_boost.map(startup_boost),
            "targetRef": {
                "apiVersion": target.api_version,
                "kind": target.kind,
                "name": target.name,
            },
            "updatePolicy": {
                "evictAfterOOMSeconds": spec.evict_after_oom_seconds,
                "evictionRequirements": list(requirements.collect()),
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
    let values = match policy.controlled_values {
        ControlledValues::RequestsAndLimits => "RequestsAndLimits",
        ControlledValues::RequestsOnly => "RequestsOnly",
    };
    json!({
        "containerName": policy.container_name,
        "controlledResources": names(policy.controlled_resources),
        "controlledValues": values,
        "maxAllowed": resources(&policy.max_allowed),
        "memoryAggregationIntervalCount": policy.memory_aggregation_interval_count,
        "memoryAggregationIntervalSeconds": policy.memory_aggregation_interval_seconds,
        "minAllowed": resources(&policy.min_allowed),
        "mode": mode,
        "oomBumpUpRatio": policy.oom_bump_up_ratio.map(|ratio| ratio.to_string()),
        "oomMinBumpUp": policy.oom_min_bump_up.map(|least| least.to_string()),
        "startupBoost": policy.startup_boost.map(startup_boost),
    })
}

fn names(listed: ControlledResources) -> Vec<String> {
    let all = Resource::ALL.into_iter();
    let listed = all.filter(|resource| listed.contains(*resource));
    listed.map(|resource| resource.to_string()).collect()
}

fn requirement(requirement: EvictionRequirement) -> Value {
    let change = match requirement.change_requirement {
        ChangeRequirement::TargetHigherThanRequests => "TargetHigherThanRequests",
        ChangeRequirement::TargetLowerThanRequests => "TargetLowerThanRequests",
    };
    json!({ "changeRequirement": change, "resources": names(requirement.resources) })
}

fn startup_boost(boost: StartupBoost) -> Value {
    let Some(amount) = boost.amount else {
        return json!({});
    };
    let (kind, factor, quantity) = match amount {
        BoostAmount::Factor(factor) => ("Factor", Some(factor), None),
        BoostAmount::Quantity(quantity) => ("Quantity", None, Some(quantity.to_string())),
    };
    json!({
        "cpu": {
            "durationSeconds": boost.duration_seconds,
            "factor": factor,
            "quantity": quantity,
            "type": kind,
        },
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
