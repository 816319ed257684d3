//! Models that predict beside HPAs: how good their forecasts turn out to be.

use std::collections::VecDeque;

use crate::autoscaler::hpa::Decision;
use crate::autoscaler::predictive::{Accuracy, Candidate, Forecaster, accuracy};
use crate::record::{ForecastRecord, HpaRecord};
use crate::scenario::model::Predictive;
use crate::sim::{SimDuration, SimTime};

/// The forecasts of the models beside an HPA.
#[derive(Debug, Clone, Default)]
pub(super) struct Forecasts {
    models: Vec<Followed>,
    /// Syncs with models after the warm-up, and those in which they decided.
    predicted: (u64, u64),
}

/// A model whose forecasts are compared with what comes.
#[derive(Debug, Clone)]
struct Followed {
    /// What columns and figures begin with.
    name: String,
    horizon: SimDuration,
    /// Whether a forecast is the largest number on the way there.
    is_peak: bool,
    /// What came lately: a peak's forecast is compared with the peak.
    lately: VecDeque<(SimTime, f64)>,
    /// Length of the season in forecasts.
    season: Option<usize>,
    /// Forecasts whose time has not come, with that time.
    pending: VecDeque<(SimTime, f64)>,
    /// What came, and what had been expected.
    actual: Vec<f64>,
    expected: Vec<f64>,
}

impl Forecasts {
    pub(super) fn new(of: &Predictive, period: SimDuration) -> Self {
        let followed = of.models.iter().map(|model| {
            let (horizon, season) = Predictive::horizon(model, period);
            Followed {
                name: format!("model.{}", model.name),
                horizon,
                is_peak: matches!(model.forecaster, Forecaster::Profile { .. }),
                lately: VecDeque::new(),
                season,
                pending: VecDeque::new(),
                actual: Vec::new(),
                expected: Vec::new(),
            }
        });
        Self {
            models: followed.collect(),
            predicted: (0, 0),
        }
    }

    /// A sync in which the HPA's metrics came to `calculated` replicas.
    pub(super) fn sync(&mut self, now: SimTime, warm_up: SimTime, decision: &Decision) {
        let (Some(prediction), Some(calculated)) = (&decision.prediction, decision.steps.raw)
        else {
            return;
        };
        if now >= warm_up {
            self.predicted.0 += 1;
            self.predicted.1 += u64::from(prediction.decided);
        }
        for (model, candidate) in self.models.iter_mut().zip(&prediction.candidates) {
            let came = f64::from(calculated);
            if model.is_peak {
                model.lately.push_back((now, came));
            }
            let mut due = None;
            while model.pending.front().is_some_and(|(time, _)| *time <= now) {
                due = model.pending.pop_front();
            }
            if let Some((due, expected)) = due {
                // The window of the next forecast begins later.
                let begun = due - model.horizon;
                while model.lately.front().is_some_and(|(time, _)| *time <= begun) {
                    model.lately.pop_front();
                }
                let window = model.lately.iter().map(|(_, came)| *came);
                if now >= warm_up {
                    model.actual.push(window.fold(came, f64::max));
                    model.expected.push(expected);
                }
            }
            if let Candidate::Predicted { replicas, .. } = candidate {
                let due = now + model.horizon;
                model.pending.push_back((due, f64::from(*replicas)));
            }
        }
    }

    /// Writes the figures into the record of the HPA.
    pub(super) fn tell(&self, record: &mut HpaRecord) {
        record.predicted = self.predicted;
        for (place, model) in self.models.iter().enumerate() {
            let Accuracy {
                count,
                mae,
                mape_pct,
                smape_pct,
                mase,
                coverage_pct,
            } = accuracy(&model.actual, &model.expected, model.season.unwrap_or(1));
            if count == 0 {
                // Nothing was foreseen: that is no error of 0.
                record.forecasts[place] = none(&model.name);
                continue;
            }
            let mase = mase.filter(|_| model.season.is_some());
            record.forecasts[place] = ForecastRecord {
                model: model.name.clone(),
                count,
                mae,
                mape_pct,
                smape_pct,
                mase: mase.unwrap_or(f64::NAN),
                coverage_pct,
            };
        }
    }

    /// The records of the models, before there are any figures.
    pub(super) fn records(&self) -> Vec<ForecastRecord> {
        self.models.iter().map(|model| none(&model.name)).collect()
    }

    /// What each model said of a sync: its name, its value, the replicas and why there are none.
    pub(super) fn said<'a>(
        &'a self,
        decision: &'a Decision,
    ) -> impl Iterator<Item = (&'a str, Option<f64>, Option<i32>, Option<String>)> {
        let candidates = decision.prediction.iter().flat_map(|one| &one.candidates);
        self.models
            .iter()
            .zip(candidates)
            .map(|(model, candidate)| {
                let name = model.name.as_str();
                match candidate {
                    Candidate::Predicted { value, replicas } => {
                        (name, Some(*value), Some(*replicas), None)
                    }
                    Candidate::Failed(error) => (name, None, None, Some(error.to_string())),
                    Candidate::NotDue => (name, None, None, Some("not its turn".to_owned())),
                    Candidate::Waiting(start) => {
                        (name, None, None, Some(format!("waits until {start}")))
                    }
                }
            })
    }
}

/// Of a model that has foreseen nothing so far.
fn none(model: &str) -> ForecastRecord {
    ForecastRecord {
        model: model.to_owned(),
        count: 0,
        mae: f64::NAN,
        mape_pct: f64::NAN,
        smape_pct: f64::NAN,
        mase: f64::NAN,
        coverage_pct: f64::NAN,
    }
}
