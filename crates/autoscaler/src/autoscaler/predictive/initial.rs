//! Where level, trend and season of Holt-Winters begin.
//!
//! Upstream: statsmodels' `tsa/exponential_smoothing/initialization.py`, and `initial_values` of
//! `tsa/holtwinters/model.py`.

use super::holt_winters::{Form, HoltWinters, States};
use super::{ModelError, Series};

/// How the first states are found.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Initialization {
    /// As `Heuristic` where there are samples enough, else from the first seasons. (Upstream
    /// optimises from there on, unless all coefficients are given.)
    #[default]
    Estimated,
    /// A moving average over up to five seasons, and a straight line through its beginning.
    Heuristic,
    /// The first season and the step to the second.
    LegacyHeuristic,
    /// They are given.
    Known(States),
}

/// Values that the straight line is laid through.
const LINE: usize = 10;

impl Initialization {
    pub(super) fn states(
        &self,
        model: &HoltWinters,
        series: Series<'_>,
    ) -> Result<States, ModelError> {
        let enough = LINE + 2 * (model.season_length() / 2);
        match self {
            Self::Known(states) if states.season.len() == model.season_length() => {
                Ok(states.clone())
            }
            Self::Known(_) => Err(ModelError::ShortSeason),
            Self::LegacyHeuristic => legacy(model, series),
            Self::Estimated if series.len() < enough => simple(model, series),
            Self::Estimated | Self::Heuristic => heuristic(model, series),
        }
    }
}

fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let count = values.clone().count();
    values.sum::<f64>() / count as f64
}

fn need(series: Series<'_>, needed: usize) -> Result<(), ModelError> {
    if series.len() < needed {
        return Err(ModelError::TooFewSamples {
            needed,
            given: series.len(),
        });
    }
    Ok(())
}

/// A season as what its samples are beside a level.
fn season(form: Form, samples: Series<'_>, level: f64) -> Vec<f64> {
    let beside = |value: &f64| match form {
        Form::Additive => value - level,
        Form::Multiplicative => value / level,
    };
    samples.iter().map(beside).collect()
}

/// Level and trend without a season: the first value and the step to the second.
fn first_step(model: &HoltWinters, series: Series<'_>) -> Result<States, ModelError> {
    need(series, if model.trend.is_some() { 2 } else { 1 })?;
    let trend = match model.trend {
        Some(Form::Additive) => series[1] - series[0],
        Some(Form::Multiplicative) => series[1] / series[0],
        None => 0.0,
    };
    Ok(States {
        level: series[0],
        trend,
        season: Vec::new(),
    })
}

/// The mean step per sample from the first season to the second.
fn mean_step(series: Series<'_>, length: usize) -> f64 {
    let steps = (0..length).map(|at| (series[at + length] - series[at]) / length as f64);
    mean(steps)
}

fn simple(model: &HoltWinters, series: Series<'_>) -> Result<States, ModelError> {
    let Some((form, length)) = model.seasonal else {
        return first_step(model, series);
    };
    need(series, 2 * length)?;
    let first = &series[..length];
    let level = mean(first.iter().copied());
    Ok(States {
        level,
        trend: mean_step(series, length),
        season: season(form, first, level),
    })
}

fn legacy(model: &HoltWinters, series: Series<'_>) -> Result<States, ModelError> {
    let Some((form, length)) = model.seasonal else {
        return first_step(model, series);
    };
    need(series, 2 * length)?;
    let (first, second) = (&series[..length], &series[length..2 * length]);
    // The mean of the samples in the season's first phase.
    let level = mean(series.iter().step_by(length).copied());
    let trend = match model.trend {
        Some(Form::Multiplicative) => {
            let means = [second, first].map(|part| mean(part.iter().copied()).ln());
            ((means[0] - means[1]) / length as f64).exp()
        }
        _ => mean_step(series, length),
    };
    Ok(States {
        level,
        trend,
        season: season(form, first, level),
    })
}

fn heuristic(model: &HoltWinters, series: Series<'_>) -> Result<States, ModelError> {
    need(series, LINE)?;
    let Some((form, length)) = model.seasonal else {
        return Ok(line(model, &series[..LINE], Vec::new()));
    };
    let enough = LINE + 2 * (length / 2);
    need(series, (2 * length).max(enough))?;
    let seasons = (series.len() / length).min(5).max(enough.div_ceil(length));
    let series = &series[..series.len().min(seasons * length)];
    let average = moving_average(series, length);
    // The average's first value stands beside the sample at this place.
    let lead = length / 2;
    let (mut sums, mut counts) = (vec![0.0; length], vec![0.0; length]);
    for (at, average) in average.iter().enumerate() {
        let value = series[at + lead];
        let phase = (at + lead) % length;
        sums[phase] += match form {
            Form::Additive => value - average,
            Form::Multiplicative => value / average,
        };
        counts[phase] += 1.0;
    }
    let phases: Vec<f64> = sums.iter().zip(&counts).map(|(sum, n)| sum / n).collect();
    let normal = mean(phases.iter().copied());
    let phases = season(form, &phases, normal);
    Ok(line(model, &average[..LINE], phases))
}

/// The centred moving average over a season; of an even length with half a sample at both ends.
fn moving_average(series: Series<'_>, length: usize) -> Vec<f64> {
    let averages: Vec<f64> = series
        .windows(length)
        .map(|window| mean(window.iter().copied()))
        .collect();
    if length % 2 == 1 {
        return averages;
    }
    let pairs = averages.windows(2);
    pairs.map(|pair| f64::midpoint(pair[0], pair[1])).collect()
}

/// The straight line through values at 1, 2, …: the level is where it is at 0.
fn line(model: &HoltWinters, values: Series<'_>, season: Vec<f64>) -> States {
    let middle = (values.len() + 1) as f64 / 2.0;
    let center = mean(values.iter().copied());
    let (mut across, mut along) = (0.0, 0.0);
    for (at, value) in values.iter().enumerate() {
        let x = (at + 1) as f64 - middle;
        across += x * (value - center);
        along += x * x;
    }
    let slope = across / along;
    let level = center - slope * middle;
    let trend = match model.trend {
        Some(Form::Multiplicative) => 1.0 + slope / level,
        _ => slope,
    };
    States {
        level,
        trend,
        season,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Damping;
    use super::*;

    fn model(trend: Form, seasonal: Option<(Form, usize)>) -> HoltWinters {
        HoltWinters {
            alpha: 0.5,
            beta: 0.5,
            gamma: 0.5,
            trend: Some(trend),
            damping: Damping::None,
            seasonal,
            initialization: Initialization::Estimated,
            flaw: None,
        }
    }

    #[test]
    fn few_samples_are_estimated_from_the_first_seasons() {
        // 10 + 2·2 samples would do; these are fewer.
        let series: Vec<f64> = (0..10).map(|n| f64::from(n % 4 + n / 4)).collect();
        let model = model(Form::Additive, Some((Form::Additive, 4)));
        let states = Initialization::Estimated.states(&model, &series).unwrap();
        assert_eq!(states.level, 1.5);
        assert_eq!(states.trend, 0.25);
        assert_eq!(states.season, [-1.5, -0.5, 0.5, 1.5]);
        let heuristic = Initialization::Heuristic.states(&model, &series);
        let needed = ModelError::TooFewSamples {
            needed: 14,
            given: 10,
        };
        assert_eq!(heuristic, Err(needed));
    }

    #[test]
    fn without_a_season_the_first_step_counts() {
        let states = Initialization::LegacyHeuristic
            .states(&model(Form::Multiplicative, None), &[2.0, 3.0, 9.0])
            .unwrap();
        assert_eq!((states.level, states.trend), (2.0, 1.5));
        let estimated = Initialization::Estimated
            .states(&model(Form::Additive, None), &[2.0, 3.0, 9.0])
            .unwrap();
        assert_eq!((estimated.level, estimated.trend), (2.0, 1.0));
    }

    #[test]
    fn a_known_season_has_the_seasons_length() {
        let states = States {
            level: 1.0,
            trend: 0.0,
            season: vec![1.0, -1.0],
        };
        let known = Initialization::Known(states.clone());
        let two = model(Form::Additive, Some((Form::Additive, 2)));
        assert_eq!(known.states(&two, &[]), Ok(states));
        let three = model(Form::Additive, Some((Form::Additive, 3)));
        assert_eq!(known.states(&three, &[]), Err(ModelError::ShortSeason));
    }
}
