//! Conversions from float to integer as Go does them on amd64: they truncate, and a value
//! that does not fit (or is not a number) becomes the least integer, not the nearest.

/// `int32(value)`.
pub(super) fn to_i32(value: f64) -> i32 {
    if value > -2_147_483_649.0 && value < 2_147_483_648.0 {
        value as i32
    } else {
        i32::MIN
    }
}

/// `int64(value)`.
pub(super) fn to_i64(value: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value) {
        value as i64
    } else {
        i64::MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_becomes_the_least_integer() {
        assert_eq!((to_i32(-1.9), to_i32(2_147_483_647.5)), (-1, i32::MAX));
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 3e9] {
            assert_eq!(to_i32(value), i32::MIN);
        }
        assert_eq!(
            (to_i64(3e9), to_i64(1e19), to_i64(f64::NAN)),
            (3_000_000_000, i64::MIN, i64::MIN)
        );
    }
}
