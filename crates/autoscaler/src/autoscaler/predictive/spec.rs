//! The models of a PredictiveHorizontalPodAutoscaler, read from its JSON.
//!
//! Upstream: PHPA's `api/v1alpha1/predictivehorizontalpodautoscaler_types.go` and
//! `internal/validation`. Models of an unknown type are refused, as the API server refuses them.

use serde::Deserialize;
use serde_json::Value;

use super::{
    Damping, DecisionType, Forecaster, Form, HoltWinters, Initialization, Linear, Model,
    ModelError, States,
};
use crate::sim::SimDuration;

/// Samples of the longest season: more than a month of seconds.
const LONGEST_SEASON: usize = 1 << 22;

/// Why models cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// A field is missing, unknown or of another type.
    #[error("{0}")]
    Malformed(#[from] serde_json::Error),
    /// A model's type and its configuration do not go together.
    #[error("invalid model '{name}', type is '{kind}' but no {wanted} configuration provided")]
    NoConfiguration {
        /// The model.
        name: String,
        /// Its type.
        kind: &'static str,
        /// What it has no configuration of.
        wanted: &'static str,
    },
    /// A season is longer than any history.
    #[error("model '{name}': a season of {samples} samples is too long, at most {LONGEST_SEASON}")]
    LongSeason {
        /// The model.
        name: String,
        /// Its samples.
        samples: usize,
    },
    /// A duration does not read.
    #[error("model '{name}': {why}")]
    Duration {
        /// The model.
        name: String,
        /// What is wrong, in Go's words.
        why: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpecJson {
    models: Vec<ModelJson>,
    #[serde(default)]
    decision_type: Option<DecisionType>,
}

#[derive(Deserialize, Clone, Copy)]
enum Kind {
    Linear,
    HoltWinters,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ModelJson {
    #[serde(rename = "type")]
    kind: Kind,
    name: String,
    start_interval: Option<String>,
    reset_duration: Option<String>,
    per_sync_period: Option<u32>,
    linear: Option<LinearJson>,
    holt_winters: Option<HoltWintersJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LinearJson {
    history_size: usize,
    look_ahead: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HoltWintersJson {
    alpha: Option<f64>,
    beta: Option<f64>,
    gamma: Option<f64>,
    trend: Form,
    seasonal: Form,
    seasonal_periods: usize,
    stored_seasons: usize,
    damped_trend: Option<bool>,
    initialization_method: Option<Method>,
    initial_level: Option<f64>,
    initial_trend: Option<f64>,
    initial_seasonal: Option<f64>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum Method {
    Estimated,
    Heuristic,
    LegacyHeuristic,
    Known,
}

/// Reads `models` and `decisionType` of a PHPA's spec.
pub fn read_models(spec: &Value) -> Result<(Vec<Model>, DecisionType), SpecError> {
    let spec = SpecJson::deserialize(spec)?;
    let models = spec
        .models
        .into_iter()
        .map(model)
        .collect::<Result<_, _>>()?;
    Ok((models, spec.decision_type.unwrap_or_default()))
}

fn model(json: ModelJson) -> Result<Model, SpecError> {
    let name = json.name;
    let duration = |text: Option<String>| {
        text.map(|text| SimDuration::parse_go(&text))
            .transpose()
            .map_err(|why| SpecError::Duration {
                name: name.clone(),
                why,
            })
    };
    let without = |kind, wanted| SpecError::NoConfiguration {
        name: name.clone(),
        kind,
        wanted,
    };
    let forecaster = match json.kind {
        Kind::Linear => {
            let linear = json
                .linear
                .ok_or_else(|| without("Linear", "Linear Regression"))?;
            Forecaster::Linear(Linear {
                history_size: linear.history_size,
                // The type's comment says seconds, its use says milliseconds.
                look_ahead: SimDuration::from_millis(linear.look_ahead),
            })
        }
        Kind::HoltWinters => {
            let json = json
                .holt_winters
                .ok_or_else(|| without("HoltWinters", "Holt Winters"))?;
            holt_winters(&name, &json)?
        }
    };
    Ok(Model {
        per_sync_period: json.per_sync_period.unwrap_or(1),
        period: None,
        margin: 0.0,
        start_interval: duration(json.start_interval)?,
        reset_duration: duration(json.reset_duration)?,
        forecaster,
        name,
    })
}

fn holt_winters(name: &str, json: &HoltWintersJson) -> Result<Forecaster, SpecError> {
    if json.seasonal_periods > LONGEST_SEASON {
        return Err(SpecError::LongSeason {
            name: name.to_owned(),
            samples: json.seasonal_periods,
        });
    }
    let damping = if json.damped_trend == Some(true) {
        Damping::Missing
    } else {
        Damping::None
    };
    let (initialization, states_flaw) = first_states(json);
    let given = [
        ("alpha", json.alpha),
        ("beta", json.beta),
        ("gamma", json.gamma),
    ];
    let missing = given.iter().find(|(_, value)| value.is_none());
    let missing = missing.map(|(coefficient, _)| ModelError::NoCoefficient(coefficient));
    Ok(Forecaster::HoltWinters {
        model: HoltWinters {
            alpha: json.alpha.unwrap_or_default(),
            beta: json.beta.unwrap_or_default(),
            gamma: json.gamma.unwrap_or_default(),
            trend: Some(json.trend),
            damping,
            seasonal: Some((json.seasonal, json.seasonal_periods)),
            initialization,
            flaw: missing.or(states_flaw),
        },
        stored_seasons: json.stored_seasons,
        steps: 1,
    })
}

/// Where it begins, and why statsmodels fails with what is given.
fn first_states(json: &HoltWintersJson) -> (Initialization, Option<ModelError>) {
    let given = [
        json.initial_level,
        json.initial_trend,
        json.initial_seasonal,
    ];
    let method = json.initialization_method.unwrap_or(Method::Estimated);
    let unasked = given.iter().any(Option::is_some) && !matches!(method, Method::Known);
    let flaw = unasked.then_some(ModelError::StatesUnasked);
    match (method, given) {
        (Method::Estimated, _) => (Initialization::Estimated, flaw),
        (Method::Heuristic, _) => (Initialization::Heuristic, flaw),
        (Method::LegacyHeuristic, _) => (Initialization::LegacyHeuristic, flaw),
        (Method::Known, [Some(level), Some(trend), Some(season)]) => {
            let states = States {
                level,
                trend,
                season: vec![season; json.seasonal_periods],
            };
            (Initialization::Known(states), None)
        }
        (Method::Known, _) => (Initialization::Estimated, Some(ModelError::StatesMissing)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn models_are_read_with_their_defaults() {
        let (models, decision) = read_models(&json!({
            "scaleTargetRef": {"kind": "Deployment", "name": "web"},
            "decisionType": "mean",
            "models": [
                {"type": "Linear", "name": "line", "perSyncPeriod": 2,
                 "linear": {"lookAhead": 10_000, "historySize": 6}},
                {"type": "HoltWinters", "name": "season", "startInterval": "60s", "resetDuration": "5m",
                 "holtWinters": {"alpha": 0.9, "beta": 0.8, "gamma": 0.7, "trend": "additive",
                    "seasonal": "mul", "seasonalPeriods": 6, "storedSeasons": 4, "dampedTrend": true}},
            ],
        }))
        .unwrap();
        assert_eq!(decision, DecisionType::Mean);
        assert_eq!(models[0].per_sync_period, 2);
        let look_ahead = SimDuration::from_secs(10);
        assert_eq!(
            models[0].forecaster,
            Forecaster::Linear(Linear {
                history_size: 6,
                look_ahead
            })
        );
        assert_eq!(models[1].per_sync_period, 1);
        assert_eq!(models[1].start_interval, Some(SimDuration::from_secs(60)));
        let Forecaster::HoltWinters { model, .. } = &models[1].forecaster else {
            panic!("a Holt-Winters model");
        };
        assert_eq!(model.trend, Some(Form::Additive));
        assert_eq!(model.seasonal, Some((Form::Multiplicative, 6)));
        let seen: Vec<_> = (0..20)
            .map(|n| (crate::sim::SimTime::from_secs(n), 3))
            .collect();
        let forecast = models[1].forecaster.forecast(&seen, seen[19].0);
        assert_eq!(forecast, Err(ModelError::NoDamping));
        assert_eq!(model.initialization, Initialization::Estimated);
    }

    #[test]
    fn what_is_missing_is_told() {
        let error = |model: Value| {
            let error = read_models(&json!({"models": [model]})).expect_err("not complete");
            error.to_string()
        };
        assert_eq!(
            error(json!({"type": "Linear", "name": "line"})),
            "invalid model 'line', type is 'Linear' but no Linear Regression configuration provided"
        );
        assert_eq!(
            error(json!({"type": "HoltWinters", "name": "season"})),
            "invalid model 'season', type is 'HoltWinters' but no Holt Winters configuration provided"
        );
        let long = json!({"alpha": 0.9, "beta": 0.8, "gamma": 0.7, "trend": "add",
            "seasonal": "add", "seasonalPeriods": u64::MAX, "storedSeasons": 4,
            "initializationMethod": "known", "initialLevel": 1.0, "initialTrend": 1.0,
            "initialSeasonal": 1.0});
        let long = error(json!({"type": "HoltWinters", "name": "season", "holtWinters": long}));
        assert!(long.contains("samples is too long"), "{long}");
        assert!(error(json!({"type": "Prophet", "name": "p"})).contains("unknown variant"));
    }

    #[test]
    fn a_model_that_upstream_skips_is_read_and_fails_in_every_sync() {
        let fails = |with: Value| {
            let mut own = json!({"alpha": 0.9, "beta": 0.8, "gamma": 0.7, "trend": "add",
                "seasonal": "add", "seasonalPeriods": 4, "storedSeasons": 9});
            for (key, value) in with.as_object().expect("an object") {
                own[key] = value.clone();
            }
            let model = json!({"type": "HoltWinters", "name": "season", "holtWinters": own});
            let (models, _) = read_models(&json!({"models": [model]})).expect("it is read");
            let seen: Vec<_> = (0..20)
                .map(|n| (crate::sim::SimTime::from_secs(n), 3))
                .collect();
            models[0].forecaster.forecast(&seen, seen[19].0).err()
        };
        assert_eq!(fails(json!({})), None);
        let missing = Some(ModelError::NoCoefficient("beta"));
        assert_eq!(fails(json!({"beta": null})), missing);
        let unasked = Some(ModelError::StatesUnasked);
        assert_eq!(fails(json!({"initialLevel": 3.0})), unasked);
        let missing = Some(ModelError::StatesMissing);
        assert_eq!(fails(json!({"initializationMethod": "known"})), missing);
    }
}
