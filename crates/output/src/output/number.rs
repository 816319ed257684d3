//! Numbers as text.

use super::rows::push_number;
use crate::sim::SimTime;

/// A number with at most this many decimals, without zeros at its end; empty if it does not
/// exist.
pub(super) fn rounded(value: f64, decimals: usize) -> String {
    text(value, decimals, false)
}

/// A number in a column of floating-point numbers: at most this many decimals, at least one.
pub(super) fn float(value: f64, decimals: usize) -> String {
    text(value, decimals, true)
}

fn text(value: f64, decimals: usize, is_float: bool) -> String {
    let mut text = Vec::new();
    push_number(&mut text, value, decimals, is_float);
    String::from_utf8(text).unwrap_or_default()
}

/// The same as [`rounded`] of a number that exists, by all of its digits.
pub(super) fn exactly_rounded(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    if text == "-0" { "0" } else { text }.to_owned()
}

/// An instant in seconds, exact to the millisecond.
pub(super) fn seconds(time: SimTime) -> String {
    float(time.as_secs_f64(), 3)
}

/// A count with thin groups of three: 12 345.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_needless_zeros() {
        let texts = [1.0, 0.5, 1.0 / 3.0, -0.0001, f64::NAN].map(|value| rounded(value, 3));
        assert_eq!(texts, ["1", "0.5", "0.333", "0", ""]);
        assert_eq!(rounded(1200.0, 0), "1200");
        assert_eq!(seconds(SimTime(1_500_000_000)), "1.5");
        let texts = [1.0, 0.25, -0.0001, f64::NAN].map(|value| float(value, 3));
        assert_eq!(texts, ["1.0", "0.25", "0.0", ""]);
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(grouped),
            ["0", "999", "1,000", "1,234,567"]
        );
    }
}
