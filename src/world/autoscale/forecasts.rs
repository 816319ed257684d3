//! Models that predict beside HPAs: how good their forecasts turn out to be.

use std::collections::VecDeque;

use crate::autoscaler::hpa::Decision;
use crate::autoscaler::predictive::{Accuracy, Candidate, accuracy};
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
            let mut due = None;
            while model.pending.front().is_some_and(|(time, _)| *time <= now) {
                due = model.pending.pop_front();
            }
            if let Some((_, expected)) = due.filter(|_| now >= warm_up) {
                model.actual.push(f64::from(calculated));
                model.expected.push(expected);
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
        let record = |model: &Followed| ForecastRecord {
            model: model.name.clone(),
            ..ForecastRecord::default()
        };
        self.models.iter().map(record).collect()
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
