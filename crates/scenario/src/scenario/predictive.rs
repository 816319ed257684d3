//! Models that predict beside an HPA, as the scenario states them.

use crate::autoscaler::hpa::Config;
use crate::autoscaler::predictive::{DecisionType, Forecaster, Model, Predictor, WarmUp};
use crate::sim::{SimDuration, SimTime};

/// `[[predictive]]` of one HPA.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictive {
    /// The HPA's namespace.
    pub namespace: String,
    /// The HPA's name.
    pub name: String,
    /// Which of the numbers counts.
    pub decision: DecisionType,
    /// What a model that has seen too little stands for.
    pub warm_up: WarmUp,
    /// What the controller does otherwise for it.
    pub tuning: Tuning,
    /// The models.
    pub models: Vec<Model>,
    /// Replicas over a season that is known at the start; empty if nothing is.
    pub past: Vec<(SimTime, f64)>,
    /// Its length.
    pub season: SimDuration,
}

/// Flags of the HPA controller that a PredictiveHorizontalPodAutoscaler has for itself.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Tuning {
    /// Whether it is a PredictiveHorizontalPodAutoscaler, which has rules of its own.
    pub is_predictive: bool,
    /// `syncPeriod`.
    pub sync_period: Option<SimDuration>,
    /// `tolerance`.
    pub tolerance: Option<f64>,
    /// `cpuInitializationPeriod`.
    pub cpu_initialization_period: Option<SimDuration>,
    /// `initialReadinessDelay`.
    pub initial_readiness_delay: Option<SimDuration>,
}

impl Tuning {
    /// The controller's settings for this one.
    pub fn apply(self, config: &mut Config) {
        let replace = |value: Option<SimDuration>, of: &mut SimDuration| {
            if let Some(value) = value {
                *of = value;
            }
        };
        replace(
            self.cpu_initialization_period,
            &mut config.cpu_initialization_period,
        );
        replace(
            self.initial_readiness_delay,
            &mut config.initial_readiness_delay,
        );
        config.is_predictive = self.is_predictive;
        replace(self.sync_period, &mut config.sync_period);
        config.tolerance = self.tolerance.unwrap_or(config.tolerance);
    }
}

/// Seasons of a known past that a model gets.
const SEASONS: i64 = 2;

impl Predictive {
    /// The models at the start of a run whose syncs are this far apart. `epoch` is the wall clock
    /// at the start in nanoseconds since 1970.
    pub fn predictor(&self, period: SimDuration, epoch: i64) -> Predictor {
        let models = self.models.clone();
        let mut predictor = Predictor::new(models, self.decision, self.warm_up, epoch);
        if !self.past.is_empty() && period > SimDuration::ZERO && self.season > SimDuration::ZERO {
            let samples = self.season.0 / period.0 * SEASONS;
            let past: Vec<(SimTime, i32)> = (1..=samples)
                .rev()
                .map(|back| {
                    let time = SimTime::ZERO - period * back;
                    let phase = SimTime(time.0.rem_euclid(self.season.0));
                    (time, self.replicas_at(phase))
                })
                .collect();
            predictor.remember(&past);
        }
        predictor
    }

    fn replicas_at(&self, phase: SimTime) -> i32 {
        let earlier = self.past.iter().rev().find(|(from, _)| *from <= phase);
        let value = earlier.or_else(|| self.past.last());
        value.map_or(0, |(_, value)| value.round() as i32)
    }

    /// How far ahead a model's number is for, and the length of its season in its numbers: 1 if it
    /// has none, nothing if a season is no whole number of them.
    pub fn horizon(model: &Model, period: SimDuration) -> (SimDuration, Option<usize>) {
        let (ahead, season) = match &model.forecaster {
            Forecaster::Linear(linear) => (linear.look_ahead, 1),
            Forecaster::HoltWinters { model, steps, .. } => {
                let season = model.seasonal.map_or(1, |(_, samples)| samples);
                (period * *steps as i64, season)
            }
            Forecaster::Profile { profile, steps } => (period * *steps as i64, profile.season),
        };
        let every = model.per_sync_period.max(1) as usize;
        let season = match season {
            ..=1 => Some(1),
            season => (season % every == 0).then_some(season / every),
        };
        (ahead, season)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autoscaler::predictive::{Estimator, Profile};

    #[test]
    fn a_season_is_counted_in_forecasts() {
        let season = |samples: usize, every: u32| {
            let profile = Profile {
                season: samples,
                seasons: 1,
                estimator: Estimator::Max,
                margin: 0.0,
            };
            let model = Model {
                name: "day".to_owned(),
                per_sync_period: every,
                period: None,
                margin: 0.0,
                start_interval: None,
                reset_duration: None,
                forecaster: Forecaster::Profile { profile, steps: 2 },
            };
            Predictive::horizon(&model, SimDuration::from_secs(15))
        };
        let ahead = SimDuration::from_secs(30);
        assert_eq!(season(24, 1), (ahead, Some(24)));
        assert_eq!(season(24, 3), (ahead, Some(8)));
        assert_eq!(season(24, 24), (ahead, Some(1)));
        // No forecast is a season before another.
        assert_eq!(season(24, 5).1, None);
        assert_eq!(season(1, 5).1, Some(1));
    }

    #[test]
    fn a_known_season_comes_before_the_start() {
        let hours = |hours: i64| SimTime::from_secs(hours * 3600);
        let predictive = Predictive {
            namespace: "default".to_owned(),
            name: "web".to_owned(),
            decision: DecisionType::Maximum,
            warm_up: WarmUp::Silent,
            tuning: Tuning::default(),
            models: vec![Model {
                name: "day".to_owned(),
                per_sync_period: 1,
                period: None,
                margin: 0.0,
                start_interval: None,
                reset_duration: None,
                forecaster: Forecaster::Profile {
                    profile: Profile {
                        season: 24,
                        seasons: 1,
                        estimator: Estimator::Max,
                        margin: 0.0,
                    },
                    steps: 1,
                },
            }],
            past: vec![(hours(0), 2.0), (hours(8), 7.0), (hours(20), 2.0)],
            season: SimDuration::from_secs(24 * 3600),
        };
        let hour = SimDuration::from_secs(3600);
        let mut predictor = predictive.predictor(hour, 0);
        let past = predictor.history("day").expect("a history").to_vec();
        assert_eq!(past.len(), 48);
        assert_eq!((past[0].0, past[0].1), (hours(-48), 2));
        assert_eq!(past[9], (hours(-39), 7));
        // The sample at 7 o'clock is followed by 8 o'clock's.
        let predicted: Vec<i32> = (0..9)
            .map(|n| predictor.sync(hours(n), 1, (0, 99)).replicas)
            .collect();
        assert_eq!(predicted, [2, 2, 2, 2, 2, 2, 2, 7, 7]);
    }
}
