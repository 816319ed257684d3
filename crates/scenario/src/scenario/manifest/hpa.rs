//! HorizontalPodAutoscaler, autoscaling/v2 and v1.

use k8s_openapi::api::autoscaling::{v1, v2};

use super::hpa_metric::metric;
use super::{Context, HpaManifest, names, typed};
use crate::autoscaler::hpa::{
    BehaviorInput, HpaSpecInput, KubernetesVersion, MetricSpec, Policy, PolicyType, Resource,
    ResourceTarget, ScalingRulesInput, SelectPolicy,
};
use crate::scenario::model::CrossVersionObjectReference;
use crate::scenario::node::Node;
use crate::sim::SimDuration;
use crate::units::Quantity;

pub(super) fn v1(context: &mut Context<'_>) -> Option<HpaManifest> {
    let object: v1::HorizontalPodAutoscaler = typed::read(context)?;
    need_spec(context)?;
    let (name, namespace) = context.identity(object.metadata);
    let spec = object.spec;
    let reference = spec.scale_target_ref;
    let target = CrossVersionObjectReference {
        api_version: reference.api_version.unwrap_or_default(),
        kind: reference.kind,
        name: reference.name,
    };
    check_target(&target, context);
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
        target,
        places: vec![0],
        input,
        predictive: None,
    })
}

pub(super) fn v2(context: &mut Context<'_>) -> Option<HpaManifest> {
    let object: v2::HorizontalPodAutoscaler = typed::read(context)?;
    need_spec(context)?;
    let identity = context.identity(object.metadata);
    Some(of_spec(identity, object.spec, context))
}

/// What a spec of autoscaling/v2 says.
pub(super) fn of_spec(
    (name, namespace): (String, String),
    spec: v2::HorizontalPodAutoscalerSpec,
    context: &mut Context<'_>,
) -> HpaManifest {
    let reference = spec.scale_target_ref;
    let target = CrossVersionObjectReference {
        api_version: reference.api_version.unwrap_or_default(),
        kind: reference.kind,
        name: reference.name,
    };
    check_target(&target, context);
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
    HpaManifest {
        name,
        namespace,
        target,
        places,
        input,
        predictive: None,
    }
}

/// The API's types take a missing `spec` for an empty one.
pub(super) fn need_spec(context: &mut Context<'_>) -> Option<()> {
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

/// The API server wants a kind and a name.
fn check_target(target: &CrossVersionObjectReference, context: &mut Context<'_>) {
    let path = "spec.scaleTargetRef";
    let (kind, name) = (target.kind.as_str(), target.name.as_str());
    for (field, value, example) in [("kind", kind, "Deployment"), ("name", name, "api")] {
        if value.is_empty() {
            let help = format!("for example `{field}: {example}`");
            context.refuse(&format!("{path}.{field}"), "Required value", Some(&help));
        }
        context.refuse_text(
            &format!("{path}.{field}"),
            value,
            names::path_segment(value),
        );
    }
}

/// Since 1.34 it also wants the group of a kind outside the core group
/// (`ValidateAPIVersion`).
fn check_group(
    target: &CrossVersionObjectReference,
    release: KubernetesVersion,
    context: &mut Context<'_>,
) {
    let kind = target.kind.as_str();
    if release >= KubernetesVersion(34) && check_version(&target.api_version, context).is_none() {
        return;
    }
    if release >= KubernetesVersion(34)
        && target.group().is_empty()
        && !matches!(kind, "" | "ReplicationController")
    {
        let version = &target.api_version;
        let message = format!("Invalid value: \"{version}\": apiVersion must specify API group");
        let example = if matches!(kind, "Deployment" | "ReplicaSet" | "StatefulSet") {
            "write `apiVersion: apps/v1`"
        } else {
            "write the `apiVersion` of the target's own manifest"
        };
        context.refuse("spec.scaleTargetRef.apiVersion", message, Some(example));
    }
}

/// A version has one group at most (`ParseGroupVersion`).
fn check_version(version: &str, context: &mut Context<'_>) -> Option<()> {
    if version.matches('/').count() < 2 {
        return Some(());
    }
    let words = format!("unexpected GroupVersion string: {version}");
    context.refuse_text("spec.scaleTargetRef.apiVersion", version, vec![words]);
    None
}

/// What the API server would refuse in the completed object.
pub(in crate::scenario) fn check(
    manifest: &HpaManifest,
    scale_to_zero: bool,
    release: KubernetesVersion,
    context: &mut Context<'_>,
) {
    check_group(&manifest.target, release, context);
    let spec = context.document.get("spec");
    let has_max = spec.is_some_and(|spec| spec.get("maxReplicas").is_some());
    for problem in manifest.input.problems(scale_to_zero, release) {
        if problem.path == "spec.maxReplicas" && !has_max {
            continue;
        }
        let place = manifest.path(&problem.path, context);
        // The API server checks what it makes of autoscaling/v1: metrics.
        let path = if is_v1(context.document) {
            &problem.path
        } else {
            &place
        };
        context.refuse_at(&place, path, &problem.message, problem.help);
    }
}

fn is_v1(document: &Node) -> bool {
    document.get("apiVersion").and_then(Node::text) == Some("autoscaling/v1")
}

impl HpaManifest {
    /// The path in the manifest of a path in the spec that was read from it.
    pub(in crate::scenario) fn path(&self, path: &str, context: &Context<'_>) -> String {
        let Some(rest) = path.strip_prefix("spec.metrics[") else {
            return path.to_owned();
        };
        if is_v1(context.document) {
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

/// `field.NotSupported`.
pub(super) fn unsupported(value: &str, supported: &[&str]) -> String {
    let quoted: Vec<String> = supported.iter().map(|one| format!("\"{one}\"")).collect();
    format!(
        "Unsupported value: \"{value}\": supported values: {}",
        quoted.join(", ")
    )
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
                let words = unsupported(other, &["Disabled", "Max", "Min"]);
                context.refuse(&format!("{path}.selectPolicy"), words, None);
                None
            }
        });
    let policies = rules.policies.map(|policies| {
        let policy = |(index, policy): (usize, &v2::HPAScalingPolicy)| {
            let kind = match policy.type_.as_str() {
                "Pods" => PolicyType::Pods,
                "Percent" => PolicyType::Percent,
                other => {
                    let words = unsupported(other, &["Percent", "Pods"]);
                    context.refuse(&format!("{path}.policies[{index}].type"), words, None);
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
