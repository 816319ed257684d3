//! Sums that do not depend on the order of their terms.

/// 2^64: the sum is kept in units of its inverse.
const UNITS: f64 = 18_446_744_073_709_551_616.0;

/// A sum in fixed point: exact for terms from 2^-11 up to 2^62, to 2^-64 for smaller ones. Pods end
/// in another order than that in which they are created; what they cost is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExactSum(i128);

impl ExactSum {
    /// Adds a term.
    pub fn add(&mut self, term: f64) {
        self.0 = self.0.saturating_add((term * UNITS) as i128);
    }

    /// The sum, rounded once.
    pub fn value(self) -> f64 {
        self.0 as f64 / UNITS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_order_of_terms_does_not_matter(mut terms in prop::collection::vec(-1e6..1e6f64, 0..50)) {
            let sum = |terms: &[f64]| {
                let mut sum = ExactSum::default();
                for term in terms {
                    sum.add(*term);
                }
                sum.value()
            };
            let first = sum(&terms);
            let plain: f64 = terms.iter().sum();
            prop_assert!((first - plain).abs() < 1e-6);
            terms.reverse();
            prop_assert_eq!(first, sum(&terms));
        }
    }
}
