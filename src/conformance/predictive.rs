//! Tables of the predicting models: `predictive_holt_winters`, `predictive_linear` and
//! `predictive_decision_type`.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Difference, ReplayError, Report, table};
use crate::autoscaler::predictive::{
    Damping, DecisionType, Form, HoltWinters, Initialization, States, extrapolate, replicas,
};
use crate::sim::{SimDuration, SimTime};

#[derive(Deserialize)]
struct SeasonCase {
    id: String,
    series: Vec<f64>,
    alpha: f64,
    beta: Option<f64>,
    gamma: Option<f64>,
    trend: Option<Form>,
    seasonal: Option<Form>,
    seasonal_periods: Option<usize>,
    damped_trend: bool,
    damping_phi: Option<f64>,
    initialization_method: String,
    expected: SeasonExpected,
}

#[derive(Deserialize)]
struct SeasonExpected {
    initial_level: f64,
    initial_trend: Option<f64>,
    initial_seasonal: Option<Vec<f64>>,
    forecast: Vec<f64>,
    phpa_next_replicas: Option<i32>,
}

/// Whether two numbers agree to so many parts of the larger of one and the first.
fn within(tolerance: f64, expected: f64, got: f64) -> bool {
    (expected - got).abs() <= tolerance * expected.abs().max(1.0)
}

impl SeasonCase {
    fn model(&self, initialization: Initialization) -> HoltWinters {
        HoltWinters {
            alpha: self.alpha,
            beta: self.beta.unwrap_or_default(),
            gamma: self.gamma.unwrap_or_default(),
            trend: self.trend,
            damping: self
                .damping_phi
                .filter(|_| self.damped_trend)
                .map_or(Damping::None, Damping::Factor),
            seasonal: self.seasonal.zip(self.seasonal_periods),
            initialization,
            flaw: None,
        }
    }

    /// The states of the recording, which forecasts begin with.
    fn recorded(&self) -> States {
        let expected = &self.expected;
        States {
            level: expected.initial_level,
            trend: expected.initial_trend.unwrap_or_default(),
            season: expected.initial_seasonal.clone().unwrap_or_default(),
        }
    }

    /// The first field that differs.
    fn difference(&self) -> Option<Difference> {
        let input = (&self.series, self.alpha, self.beta, self.gamma);
        let differs = |field: &str, expected: String, got: String| {
            Some(Difference {
                place: format!("{} {field}", self.id),
                expected,
                got,
                input: format!("{input:?}"),
            })
        };
        let method = match self.initialization_method.as_str() {
            "heuristic" => Initialization::Heuristic,
            "legacy-heuristic" => Initialization::LegacyHeuristic,
            _ => Initialization::Estimated,
        };
        let (own, recorded) = (self.model(method), self.recorded());
        // An unfitted series gives the first states.
        let states = match own.initial(&self.series) {
            Ok(states) => states,
            Err(error) => return differs("initial", format!("{recorded:?}"), error.to_string()),
        };
        let trend =
            self.expected.initial_trend.is_none() || within(1e-8, recorded.trend, states.trend);
        let season = recorded.season.len() == states.season.len()
            && recorded
                .season
                .iter()
                .zip(&states.season)
                .all(|(a, b)| within(1e-8, *a, *b));
        if !(within(1e-8, recorded.level, states.level) && trend && season) {
            return differs("initial", format!("{recorded:?}"), format!("{states:?}"));
        }
        let known = self.model(Initialization::Known(recorded));
        let fitted = known.fit(&self.series);
        for (at, expected) in self.expected.forecast.iter().enumerate() {
            let got = fitted.as_ref().map(|fit| known.forecast(fit, at + 1));
            if !matches!(got, Ok(got) if table::close(*expected, got)) {
                let field = format!("forecast[{at}]");
                return differs(&field, expected.to_string(), format!("{got:?}"));
            }
        }
        let next = own
            .fit(&self.series)
            .map(|fit| replicas(own.forecast(&fit, 1)))
            .ok();
        let expected = self.expected.phpa_next_replicas;
        (next != expected)
            .then(|| {
                differs(
                    "phpa_next_replicas",
                    format!("{expected:?}"),
                    format!("{next:?}"),
                )
            })
            .flatten()
    }
}

/// Replays series: first states, forecasts of a season and the next number of replicas.
pub(super) fn holt_winters(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in table::rows::<SeasonCase>(text)? {
        report.cases += 1;
        report.step(case.difference());
    }
    Ok(report)
}

#[derive(Deserialize)]
struct LinearCase {
    id: String,
    look_ahead_ms: i64,
    history: Vec<Sample>,
    expected: LinearExpected,
}

#[derive(Deserialize, Debug)]
struct Sample {
    t_s: f64,
    replicas: f64,
}

#[derive(Deserialize)]
struct LinearExpected {
    prediction: f64,
    replicas_ceil: Option<i32>,
}

/// Replays histories; times are relative to now.
pub(super) fn linear(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in table::rows::<LinearCase>(text)? {
        report.cases += 1;
        let sample = |sample: &Sample| (SimTime((sample.t_s * 1e9) as i64), sample.replicas);
        let samples: Vec<(SimTime, f64)> = case.history.iter().map(sample).collect();
        let at = SimTime::ZERO + SimDuration::from_millis(case.look_ahead_ms);
        let got = extrapolate(&samples, at).unwrap_or(f64::NAN);
        // Where the recording has no whole number, either neighbour will do.
        let expected = &case.expected;
        let whole = expected.replicas_ceil.is_none_or(|n| n == replicas(got));
        let near = (expected.prediction - got).abs() <= 1e-6;
        report.step((!(near && whole)).then(|| Difference {
            place: case.id.clone(),
            expected: format!("{} {:?}", expected.prediction, expected.replicas_ceil),
            got: format!("{got} {}", replicas(got)),
            input: format!("{:?}", case.history),
        }));
    }
    Ok(report)
}

#[derive(Deserialize)]
struct DecisionCase {
    id: String,
    candidates: Vec<i32>,
    expected: Map<String, Value>,
}

/// Replays lists of candidates with each way to decide.
pub(super) fn decision_type(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in table::rows::<DecisionCase>(text)? {
        report.cases += 1;
        let decide = |name: &String| {
            let kind: Option<DecisionType> = serde_json::from_value(json!(name)).ok();
            (
                name.clone(),
                json!(kind.map(|kind| kind.decide(&case.candidates))),
            )
        };
        let got: Map<String, Value> = case.expected.keys().map(decide).collect();
        report.step(table::difference(
            case.id,
            &case.expected,
            &got,
            &case.candidates,
        ));
    }
    Ok(report)
}
