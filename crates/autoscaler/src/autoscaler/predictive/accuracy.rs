//! How good forecasts were.
//!
//! MASE is Hyndman's and Koehler's ("Another look at measures of forecast accuracy", 2006).

/// Figures of forecasts against what came.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Accuracy {
    /// Forecasts that were compared.
    pub count: usize,
    /// Mean absolute error.
    pub mae: f64,
    /// Mean absolute error in percent of what came, counted as at least 1.
    pub mape_pct: f64,
    /// Mean absolute error in percent of the mean of both; nothing expected and nothing come is no
    /// error.
    pub smape_pct: f64,
    /// Mean absolute error over that of the forecast that each value comes again one season
    /// later. `None` if that one makes no error, or is not known.
    pub mase: Option<f64>,
    /// Forecasts that covered what came, in percent: they were as high or higher.
    pub coverage_pct: f64,
}

/// Compares forecasts with what came, pair by pair. `season` is the length of the season in
/// samples, 1 for none.
pub fn accuracy(actual: &[f64], forecast: &[f64], season: usize) -> Accuracy {
    let pairs: Vec<(f64, f64)> = actual
        .iter()
        .copied()
        .zip(forecast.iter().copied())
        .collect();
    if pairs.is_empty() {
        return Accuracy::default();
    }
    let count = pairs.len() as f64;
    let mean =
        |of: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|(y, f)| of(*y, *f)).sum::<f64>() / count;
    let mae = mean(&|y, f| (y - f).abs());
    let naive: Vec<f64> = actual
        .iter()
        .zip(actual.iter().skip(season.max(1)))
        .map(|(before, now)| (now - before).abs())
        .collect();
    let naive = naive.iter().sum::<f64>() / naive.len() as f64;
    Accuracy {
        count: pairs.len(),
        mae,
        mape_pct: 100.0 * mean(&|y, f| (y - f).abs() / y.max(1.0)),
        smape_pct: 200.0
            * mean(&|y, f| match y.abs() + f.abs() {
                0.0 => 0.0,
                both => (y - f).abs() / both,
            }),
        mase: (naive > 0.0).then(|| mae / naive),
        coverage_pct: 100.0 * mean(&|y, f| if f >= y { 1.0 } else { 0.0 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_those_of_hand() {
        let found = accuracy(&[2.0, 4.0, 0.0, 4.0], &[3.0, 2.0, 0.0, 4.0], 1);
        assert_eq!(found.count, 4);
        assert_eq!(found.mae, 0.75);
        // 1/2, 2/4, 0/1, 0/4.
        assert_eq!(found.mape_pct, 25.0);
        // 1/5, 2/6, none, none.
        assert!((found.smape_pct - 200.0 * (0.2 + 1.0 / 3.0) / 4.0).abs() < 1e-12);
        // One step before: 2, 4, 4.
        assert_eq!(found.mase, Some(0.75 / (10.0 / 3.0)));
        assert_eq!(found.coverage_pct, 75.0);
        // Two steps before: 2, 0.
        let season = accuracy(&[2.0, 4.0, 0.0, 4.0], &[2.0, 4.0, 0.0, 3.0], 2);
        assert_eq!(season.mase, Some(0.25));
        assert_eq!(accuracy(&[], &[], 1), Accuracy::default());
        assert_eq!(accuracy(&[3.0, 3.0], &[3.0, 3.0], 1).mase, None);
    }
}
