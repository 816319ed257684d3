//! How far two values move together, added up sample by sample.

/// Means and co-moments of pairs up to now.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Correlation {
    count: f64,
    mean: (f64, f64),
    squares: (f64, f64),
    products: f64,
}

impl Correlation {
    /// Counts a pair in (after Welford).
    pub fn add(&mut self, x: f64, y: f64) {
        self.count += 1.0;
        let before = (x - self.mean.0, y - self.mean.1);
        self.mean.0 += before.0 / self.count;
        self.mean.1 += before.1 / self.count;
        self.squares.0 += before.0 * (x - self.mean.0);
        self.squares.1 += before.1 * (y - self.mean.1);
        self.products += before.0 * (y - self.mean.1);
    }

    /// Pairs.
    pub fn count(&self) -> f64 {
        self.count
    }

    /// Standard deviation of the first value over its mean; 0 of nothing.
    pub fn variation(&self) -> f64 {
        let deviation = (self.squares.0 / self.count.max(1.0)).sqrt();
        if self.mean.0 > 0.0 {
            deviation / self.mean.0
        } else {
            0.0
        }
    }

    /// Pearson's coefficient, from -1 to 1; 0 where a value is constant.
    pub fn coefficient(&self) -> f64 {
        let (x, y) = self.squares;
        if x > 0.0 && y > 0.0 {
            self.products / (x.sqrt() * y.sqrt())
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: impl IntoIterator<Item = (f64, f64)>) -> Correlation {
        let mut made = Correlation::default();
        pairs.into_iter().for_each(|(x, y)| made.add(x, y));
        made
    }

    #[test]
    fn what_moves_together_correlates_and_a_constant_does_not() {
        let line = of((0..9).map(|x| (f64::from(x), 3.0 + 2.0 * f64::from(x))));
        assert!((line.coefficient() - 1.0).abs() < 1e-12);
        assert!((line.variation() - 6.666_666_666_666_667_f64.sqrt() / 4.0).abs() < 1e-12);
        assert_eq!(of((0..9).map(|x| (f64::from(x), 7.0))).coefficient(), 0.0);
        let apart = of([(0.0, 1.0), (1.0, 0.0), (0.0, 0.0), (1.0, 1.0)]);
        assert!(apart.coefficient().abs() < 1e-12);
    }
}
