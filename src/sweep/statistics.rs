//! Mean, standard error and percentiles of a metric over a point's seeds.

/// Statistics of a few values; NaN where there are too few.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Statistics {
    /// Arithmetic mean.
    pub mean: f64,
    /// Standard error of the mean: s / √n with the sample's standard deviation s.
    pub standard_error: f64,
    /// 5th percentile.
    pub p5: f64,
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
}

impl Statistics {
    /// Names of the fields, for column headers, in the order of [`Statistics::fields`].
    pub const NAMES: [&'static str; 5] = ["mean", "se", "p5", "p50", "p95"];

    /// The statistics of the finite ones of these values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values = values.into_iter().filter(|value| value.is_finite());
        let first = values.next();
        let Some(second) = values.next() else {
            return Self::of_one(first.unwrap_or(f64::NAN));
        };
        let mut sorted: Vec<f64> = first.into_iter().chain([second]).chain(values).collect();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len() as f64;
        let mean = sorted.iter().sum::<f64>() / n;
        let squares: f64 = sorted.iter().map(|value| (value - mean).powi(2)).sum();
        Self {
            mean,
            standard_error: (squares / (n - 1.0) / n).sqrt(),
            p5: percentile(&sorted, 0.05),
            p50: percentile(&sorted, 0.50),
            p95: percentile(&sorted, 0.95),
        }
    }

    /// Of one value, or of none, which is not a number.
    fn of_one(value: f64) -> Self {
        Self {
            mean: value,
            standard_error: f64::NAN,
            p5: value,
            p50: value,
            p95: value,
        }
    }

    /// The fields in the order of [`Statistics::NAMES`].
    pub fn fields(&self) -> [f64; 5] {
        [self.mean, self.standard_error, self.p5, self.p50, self.p95]
    }
}

/// The percentile by linear interpolation between the sorted values (type 7 of Hyndman and
/// Fan, the default of R and `NumPy`).
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = share * last as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    let fraction = place - place.floor();
    if fraction == 0.0 {
        return sorted[below];
    }
    sorted[below] + (sorted[above] - sorted[below]) * fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_five_values_are_the_textbook_ones() {
        let got = Statistics::of([4.0, 2.0, f64::NAN, 10.0, 6.0, 8.0]);
        assert_eq!((got.mean, got.p50), (6.0, 6.0));
        assert!((got.standard_error - 2f64.sqrt()).abs() < 1e-12);
        assert!((got.p5 - 2.4).abs() < 1e-12 && (got.p95 - 9.6).abs() < 1e-12);
    }

    #[test]
    fn one_value_has_no_error_and_none_has_nothing() {
        let one = Statistics::of([3.0]);
        assert_eq!((one.mean, one.p5, one.p95), (3.0, 3.0, 3.0));
        assert!(one.standard_error.is_nan());
        assert!(
            Statistics::of([])
                .fields()
                .iter()
                .all(|field| field.is_nan())
        );
    }
}
