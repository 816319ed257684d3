//! The models of one autoscaler from sync to sync.
//!
//! Upstream: PHPA's `internal/controllers/controller.go`, `processModels`.

use super::model::{Model, replicas};
use super::{DecisionType, ModelError};
use crate::sim::{SimDuration, SimTime};

/// Nanoseconds from Go's zero time, the beginning of the year 1, to 1970.
const GO_EPOCH: i128 = 62_135_596_800 * 1_000_000_000;

/// What a model that has seen too little stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WarmUp {
    /// Nothing: the others decide.
    #[default]
    Silent,
    /// 0 replicas, as PHPA's Holt-Winters: harmless where the maximum is taken.
    Zero,
}

/// What a sync came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The number to go on with: stabilization, policies and bounds come after.
    pub replicas: i32,
    /// What each model said, in the order of the models.
    pub candidates: Vec<Candidate>,
    /// Whether the number is another than the calculated one.
    pub decided: bool,
}

/// What a model said.
#[derive(Debug, Clone, PartialEq)]
pub enum Candidate {
    /// So many replicas, rounded up from a value.
    Predicted {
        /// The value.
        value: f64,
        /// The replicas.
        replicas: i32,
    },
    /// It fails, or has seen too little.
    Failed(ModelError),
    /// It is not its turn.
    NotDue,
    /// It waits for its start.
    Waiting(SimTime),
}

#[derive(Debug, Clone, Default)]
struct History {
    start: Option<SimTime>,
    /// Syncs since the last prediction.
    passed: u32,
    samples: Vec<(SimTime, i32)>,
}

/// The models of an autoscaler and what they have seen.
#[derive(Debug, Clone)]
pub struct Predictor {
    models: Vec<(Model, History)>,
    decision: DecisionType,
    warm_up: WarmUp,
    /// The wall clock at time zero: nanoseconds since 1970.
    epoch: i64,
}

impl Predictor {
    /// Models that have seen nothing. `epoch` is the wall clock at time zero, in nanoseconds
    /// since 1970.
    pub fn new(models: Vec<Model>, decision: DecisionType, warm_up: WarmUp, epoch: i64) -> Self {
        let fresh = |model| {
            let history = History {
                passed: 1,
                ..History::default()
            };
            (model, history)
        };
        Self {
            models: models.into_iter().map(fresh).collect(),
            decision,
            warm_up,
            epoch,
        }
    }

    /// Gives every model the same past: numbers at equal distances that end before the first sync.
    pub fn remember(&mut self, past: &[(SimTime, i32)]) {
        for (_, history) in &mut self.models {
            history.samples = past.to_vec();
        }
    }

    /// The names of the models.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        self.models.iter().map(|(model, _)| model.name.as_str())
    }

    /// Whose number a sync has come to: the way to decide, and the models that said just this.
    pub fn whose(&self, prediction: &Prediction) -> String {
        let way = match self.decision {
            DecisionType::Maximum => "maximum",
            DecisionType::Minimum => "minimum",
            DecisionType::Mean => return "mean".to_owned(),
            DecisionType::Median => return "median".to_owned(),
        };
        let said = |candidate: &Candidate| match candidate {
            Candidate::Predicted { replicas, .. } => *replicas == prediction.replicas,
            Candidate::Failed(ModelError::TooFewSamples { .. }) => {
                self.warm_up == WarmUp::Zero && prediction.replicas == 0
            }
            _ => false,
        };
        let all = self.models().zip(&prediction.candidates);
        let names: Vec<&str> = all
            .filter(|(_, one)| said(one))
            .map(|(name, _)| name)
            .collect();
        format!("{way}: {}", names.join(", "))
    }

    /// What each model keeps, in the order of time.
    pub fn history(&self, model: &str) -> Option<&[(SimTime, i32)]> {
        let found = self.models.iter().find(|(known, _)| known.name == model);
        found.map(|(_, history)| history.samples.as_slice())
    }

    /// A sync in which the HPA's rules came to `calculated` replicas.
    /// Where a model that knows too little is silent, proposals stay within the bounds of the HPA:
    /// one that runs away does not carry a mean away with it.
    pub fn sync(&mut self, now: SimTime, calculated: i32, bounds: (i32, i32)) -> Prediction {
        let mut numbers = vec![calculated];
        let mut candidates = Vec::with_capacity(self.models.len());
        for (model, history) in &mut self.models {
            let mut candidate = process(model, history, now, calculated, self.epoch);
            if let Candidate::Predicted { replicas, .. } = &mut candidate
                && self.warm_up == WarmUp::Silent
            {
                *replicas = (*replicas).min(bounds.1).max(bounds.0);
            }
            match &candidate {
                Candidate::Predicted { replicas, .. } => numbers.push(*replicas),
                Candidate::Failed(ModelError::TooFewSamples { .. })
                    if self.warm_up == WarmUp::Zero =>
                {
                    numbers.push(0);
                }
                _ => {}
            }
            candidates.push(candidate);
        }
        let replicas = self.decision.decide(&numbers);
        Prediction {
            replicas,
            candidates,
            decided: replicas != calculated,
        }
    }
}

fn process(
    model: &Model,
    history: &mut History,
    now: SimTime,
    calculated: i32,
    epoch: i64,
) -> Candidate {
    if let Some(interval) = model.start_interval {
        let Some(start) = history.start else {
            // The sync that finds the start waits, even if it is now.
            let start = next_multiple(now, interval, epoch);
            history.start = Some(start);
            return Candidate::Waiting(start);
        };
        if now < start {
            return Candidate::Waiting(start);
        }
    }
    let newest = history.samples.last().map(|(time, _)| *time);
    if let (Some(newest), Some(longest)) = (newest, model.reset_duration)
        && now.since(newest) > longest
    {
        history.samples.clear();
        if let Some(interval) = model.start_interval {
            let start = next_multiple(now, interval, epoch);
            history.start = Some(start);
            return Candidate::Waiting(start);
        }
    }
    let due = history.passed >= model.per_sync_period;
    let before = history.samples.len();
    match model.period {
        // Histories are stored with whole seconds.
        None => history.samples.push((now.truncate_to_second(), calculated)),
        Some(period) => take_place(&mut history.samples, now, calculated, period),
    }
    let candidate = if due {
        match model.forecaster.forecast(&history.samples, now) {
            Ok(value) => {
                history.passed = 1;
                let value = value * (1.0 + model.margin);
                Candidate::Predicted {
                    value,
                    replicas: replicas(value),
                }
            }
            Err(short @ ModelError::TooFewSamples { .. }) => {
                history.passed = 1;
                Candidate::Failed(short)
            }
            Err(error) => {
                // A sync in which the model fails leaves no trace in its history.
                history.samples.truncate(before);
                return Candidate::Failed(error);
            }
        }
    } else {
        history.passed += 1;
        Candidate::NotDue
    };
    model.forecaster.prune(&mut history.samples);
    candidate
}

/// Samples at most that a gap is filled with.
const LONGEST_GAP: i64 = 1 << 20;

/// Puts a sample at its place: places are a period apart, however long syncs take, so that a season
/// stays as long as it is. Those that are missing lie on a straight line; of two samples at one place
/// the first stays.
fn take_place(
    samples: &mut Vec<(SimTime, i32)>,
    now: SimTime,
    calculated: i32,
    period: SimDuration,
) {
    let Some(&(newest, value)) = samples.last() else {
        samples.push((now, calculated));
        return;
    };
    let passed = now.since(newest).0;
    let places = ((passed + period.0 / 2) / period.0.max(1)).min(LONGEST_GAP);
    for place in 1..=places {
        let share = place as f64 / places as f64;
        let between = f64::from(value) + share * (f64::from(calculated) - f64::from(value));
        samples.push((newest + period * place, between.round() as i32));
    }
}

/// The next multiple of an interval by the wall clock, now if this is one.
fn next_multiple(now: SimTime, interval: SimDuration, epoch: i64) -> SimTime {
    if interval.0 <= 0 {
        return now;
    }
    let wall = GO_EPOCH + i128::from(epoch) + i128::from(now.0);
    let over = wall.rem_euclid(i128::from(interval.0)) as i64;
    let wait = if over == 0 { 0 } else { interval.0 - over };
    now + SimDuration(wait)
}

#[cfg(test)]
mod tests {
    use super::super::{Damping, Forecaster, Form, HoltWinters, Initialization, Linear};
    use super::*;

    const ANY: (i32, i32) = (0, i32::MAX);

    fn linear(name: &str) -> Model {
        Model {
            period: None,
            margin: 0.0,
            name: name.to_owned(),
            per_sync_period: 1,
            start_interval: None,
            reset_duration: None,
            forecaster: Forecaster::Linear(Linear {
                history_size: 4,
                look_ahead: SimDuration::from_secs(15),
            }),
        }
    }

    fn of(model: Model) -> Predictor {
        Predictor::new(vec![model], DecisionType::Maximum, WarmUp::Silent, 0)
    }

    fn at(seconds: i64) -> SimTime {
        SimTime::from_secs(seconds)
    }

    #[test]
    fn a_rising_line_decides_and_a_falling_one_does_not() {
        let mut predictor = of(linear("line"));
        assert_eq!(predictor.sync(at(0), 2, ANY).replicas, 2);
        let rising = predictor.sync(at(15), 4, ANY);
        assert_eq!((rising.replicas, rising.decided), (6, true));
        predictor.sync(at(30), 4, ANY);
        let falling = predictor.sync(at(45), 1, ANY);
        assert_eq!((falling.replicas, falling.decided), (2, true));
        let fallen = predictor.sync(at(60), 1, ANY);
        assert_eq!((fallen.replicas, fallen.decided), (1, false));
    }

    #[test]
    fn a_model_can_have_its_turn_in_every_third_sync_only() {
        let mut predictor = of(Model {
            per_sync_period: 3,
            ..linear("line")
        });
        let due: Vec<bool> = (0..7)
            .map(|n| predictor.sync(at(n * 15), 3, ANY).candidates[0] != Candidate::NotDue)
            .collect();
        assert_eq!(due, [false, false, true, false, false, true, false]);
        assert_eq!(predictor.history("line").map(<[_]>::len), Some(4));
    }

    #[test]
    fn a_model_starts_at_a_multiple_and_again_after_a_pause() {
        let mut predictor = Predictor::new(
            vec![Model {
                start_interval: Some(SimDuration::from_secs(60)),
                reset_duration: Some(SimDuration::from_secs(30)),
                ..linear("line")
            }],
            DecisionType::Maximum,
            WarmUp::Silent,
            // Time zero is 20 s past a whole minute.
            20 * 1_000_000_000,
        );
        assert_eq!(
            predictor.sync(at(0), 3, ANY).candidates,
            [Candidate::Waiting(at(40))]
        );
        predictor.sync(at(39), 3, ANY);
        assert_eq!(predictor.history("line").map(<[_]>::len), Some(0));
        predictor.sync(at(40), 3, ANY);
        predictor.sync(at(70), 3, ANY);
        assert_eq!(predictor.history("line").map(<[_]>::len), Some(2));
        assert_eq!(
            predictor.sync(at(101), 3, ANY).candidates,
            [Candidate::Waiting(at(160))]
        );
        assert_eq!(predictor.history("line").map(<[_]>::len), Some(0));
    }

    #[test]
    fn a_start_that_is_now_still_waits_for_the_next_sync() {
        let mut predictor = of(Model {
            start_interval: Some(SimDuration::from_secs(60)),
            ..linear("line")
        });
        let waiting = [Candidate::Waiting(at(60))];
        assert_eq!(predictor.sync(at(60), 3, ANY).candidates, waiting);
        assert_eq!(predictor.history("line").map(<[_]>::len), Some(0));
        predictor.sync(at(61), 3, ANY);
        assert_eq!(predictor.history("line").map(<[_]>::len), Some(1));
    }

    #[test]
    fn a_model_that_fails_leaves_the_others_and_keeps_nothing() {
        let multiplicative = Model {
            forecaster: Forecaster::HoltWinters {
                model: HoltWinters {
                    alpha: 0.5,
                    beta: 0.5,
                    gamma: 0.5,
                    trend: Some(Form::Multiplicative),
                    damping: Damping::None,
                    seasonal: None,
                    initialization: Initialization::Estimated,
                    flaw: None,
                },
                stored_seasons: 99,
                steps: 1,
            },
            ..linear("growth")
        };
        let models = vec![multiplicative, linear("line")];
        let mut predictor = Predictor::new(models, DecisionType::Minimum, WarmUp::Zero, 0);
        for n in 0..9 {
            // Too few samples stand for nothing, and the minimum takes it.
            assert_eq!(predictor.sync(at(n * 15), 5, ANY).replicas, 0);
        }
        let failed = predictor.sync(at(135), 0, ANY);
        assert_eq!(
            failed.candidates[0],
            Candidate::Failed(ModelError::NotPositive)
        );
        assert_eq!(predictor.history("growth").map(<[_]>::len), Some(9));
        let then = predictor.sync(at(150), 5, ANY);
        assert_eq!(predictor.history("growth").map(<[_]>::len), Some(10));
        assert!(matches!(
            then.candidates[0],
            Candidate::Predicted { replicas: 5, .. }
        ));
    }

    #[test]
    fn a_gap_in_the_syncs_does_not_shift_a_season() {
        let season = super::super::Profile {
            season: 4,
            seasons: 3,
            estimator: super::super::Estimator::Max,
            margin: 0.0,
        };
        let mut predictor = of(Model {
            period: Some(SimDuration::from_secs(15)),
            forecaster: Forecaster::Profile {
                profile: season,
                steps: 1,
            },
            ..linear("season")
        });
        let values = [2, 9, 3, 2];
        // Three syncs are missing in the second season.
        for n in (0..8).filter(|n| !(4..7).contains(n)) {
            predictor.sync(at(n * 15), values[n as usize % 4], ANY);
        }
        let kept: Vec<i32> = (predictor.history("season").expect("a history").iter())
            .map(|(_, value)| *value)
            .collect();
        assert_eq!(kept, [2, 9, 3, 2, 2, 2, 2, 2]);
        // What follows 120 s is the second of a season, also when syncs come later and later.
        assert_eq!(predictor.sync(at(123), 2, ANY).replicas, 9);
        predictor.sync(at(139), 9, ANY);
        predictor.sync(at(155), 3, ANY);
        assert_eq!(predictor.history("season").map(<[_]>::len), Some(11));
        // That of 165 s is missed: these are 172 s and 188 s.
        predictor.sync(at(173), 2, ANY);
        assert_eq!(predictor.history("season").map(<[_]>::len), Some(13));
    }

    #[test]
    fn a_proposal_that_runs_away_stays_within_the_bounds_of_a_table() {
        let models = || vec![linear("line")];
        let mean = |warm_up| {
            let mut predictor = Predictor::new(models(), DecisionType::Mean, warm_up, 0);
            predictor.sync(at(0), 1, (1, 20));
            predictor.sync(at(1), 12, (1, 20)).replicas
        };
        // The line comes to 177.
        assert_eq!(mean(WarmUp::Silent), 16);
        assert_eq!(mean(WarmUp::Zero), 95);
    }
}
