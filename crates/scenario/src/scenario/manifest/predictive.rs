//! PredictiveHorizontalPodAutoscaler, jamiethompson.me/v1alpha1: an HPA with models beside it.
//!
//! Upstream: PHPA's `api/v1alpha1` (types) and `internal/validation`.

use k8s_openapi::api::autoscaling::v2;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::objects::PredictiveManifest;
use super::predictive_schema::Checked;
use super::{Context, HpaManifest, hpa, typed};
use crate::autoscaler::hpa::{
    BehaviorInput, KubernetesVersion, MetricSpec, Policy, PolicyType, ScalingRulesInput,
};
use crate::autoscaler::predictive::{
    Damping, DecisionType, Forecaster, Model, ModelError, read_models,
};
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
    cpu_initialization_period: Option<i64>,
    initial_readiness_delay: Option<i64>,
    tolerance: Option<f64>,
    sync_period: Option<i64>,
    #[serde(default)]
    #[expect(dead_code, reason = "it only says which fields there are")]
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
    runtime_tuning_fetch_hook: Option<HookFields>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "they only say which fields there are")]
struct HookFields {
    r#type: Option<IgnoredAny>,
    timeout: Option<IgnoredAny>,
    http: Option<HttpFields>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "they only say which fields there are")]
struct HttpFields {
    method: Option<IgnoredAny>,
    url: Option<IgnoredAny>,
    headers: Option<IgnoredAny>,
    success_codes: Option<IgnoredAny>,
    parameter_mode: Option<IgnoredAny>,
}

pub(super) fn autoscaler(context: &mut Context<'_>) -> Option<HpaManifest> {
    let object: Object = typed::read(context)?;
    hpa::need_spec(context)?;
    let identity = context.identity(object.metadata);
    let spec = object.spec?;
    let Value::Object(written) = context.document.get("spec").map_or(Value::Null, to_json) else {
        return None;
    };
    let mut checked = Checked {
        of: &Value::Object(written),
        path: "spec".to_owned(),
        context,
        is_good: true,
    };
    checked.spec();
    let models = models(context);
    let decision = match spec.decision_type.as_deref() {
        Some("minimum") => DecisionType::Minimum,
        Some("mean") => DecisionType::Mean,
        Some("median") => DecisionType::Median,
        _ => DecisionType::Maximum,
    };
    let seconds = |value: Option<i64>| {
        let seconds = value.unwrap_or(DEFAULT_DELAY).clamp(0, MOST_SECONDS);
        Some(SimDuration::from_secs(seconds))
    };
    let period = spec
        .sync_period
        .unwrap_or(15_000)
        .clamp(1, MOST_SECONDS * 1000);
    if spec.metrics.as_ref().is_none_or(Vec::is_empty) {
        let title = "without `metrics` it never scales";
        let help = "its controller fills in none: give a metric";
        context.warning("spec", title, help);
    }
    let predictive = PredictiveManifest {
        models,
        decision,
        tuning: Tuning {
            is_predictive: true,
            sync_period: Some(SimDuration::from_millis(period)),
            tolerance: Some(spec.tolerance.unwrap_or(0.1)),
            cpu_initialization_period: seconds(spec.cpu_initialization_period),
            initial_readiness_delay: seconds(spec.initial_readiness_delay),
        },
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
    check_bounds(&made, context);
    for problem in made.input.problems(true, KubernetesVersion::default()) {
        if !matches!(
            problem.path.as_str(),
            "spec.minReplicas" | "spec.maxReplicas" | "spec.metrics"
        ) {
            context.refuse(&problem.path, problem.message, problem.help);
        }
    }
    let behavior = made.input.behavior.take().unwrap_or_default();
    made.input.behavior = Some(filled(behavior));
    Some(made)
}

/// `defaultCPUInitializationPeriod` and `defaultInitialReadinessDelay`, in seconds.
const DEFAULT_DELAY: i64 = 30;
/// Seconds that a simulated time holds.
const MOST_SECONDS: i64 = 1_000_000_000;

/// `fillBehaviorDefaults`: both directions have rules, of a minute.
fn filled(behavior: BehaviorInput) -> BehaviorInput {
    let policy = |kind, value| Policy {
        kind,
        value,
        period: SimDuration::from_secs(60),
    };
    let all = policy(PolicyType::Percent, 100);
    let rules = |given: Option<ScalingRulesInput>, window, policies| {
        let given = given.unwrap_or_default();
        Some(ScalingRulesInput {
            stabilization_window: given.stabilization_window.or(Some(window)),
            select_policy: given.select_policy,
            policies: given.policies.or(Some(policies)),
            // It knows no tolerance of a direction.
            tolerance: None,
        })
    };
    BehaviorInput {
        scale_up: rules(behavior.scale_up, 0, vec![all, policy(PolicyType::Pods, 4)]),
        scale_down: rules(behavior.scale_down, 300, vec![all]),
    }
}

/// `validateMinMax`: the controller leaves such an object alone.
fn check_bounds(made: &HpaManifest, context: &mut Context<'_>) {
    let (min, max) = (made.input.min_replicas, made.input.max_replicas);
    if let Some(min) = min.filter(|min| *min > max && *min >= 0 && max > 0) {
        let message =
            format!("spec.maxReplicas ({max}) cannot be less than spec.minReplicas ({min})");
        context.error("spec.maxReplicas", message, None);
    }
    if min == Some(0) && !made.input.metrics.iter().any(MetricSpec::is_outside_pods) {
        let message = "spec.minReplicas can only be 0 if you have at least 1 object or external metric configured";
        context.error("spec.minReplicas", message, None);
    }
}

/// The models, each with its problems in its own place.
fn models(context: &mut Context<'_>) -> Vec<Model> {
    let written = context.document.get("spec").and_then(|s| s.get("models"));
    let mut made: Vec<Model> = Vec::new();
    for (index, node) in written.map_or(&[][..], Node::items).iter().enumerate() {
        let path = format!("spec.models[{index}]");
        let json = to_json(node);
        let tuned = node.get("holtWinters");
        if tuned.is_some_and(|of| of.get("runtimeTuningFetchHook").is_some()) {
            let hook = format!("{path}.holtWinters.runtimeTuningFetchHook");
            let help = "give `alpha`, `beta` and `gamma`: those count";
            context.warning(&hook, "hooks are not simulated", help);
        }
        let mut checked = Checked {
            of: &json,
            path: path.clone(),
            context,
            is_good: true,
        };
        checked.model();
        if !checked.is_good {
            continue;
        }
        match read_models(&json!({ "models": [json] })) {
            Ok((read, _)) => {
                for mut model in read {
                    tell_flaws(&model, &format!("{path}.holtWinters"), context);
                    let alike = made.iter().filter(|other| other.name == model.name).count();
                    if alike > 0 {
                        let title = format!("two models are called {}", model.name);
                        let help = "upstream they share a history, here each has its own: give it another name";
                        context.warning(&format!("{path}.name"), title, help);
                        model.name = format!("{}-{}", model.name, index + 1);
                    }
                    made.push(model);
                }
            }
            Err(error) => context.error(&path, error.to_string(), None),
        }
    }
    made
}

/// Models that upstream skips in every sync.
fn tell_flaws(model: &Model, path: &str, context: &mut Context<'_>) {
    let Forecaster::HoltWinters {
        model: own,
        stored_seasons,
        ..
    } = &model.forecaster
    else {
        return;
    };
    let title = |why: &dyn std::fmt::Display| format!("model {} never predicts: {why}", model.name);
    if let Some(flaw) = &own.flaw {
        let (place, help) = match flaw {
            ModelError::StatesUnasked => (
                "initializationMethod",
                "write `initializationMethod: known`",
            ),
            ModelError::StatesMissing => (
                "initializationMethod",
                "give `initialLevel`, `initialTrend` and `initialSeasonal`",
            ),
            _ => ("", "give `alpha`, `beta` and `gamma`"),
        };
        let place = if place.is_empty() {
            path.to_owned()
        } else {
            format!("{path}.{place}")
        };
        context.warning(&place, title(flaw), help);
    } else if own.damping == Damping::Missing {
        let help = "leave `dampedTrend` out";
        context.warning(
            &format!("{path}.dampedTrend"),
            title(&ModelError::NoDamping),
            help,
        );
    } else if own.season_length() < 2 {
        let help = "a season has at least 2 samples";
        context.warning(
            &format!("{path}.seasonalPeriods"),
            title(&ModelError::ShortSeason),
            help,
        );
    }
    let (season, needed) = (own.season_length().max(1), own.samples_needed());
    let seen = stored_seasons.saturating_add(1).saturating_mul(season);
    if seen < needed {
        let why = format!("it needs {needed} samples and keeps less than {seen}");
        let help = format!("write `storedSeasons: {}`", needed.div_ceil(season));
        context.warning(&format!("{path}.storedSeasons"), title(&why), &help);
    }
}
