//! HorizontalPodAutoscaler, autoscaling/v2 and v1.

use k8s_openapi::api::autoscaling::{v1, v2};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;

use super::{Context, HpaManifest, typed};
use crate::autoscaler::hpa::{
    BehaviorInput, HpaSpecInput, MetricSpec, ObjectReference, Policy, PolicyType, Resource,
    ResourceTarget, ScalingRulesInput, SelectPolicy, ValueTarget,
};
use crate::cluster::spec::Labels;
use crate::scenario::node::Node;
use crate::sim::SimDuration;
use crate::units::Quantity;

pub(super) fn v1(context: &mut Context<'_>) -> Option<HpaManifest> {
    let object: v1::HorizontalPodAutoscaler = typed::read(context)?;
    need_spec(context)?;
    let (name, namespace) = context.identity(object.metadata);
    let spec = object.spec;
    let reference = &spec.scale_target_ref;
    check_target(
        &reference.kind,
        &reference.name,
        reference.api_version.as_deref(),
        context,
    );
    let metrics = spec
        .target_cpu_utilization_percentage
        .map(|percent| MetricSpec::Resource {
            resource: Resource::Cpu,
            target: ResourceTarget::Utilization(percent),
        });
    let input = HpaSpecInput {
        min_replicas: spec.min_replicas,
        max_replicas: spec.max_replicas,
        metrics: metrics.into_iter().collect(),
        behavior: None,
    };
    Some(HpaManifest {
        name,
        namespace,
        target_kind: spec.scale_target_ref.kind,
        target_name: spec.scale_target_ref.name,
        places: vec![0],
        input,
    })
}

pub(super) fn v2(context: &mut Context<'_>) -> Option<HpaManifest> {
    let object: v2::HorizontalPodAutoscaler = typed::read(context)?;
    need_spec(context)?;
    let (name, namespace) = context.identity(object.metadata);
    let spec = object.spec;
    let reference = &spec.scale_target_ref;
    check_target(
        &reference.kind,
        &reference.name,
        reference.api_version.as_deref(),
        context,
    );
    let given = spec.metrics.unwrap_or_default();
    let (mut metrics, mut places) = (Vec::new(), Vec::new());
    for (index, one) in given.iter().enumerate() {
        if let Some(metric) = metric(one, &format!("spec.metrics[{index}]"), context) {
            metrics.push(metric);
            places.push(index);
        }
    }
    let behavior = spec.behavior.map(|behavior| BehaviorInput {
        scale_up: behavior
            .scale_up
            .map(|rules| scaling_rules(rules, "spec.behavior.scaleUp", context)),
        scale_down: behavior
            .scale_down
            .map(|rules| scaling_rules(rules, "spec.behavior.scaleDown", context)),
    });
    let input = HpaSpecInput {
        min_replicas: spec.min_replicas,
        max_replicas: spec.max_replicas,
        metrics,
        behavior,
    };
    Some(HpaManifest {
        name,
        namespace,
        target_kind: spec.scale_target_ref.kind,
        target_name: spec.scale_target_ref.name,
        places,
        input,
    })
}

/// The API's types take a missing `spec` for an empty one.
fn need_spec(context: &mut Context<'_>) -> Option<()> {
    if context.document.get("spec").is_none() {
        let help = "an HPA needs `spec:` with scaleTargetRef and maxReplicas";
        context.error("spec", "`spec` is missing", Some(help));
        return None;
    }
    if context.document.get("spec")?.get("maxReplicas").is_none() {
        let help = Some("for example `maxReplicas: 10`");
        context.error("spec.maxReplicas", "`maxReplicas` is missing", help);
    }
    Some(())
}

/// The API server wants a kind and a name; the controller finds the kind by its group.
fn check_target(kind: &str, name: &str, api_version: Option<&str>, context: &mut Context<'_>) {
    for (field, value, example) in [("kind", kind, "Deployment"), ("name", name, "api")] {
        if value.is_empty() {
            let message = format!("scaleTargetRef needs a `{field}`");
            let help = format!("for example `{field}: {example}`");
            context.error(
                &format!("spec.scaleTargetRef.{field}"),
                message,
                Some(&help),
            );
        }
    }
    let scalable = matches!(kind, "Deployment" | "ReplicaSet" | "StatefulSet");
    let version = api_version.unwrap_or_default();
    if scalable && !version.starts_with("apps/") {
        let message = match version {
            "" => format!(
                "scaleTargetRef has no `apiVersion`: the controller would not find the {kind}"
            ),
            _ => format!("{version} has no {kind}: the controller would not find it"),
        };
        let help = Some("write `apiVersion: apps/v1`");
        context.error("spec.scaleTargetRef.apiVersion", message, help);
    }
}

/// What the API server would refuse in the completed object.
pub(in crate::scenario) fn check(
    manifest: &HpaManifest,
    scale_to_zero: bool,
    context: &mut Context<'_>,
) {
    let spec = context.document.get("spec");
    let has_max = spec.is_some_and(|spec| spec.get("maxReplicas").is_some());
    for problem in manifest.input.problems(scale_to_zero) {
        if problem.path == "spec.maxReplicas" && !has_max {
            continue;
        }
        context.error(
            &manifest.path(&problem.path, context),
            problem.message,
            None,
        );
    }
}

impl HpaManifest {
    /// The path in the manifest of a path in the spec that was read from it.
    pub(in crate::scenario) fn path(&self, path: &str, context: &Context<'_>) -> String {
        let Some(rest) = path.strip_prefix("spec.metrics[") else {
            return path.to_owned();
        };
        if context.document.get("apiVersion").and_then(Node::text) == Some("autoscaling/v1") {
            return "spec.targetCPUUtilizationPercentage".to_owned();
        }
        let (index, rest) = rest.split_once(']').unwrap_or((rest, ""));
        let index = index
            .parse()
            .ok()
            .and_then(|index: usize| self.places.get(index));
        match index {
            Some(index) => format!("spec.metrics[{index}]{rest}"),
            None => "spec.metrics".to_owned(),
        }
    }
}

fn milli(quantity: &ApiQuantity, path: &str, context: &mut Context<'_>) -> Option<i64> {
    match quantity.0.parse::<Quantity>() {
        Ok(quantity) => Some(quantity.milli_value()),
        Err(error) => {
            context.error(path, error.to_string(), None);
            None
        }
    }
}

fn metric(one: &v2::MetricSpec, path: &str, context: &mut Context<'_>) -> Option<MetricSpec> {
    let missing = |field: &str, context: &mut Context<'_>| {
        let message = format!("a metric of type {} needs `{field}`", one.type_);
        context.error(
            path,
            message,
            Some("the field named after the type holds the metric"),
        );
    };
    match one.type_.as_str() {
        "Resource" => {
            let Some(source) = &one.resource else {
                missing("resource", context);
                return None;
            };
            Some(MetricSpec::Resource {
                resource: resource(&source.name, &format!("{path}.resource.name"), context)?,
                target: resource_target(
                    &source.target,
                    &format!("{path}.resource.target"),
                    context,
                )?,
            })
        }
        "ContainerResource" => {
            let Some(source) = &one.container_resource else {
                missing("containerResource", context);
                return None;
            };
            Some(MetricSpec::ContainerResource {
                resource: resource(
                    &source.name,
                    &format!("{path}.containerResource.name"),
                    context,
                )?,
                container: source.container.clone(),
                target: resource_target(
                    &source.target,
                    &format!("{path}.containerResource.target"),
                    context,
                )?,
            })
        }
        "Pods" => {
            let Some(source) = &one.pods else {
                missing("pods", context);
                return None;
            };
            let target = format!("{path}.pods.target");
            check_target_type(&source.target, &target, context);
            let (name, selector) =
                identifier(&source.metric, &format!("{path}.pods.metric"), context);
            let Some(average) = &source.target.average_value else {
                context.error(&target, "a Pods metric needs `averageValue`", None);
                return None;
            };
            Some(MetricSpec::Pods {
                name,
                selector,
                average_value: milli(average, &format!("{target}.averageValue"), context)?,
            })
        }
        "Object" => {
            let Some(source) = &one.object else {
                missing("object", context);
                return None;
            };
            let (name, selector) =
                identifier(&source.metric, &format!("{path}.object.metric"), context);
            Some(MetricSpec::Object {
                name,
                selector,
                object: ObjectReference {
                    kind: source.described_object.kind.clone(),
                    name: source.described_object.name.clone(),
                },
                target: value_target(&source.target, &format!("{path}.object.target"), context)?,
            })
        }
        "External" => {
            let Some(source) = &one.external else {
                missing("external", context);
                return None;
            };
            let (name, selector) =
                identifier(&source.metric, &format!("{path}.external.metric"), context);
            Some(MetricSpec::External {
                name,
                selector,
                target: value_target(&source.target, &format!("{path}.external.target"), context)?,
            })
        }
        other => {
            let message = match other {
                "" => "the metric has no `type`".to_owned(),
                _ => format!("unknown metric type \"{other}\""),
            };
            context.error(
                &format!("{path}.type"),
                message,
                Some("the types are Resource, ContainerResource, Pods, Object and External"),
            );
            None
        }
    }
}

/// The name of a metric and its selector.
fn identifier(
    metric: &v2::MetricIdentifier,
    path: &str,
    context: &mut Context<'_>,
) -> (String, Option<Labels>) {
    if metric.name.is_empty() {
        let help = Some("for example `name: http_requests_per_second`");
        context.error(&format!("{path}.name"), "the metric has no name", help);
    }
    let selector = metric.selector.as_ref().map(|selector| {
        super::selector::selector(selector, &format!("{path}.selector"), None, context)
    });
    (metric.name.clone(), selector)
}

/// The API server wants the type of every target, though the value says it too.
fn check_target_type(target: &v2::MetricTarget, path: &str, context: &mut Context<'_>) {
    if !matches!(
        target.type_.as_str(),
        "Utilization" | "Value" | "AverageValue"
    ) {
        let message = match target.type_.as_str() {
            "" => "the target has no `type`".to_owned(),
            other => format!("unknown type of target \"{other}\""),
        };
        let help = Some("the types are Utilization, Value and AverageValue");
        context.error(&format!("{path}.type"), message, help);
    }
}

fn resource(name: &str, path: &str, context: &mut Context<'_>) -> Option<Resource> {
    match name {
        "cpu" => Some(Resource::Cpu),
        "memory" => Some(Resource::Memory),
        other => {
            context.error(
                path,
                format!("the resource \"{other}\" is not measured: cpu and memory are"),
                None,
            );
            None
        }
    }
}

fn resource_target(
    target: &v2::MetricTarget,
    path: &str,
    context: &mut Context<'_>,
) -> Option<ResourceTarget> {
    check_target_type(target, path, context);
    match (target.average_utilization, &target.average_value) {
        (Some(percent), None) => Some(ResourceTarget::Utilization(percent)),
        (None, Some(value)) => {
            milli(value, &format!("{path}.averageValue"), context).map(ResourceTarget::AverageValue)
        }
        _ => {
            context.error(
                path,
                "exactly one of `averageUtilization` and `averageValue` is needed",
                None,
            );
            None
        }
    }
}

fn value_target(
    target: &v2::MetricTarget,
    path: &str,
    context: &mut Context<'_>,
) -> Option<ValueTarget> {
    check_target_type(target, path, context);
    match (&target.value, &target.average_value) {
        (Some(value), None) => {
            milli(value, &format!("{path}.value"), context).map(ValueTarget::Value)
        }
        (None, Some(value)) => {
            milli(value, &format!("{path}.averageValue"), context).map(ValueTarget::AverageValue)
        }
        _ => {
            context.error(
                path,
                "exactly one of `value` and `averageValue` is needed",
                None,
            );
            None
        }
    }
}

fn scaling_rules(
    rules: v2::HPAScalingRules,
    path: &str,
    context: &mut Context<'_>,
) -> ScalingRulesInput {
    let select_policy = rules
        .select_policy
        .as_deref()
        .and_then(|policy| match policy {
            "Max" => Some(SelectPolicy::Max),
            "Min" => Some(SelectPolicy::Min),
            "Disabled" => Some(SelectPolicy::Disabled),
            other => {
                let message =
                    format!("unknown selectPolicy \"{other}\": expected Max, Min or Disabled");
                context.error(&format!("{path}.selectPolicy"), message, None);
                None
            }
        });
    let policies = rules.policies.map(|policies| {
        let policy = |(index, policy): (usize, &v2::HPAScalingPolicy)| {
            let kind = match policy.type_.as_str() {
                "Pods" => PolicyType::Pods,
                "Percent" => PolicyType::Percent,
                other => {
                    let message = match other {
                        "" => "the policy has no `type`: expected Pods or Percent".to_owned(),
                        _ => format!("unknown policy type \"{other}\": expected Pods or Percent"),
                    };
                    context.error(&format!("{path}.policies[{index}].type"), message, None);
                    PolicyType::Pods
                }
            };
            Policy {
                kind,
                value: policy.value,
                period: SimDuration::from_secs(i64::from(policy.period_seconds)),
            }
        };
        policies.iter().enumerate().map(policy).collect()
    });
    let tolerance =
        rules
            .tolerance
            .as_ref()
            .and_then(|quantity| match quantity.0.parse::<Quantity>() {
                Ok(quantity) => Some(quantity.as_f64()),
                Err(error) => {
                    context.error(&format!("{path}.tolerance"), error.to_string(), None);
                    None
                }
            });
    ScalingRulesInput {
        stabilization_window: rules.stabilization_window_seconds,
        select_policy,
        policies,
        tolerance,
    }
}
