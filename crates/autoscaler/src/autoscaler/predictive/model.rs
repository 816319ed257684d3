//! One model: what it predicts from a history, and how much of the history it keeps.
//!
//! Upstream: PHPA's `internal/prediction`, `GetPrediction` and `PruneHistory`.

use super::{HoltWinters, Linear, ModelError, Profile, extrapolate};
use crate::sim::{SimDuration, SimTime};

/// What rounding may leave above a whole number of replicas.
const NOISE: f64 = 1e-9;

/// A model of `spec.models`.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// `name`.
    pub name: String,
    /// `perSyncPeriod`: it predicts in every n-th sync.
    pub per_sync_period: u32,
    /// How far its samples are apart: gaps are filled. `None` for a history that is counted only.
    pub period: Option<SimDuration>,
    /// What is put on top of what it predicts, as a share.
    pub margin: f64,
    /// `startInterval`: it starts at the next multiple of it by the wall clock.
    pub start_interval: Option<SimDuration>,
    /// `resetDuration`: a history whose newest sample is older is forgotten.
    pub reset_duration: Option<SimDuration>,
    /// How it predicts.
    pub forecaster: Forecaster,
}

/// How a model predicts.
#[derive(Debug, Clone, PartialEq)]
pub enum Forecaster {
    /// By a straight line through the last samples.
    Linear(Linear),
    /// By level, trend and season.
    HoltWinters {
        /// The model.
        model: HoltWinters,
        /// `storedSeasons`: seasons that are kept.
        stored_seasons: usize,
        /// Samples that it looks ahead; PHPA's is 1.
        steps: usize,
    },
    /// By what came in earlier seasons.
    Profile {
        /// The model.
        profile: Profile,
        /// Samples that it looks ahead; the largest value on the way counts.
        steps: usize,
    },
}

impl Forecaster {
    /// The value expected of a history in the order of time, with its newest sample of `now`.
    pub fn forecast(&self, history: &[(SimTime, i32)], now: SimTime) -> Result<f64, ModelError> {
        let series = || -> Vec<f64> { history.iter().map(|(_, n)| f64::from(*n)).collect() };
        let value = match self {
            Self::Linear(linear) => {
                let samples: Vec<(SimTime, f64)> = history
                    .iter()
                    .map(|(time, n)| (*time, f64::from(*n)))
                    .collect();
                let value = extrapolate(&samples, now + linear.look_ahead);
                value.ok_or(ModelError::TooFewSamples {
                    needed: 1,
                    given: 0,
                })?
            }
            Self::HoltWinters { model, steps, .. } => {
                let needed = model.samples_needed();
                if history.len() < needed {
                    return Err(ModelError::TooFewSamples {
                        needed,
                        given: history.len(),
                    });
                }
                model.forecast(&model.fit(&series())?, *steps)
            }
            Self::Profile { profile, steps } => profile.peak(&series(), *steps)?,
        };
        if value.is_finite() {
            Ok(value)
        } else {
            Err(ModelError::NotFinite)
        }
    }

    /// Forgets the oldest samples that are not needed any more.
    pub fn prune(&self, history: &mut Vec<(SimTime, i32)>) {
        let samples = history.len();
        let seasonal = |season: usize, stored: usize| {
            // Only whole seasons go, so that full ones build up.
            let season = season.max(1);
            (samples / season).saturating_sub(stored) * season
        };
        let surplus = match self {
            Self::Linear(linear) => samples.saturating_sub(linear.history_size),
            Self::HoltWinters {
                model,
                stored_seasons,
                ..
            } => seasonal(model.season_length(), *stored_seasons),
            Self::Profile { profile, .. } => seasonal(profile.season, profile.seasons.max(1)),
        };
        history.drain(..surplus);
    }
}

/// Whole replicas for a value.
pub fn replicas(value: f64) -> i32 {
    (value - NOISE).ceil() as i32
}

#[cfg(test)]
mod tests {
    use super::super::{Damping, Estimator, Form, Initialization};
    use super::*;

    fn history(samples: i32) -> Vec<(SimTime, i32)> {
        let sample = |n| (SimTime::from_secs(i64::from(n)), n);
        (0..samples).map(sample).collect()
    }

    fn holt_winters(season: usize, stored_seasons: usize) -> Forecaster {
        Forecaster::HoltWinters {
            model: HoltWinters {
                alpha: 0.5,
                beta: 0.5,
                gamma: 0.5,
                trend: Some(Form::Additive),
                damping: Damping::None,
                seasonal: Some((Form::Additive, season)),
                initialization: Initialization::Estimated,
                flaw: None,
            },
            stored_seasons,
            steps: 1,
        }
    }

    fn kept(forecaster: &Forecaster, samples: i32) -> (usize, i32) {
        let mut history = history(samples);
        forecaster.prune(&mut history);
        (history.len(), history[0].1)
    }

    #[test]
    fn histories_are_cut_at_whole_seasons() {
        let two = holt_winters(3, 2);
        // 7 / 3 - 2 = 0 seasons too many, then one.
        assert_eq!(kept(&two, 7), (7, 0));
        assert_eq!(kept(&two, 8), (8, 0));
        assert_eq!(kept(&two, 9), (6, 3));
        assert_eq!(kept(&two, 14), (8, 6));
        let linear = Forecaster::Linear(Linear {
            history_size: 6,
            look_ahead: SimDuration::ZERO,
        });
        assert_eq!(kept(&linear, 6), (6, 0));
        assert_eq!(kept(&linear, 9), (6, 3));
        let profile = Forecaster::Profile {
            profile: Profile {
                season: 4,
                seasons: 1,
                estimator: Estimator::Max,
                margin: 0.0,
            },
            steps: 1,
        };
        assert_eq!(kept(&profile, 9), (5, 4));
    }

    #[test]
    fn a_model_waits_for_two_seasons_and_ten_smoothed_samples() {
        let short = |season, samples| {
            let forecast = holt_winters(season, 9).forecast(&history(samples), SimTime::ZERO);
            match forecast {
                Err(ModelError::TooFewSamples { needed, .. }) => Some(needed),
                _ => None,
            }
        };
        assert_eq!(short(3, 11), Some(12));
        assert_eq!(short(3, 12), None);
        assert_eq!(short(24, 47), Some(48));
        assert_eq!(short(24, 48), None);
    }

    #[test]
    fn a_line_rises_by_its_slope_and_is_rounded_up() {
        let linear = Forecaster::Linear(Linear {
            history_size: 6,
            look_ahead: SimDuration::from_secs(2),
        });
        let forecast = linear.forecast(&history(5), SimTime::from_millis(4500));
        assert_eq!(forecast, Ok(6.5));
        assert_eq!(replicas(6.5), 7);
        assert_eq!(replicas(6.000_000_000_1), 6);
        assert_eq!(replicas(-0.5), 0);
        assert_eq!(replicas(1e12), i32::MAX);
    }
}
