//! Bounds of a histogram's buckets as labels have them.

use crate::prometheus::promql::Edition;

/// The value of `le` for a bound: as Go prints it (`strconv`'s `'g'` with the fewest digits), with
/// edition 3 always as a float (`FormatOpenMetricsFloat`).
pub fn bound(value: f64, edition: Edition) -> String {
    let text = go(value);
    if edition == Edition::Three && !text.contains(['.', 'e']) && value.is_finite() {
        return text + ".0";
    }
    text
}

/// A number as Go prints it: with an exponent of at least two digits from a million on and below
/// a ten-thousandth.
fn go(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let text = format!("{value:e}");
    let Some((digits, exponent)) = text.split_once('e') else {
        return text;
    };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_written_as_go_writes_them() {
        let rows = [
            (0.000_001, "1e-06", "1e-06"),
            (0.000_025, "2.5e-05", "2.5e-05"),
            (0.0001, "0.0001", "0.0001"),
            (0.005, "0.005", "0.005"),
            (0.0, "0", "0.0"),
            (1.0, "1", "1.0"),
            (-10.0, "-10", "-10.0"),
            (2.5, "2.5", "2.5"),
            (100_000.0, "100000", "100000.0"),
            (123_456.5, "123456.5", "123456.5"),
            (1e6, "1e+06", "1e+06"),
            (1_048_576.0, "1.048576e+06", "1.048576e+06"),
            (1e21, "1e+21", "1e+21"),
            (1e100, "1e+100", "1e+100"),
            (f64::INFINITY, "+Inf", "+Inf"),
        ];
        for (value, two, three) in rows {
            assert_eq!(bound(value, Edition::Two), two);
            assert_eq!(bound(value, Edition::Three), three);
        }
    }
}
