//! Distributions of non-negative quantities, stated by mean and coefficient of variation.
//!
//! A [`Dist`] has no unit of its own: the field that holds it says what it samples
//! (seconds, bytes, counts).

use rand_distr::{Distribution, Gamma};

use super::Stream;

/// A distribution of a non-negative quantity, ready to sample.
#[derive(Debug, Clone, PartialEq)]
pub enum Dist {
    /// Always this value.
    Constant(f64),
    /// Exponential with this mean.
    Exponential {
        /// The mean.
        mean: f64,
    },
    /// Lognormal; `mu` and `sigma` of the logarithm.
    LogNormal {
        /// Mean of the logarithm.
        mu: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
    /// Gamma: `scale` times a draw with density proportional to x^(shape − 1) e^(−x).
    Gamma {
        /// The shape parameter.
        shape: f64,
        /// The scale: the mean is shape × scale.
        scale: f64,
        /// The unit-scale sampler with its constants worked out.
        unit: Gamma<f64>,
    },
    /// Pareto: `scale × U^(−1/shape)`, the least value is `scale`.
    Pareto {
        /// The least value.
        scale: f64,
        /// The tail index; above 1, so that a mean exists.
        shape: f64,
    },
    /// Uniform on [low, high).
    Uniform {
        /// The least value.
        low: f64,
        /// The bound above.
        high: f64,
    },
    /// Draws one of the given values, each equally likely.
    Empirical(Box<[f64]>),
}

impl Default for Dist {
    fn default() -> Self {
        Self::Constant(0.0)
    }
}

/// Why the parameters are not a distribution.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DistError {
    /// A mean, value or bound is negative, infinite or not a number.
    #[error("{0} must be a number of at least 0")]
    NotNonNegative(&'static str),
    /// A shape parameter is not positive.
    #[error("{0} must be a number above {1}")]
    TooSmall(&'static str, f64),
    /// No values were given.
    #[error("an empirical distribution needs at least one value")]
    NoValues,
    /// The upper bound lies below the lower.
    #[error("high must not be below low")]
    EmptyRange,
}

fn non_negative(name: &'static str, value: f64) -> Result<f64, DistError> {
    if value.is_finite() && value >= 0.0 {
        Ok(value)
    } else {
        Err(DistError::NotNonNegative(name))
    }
}

fn above(name: &'static str, value: f64, bound: f64) -> Result<f64, DistError> {
    if value.is_finite() && value > bound {
        Ok(value)
    } else {
        Err(DistError::TooSmall(name, bound))
    }
}

impl Dist {
    /// Always `value`.
    pub fn constant(value: f64) -> Result<Self, DistError> {
        non_negative("value", value).map(Self::Constant)
    }

    /// Exponential with this mean.
    pub fn exponential(mean: f64) -> Result<Self, DistError> {
        non_negative("mean", mean).map(|mean| Self::Exponential { mean })
    }

    /// Lognormal with this mean and coefficient of variation (standard deviation / mean).
    pub fn lognormal(mean: f64, cv: f64) -> Result<Self, DistError> {
        let (mean, cv) = (non_negative("mean", mean)?, non_negative("cv", cv)?);
        if mean == 0.0 || cv == 0.0 {
            return Ok(Self::Constant(mean));
        }
        let variance = (1.0 + cv * cv).ln();
        Ok(Self::LogNormal {
            mu: mean.ln() - variance / 2.0,
            sigma: variance.sqrt(),
        })
    }

    /// Gamma with this mean and coefficient of variation.
    pub fn gamma(mean: f64, cv: f64) -> Result<Self, DistError> {
        let (mean, cv) = (non_negative("mean", mean)?, non_negative("cv", cv)?);
        if mean == 0.0 || cv == 0.0 {
            return Ok(Self::Constant(mean));
        }
        let shape = 1.0 / (cv * cv);
        let unit = Gamma::new(shape, 1.0).map_err(|_| DistError::TooSmall("cv", 0.0))?;
        Ok(Self::Gamma {
            shape,
            scale: mean / shape,
            unit,
        })
    }

    /// Pareto with this mean and tail index (above 1).
    pub fn pareto(mean: f64, shape: f64) -> Result<Self, DistError> {
        let (mean, shape) = (non_negative("mean", mean)?, above("shape", shape, 1.0)?);
        Ok(Self::Pareto {
            scale: mean * (shape - 1.0) / shape,
            shape,
        })
    }

    /// Uniform on [low, high).
    pub fn uniform(low: f64, high: f64) -> Result<Self, DistError> {
        let (low, high) = (non_negative("low", low)?, non_negative("high", high)?);
        if high < low {
            Err(DistError::EmptyRange)
        } else {
            Ok(Self::Uniform { low, high })
        }
    }

    /// Draws from these values.
    pub fn empirical(values: Vec<f64>) -> Result<Self, DistError> {
        for &value in &values {
            non_negative("each value", value)?;
        }
        if values.is_empty() {
            Err(DistError::NoValues)
        } else {
            Ok(Self::Empirical(values.into()))
        }
    }

    /// One draw.
    #[inline]
    pub fn sample(&self, stream: &mut Stream) -> f64 {
        match self {
            Self::Constant(value) => *value,
            _ => self.draw(stream),
        }
    }

    /// One draw for each of some things, in their order.
    #[inline]
    pub fn sample_for<T>(&self, stream: &mut Stream, all: &mut [T], each: impl Fn(f64, &mut T)) {
        match self {
            Self::Constant(value) => all.iter_mut().for_each(|one| each(*value, one)),
            Self::Exponential { mean } => {
                for one in all {
                    each(mean * stream.exponential(), one);
                }
            }
            Self::LogNormal { mu, sigma } => {
                for one in all {
                    each((mu + sigma * stream.normal()).exp(), one);
                }
            }
            _ => {
                for one in all {
                    each(self.draw(stream), one);
                }
            }
        }
    }

    fn draw(&self, stream: &mut Stream) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Exponential { mean } => mean * stream.exponential(),
            Self::LogNormal { mu, sigma } => (mu + sigma * stream.normal()).exp(),
            Self::Gamma { scale, unit, .. } => scale * unit.sample(stream.rng()),
            Self::Pareto { scale, shape } => scale * (1.0 - stream.unit()).powf(-1.0 / shape),
            Self::Uniform { low, high } => low + (high - low) * stream.unit(),
            Self::Empirical(values) => values[stream.below(values.len())],
        }
    }

    /// The mean of the distribution.
    pub fn mean(&self) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Exponential { mean } => *mean,
            Self::LogNormal { mu, sigma } => (mu + sigma * sigma / 2.0).exp(),
            Self::Gamma { shape, scale, .. } => shape * scale,
            Self::Pareto { scale, shape } => scale * shape / (shape - 1.0),
            Self::Uniform { low, high } => f64::midpoint(*low, *high),
            Self::Empirical(values) => values.iter().sum::<f64>() / values.len() as f64,
        }
    }

    /// The same distribution with every value multiplied by `factor` (not negative).
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        match self {
            Self::Constant(value) => Self::Constant(value * factor),
            Self::Exponential { mean } => Self::Exponential {
                mean: mean * factor,
            },
            Self::LogNormal { mu, sigma } if factor > 0.0 => Self::LogNormal {
                mu: mu + factor.ln(),
                sigma: *sigma,
            },
            Self::Gamma { shape, scale, unit } => Self::Gamma {
                shape: *shape,
                scale: scale * factor,
                unit: *unit,
            },
            Self::Pareto { scale, shape } => Self::Pareto {
                scale: scale * factor,
                shape: *shape,
            },
            Self::Uniform { low, high } => Self::Uniform {
                low: low * factor,
                high: high * factor,
            },
            Self::Empirical(values) => {
                Self::Empirical(values.iter().map(|value| value * factor).collect())
            }
            Self::LogNormal { .. } => Self::Constant(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Streams;

    fn all() -> Vec<(&'static str, Dist)> {
        vec![
            ("constant", Dist::constant(2.0).unwrap()),
            ("exponential", Dist::exponential(2.0).unwrap()),
            ("lognormal", Dist::lognormal(2.0, 0.5).unwrap()),
            ("gamma", Dist::gamma(2.0, 0.7).unwrap()),
            ("pareto", Dist::pareto(2.0, 3.5).unwrap()),
            ("uniform", Dist::uniform(1.0, 3.0).unwrap()),
            ("empirical", Dist::empirical(vec![1.0, 2.0, 3.0]).unwrap()),
        ]
    }

    #[test]
    fn sample_means_agree_with_the_stated_mean() {
        for (name, dist) in all() {
            let mut stream = Streams::new(7).stream(name);
            let n = 200_000;
            let mean = (0..n).map(|_| dist.sample(&mut stream)).sum::<f64>() / f64::from(n);
            assert!((mean - 2.0).abs() < 0.02, "{name}: {mean}");
            assert!((dist.mean() - 2.0).abs() < 1e-12, "{name}");
            assert!((dist.scaled(3.0).mean() - 6.0).abs() < 1e-9, "{name}");
        }
    }

    #[test]
    fn the_first_values_are_pinned() {
        for (name, dist) in all() {
            let mut stream = Streams::new(42).stream("pinned");
            let values: Vec<f64> = (0..16).map(|_| dist.sample(&mut stream)).collect();
            insta::assert_debug_snapshot!(name, values);
        }
    }

    #[test]
    fn wrong_parameters_are_refused() {
        assert!(Dist::exponential(-1.0).is_err());
        assert!(Dist::exponential(f64::NAN).is_err());
        assert!(Dist::pareto(1.0, 1.0).is_err());
        assert!(Dist::uniform(2.0, 1.0).is_err());
        assert!(Dist::empirical(vec![]).is_err());
    }
}
