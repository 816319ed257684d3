//! Numbers for people: few digits.

use std::fmt::Write as _;

/// The value rounded to this many significant digits.
pub(super) fn significant(value: f64, digits: usize) -> f64 {
    if value == 0.0 {
        return value;
    }
    match decimal(value, digits) {
        Some(decimal) => decimal.value(),
        None => format!("{value:.*e}", digits.saturating_sub(1))
            .parse()
            .unwrap_or(value),
    }
}

/// Appends the value rounded to this many significant digits, as `{:?}` writes it; a negative zero
/// loses its sign.
pub(super) fn write_significant(text: &mut String, value: f64, digits: usize) {
    if value == 0.0 {
        return text.push_str("0.0");
    }
    let plain = |decimal: &Decimal| (1e-4..1e15).contains(&decimal.value().abs());
    match decimal(value, digits).filter(plain) {
        Some(decimal) => decimal.write(text),
        None => {
            let _ = write!(text, "{:?}", significant(value, digits) + 0.0);
        }
    }
}

/// `mantissa` / 10^`decimals`, or times 10^-`decimals`; a mantissa of at most 15 digits.
#[derive(Debug, Clone, Copy)]
struct Decimal {
    negative: bool,
    mantissa: u64,
    decimals: i32,
}

/// Powers of ten that a float holds exactly.
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// The value rounded to this many significant digits, at most 12, where one multiplication tells
/// it beyond doubt: close to a tie, and for numbers very large or very small, it does not.
fn decimal(value: f64, digits: usize) -> Option<Decimal> {
    let size = value.abs();
    if !(1e-9..1e15).contains(&size) || digits == 0 || digits > 12 {
        return None;
    }
    if size < TENS[digits] && size == size.trunc() {
        return Some(Decimal {
            negative: value < 0.0,
            mantissa: size as u64,
            decimals: 0,
        });
    }
    let mut decimals = digits as i32 - 1 - size.log10().floor() as i32;
    let scaled = |decimals: i32| {
        let ten = *TENS.get(decimals.unsigned_abs() as usize)?;
        Some(if decimals < 0 { size / ten } else { size * ten })
    };
    let most = TENS[digits];
    let mut product = scaled(decimals)?;
    if product >= most {
        decimals -= 1;
        product = scaled(decimals)?;
    }
    let rounded = product.round();
    let from_tie = ((product - product.floor()) - 0.5).abs();
    // The product is off by at most half a unit in its last place: below 2^-13 under 10^12.
    let sure = from_tie > 1e-3 && product >= most / 10.0 && rounded < most;
    sure.then_some(Decimal {
        negative: value < 0.0,
        mantissa: rounded as u64,
        decimals,
    })
}

impl Decimal {
    /// The float next to it: one operation on two exact numbers is rounded correctly.
    fn value(self) -> f64 {
        let ten = TENS[self.decimals.unsigned_abs() as usize];
        let size = if self.decimals < 0 {
            self.mantissa as f64 * ten
        } else {
            self.mantissa as f64 / ten
        };
        if self.negative { -size } else { size }
    }

    /// Appends it with at least one decimal and no zeros behind that.
    fn write(self, text: &mut String) {
        let Self {
            negative,
            mut mantissa,
            mut decimals,
        } = self;
        while decimals > 1 && mantissa.is_multiple_of(10) {
            mantissa /= 10;
            decimals -= 1;
        }
        while decimals < 1 {
            mantissa *= 10;
            decimals += 1;
        }
        // From behind, the point before the decimals and at least one digit before that.
        let mut signs = [0u8; 40];
        let mut from = signs.len();
        let mut put = |sign: u8| {
            from -= 1;
            signs[from] = sign;
        };
        while mantissa > 0 || decimals >= 0 {
            if decimals == 0 {
                put(b'.');
            }
            put(b'0' + (mantissa % 10) as u8);
            mantissa /= 10;
            decimals -= 1;
        }
        if negative {
            put(b'-');
        }
        text.push_str(std::str::from_utf8(&signs[from..]).expect("digits"));
    }
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

    /// The definition: the exact decimal expansion, cut by the standard library.
    fn by_text(value: f64, digits: usize) -> f64 {
        format!("{value:.*e}", digits - 1).parse().unwrap()
    }

    #[test]
    fn rounding_is_exact() {
        let ties = [
            0.5,
            2.5,
            123_456_789.5,
            1.000_000_005,
            0.999_999_999_5,
            1e9,
            1e8,
        ];
        for value in ties.into_iter().flat_map(|value| [value, -value]) {
            assert_eq!(significant(value, 9), by_text(value, 9), "{value}");
        }
    }

    proptest::proptest! {
        #[test]
        fn rounding_is_that_of_the_exact_expansion(
            mantissa in -1.0..1.0f64,
            exponent in -20..20i32,
            coarse in 0..4i32,
            digits in 1..13usize,
        ) {
            // Some with few digits, among them ties.
            let grid = 10f64.powi(3 * coarse);
            let short = if coarse == 0 { mantissa } else { (mantissa * grid).round() / grid };
            let value = short * 10f64.powi(exponent);
            let want = by_text(value, digits);
            assert_eq!(significant(value, digits).to_bits(), want.to_bits(), "{value}");
            let mut text = String::new();
            write_significant(&mut text, value, digits);
            assert_eq!(text, format!("{:?}", want + 0.0));
        }
    }

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
