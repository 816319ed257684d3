//! Kubernetes quantities (`100m`, `8Gi`, `262144k`, `1e3`), exact.
//!
//! Follows `k8s.io/apimachinery/pkg/api/resource`: a value finer than nano is rounded away
//! from zero, a value is printed in the canonical form of the family it was written in.

use std::fmt;
use std::str::FromStr;

/// The family of suffixes in which a quantity is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum QuantityFormat {
    /// `n u m "" k M G T P E`.
    #[default]
    DecimalSi,
    /// `Ki Mi Gi Ti Pi Ei`.
    BinarySi,
    /// `e3`, `e6` …
    DecimalExponent,
}

/// An exact amount with the family it is printed in. Counted in billionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Quantity {
    nanos: i128,
    format: QuantityFormat,
}

const NANO: i128 = 1_000_000_000;
/// Upstream caps amounts at 2^63 − 1 units.
const MAX_NANOS: i128 = i64::MAX as i128 * NANO;

/// Why a text is not a quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// The text is empty.
    #[error("a quantity is missing, for example \"250m\", \"2\" or \"512Mi\"")]
    Empty,
    /// It does not begin with a number.
    #[error("\"{0}\" does not begin with a number: write for example \"250m\", \"2\" or \"512Mi\"")]
    NoNumber(String),
    /// The suffix is none of Kubernetes'.
    #[error("unknown suffix \"{suffix}\" in \"{text}\": the suffixes are n, u, m, k, M, G, T, P, E and Ki, Mi, Gi, Ti, Pi, Ei{}", hint(.suffix))]
    UnknownSuffix {
        /// The whole text.
        text: String,
        /// What stands after the number.
        suffix: String,
    },
}

fn hint(suffix: &str) -> String {
    let meant = match suffix {
        "K" | "KB" | "kb" | "kB" => "k or Ki",
        "MB" | "mb" | "mi" | "MiB" => "M or Mi",
        "GB" | "gb" | "g" | "gi" | "GiB" => "G or Gi",
        "TB" | "tb" | "t" | "TiB" => "T or Ti",
        _ => return String::new(),
    };
    format!("; did you mean {meant}?")
}

/// Ceiling of `value / divisor` away from zero, `divisor` positive.
fn div_away_from_zero(value: i128, divisor: i128) -> i128 {
    let quotient = value / divisor;
    if value % divisor == 0 {
        quotient
    } else {
        quotient + value.signum()
    }
}

/// Ceiling of `value / divisor`, `divisor` positive.
fn div_ceil(value: i128, divisor: i128) -> i128 {
    value.div_euclid(divisor) + i128::from(value.rem_euclid(divisor) != 0)
}

impl Quantity {
    /// A number of billionths.
    pub fn from_nanos(nanos: i128, format: QuantityFormat) -> Self {
        Self {
            nanos: nanos.clamp(-MAX_NANOS, MAX_NANOS),
            format,
        }
    }

    /// A number of thousandths.
    pub fn from_millis(millis: i64, format: QuantityFormat) -> Self {
        Self::from_nanos(i128::from(millis) * 1_000_000, format)
    }

    /// A whole number.
    pub fn from_units(units: i64, format: QuantityFormat) -> Self {
        Self::from_nanos(i128::from(units) * NANO, format)
    }

    /// The amount in billionths.
    pub fn nanos(self) -> i128 {
        self.nanos
    }

    /// The amount in thousandths, rounded up (`Quantity.MilliValue`); wraps beyond 64 bits,
    /// as upstream's does.
    pub fn milli_value(self) -> i64 {
        div_ceil(self.nanos, 1_000_000) as i64
    }

    /// The amount in whole units, rounded up (`Quantity.Value`).
    pub fn value(self) -> i64 {
        saturate(div_ceil(self.nanos, NANO))
    }

    /// The amount as a float, from the mantissa and exponent of the canonical text
    /// (`Quantity.AsApproximateFloat64`).
    pub fn as_f64(self) -> f64 {
        let (mut mantissa, mut exponent) = (self.nanos, -9);
        while mantissa != 0 && mantissa % 1000 == 0 {
            mantissa /= 1000;
            exponent += 3;
        }
        if exponent >= 0 {
            mantissa as f64 * 10f64.powi(exponent)
        } else {
            mantissa as f64 / 10f64.powi(-exponent)
        }
    }

    /// The family it is printed in.
    pub fn format(self) -> QuantityFormat {
        self.format
    }
}

fn saturate(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

/// What a suffix multiplies by, in billionths, and its family.
enum Scale {
    Nanos(i128, QuantityFormat),
    /// 10^n units.
    Exponent(i32),
}

fn scale_of(suffix: &str) -> Option<Scale> {
    use QuantityFormat::{BinarySi, DecimalSi};
    let decimal = |power: u32| Some(Scale::Nanos(10i128.pow(power), DecimalSi));
    let binary = |shift: u32| Some(Scale::Nanos(NANO << shift, BinarySi));
    match suffix {
        "n" => decimal(0),
        "u" => decimal(3),
        "m" => decimal(6),
        "" => decimal(9),
        "k" => decimal(12),
        "M" => decimal(15),
        "G" => decimal(18),
        "T" => decimal(21),
        "P" => decimal(24),
        "E" => decimal(27),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            exponent.parse::<i32>().ok().map(Scale::Exponent)
        }
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        if text.is_empty() {
            return Err(QuantityError::Empty);
        }
        let no_number = || QuantityError::NoNumber(text.to_owned());
        let (negative, rest) = match text.as_bytes()[0] {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, suffix) = rest.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(no_number());
        }
        let unknown = || QuantityError::UnknownSuffix {
            text: text.to_owned(),
            suffix: suffix.to_owned(),
        };
        let (unit, format) = match scale_of(suffix).ok_or_else(unknown)? {
            Scale::Nanos(unit, format) => (unit, format),
            Scale::Exponent(exponent) => {
                return Ok(from_decimal(negative, whole, fraction, exponent));
            }
        };
        let nanos = scale_decimal(whole, fraction, unit);
        let signed = if negative { -nanos } else { nanos };
        Ok(Self::from_nanos(signed, format))
    }
}

/// `whole.fraction × unit` nanos, rounded away from zero, saturating.
fn scale_decimal(whole: &str, fraction: &str, unit: i128) -> i128 {
    let digits = |text: &str| {
        text.bytes().fold(0i128, |sum, digit| {
            sum.saturating_mul(10)
                .saturating_add(i128::from(digit - b'0'))
        })
    };
    let whole = digits(whole).min(MAX_NANOS).saturating_mul(unit);
    // Beyond 18 digits a fraction cannot change more than the rounding.
    let (kept, dropped) = fraction.split_at(fraction.len().min(18));
    let denominator = 10i128.pow(kept.len() as u32);
    let numerator = digits(kept);
    // Keeps numerator × unit inside 128 bits: split the unit into its binary and decimal part.
    let part = mul_div_up(numerator, unit, denominator);
    let rest = i128::from(
        dropped.bytes().any(|digit| digit != b'0')
            && (numerator.saturating_mul(unit)) % denominator == 0,
    );
    whole.saturating_add(part).saturating_add(rest)
}

/// Ceiling of a × b / c for 0 ≤ a < c, without overflow: long division by halves.
fn mul_div_up(a: i128, b: i128, c: i128) -> i128 {
    if let Some(product) = a.checked_mul(b) {
        return div_away_from_zero(product, c);
    }
    let (high, low) = (b / NANO, b % NANO);
    let scaled = a * NANO; // a < 10^18, so this fits
    let (quotient, remainder) = (scaled / c, scaled % c);
    quotient * high + div_away_from_zero(remainder.saturating_mul(high).saturating_add(a * low), c)
}

fn from_decimal(negative: bool, whole: &str, fraction: &str, exponent: i32) -> Quantity {
    let power = exponent + 9;
    let nanos = if power >= 0 {
        scale_decimal(
            whole,
            fraction,
            10i128
                .checked_pow(power.min(36) as u32)
                .unwrap_or(i128::MAX),
        )
    } else {
        let divisor = 10i128.pow(power.unsigned_abs().min(38));
        let value = scale_decimal(whole, fraction, 1);
        div_away_from_zero(value, divisor)
    };
    let signed = if negative { -nanos } else { nanos };
    Quantity::from_nanos(signed, QuantityFormat::DecimalExponent)
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return f.pad("0");
        }
        let text = match self.format {
            QuantityFormat::BinarySi
                if self.nanos.abs() >= 1024 * NANO && self.nanos % NANO == 0 =>
            {
                binary_text(self.nanos / NANO)
            }
            QuantityFormat::DecimalExponent => {
                decimal_text(self.nanos, |exponent| match exponent {
                    0 => String::new(),
                    _ => format!("e{exponent}"),
                })
            }
            _ => decimal_text(self.nanos, |exponent| {
                const SUFFIXES: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
                SUFFIXES[((exponent + 9) / 3) as usize].to_owned()
            }),
        };
        f.pad(&text)
    }
}

/// The greatest power of 1024 that divides the number.
fn binary_text(mut units: i128) -> String {
    const SUFFIXES: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let mut power = 0;
    while power < 6 && units % 1024 == 0 {
        units /= 1024;
        power += 1;
    }
    format!("{units}{}", SUFFIXES[power])
}

/// The greatest power of 1000 that divides the number, at most 10^18.
fn decimal_text(nanos: i128, suffix: impl Fn(i32) -> String) -> String {
    let (mut mantissa, mut exponent) = (nanos, -9);
    while exponent < 18 && mantissa % 1000 == 0 {
        mantissa /= 1000;
        exponent += 3;
    }
    format!("{mantissa}{}", suffix(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(text: &str) -> String {
        text.parse::<Quantity>()
            .map_or_else(|error| error.to_string(), |q| q.to_string())
    }

    #[test]
    fn quantities_print_in_canonical_form() {
        let cases = [
            ("1000", "1k"),
            ("100m", "100m"),
            ("0.1", "100m"),
            ("8Gi", "8Gi"),
            ("262144k", "262144k"),
            ("1e3", "1e3"),
            ("1500m", "1500m"),
            ("2000m", "2"),
            ("1536Mi", "1536Mi"),
            ("0.5Gi", "512Mi"),
            ("1025Ki", "1025Ki"),
            ("1023", "1023"),
            (".5", "500m"),
            ("5.", "5"),
            ("+1", "1"),
            ("-1", "-1"),
            ("100n", "100n"),
            ("0.1n", "1n"),
            ("0", "0"),
            ("1E", "1E"),
            ("0.5Ki", "512"),
            ("12e-3", "12e-3"),
        ];
        for (text, expected) in cases {
            assert_eq!(canonical(text), expected, "{text}");
        }
    }

    #[test]
    fn values_round_up() {
        let value = |text: &str| {
            text.parse::<Quantity>()
                .map(|q| (q.milli_value(), q.value()))
        };
        assert_eq!(value("100000001n"), Ok((101, 1)));
        assert_eq!(value("1500m"), Ok((1500, 2)));
        assert_eq!(value("-1500m"), Ok((-1500, -1)));
        assert_eq!(value("1Ki"), Ok((1_024_000, 1024)));
    }

    #[test]
    fn wrong_texts_say_what_would_be_right() {
        let texts = ["", "m", "1 Gi", "1GB", "1.2.3", "ten", "1K"];
        let errors: Vec<String> = texts
            .iter()
            .map(|text| format!("{text:?}: {}", canonical(text)))
            .collect();
        insta::assert_snapshot!(errors.join("\n"));
    }

    #[test]
    fn floats_come_from_mantissa_and_exponent() {
        assert_eq!("50m".parse::<Quantity>().map(Quantity::as_f64), Ok(0.05));
        assert_eq!(
            "12345u".parse::<Quantity>().map(Quantity::as_f64),
            Ok(0.012_345)
        );
    }

    proptest! {
        #[test]
        fn parsing_reverses_printing(units in any::<i64>(), power in 0u32..3, binary in any::<bool>()) {
            let format = if binary { QuantityFormat::BinarySi } else { QuantityFormat::DecimalSi };
            let quantity = Quantity::from_nanos(i128::from(units) * 1000i128.pow(power), format);
            let back: Quantity = quantity.to_string().parse().map_err(|e| TestCaseError::fail(format!("{e}")))?;
            prop_assert_eq!(back.nanos(), quantity.nanos());
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<Quantity>();
        }

        #[test]
        fn numbers_with_suffixes_never_panic(text in "[+-]?[0-9]{0,40}\\.?[0-9]{0,40}(n|u|m|k|M|E|Ki|Ei|e[+-]?[0-9]{1,4})?") {
            let _ = text.parse::<Quantity>();
        }
    }
}
