//! PredictiveHorizontalPodAutoscaler, jamiethompson.me/v1alpha1: an HPA with models beside it.
//!
//! Upstream: PHPA's `api/v1alpha1` (types) and `internal/validation`.

use k8s_openapi::api::autoscaling::v2;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::objects::PredictiveManifest;
use super::{Context, HpaManifest, hpa, typed};
use crate::autoscaler::predictive::{DecisionType, Model, read_models};
use crate::scenario::model::Tuning;
use crate::scenario::node::Node;
use crate::scenario::object::to_json;
use crate::sim::SimDuration;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
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
    #[serde(default)]
    scale_target_ref: v2::CrossVersionObjectReference,
    min_replicas: Option<i32>,
    #[serde(default)]
    max_replicas: i32,
    metrics: Option<Vec<v2::MetricSpec>>,
    behavior: Option<v2::HorizontalPodAutoscalerBehavior>,
    cpu_initialization_period: Option<u32>,
    initial_readiness_delay: Option<u32>,
    tolerance: Option<f64>,
    sync_period: Option<u32>,
    #[serde(default)]
    models: Vec<ModelFields>,
    decision_type: Option<String>,
}

/// The fields that a model has; the core reads their values.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "they only say which fields there are")]
struct ModelFields {
    r#type: Option<IgnoredAny>,
    name: Option<IgnoredAny>,
    start_interval: Option<IgnoredAny>,
    reset_duration: Option<IgnoredAny>,
    calculation_timeout: Option<IgnoredAny>,
    per_sync_period: Option<IgnoredAny>,
    linear: Option<LinearFields>,
    holt_winters: Option<HoltWintersFields>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "they only say which fields there are")]
struct LinearFields {
    history_size: Option<IgnoredAny>,
    look_ahead: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "they only say which fields there are")]
struct HoltWintersFields {
    alpha: Option<IgnoredAny>,
    beta: Option<IgnoredAny>,
    gamma: Option<IgnoredAny>,
    trend: Option<IgnoredAny>,
    seasonal: Option<IgnoredAny>,
    seasonal_periods: Option<IgnoredAny>,
    stored_seasons: Option<IgnoredAny>,
    damped_trend: Option<IgnoredAny>,
    initialization_method: Option<IgnoredAny>,
    initial_level: Option<IgnoredAny>,
    initial_trend: Option<IgnoredAny>,
    initial_seasonal: Option<IgnoredAny>,
    runtime_tuning_fetch_hook: Option<IgnoredAny>,
}

pub(super) fn autoscaler(context: &mut Context<'_>) -> Option<HpaManifest> {
    let object: Object = typed::read(context)?;
    hpa::need_spec(context)?;
    let identity = context.identity(object.metadata);
    let spec = object.spec?;
    let models = models(spec.models.len(), context);
    let decision = match spec.decision_type.as_deref() {
        None | Some("maximum") => DecisionType::Maximum,
        Some("minimum") => DecisionType::Minimum,
        Some("mean") => DecisionType::Mean,
        Some("median") => DecisionType::Median,
        Some(other) => {
            let help = Some("one of `maximum`, `minimum`, `mean`, `median`");
            context.error(
                "spec.decisionType",
                format!("unknown decision type '{other}'"),
                help,
            );
            DecisionType::Maximum
        }
    };
    let seconds = |value: Option<u32>| value.map(|n| SimDuration::from_secs(i64::from(n)));
    let period = spec.sync_period.unwrap_or(15_000);
    if !spec.tolerance.unwrap_or(0.0).is_finite() || spec.tolerance.unwrap_or(0.0) < 0.0 {
        let example = Some("for example `tolerance: 0.1`");
        context.error("spec.tolerance", "a tolerance is not below 0", example);
    }
    let predictive = PredictiveManifest {
        models,
        decision,
        tuning: Tuning {
            tolerance: spec.tolerance,
            cpu_initialization_period: seconds(spec.cpu_initialization_period),
            initial_readiness_delay: seconds(spec.initial_readiness_delay),
        },
        sync_period: SimDuration::from_millis(i64::from(period)),
    };
    let spec = v2::HorizontalPodAutoscalerSpec {
        scale_target_ref: spec.scale_target_ref,
        min_replicas: spec.min_replicas,
        max_replicas: spec.max_replicas,
        metrics: spec.metrics,
        behavior: spec.behavior,
    };
    let mut made = hpa::of_spec(identity, spec, context);
    made.predictive = Some(Box::new(predictive));
    Some(made)
}

/// The models, each with its problems in its own place.
fn models(count: usize, context: &mut Context<'_>) -> Vec<Model> {
    if count == 0 {
        let help = Some("it is for example `models: [{type: Linear, name: line, linear: …}]`");
        context.error(
            "spec.models",
            "a PredictiveHorizontalPodAutoscaler needs `models`",
            help,
        );
    }
    let written = context.document.get("spec").and_then(|s| s.get("models"));
    let mut made: Vec<Model> = Vec::with_capacity(count);
    for (index, node) in written.map_or(&[][..], Node::items).iter().enumerate() {
        let path = format!("spec.models[{index}]");
        let hook = "holtWinters.runtimeTuningFetchHook";
        let tuned = node.get("holtWinters");
        if tuned.is_some_and(|of| of.get("runtimeTuningFetchHook").is_some()) {
            let help = "give `alpha`, `beta` and `gamma`: those count";
            let title = "hooks are not simulated";
            context.warning(&format!("{path}.{hook}"), title, help);
        }
        match read_models(&json!({ "models": [to_json(node)] })) {
            Ok((read, _)) => {
                for model in read {
                    if made.iter().any(|other| other.name == model.name) {
                        let title = format!("two models are called {}", model.name);
                        context.error(&format!("{path}.name"), title, None);
                    }
                    made.push(model);
                }
            }
            Err(error) => context.error(&path, error.to_string(), None),
        }
    }
    made
}
