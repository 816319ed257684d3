//! How far usage may be from its target without a change (`Tolerances.isWithin`).

/// Tolerances of both directions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tolerances {
    pub(super) scale_down: f64,
    pub(super) scale_up: f64,
}

impl Tolerances {
    /// Both edges are inclusive and computed in floats; NaN is never within.
    pub(super) fn is_within(self, ratio: f64) -> bool {
        (1.0 - self.scale_down) <= ratio && ratio <= (1.0 + self.scale_up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edges_are_within_and_nan_is_not() {
        let tolerances = Tolerances {
            scale_down: 0.1,
            scale_up: 0.1,
        };
        assert!(tolerances.is_within(0.9) && tolerances.is_within(1.1));
        assert!(!tolerances.is_within(1.11) && !tolerances.is_within(0.89));
        assert!(!tolerances.is_within(f64::NAN));
    }
}
