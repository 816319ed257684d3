//! What a scalar is read as.
//!
//! Upstream: `go.yaml.in/yaml/v2` `resolve.go`, which reads YAML 1.1.

/// The prefix of the tags that YAML itself defines.
const YAML: &str = "tag:yaml.org,2002:";

/// What a scalar is read as; a text keeps its characters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text,
}

impl Scalar {
    /// The short form of its tag.
    fn tag(self) -> &'static str {
        match self {
            Self::Null => "!!null",
            Self::Bool(_) => "!!bool",
            Self::Int(_) => "!!int",
            Self::Float(_) => "!!float",
            Self::Text => "!!str",
        }
    }
}

/// Reads a scalar; `implicit` if it is plain and has no tag.
pub(super) fn resolve(text: &str, tag: Option<&str>, implicit: bool) -> Result<Scalar, String> {
    let Some(tag) = tag else {
        return Ok(if implicit { plain(text) } else { Scalar::Text });
    };
    let wanted = tag.strip_prefix(YAML).unwrap_or_default();
    if !matches!(wanted, "null" | "bool" | "int" | "float") {
        return Ok(Scalar::Text);
    }
    let found = plain(text);
    match (wanted, found) {
        ("null", Scalar::Null)
        | ("bool", Scalar::Bool(_))
        | ("int", Scalar::Int(_))
        | ("float", Scalar::Float(_)) => Ok(found),
        ("float", Scalar::Int(number)) => Ok(Scalar::Float(number as f64)),
        _ => Err(format!(
            "cannot decode {} `{text}` as a !!{wanted}",
            found.tag()
        )),
    }
}

fn plain(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Scalar::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Scalar::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Scalar::Float(f64::NEG_INFINITY),
        _ => match text.as_bytes()[0] {
            b'0'..=b'9' | b'+' | b'-' => number(text),
            b'.' => float(text),
            _ => Scalar::Text,
        },
    }
}

fn number(text: &str) -> Scalar {
    let plain = text.replace('_', "");
    let (sign, digits) = match plain.as_bytes() {
        [b'-', ..] => ("-", &plain[1..]),
        [b'+', ..] => ("", &plain[1..]),
        _ => ("", plain.as_str()),
    };
    let radix = |prefixes: [&str; 2]| prefixes.iter().find_map(|one| digits.strip_prefix(one));
    let (digits, radix) = if let Some(digits) = radix(["0x", "0X"]) {
        (digits, 16)
    } else if let Some(digits) = radix(["0b", "0B"]) {
        (digits, 2)
    } else if let Some(digits) = radix(["0o", "0O"]) {
        (digits, 8)
    } else if digits.len() > 1 && digits.starts_with('0') {
        (&digits[1..], 8)
    } else {
        (digits, 10)
    };
    let whole = digits.starts_with(|c: char| c.is_ascii_hexdigit());
    if let Some(number) = whole
        .then(|| i128::from_str_radix(&format!("{sign}{digits}"), radix).ok())
        .flatten()
    {
        if let Ok(number) = i64::try_from(number) {
            return Scalar::Int(number);
        }
        if u64::try_from(number).is_ok() {
            return Scalar::Float(number as f64);
        }
    }
    float(&plain)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn float(text: &str) -> Scalar {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fits = digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    match text.parse::<f64>() {
        Ok(number) if fits && exponent_fits && number.is_finite() => Scalar::Float(number),
        _ => Scalar::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::{Scalar, resolve};

    #[test]
    fn plain_scalars_are_those_of_yaml_1_1() {
        for (text, expected) in [
            ("12", Scalar::Int(12)),
            ("+12", Scalar::Int(12)),
            ("1_000", Scalar::Int(1000)),
            ("0x1F", Scalar::Int(31)),
            ("-0b11", Scalar::Int(-3)),
            ("0o17", Scalar::Int(15)),
            ("0755", Scalar::Int(493)),
            ("0", Scalar::Int(0)),
            ("08", Scalar::Float(8.0)),
            ("1e3", Scalar::Float(1000.0)),
            ("1.", Scalar::Float(1.0)),
            (".5", Scalar::Float(0.5)),
            (
                "9223372036854775808",
                Scalar::Float(9_223_372_036_854_775_808.0),
            ),
            ("1e999", Scalar::Text),
            ("0x", Scalar::Text),
            ("--1", Scalar::Text),
            ("-+1", Scalar::Text),
            ("1e", Scalar::Text),
            ("+", Scalar::Text),
            (".", Scalar::Text),
            ("1.2.3", Scalar::Text),
            ("100m", Scalar::Text),
            ("12:30", Scalar::Text),
            ("2026-11-26", Scalar::Text),
            ("Yes", Scalar::Bool(true)),
            ("n", Scalar::Bool(false)),
            ("", Scalar::Null),
            ("~", Scalar::Null),
        ] {
            assert_eq!(resolve(text, None, true), Ok(expected), "{text}");
            assert_eq!(resolve(text, None, false), Ok(Scalar::Text), "{text}");
        }
    }

    #[test]
    fn a_tag_decides() {
        let tag = |name: &str| format!("tag:yaml.org,2002:{name}");
        let read = |text, name: &str| resolve(text, Some(&tag(name)), false);
        assert_eq!(read("12", "str"), Ok(Scalar::Text));
        assert_eq!(read("12", "float"), Ok(Scalar::Float(12.0)));
        assert_eq!(read("~", "null"), Ok(Scalar::Null));
        assert!(read("x", "null").is_err());
        assert!(read("x", "int").is_err());
        assert_eq!(resolve("12", Some("!mine"), false), Ok(Scalar::Text));
    }
}
