//! Numbers for people: few digits.

/// The value rounded to this many significant digits.
pub(super) fn significant(value: f64, digits: usize) -> f64 {
    format!("{value:.*e}", digits.saturating_sub(1))
        .parse()
        .unwrap_or(value)
}

/// Four significant digits, but whole numbers whole; `-` for what does not exist.
pub(super) fn short(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    let rounded = if value.abs() >= 1000.0 {
        value.round()
    } else {
        significant(value, 4)
    };
    if rounded == 0.0 {
        return "0".to_owned();
    }
    if rounded.abs() < 1e-4 || rounded.abs() >= 1e9 {
        return format!("{rounded:.2e}");
    }
    rounded.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (12.0, "12"),
            (1.0 / 3.0, "0.3333"),
            (123.456, "123.5"),
            (123_456.7, "123457"),
            (-2.5, "-2.5"),
            (0.000_012_345, "1.23e-5"),
            (4.2e12, "4.20e12"),
            (f64::NAN, "-"),
        ];
        for (value, text) in cases {
            assert_eq!(short(value), text);
        }
    }
}
