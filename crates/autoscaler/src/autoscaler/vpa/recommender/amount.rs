//! `ResourceAmount`: millicores or bytes as a bounded integer. Follows
//! `pkg/recommender/model/types.go`; every conversion from a float truncates.

/// The largest amount.
pub(super) const MAX: i64 = 100_000_000_000_000;

/// A float as an amount: truncated, at least 0 and at most [`MAX`].
pub(super) fn from_float(amount: f64) -> i64 {
    if amount < 0.0 {
        0
    } else if amount > MAX as f64 {
        MAX
    } else if amount.is_nan() {
        // What Go's conversion gives on amd64: no confidence in an amount of zero.
        i64::MIN
    } else {
        amount as i64
    }
}

/// Cores as millicores.
pub(super) fn from_cores(cores: f64) -> i64 {
    from_float(cores * 1000.0)
}

/// Millicores as cores.
pub(super) fn to_cores(millicores: i64) -> f64 {
    millicores as f64 / 1000.0
}

/// An amount times a factor.
pub(super) fn scale(amount: i64, factor: f64) -> i64 {
    from_float(amount as f64 * factor)
}

/// An amount rounded up to a multiple of `unit`; unchanged if that is not more than 1.
pub(super) fn round_up(amount: i64, unit: i64) -> i64 {
    if unit <= 1 || amount == 0 {
        amount
    } else {
        (amount as f64 / unit as f64).ceil() as i64 * unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_truncated_and_bounded() {
        assert_eq!(from_float(-0.5), 0);
        assert_eq!(from_float(2.999), 2);
        assert_eq!(from_float(f64::INFINITY), MAX);
        assert_eq!(from_cores(0.1234), 123);
        assert_eq!(scale(MAX, 2.0), MAX);
    }

    #[test]
    fn rounding_goes_up_to_the_multiple() {
        assert_eq!(round_up(101, 100), 200);
        assert_eq!(round_up(200, 100), 200);
        assert_eq!(round_up(0, 100), 0);
        assert_eq!(round_up(7, 1), 7);
        assert_eq!(round_up(7, 0), 7);
    }
}
