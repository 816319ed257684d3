//! Linear regression of replicas on time.
//!
//! Upstream: predictive-horizontal-pod-autoscaler's `linear_regression.py` and
//! `internal/prediction/linear`: ordinary least squares with an intercept.

use crate::sim::{SimDuration, SimTime};

/// The value that a straight line through the samples has at a time. `None` without samples; a
/// single one stays what it is. Samples at one time only have no slope: their mean stays.
pub fn extrapolate(samples: &[(SimTime, f64)], at: SimTime) -> Option<f64> {
    if samples.is_empty() {
        return None;
    }
    let count = samples.len() as f64;
    // As upstream, in seconds before the time that is asked for, which keeps the numbers small.
    let before = |time: SimTime| at.since(time).as_secs_f64();
    let x_mean = samples.iter().map(|(time, _)| before(*time)).sum::<f64>() / count;
    let y_mean = samples.iter().map(|(_, value)| value).sum::<f64>() / count;
    let (mut across, mut along) = (0.0, 0.0);
    for (time, value) in samples {
        let x = before(*time) - x_mean;
        across += x * (value - y_mean);
        along += x * x;
    }
    if along == 0.0 {
        return Some(y_mean);
    }
    Some(y_mean - across / along * x_mean)
}

/// A linear model of a PHPA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Linear {
    /// `historySize`: samples that are kept.
    pub history_size: usize,
    /// `lookAhead`: how far ahead it looks.
    pub look_ahead: SimDuration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_on_and_a_point_stays() {
        let at = SimTime::from_secs;
        assert_eq!(extrapolate(&[], at(0)), None);
        assert_eq!(extrapolate(&[(at(5), 3.0)], at(60)), Some(3.0));
        assert_eq!(
            extrapolate(&[(at(5), 3.0), (at(5), 4.0)], at(60)),
            Some(3.5)
        );
        let line = [(at(0), 1.0), (at(10), 2.0), (at(20), 3.0)];
        assert_eq!(extrapolate(&line, at(50)), Some(6.0));
    }
}
