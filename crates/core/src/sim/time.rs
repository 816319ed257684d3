//! Simulated time in integer nanoseconds, printed and parsed as Go does.
//!
//! Arithmetic stops at the largest and the smallest value that 64 bits hold, some 292 years from
//! the start: later than any run ends, so what lies there never happens.

use std::fmt;
use std::ops::{Add, AddAssign, Div, Mul, Rem, Sub, SubAssign};
use std::str::FromStr;

/// An instant: nanoseconds since the start of the run. Negative instants lie before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SimTime(pub i64);

/// A span of simulated time in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SimDuration(pub i64);

const NANOS_PER_SECOND: i64 = 1_000_000_000;

impl SimTime {
    /// The start of the run.
    pub const ZERO: Self = Self(0);
    /// The last instant that can be expressed; used for "never".
    pub const MAX: Self = Self(i64::MAX);

    /// The instant this many whole seconds after the start.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(NANOS_PER_SECOND))
    }

    /// The instant this many milliseconds after the start.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Seconds since the start.
    #[inline]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The instant cut to whole seconds, as the API server stores times (`metav1.Time`).
    #[must_use]
    #[inline]
    pub fn truncate_to_second(self) -> Self {
        Self(
            self.0
                .div_euclid(NANOS_PER_SECOND)
                .saturating_mul(NANOS_PER_SECOND),
        )
    }

    /// Time passed since `earlier`; negative if `earlier` is later.
    #[inline]
    pub fn since(self, earlier: Self) -> SimDuration {
        SimDuration(self.0.saturating_sub(earlier.0))
    }
}

impl SimDuration {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The longest span that can be expressed.
    pub const MAX: Self = Self(i64::MAX);

    /// A span of whole seconds.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(NANOS_PER_SECOND))
    }

    /// A span of whole milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// The nearest span to a number of seconds; out-of-range values saturate.
    #[inline]
    pub fn from_secs_f64(seconds: f64) -> Self {
        Self((seconds * 1e9).round() as i64)
    }

    /// The span in seconds.
    #[inline]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The span in milliseconds.
    pub fn as_millis_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl Add<SimDuration> for SimTime {
    type Output = Self;
    #[inline]
    fn add(self, span: SimDuration) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl AddAssign<SimDuration> for SimTime {
    #[inline]
    fn add_assign(&mut self, span: SimDuration) {
        *self = *self + span;
    }
}

impl Sub<SimDuration> for SimTime {
    type Output = Self;
    #[inline]
    fn sub(self, span: SimDuration) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Sub for SimTime {
    type Output = SimDuration;
    #[inline]
    fn sub(self, earlier: Self) -> SimDuration {
        self.since(earlier)
    }
}

impl Add for SimDuration {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for SimDuration {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for SimDuration {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl SubAssign for SimDuration {
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Mul<i64> for SimDuration {
    type Output = Self;
    #[inline]
    fn mul(self, factor: i64) -> Self {
        Self(self.0.saturating_mul(factor))
    }
}

impl Div<i64> for SimDuration {
    type Output = Self;
    fn div(self, divisor: i64) -> Self {
        Self(self.0.saturating_div(divisor))
    }
}

impl Rem<SimDuration> for SimDuration {
    type Output = Self;
    fn rem(self, divisor: Self) -> Self {
        Self(self.0.wrapping_rem(divisor.0))
    }
}

impl fmt::Display for SimTime {
    /// Prints the time since the start as Go prints a duration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SimDuration(self.0).fmt(f)
    }
}

impl fmt::Display for SimDuration {
    /// Prints as Go's `time.Duration.String`: `1h0m0s`, `1m30s`, `250ms`, `1.5µs`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        match magnitude {
            0 => return f.pad("0s"),
            1..1_000 => return f.pad(&format!("{sign}{magnitude}ns")),
            1_000..1_000_000 => return f.pad(&format!("{sign}{}µs", decimal(magnitude, 1_000))),
            1_000_000..1_000_000_000 => {
                return f.pad(&format!("{sign}{}ms", decimal(magnitude, 1_000_000)));
            }
            _ => {}
        }
        let total_seconds = magnitude / 1_000_000_000;
        let (hours, minutes) = (total_seconds / 3600, total_seconds / 60 % 60);
        let below_minute = magnitude % 60_000_000_000;
        let seconds = decimal(below_minute, 1_000_000_000);
        let text = match (hours, minutes) {
            (0, 0) => format!("{sign}{seconds}s"),
            (0, _) => format!("{sign}{minutes}m{seconds}s"),
            _ => format!("{sign}{hours}h{minutes}m{seconds}s"),
        };
        f.pad(&text)
    }
}

/// `value / unit` in decimal without trailing zeros.
fn decimal(value: u64, unit: u64) -> String {
    let (whole, fraction) = (value / unit, value % unit);
    if fraction == 0 {
        return whole.to_string();
    }
    let digits = unit.ilog10() as usize;
    let text = format!("{whole}.{fraction:0digits$}");
    text.trim_end_matches('0').to_owned()
}

/// Why a duration did not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// The text is empty.
    #[error("a duration is missing, for example \"90s\", \"5m\" or \"1h30m\"")]
    Empty,
    /// A number is not followed by a unit.
    #[error("\"{0}\" has no unit: write for example \"{0}s\" or \"{0}m\"")]
    NoUnit(String),
    /// The unit is none of Go's.
    #[error("unknown unit \"{0}\": the units are ns, us, ms, s, m and h")]
    UnknownUnit(String),
    /// Something else is wrong.
    #[error("\"{0}\" is not a duration: write for example \"90s\", \"5m\" or \"1h30m\"")]
    Malformed(String),
    /// The value is too large for 64 bits of nanoseconds.
    #[error("\"{0}\" is too long: at most about 292 years fit")]
    TooLong(String),
}

impl FromStr for SimDuration {
    type Err = DurationError;

    /// Reads a duration as Go's `time.ParseDuration` does, with days (`d`, 24 h) besides.
    fn from_str(text: &str) -> Result<Self, DurationError> {
        let malformed = || DurationError::Malformed(text.to_owned());
        let (negative, mut rest) = match text.as_bytes().first() {
            None => return Err(DurationError::Empty),
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            Some(_) => (false, text),
        };
        if rest == "0" {
            return Ok(Self::ZERO);
        }
        if rest.is_empty() {
            return Err(malformed());
        }
        let mut total: i128 = 0;
        while !rest.is_empty() {
            let number_end = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(rest.len());
            let (number, tail) = rest.split_at(number_end);
            let unit_end = tail
                .find(|c: char| c.is_ascii_digit() || c == '.')
                .unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit_end);
            if unit.is_empty() {
                return Err(DurationError::NoUnit(text.to_owned()));
            }
            let nanos = parse_decimal(number, unit_nanos(unit)?).ok_or_else(malformed)?;
            total += nanos;
            rest = tail;
        }
        let signed = if negative { -total } else { total };
        i64::try_from(signed)
            .map(Self)
            .map_err(|_| DurationError::TooLong(text.to_owned()))
    }
}

fn unit_nanos(unit: &str) -> Result<i128, DurationError> {
    Ok(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return Err(DurationError::UnknownUnit(unit.to_owned())),
    })
}

/// `number × unit` in nanoseconds, digits below a nanosecond cut; `None` if not a number.
fn parse_decimal(number: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || whole.len() > 18 {
        return None;
    }
    let mut nanos = if whole.is_empty() {
        0
    } else {
        whole.parse::<i128>().ok()? * unit
    };
    let mut scale = unit;
    for digit in fraction.chars() {
        scale /= 10;
        nanos += i128::from(digit.to_digit(10)?) * scale;
    }
    Some(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_print_as_go_prints_them() {
        let cases = [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (250_000_000, "250ms"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (-1_500_000_000, "-1.5s"),
        ];
        for (nanos, text) in cases {
            assert_eq!(SimDuration(nanos).to_string(), text);
        }
    }

    #[test]
    fn wrong_durations_say_what_is_wrong() {
        assert_eq!("".parse::<SimDuration>(), Err(DurationError::Empty));
        assert_eq!(
            "90".parse::<SimDuration>(),
            Err(DurationError::NoUnit("90".into()))
        );
        assert_eq!(
            "5 m".parse::<SimDuration>(),
            Err(DurationError::UnknownUnit(" m".into()))
        );
        assert_eq!(
            "m".parse::<SimDuration>(),
            Err(DurationError::Malformed("m".into()))
        );
        assert!("9999999999h".parse::<SimDuration>().is_err());
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        let (first, last) = (SimTime(i64::MIN), SimTime::MAX);
        let (least, most) = (SimDuration(i64::MIN), SimDuration::MAX);
        assert_eq!(SimTime::from_secs(i64::MAX), last);
        assert_eq!(SimTime::from_millis(i64::MIN), first);
        assert_eq!(SimDuration::from_secs(i64::MAX), most);
        assert_eq!(SimDuration::from_millis(i64::MIN), least);
        assert_eq!(SimDuration::from_secs_f64(1e300), most);
        assert_eq!(SimDuration::from_secs_f64(-1e300), least);
        assert_eq!(
            (last + most, first + least, last - least),
            (last, first, last)
        );
        assert_eq!((last.since(first), first.since(last)), (most, least));
        assert_eq!(
            (most + most, least + least, least - most),
            (most, least, least)
        );
        assert_eq!((most * 2, most * -2, least / -1), (most, least, most));
        assert_eq!(least % SimDuration(-1), SimDuration::ZERO);
        assert_eq!(last.truncate_to_second(), SimTime::from_secs(9_223_372_036));
        assert_eq!(first.truncate_to_second(), first);
        assert_eq!(least.to_string().parse(), Ok(least));
    }

    proptest! {
        #[test]
        fn parsing_reverses_printing(nanos in any::<i64>()) {
            let span = SimDuration(nanos);
            prop_assert_eq!(span.to_string().parse::<SimDuration>(), Ok(span));
        }
    }
}
