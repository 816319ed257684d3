//! What came at the same time of earlier seasons comes again.
//!
//! Upstream: gocrane's DSP algorithm with the estimator `maxValue`; the season is given instead of
//! found, so that it can be read off a trace.

use super::{ModelError, Series};

/// Which of the earlier seasons' values counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Estimator {
    /// The largest.
    #[default]
    Max,
    /// The mean.
    Mean,
}

/// A seasonal profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Length of the season in samples.
    pub season: usize,
    /// Seasons that are looked back at.
    pub seasons: usize,
    /// Which value counts.
    pub estimator: Estimator,
    /// What is put on top, as a share (`marginFraction`).
    pub margin: f64,
}

impl Profile {
    /// The value so many steps after the last one; the first step is 1.
    pub fn forecast(&self, series: Series<'_>, step: usize) -> Result<f64, ModelError> {
        if self.season == 0 {
            return Err(ModelError::ShortSeason);
        }
        if series.len() < self.season {
            return Err(ModelError::TooFewSamples {
                needed: self.season,
                given: series.len(),
            });
        }
        let place = series.len() + step.max(1) - 1;
        let earlier = (1..)
            .map(|season| place.checked_sub(season * self.season))
            .take_while(Option::is_some)
            .flatten()
            .filter(|place| *place < series.len())
            .take(self.seasons.max(1))
            .map(|place| series[place]);
        let value = match self.estimator {
            Estimator::Max => earlier.fold(f64::NEG_INFINITY, f64::max),
            Estimator::Mean => {
                let (sum, count) =
                    earlier.fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0));
                sum / count
            }
        };
        Ok(value * (1.0 + self.margin))
    }

    /// The largest value of the next `steps`: what a window that looks ahead shows. After a season
    /// all values come again.
    pub fn peak(&self, series: Series<'_>, steps: usize) -> Result<f64, ModelError> {
        let mut values =
            (1..=steps.clamp(1, self.season.max(1))).map(|step| self.forecast(series, step));
        values.try_fold(f64::NEG_INFINITY, |peak, value| Ok(peak.max(value?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_phase_of_earlier_seasons_counts() {
        let series = [1.0, 5.0, 2.0, 3.0, 4.0, 9.0, 2.0, 6.0];
        let mut profile = Profile {
            season: 3,
            seasons: 9,
            estimator: Estimator::Max,
            margin: 0.0,
        };
        // The next value is of the phase of 2.0, 9.0; the one after of 1.0, 3.0, 2.0.
        assert_eq!(profile.forecast(&series, 1), Ok(9.0));
        assert_eq!(profile.forecast(&series, 2), Ok(3.0));
        assert_eq!(profile.forecast(&series, 3), Ok(6.0));
        // A step beyond a season looks at the same phase.
        assert_eq!(profile.forecast(&series, 5), Ok(3.0));
        assert_eq!(profile.peak(&series, 2), Ok(9.0));
        assert_eq!(profile.peak(&series[..5], usize::MAX), Ok(5.0));
        profile.seasons = 1;
        assert_eq!(profile.forecast(&series, 2), Ok(2.0));
        profile.seasons = 2;
        profile.estimator = Estimator::Mean;
        profile.margin = 0.5;
        assert_eq!(profile.forecast(&series, 2), Ok(3.75));
        let short = profile.forecast(&series[..2], 1);
        let needed = ModelError::TooFewSamples {
            needed: 3,
            given: 2,
        };
        assert_eq!(short, Err(needed));
    }
}
