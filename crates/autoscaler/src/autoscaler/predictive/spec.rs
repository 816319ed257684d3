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
    /// A coefficient is missing.
    #[error("no {coefficient} tuning value provided for Holt-Winters prediction of model '{name}'")]
    NoCoefficient {
        /// The model.
        name: String,
        /// Which one.
        coefficient: &'static str,
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
    #[error("model '{name}': {source}")]
    Duration {
        /// The model.
        name: String,
        /// What is wrong.
        source: crate::sim::DurationError,
    },
    /// Known first states are not complete.
    #[error("model '{name}': {source}")]
    States {
        /// The model.
        name: String,
        /// What is wrong.
        source: ModelError,
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
        text.map(|text| text.parse())
            .transpose()
            .map_err(|source| SpecError::Duration {
                name: name.clone(),
                source,
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
        start_interval: duration(json.start_interval)?,
        reset_duration: duration(json.reset_duration)?,
        forecaster,
        name,
    })
}

fn holt_winters(name: &str, json: &HoltWintersJson) -> Result<Forecaster, SpecError> {
    let coefficient = |value: Option<f64>, coefficient| {
        value.ok_or_else(|| SpecError::NoCoefficient {
            name: name.to_owned(),
            coefficient,
        })
    };
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
    let initialization = match json.initialization_method.unwrap_or(Method::Estimated) {
        Method::Estimated => Initialization::Estimated,
        Method::Heuristic => Initialization::Heuristic,
        Method::LegacyHeuristic => Initialization::LegacyHeuristic,
        Method::Known => {
            let known = (
                json.initial_level,
                json.initial_trend,
                json.initial_seasonal,
            );
            let (Some(level), Some(trend), Some(season)) = known else {
                return Err(SpecError::States {
                    name: name.to_owned(),
                    source: ModelError::ShortSeason,
                });
            };
            Initialization::Known(States {
                level,
                trend,
                season: vec![season; json.seasonal_periods],
            })
        }
    };
    Ok(Forecaster::HoltWinters {
        model: HoltWinters {
            alpha: coefficient(json.alpha, "alpha")?,
            beta: coefficient(json.beta, "beta")?,
            gamma: coefficient(json.gamma, "gamma")?,
            trend: Some(json.trend),
            damping,
            seasonal: Some((json.seasonal, json.seasonal_periods)),
            initialization,
        },
        stored_seasons: json.stored_seasons,
        steps: 1,
    })
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
        let without_alpha = json!({"beta": 0.8, "gamma": 0.7, "trend": "add", "seasonal": "add",
            "seasonalPeriods": 6, "storedSeasons": 4});
        assert_eq!(
            error(json!({"type": "HoltWinters", "name": "season", "holtWinters": without_alpha})),
            "no alpha tuning value provided for Holt-Winters prediction of model 'season'"
        );
        let long = json!({"alpha": 0.9, "beta": 0.8, "gamma": 0.7, "trend": "add",
            "seasonal": "add", "seasonalPeriods": u64::MAX, "storedSeasons": 4,
            "initializationMethod": "known", "initialLevel": 1.0, "initialTrend": 1.0,
            "initialSeasonal": 1.0});
        let long = error(json!({"type": "HoltWinters", "name": "season", "holtWinters": long}));
        assert!(long.contains("samples is too long"), "{long}");
        assert!(error(json!({"type": "Prophet", "name": "p"})).contains("unknown variant"));
    }
}
