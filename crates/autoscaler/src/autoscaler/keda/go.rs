//! Go's readings of texts, with its words for what it cannot read.

use std::collections::BTreeMap;

use crate::sim::SimDuration;

/// `strconv.ParseBool`.
pub(crate) fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(format!(
            "strconv.ParseBool: parsing {text:?}: invalid syntax"
        )),
    }
}

/// `strconv.ParseFloat`.
pub(crate) fn parse_float(text: &str) -> Result<f64, String> {
    let fault = |what: &str| format!("strconv.ParseFloat: parsing {text:?}: {what}");
    let float: f64 = text.parse().map_err(|_| fault("invalid syntax"))?;
    if float.is_infinite() && text.contains(|c: char| c.is_ascii_digit()) {
        return Err(fault("value out of range"));
    }
    Ok(float)
}

/// `strconv.ParseInt` to 32 bits in base ten.
pub(crate) fn parse_i32(text: &str) -> Result<i32, String> {
    text.parse().map_err(|error: std::num::ParseIntError| {
        use std::num::IntErrorKind::{NegOverflow, PosOverflow};
        let what = match error.kind() {
            PosOverflow | NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        format!("strconv.ParseInt: parsing {text:?}: {what}")
    })
}

/// What `resource.ParseQuantity` says of a text that is no quantity.
pub(crate) fn quantity_fault(text: &str) -> &'static str {
    const SUFFIXES: [&str; 16] = [
        "", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei",
    ];
    let is_digit = |c: char| c.is_ascii_digit();
    let is_sign = |text: &str| text.starts_with(['+', '-']);
    let unsigned = &text[usize::from(is_sign(text))..];
    let behind_point = unsigned.trim_start_matches(is_digit);
    let decimals = behind_point.strip_prefix('.').unwrap_or(behind_point);
    let suffix = decimals.trim_start_matches(is_digit);
    let power = suffix.trim_start_matches(|c| "eEinumkKMGTP".contains(c));
    let power = &power[usize::from(is_sign(power))..];
    if text.is_empty() || !power.trim_start_matches(is_digit).is_empty() {
        return "quantities must match the regular expression \
                '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    }
    let is_exponent = suffix
        .strip_prefix(['e', 'E'])
        .is_some_and(|power| power.parse::<i32>().is_ok());
    if is_exponent || SUFFIXES.contains(&suffix) {
        "unable to parse numeric part of quantity"
    } else {
        "unable to parse quantity's suffix"
    }
}

/// A value of a trigger's metadata in the type that its field has.
pub(crate) trait FromMetadata: Default {
    /// Reads it as KEDA's typed configuration does.
    fn from_metadata(text: &str) -> Result<Self, String>;
}

impl FromMetadata for String {
    fn from_metadata(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl FromMetadata for bool {
    fn from_metadata(text: &str) -> Result<Self, String> {
        parse_bool(text).map_err(|error| format!("unable to parse boolean value {text:?}: {error}"))
    }
}

impl FromMetadata for i64 {
    fn from_metadata(text: &str) -> Result<Self, String> {
        json_number(text, "int64", |text| text.parse().ok())
    }
}

/// Go's `int`, of which only matters whether it reads.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Int;

impl FromMetadata for Int {
    fn from_metadata(text: &str) -> Result<Self, String> {
        json_number(text, "int", |text| text.parse::<i64>().ok()).map(|_| Self)
    }
}

impl FromMetadata for f64 {
    fn from_metadata(text: &str) -> Result<Self, String> {
        json_number(text, "float64", |text| parse_float(text).ok())
    }
}

impl FromMetadata for Vec<String> {
    fn from_metadata(text: &str) -> Result<Self, String> {
        Ok(text.split(',').map(|part| part.trim().to_owned()).collect())
    }
}

impl FromMetadata for BTreeMap<String, String> {
    fn from_metadata(text: &str) -> Result<Self, String> {
        let pair = |part: &str| {
            let sides: Vec<&str> = part.split('=').map(str::trim).collect();
            match sides.as_slice() {
                [key, value] => Ok(((*key).to_owned(), (*value).to_owned())),
                _ => Err(format!("expected format key=value, got {part:?}")),
            }
        };
        text.split(',').map(str::trim).map(pair).collect()
    }
}

impl FromMetadata for SimDuration {
    fn from_metadata(text: &str) -> Result<Self, String> {
        if let Ok(duration) = Self::parse_go(text) {
            return if duration < Self::ZERO {
                Err(format!("duration cannot be negative: {text:?}"))
            } else {
                Ok(duration)
            };
        }
        match text.parse::<i64>() {
            Ok(millis @ ..0) => Err(format!(
                "duration cannot be negative: {millis} milliseconds"
            )),
            Ok(millis) => Ok(Self::from_millis(millis)),
            Err(_) => Err(format!(
                "unable to parse duration value {text:?}: must be either a duration string (e.g. \
                 '30s', '5m') or a number of milliseconds"
            )),
        }
    }
}

/// A number as `encoding/json` reads it into a field of this Go type.
fn json_number<T>(
    text: &str,
    go_type: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, String> {
    let fault = |what: String| format!("unable to unmarshal to field type {go_type}: {what}");
    if text.starts_with('"') {
        return Err(fault(format!(
            "json: cannot unmarshal string into Go value of type {go_type}"
        )));
    }
    let whole = |digits: &str| {
        !digits.is_empty()
            && digits.bytes().all(|digit| digit.is_ascii_digit())
            && (digits == "0" || !digits.starts_with('0'))
    };
    let magnitude = text.strip_prefix('-').unwrap_or(text);
    let end = magnitude.find(['.', 'e', 'E']).unwrap_or(magnitude.len());
    let rest = &magnitude[end..];
    let fraction_end = rest.find(['e', 'E']).unwrap_or(rest.len());
    let fraction = &rest[..fraction_end];
    let exponent = &rest[fraction_end..];
    let digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|d| d.is_ascii_digit());
    let valid = whole(&magnitude[..end])
        && (fraction.is_empty() || digits(&fraction[1..]))
        && (exponent.is_empty() || digits(exponent[1..].trim_start_matches(['+', '-'])));
    if !valid {
        let first = text.chars().next().unwrap_or(' ');
        return Err(fault(format!(
            "invalid character {first:?} looking for beginning of value"
        )));
    }
    parse(text).ok_or_else(|| {
        fault(format!(
            "json: cannot unmarshal number {text} into Go value of type {go_type}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_json_numbers() {
        assert_eq!(f64::from_metadata("1e3"), Ok(1000.0));
        assert_eq!(i64::from_metadata("-0"), Ok(0));
        assert_eq!(
            i64::from_metadata("2.5"),
            Err(
                "unable to unmarshal to field type int64: json: cannot unmarshal number 2.5 into \
                 Go value of type int64"
                    .to_owned()
            )
        );
        for text in [
            "007", "+1", ".5", "5.", "0x10", "NaN", "1_000", "1e", "x", "null",
        ] {
            assert!(f64::from_metadata(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_gos_or_milliseconds() {
        assert_eq!(
            SimDuration::from_metadata("1500"),
            Ok(SimDuration::from_millis(1500))
        );
        assert_eq!(
            SimDuration::from_metadata("2s"),
            Ok(SimDuration::from_secs(2))
        );
        let negative = |text, message: &str| {
            let fault = format!("duration cannot be negative: {message}");
            assert_eq!(SimDuration::from_metadata(text), Err(fault));
        };
        negative("-5", "-5 milliseconds");
        negative("-5s", "\"-5s\"");
        assert!(SimDuration::from_metadata("1d").is_err(), "Go has no days");
        assert!(SimDuration::from_metadata("soon").is_err());
    }

    #[test]
    fn maps_have_one_equals_sign_in_each_part() {
        let map = BTreeMap::from_metadata("X-Org=1, Y = 2").expect("two pairs");
        assert_eq!(map["Y"], "2");
        assert!(BTreeMap::from_metadata("a=b=c").is_err());
    }
}
