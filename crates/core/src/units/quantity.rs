//! The Kubernetes `Quantity`: an exact number with the suffix family it was written in.
//!
//! Follows apimachinery's `pkg/api/resource/quantity.go`: the accepted texts, the rounding away
//! from zero of anything finer than nano, the cap of binary amounts at 2^63-1 and the canonical
//! text. Whitespace is refused; the caller trims.
//!
//! One deliberate difference: an amount beyond about 1.7e29 is an error instead of an
//! arbitrary-precision number.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use super::{Bytes, Millicores};

const NANOS_PER_UNIT: i128 = 1_000_000_000;
const NANOS_PER_MILLI: i128 = 1_000_000;

/// The suffix family a quantity is printed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum QuantityFormat {
    /// `n u m (none) k M G T P E`.
    #[default]
    DecimalSi,
    /// `Ki Mi Gi Ti Pi Ei`.
    BinarySi,
    /// `e3`, `E-6`.
    DecimalExponent,
}

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
    /// More than can be held (about 1.7e29).
    #[error("\"{0}\" is too large")]
    TooLarge(String),
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

/// An exact amount with nano resolution. Equality and order look at the amount only.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quantity {
    nanos: i128,
    format: QuantityFormat,
}

impl Quantity {
    /// Zero, in decimal format.
    pub const ZERO: Self = Self::from_nanos(0, QuantityFormat::DecimalSi);

    /// `nanos` billionths.
    pub const fn from_nanos(nanos: i128, format: QuantityFormat) -> Self {
        Self { nanos, format }
    }

    /// `milli` thousandths.
    pub const fn from_millis(milli: i64, format: QuantityFormat) -> Self {
        Self::from_nanos(milli as i128 * NANOS_PER_MILLI, format)
    }

    /// `value` whole units.
    pub const fn from_units(value: i64, format: QuantityFormat) -> Self {
        Self::from_nanos(value as i128 * NANOS_PER_UNIT, format)
    }

    /// A memory amount, printed in binary units.
    pub const fn from_bytes(bytes: Bytes) -> Self {
        Self::from_units(bytes.0, QuantityFormat::BinarySi)
    }

    /// A CPU amount, printed in decimal units.
    pub const fn from_millicores(millicores: Millicores) -> Self {
        Self::from_millis(millicores.0, QuantityFormat::DecimalSi)
    }

    /// The amount in billionths, exactly.
    pub const fn nanos(self) -> i128 {
        self.nanos
    }

    /// Thousandths, rounded away from zero (`Quantity.MilliValue`). An amount beyond 64
    /// bits wraps around.
    pub const fn milli_value(self) -> i64 {
        div_away_from_zero(self.nanos, NANOS_PER_MILLI) as i64
    }

    /// Whole units, rounded away from zero (`Quantity.Value`), at most the largest (or
    /// least) 64-bit integer.
    pub const fn value(self) -> i64 {
        let units = div_away_from_zero(self.nanos, NANOS_PER_UNIT);
        if units > i64::MAX as i128 {
            i64::MAX
        } else if units < i64::MIN as i128 {
            i64::MIN
        } else {
            units as i64
        }
    }

    /// The amount as CPU.
    pub const fn to_millicores(self) -> Millicores {
        Millicores(self.milli_value())
    }

    /// The amount as memory.
    pub const fn to_bytes(self) -> Bytes {
        Bytes(self.value())
    }

    /// The suffix family.
    pub const fn format(self) -> QuantityFormat {
        self.format
    }

    /// True for nothing at all.
    pub const fn is_zero(self) -> bool {
        self.nanos == 0
    }

    /// The amount as a float: mantissa times power of ten of the canonical text
    /// (`50m` is 50 * 10^-3), the way `Quantity.AsApproximateFloat64` rounds.
    pub fn as_f64(self) -> f64 {
        let (mantissa, exponent) = match self.printed_format() {
            QuantityFormat::BinarySi => (self.nanos / NANOS_PER_UNIT, 0),
            QuantityFormat::DecimalSi | QuantityFormat::DecimalExponent => self.canonical_decimal(),
        };
        let power = 10f64.powi(exponent.abs());
        match exponent.cmp(&0) {
            Ordering::Equal => mantissa as f64,
            // The power of ten itself is rounded first, as Go's math.Pow10 does.
            Ordering::Less => mantissa as f64 * (1.0 / power),
            Ordering::Greater => mantissa as f64 * power,
        }
    }

    /// Mantissa and exponent of the canonical decimal text: the exponent is the largest
    /// multiple of three that leaves an integer. Zero has exponent 0.
    fn canonical_decimal(self) -> (i128, i32) {
        if self.nanos == 0 {
            return (0, 0);
        }
        let (mut mantissa, mut exponent) = (self.nanos, -9);
        while mantissa % 1000 == 0 {
            mantissa /= 1000;
            exponent += 3;
        }
        (mantissa, exponent)
    }

    /// Binary amounts under 1024, and those with a fraction, are printed in decimal.
    fn printed_format(self) -> QuantityFormat {
        let small = self.nanos.abs() < 1024 * NANOS_PER_UNIT;
        let fractional = self.nanos % NANOS_PER_UNIT != 0;
        match self.format {
            QuantityFormat::BinarySi if small || fractional => QuantityFormat::DecimalSi,
            format => format,
        }
    }
}

/// `n / d` with any remainder pushing the result away from zero; `d` is positive.
const fn div_away_from_zero(n: i128, d: i128) -> i128 {
    n / d
        + if n % d == 0 {
            0
        } else if n > 0 {
            1
        } else {
            -1
        }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl Hash for Quantity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.nanos.hash(state);
    }
}

impl fmt::Display for Quantity {
    /// Prints the canonical text (`Quantity.CanonicalizeBytes`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
        const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
        let (mantissa, exponent) = self.canonical_decimal();
        match self.printed_format() {
            QuantityFormat::DecimalSi if exponent <= 18 => {
                let suffix = DECIMAL[(exponent / 3 + 3) as usize];
                write!(f, "{mantissa}{suffix}")
            }
            QuantityFormat::DecimalExponent if exponent == 0 => write!(f, "{mantissa}"),
            QuantityFormat::DecimalExponent | QuantityFormat::DecimalSi => {
                write!(f, "{mantissa}e{exponent}")
            }
            QuantityFormat::BinarySi => {
                let (mut units, mut power) = (self.nanos / NANOS_PER_UNIT, 0);
                while units % 1024 == 0 && power + 1 < BINARY.len() {
                    units /= 1024;
                    power += 1;
                }
                write!(f, "{units}{}", BINARY[power])
            }
        }
    }
}

/// The parts of a quantity's text.
struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    suffix: &'a str,
}

impl<'a> Parts<'a> {
    /// Splits sign, digits and suffix as `parseQuantityString` does: digits may be
    /// missing on either side of the point.
    fn split(text: &'a str) -> Self {
        let negative = text.starts_with('-');
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, rest) = split_digits(unsigned);
        let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), split_digits);
        Self {
            negative,
            whole,
            fraction,
            suffix,
        }
    }

    fn is_zero(&self) -> bool {
        let digits = self.whole.bytes().chain(self.fraction.bytes());
        digits.into_iter().all(|digit| digit == b'0')
    }

    /// The size in nanos of the number times a power of ten, rounded up.
    fn times_ten_to(&self, exponent: i32) -> Option<i128> {
        if self.is_zero() {
            return Some(0);
        }
        match exponent + 9 {
            shift @ 0..=36 => {
                let multiplier = 10i128.pow(shift.unsigned_abs());
                multiply_up(self.whole, self.fraction, multiplier)
            }
            shift if shift < 0 => shift_down_up(self.whole, self.fraction, shift.unsigned_abs()),
            _ => None,
        }
    }

    /// The size in nanos of the number times a power of two, rounded up and capped. Less
    /// than one unit is printed in decimal from then on.
    fn times_two_to(&self, exponent: u32) -> (i128, QuantityFormat) {
        const CAP: i128 = i64::MAX as i128 * NANOS_PER_UNIT;
        let nanos = multiply_up(self.whole, self.fraction, NANOS_PER_UNIT << exponent)
            .map_or(CAP, |nanos| nanos.min(CAP));
        if nanos > 0 && nanos < NANOS_PER_UNIT {
            (nanos, QuantityFormat::DecimalSi)
        } else {
            (nanos, QuantityFormat::BinarySi)
        }
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

/// What a suffix multiplies by: a power of ten or a power of two.
enum Scale {
    Ten(i32, QuantityFormat),
    Two(u32),
}

impl Scale {
    fn of(suffix: &str) -> Option<Self> {
        let si = |exponent| Some(Self::Ten(exponent, QuantityFormat::DecimalSi));
        match suffix {
            "n" => si(-9),
            "u" => si(-6),
            "m" => si(-3),
            "" => si(0),
            "k" => si(3),
            "M" => si(6),
            "G" => si(9),
            "T" => si(12),
            "P" => si(15),
            "E" => si(18),
            "Ki" => Some(Self::Two(10)),
            "Mi" => Some(Self::Two(20)),
            "Gi" => Some(Self::Two(30)),
            "Ti" => Some(Self::Two(40)),
            "Pi" => Some(Self::Two(50)),
            "Ei" => Some(Self::Two(60)),
            other => {
                let exponent: i64 = other.strip_prefix(['e', 'E'])?.parse().ok()?;
                // Beyond this an amount is too large or rounds to one nano anyway.
                let exponent = exponent.clamp(-1_000_000, 1_000_000) as i32;
                Some(Self::Ten(exponent, QuantityFormat::DecimalExponent))
            }
        }
    }
}

/// `whole.fraction * multiplier`, rounded up. `multiplier` is at most 10^36.
fn multiply_up(whole: &str, fraction: &str, multiplier: i128) -> Option<i128> {
    // The fraction's digits, least significant first: nested floors are exact, and any
    // remainder on the way means the total has to be rounded up.
    let (mut part, mut inexact) = (0i128, false);
    for digit in fraction.bytes().rev() {
        let scaled = i128::from(digit - b'0') * multiplier + part;
        part = scaled / 10;
        inexact |= scaled % 10 != 0;
    }
    parse_digits(whole)?
        .checked_mul(multiplier)?
        .checked_add(part)?
        .checked_add(i128::from(inexact))
}

/// `whole.fraction / 10^digits`, rounded up.
fn shift_down_up(whole: &str, fraction: &str, digits: u32) -> Option<i128> {
    let mut total = parse_digits(whole)?;
    let mut inexact = fraction.bytes().any(|digit| digit != b'0');
    for _ in 0..digits.min(40) {
        inexact |= total % 10 != 0;
        total /= 10;
    }
    total.checked_add(i128::from(inexact))
}

fn parse_digits(digits: &str) -> Option<i128> {
    if digits.is_empty() {
        return Some(0);
    }
    digits.parse().ok()
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        if text.is_empty() {
            return Err(QuantityError::Empty);
        }
        let parts = Parts::split(text);
        if parts.whole.is_empty() && parts.fraction.is_empty() {
            return Err(QuantityError::NoNumber(text.to_owned()));
        }
        let scale = Scale::of(parts.suffix).ok_or_else(|| QuantityError::UnknownSuffix {
            text: text.to_owned(),
            suffix: parts.suffix.to_owned(),
        })?;
        let (nanos, format) = match scale {
            Scale::Ten(exponent, format) => {
                let nanos = parts.times_ten_to(exponent);
                (
                    nanos.ok_or_else(|| QuantityError::TooLarge(text.to_owned()))?,
                    format,
                )
            }
            Scale::Two(exponent) => parts.times_two_to(exponent),
        };
        let nanos = if parts.negative { -nanos } else { nanos };
        Ok(Self { nanos, format })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quantity(text: &str) -> Quantity {
        text.parse().unwrap()
    }

    #[test]
    fn canonical_texts_are_upstreams() {
        for (given, printed) in [
            ("0", "0"),
            ("0m", "0"),
            ("-0", "0"),
            ("1000", "1k"),
            ("1000m", "1"),
            ("1500m", "1500m"),
            ("1.5", "1500m"),
            ("733333m", "733333m"),
            ("524288k", "524288k"),
            ("262144k", "262144k"),
            ("100000001n", "100000001n"),
            ("100000000n", "100m"),
            ("0.1", "100m"),
            ("-1", "-1"),
            ("+1", "1"),
            (".5", "500m"),
            ("5.", "5"),
            ("1.G", "1G"),
            ("001", "1"),
            ("1E", "1E"),
            ("1e3", "1e3"),
            ("1E3", "1e3"),
            ("1e-3", "1e-3"),
            ("12e4", "120e3"),
            ("100e0", "100"),
            ("1e+3", "1e3"),
            ("8Gi", "8Gi"),
            ("1.5Gi", "1536Mi"),
            ("1024Mi", "1Gi"),
            ("0.5Ki", "512"),
            ("1Ki", "1Ki"),
            ("-1Ki", "-1Ki"),
            ("1025Ki", "1025Ki"),
            ("1.0001Ki", "1024102400u"),
            ("0.0001Ki", "102400u"),
            ("1023Mi", "1023Mi"),
            ("0.5Gi", "512Mi"),
            ("12e-3", "12e-3"),
            ("0.1n", "1n"),
            ("16Ei", "9223372036854775807"),
            ("0Ki", "0"),
            ("1.0000000001", "1000000001n"),
            ("-1.0000000001", "-1000000001n"),
            ("0.0000000000000000000000000000000000000000000001", "1n"),
            ("1e-40", "1e-9"),
            ("1000E", "1e21"),
            ("2500E", "2500E"),
            ("123456789012345678901", "123456789012345678901"),
            ("0e500", "0"),
        ] {
            assert_eq!(quantity(given).to_string(), printed, "{given}");
        }
    }

    #[test]
    fn wrong_texts_say_what_would_be_right() {
        let texts = [
            "", "m", "1 Gi", "1GB", "1.2.3", "ten", "1K", " 1", "1 ", "1e", "1e30", "--1", "0.1mi",
        ];
        let errors: Vec<String> = texts
            .iter()
            .map(|text| {
                let error = text.parse::<Quantity>().expect_err("a wrong text");
                format!("{text:?}: {error}")
            })
            .collect();
        insta::assert_snapshot!(errors.join("\n"));
    }

    #[test]
    fn values_round_away_from_zero() {
        assert_eq!(quantity("100000001n").milli_value(), 101);
        assert_eq!(quantity("-100000001n").milli_value(), -101);
        assert_eq!(quantity("100m").value(), 1);
        assert_eq!(quantity("-100m").value(), -1);
        assert_eq!(quantity("2").milli_value(), 2000);
        assert_eq!(quantity("1Gi").value(), 1 << 30);
    }

    #[test]
    fn binary_amounts_keep_their_format_and_small_ones_print_in_decimal() {
        assert_eq!(quantity("1Gi").format(), QuantityFormat::BinarySi);
        assert_eq!(quantity("0.5Ki").format(), QuantityFormat::BinarySi);
        assert_eq!(quantity("0.0001Ki").format(), QuantityFormat::DecimalSi);
        assert_eq!(quantity("1e3").format(), QuantityFormat::DecimalExponent);
        assert_eq!(
            Quantity::from_bytes(Bytes(1536 << 20)).to_string(),
            "1536Mi"
        );
    }

    #[test]
    fn floats_are_mantissa_times_power() {
        assert_eq!(quantity("50m").as_f64(), 50.0 * 1e-3);
        assert_eq!(quantity("12345u").as_f64(), 12345.0 * 1e-6);
        assert_eq!(quantity("0.05").as_f64(), 50.0 * 1e-3);
        assert_eq!(quantity("1").as_f64(), 1.0);
        assert_eq!(quantity("2k").as_f64(), 2000.0);
        assert_eq!(quantity("2Ki").as_f64(), 2048.0);
        assert_eq!(quantity("0").as_f64(), 0.0);
    }

    proptest! {
        #[test]
        fn printing_and_parsing_is_identity(
            nanos in (any::<i64>(), 0u32..13).prop_map(|(n, e)| i128::from(n) * 10i128.pow(e)),
            format in prop_oneof![
                Just(QuantityFormat::DecimalSi),
                Just(QuantityFormat::DecimalExponent),
            ],
        ) {
            let q = Quantity::from_nanos(nanos, format);
            let text = q.to_string();
            let back = quantity(&text);
            prop_assert_eq!(back.nanos(), nanos);
            prop_assert_eq!(back.to_string(), text);
        }

        #[test]
        fn binary_printing_and_parsing_is_identity(units in any::<i64>(), fraction in 0i64..2) {
            prop_assume!(units != i64::MIN && units != i64::MAX);
            let nanos = i128::from(units) * NANOS_PER_UNIT + i128::from(fraction);
            let q = Quantity::from_nanos(nanos, QuantityFormat::BinarySi);
            prop_assert_eq!(quantity(&q.to_string()).nanos(), nanos);
        }

        #[test]
        fn any_text_parses_or_is_refused(text in "[-+]?[0-9]{0,30}\\.?[0-9]{0,50}[a-zA-Z]{0,2}[-+]?[0-9]{0,3}") {
            if let Ok(q) = text.parse::<Quantity>() {
                prop_assert_eq!(quantity(&q.to_string()), q);
            }
        }

        #[test]
        fn values_are_the_ceiling_of_the_size(nanos in any::<i64>()) {
            let q = Quantity::from_nanos(i128::from(nanos), QuantityFormat::DecimalSi);
            let milli = i128::from(q.milli_value()) * NANOS_PER_MILLI;
            prop_assert!(milli.abs() >= q.nanos().abs());
            prop_assert!(milli.abs() - q.nanos().abs() < NANOS_PER_MILLI);
        }
    }
}
