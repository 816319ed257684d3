//! Holt-Winters exponential smoothing with fixed coefficients.
//!
//! Upstream: statsmodels' `tsa/holtwinters/model.py`, `ExponentialSmoothing.fit(optimized=False)`
//! as predictive-horizontal-pod-autoscaler's `holt_winters.py` calls it. The season is smoothed by
//! the forecast without season, not by the new level (Hyndman's standard form).
//!
//! One difference: steps of a forecast that are multiples of the season take the season's newest
//! values, where statsmodels takes those of one season before. The next step is the same.

use super::initial::Initialization;
use super::{ModelError, Series};

/// How a component joins the level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
pub enum Form {
    /// It is added.
    #[serde(rename = "add", alias = "additive")]
    Additive,
    /// It multiplies.
    #[serde(rename = "mul", alias = "multiplicative")]
    Multiplicative,
}

/// A model and its coefficients.
#[derive(Debug, Clone, PartialEq)]
pub struct HoltWinters {
    /// Weight of a new value in the level, 0 to 1.
    pub alpha: f64,
    /// Weight of a new step of the level in the trend, 0 to 1.
    pub beta: f64,
    /// Weight of a new value in the season, 0 to 1.
    pub gamma: f64,
    /// The trend, if the model has one.
    pub trend: Option<Form>,
    /// How the trend is damped.
    pub damping: Damping,
    /// The season with its length in samples, if the model has one.
    pub seasonal: Option<(Form, usize)>,
    /// Where level, trend and season begin.
    pub initialization: Initialization,
    /// What a PHPA leaves out or adds, so that its model fails in every sync.
    pub flaw: Option<ModelError>,
}

/// How a trend is damped.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Damping {
    /// Not at all.
    #[default]
    None,
    /// By this factor per step.
    Factor(f64),
    /// `dampedTrend` of a PHPA: it hands no factor on, with which statsmodels fails.
    Missing,
}

/// Level, trend and season at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct States {
    /// The level.
    pub level: f64,
    /// The trend; without meaning in a model that has none.
    pub trend: f64,
    /// The season of as many samples as it is long, the oldest first.
    pub season: Vec<f64>,
}

impl HoltWinters {
    /// Length of the season in samples, 0 without one.
    pub fn season_length(&self) -> usize {
        self.seasonal.map_or(0, |(_, length)| length)
    }

    /// Samples that a forecast needs, as PHPA asks for them.
    pub fn samples_needed(&self) -> usize {
        let season = self.season_length();
        (2 * season).max(10 + 2 * (season / 2))
    }

    /// The states before the oldest value of a series.
    pub fn initial(&self, series: Series<'_>) -> Result<States, ModelError> {
        self.check(series)?;
        self.initialization.states(self, series)
    }

    /// Smooths a series from its oldest value on.
    pub fn fit(&self, series: Series<'_>) -> Result<States, ModelError> {
        let mut states = self.initial(series)?;
        for value in series {
            self.smooth(&mut states, *value);
        }
        Ok(states)
    }

    fn check(&self, series: Series<'_>) -> Result<(), ModelError> {
        if let Some(flaw) = &self.flaw {
            return Err(flaw.clone());
        }
        if matches!(self.seasonal, Some((_, ..=1))) {
            return Err(ModelError::ShortSeason);
        }
        if self.damping == Damping::Missing {
            return Err(ModelError::NoDamping);
        }
        if self.damping != Damping::None && self.trend.is_none() {
            return Err(ModelError::DampedWithoutTrend);
        }
        let multiplies = self.trend == Some(Form::Multiplicative)
            || matches!(self.seasonal, Some((Form::Multiplicative, _)));
        if multiplies && !series.iter().all(|value| *value > 0.0) {
            return Err(ModelError::NotPositive);
        }
        Ok(())
    }

    const fn damping(&self) -> f64 {
        match self.damping {
            Damping::Factor(factor) => factor,
            Damping::None | Damping::Missing => 1.0,
        }
    }

    /// The trend, damped to a power.
    fn damped(&self, trend: f64, power: f64) -> f64 {
        match self.trend {
            Some(Form::Additive) => power * trend,
            Some(Form::Multiplicative) => trend.powf(power),
            None => 0.0,
        }
    }

    /// The level with the trend.
    fn trended(&self, level: f64, trend: f64) -> f64 {
        match self.trend {
            Some(Form::Additive) => level + trend,
            Some(Form::Multiplicative) => level * trend,
            None => level,
        }
    }

    fn smooth(&self, states: &mut States, value: f64) {
        let last = states.level;
        let trend = self.damped(states.trend, self.damping());
        let expected = self.trended(last, trend);
        let season = states.season.first().copied().unwrap_or_default();
        let without_season = match self.seasonal {
            Some((Form::Additive, _)) => value - season,
            Some((Form::Multiplicative, _)) => value / season,
            None => value,
        };
        states.level = self.alpha * without_season + (1.0 - self.alpha) * expected;
        let step = match self.trend {
            Some(Form::Multiplicative) => states.level / last,
            _ => states.level - last,
        };
        states.trend = self.beta * step + (1.0 - self.beta) * trend;
        let of_season = match self.seasonal {
            Some((Form::Additive, _)) => value - expected,
            Some((Form::Multiplicative, _)) => value / expected,
            None => return,
        };
        states.season[0] = self.gamma * of_season + (1.0 - self.gamma) * season;
        states.season.rotate_left(1);
    }

    /// The forecast so many steps after the last value; the first step is 1.
    pub fn forecast(&self, states: &States, step: usize) -> f64 {
        let step = step.max(1);
        let power = match self.damping {
            // The sum of a geometric series, added up as upstream does.
            Damping::Factor(damping) => (1..=step).map(|n| damping.powi(n as i32)).sum(),
            Damping::None | Damping::Missing => step as f64,
        };
        let level = self.trended(states.level, self.damped(states.trend, power));
        let season = |length: usize| states.season[(step - 1) % length];
        match self.seasonal {
            Some((Form::Additive, length)) => level + season(length),
            Some((Form::Multiplicative, length)) => level * season(length),
            None => level,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> HoltWinters {
        HoltWinters {
            alpha: 0.5,
            beta: 0.5,
            gamma: 0.5,
            trend: Some(Form::Additive),
            damping: Damping::None,
            seasonal: None,
            initialization: Initialization::LegacyHeuristic,
            flaw: None,
        }
    }

    fn from(level: f64, trend: f64) -> Initialization {
        Initialization::Known(States {
            level,
            trend,
            season: Vec::new(),
        })
    }

    #[test]
    fn a_straight_line_goes_on() {
        let series: Vec<f64> = (0..20).map(f64::from).collect();
        let model = HoltWinters {
            initialization: from(-1.0, 1.0),
            ..model()
        };
        let states = model.fit(&series).unwrap();
        for step in 1..5 {
            let expected = 19.0 + step as f64;
            assert!((model.forecast(&states, step) - expected).abs() < 1e-9);
        }
    }

    #[test]
    fn growth_by_a_factor_goes_on_and_is_damped() {
        let series: Vec<f64> = (0..20).map(|n| 1.5f64.powi(n)).collect();
        let mut model = HoltWinters {
            trend: Some(Form::Multiplicative),
            initialization: from(1.0 / 1.5, 1.5),
            ..model()
        };
        let states = model.fit(&series).unwrap();
        let expected = 1.5f64.powi(22);
        assert!((model.forecast(&states, 3) / expected - 1.0).abs() < 1e-9);
        model.damping = Damping::Factor(0.5);
        // Steps of 1.5^0.5 · 1.5^0.25 · 1.5^0.125.
        let expected = 1.5f64.powi(19) * 1.5f64.powf(0.875);
        assert!((model.forecast(&states, 3) / expected - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_season_without_noise_comes_again() {
        let season = [4.0, 8.0, 6.0, 2.0];
        let series: Vec<f64> = (0..24).map(|n| season[n % 4]).collect();
        for form in [Form::Additive, Form::Multiplicative] {
            let model = HoltWinters {
                seasonal: Some((form, 4)),
                initialization: Initialization::Heuristic,
                ..model()
            };
            let states = model.fit(&series).unwrap();
            for (step, expected) in season.iter().cycle().take(8).enumerate() {
                let forecast = model.forecast(&states, step + 1);
                assert!((forecast - expected).abs() < 1e-6, "{forecast} {expected}");
            }
        }
    }

    #[test]
    fn what_statsmodels_refuses_is_refused() {
        let series = [1.0; 20];
        let mut model = HoltWinters {
            seasonal: Some((Form::Additive, 1)),
            ..model()
        };
        assert_eq!(model.fit(&series), Err(ModelError::ShortSeason));
        model.seasonal = Some((Form::Multiplicative, 4));
        assert_eq!(model.fit(&[0.0; 20]), Err(ModelError::NotPositive));
        assert!(model.fit(&series).is_ok());
        model.damping = Damping::Factor(0.9);
        model.trend = None;
        assert_eq!(model.fit(&series), Err(ModelError::DampedWithoutTrend));
    }
}
