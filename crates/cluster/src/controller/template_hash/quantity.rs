//! What is within a `resource.Quantity` that was read from its canonical text.
//!
//! Upstream: `ParseQuantity` in apimachinery's `pkg/api/resource/quantity.go`.

use std::fmt::{Result, Write};

use serde_json::Value;

use crate::units::{Quantity, QuantityFormat};

/// A quantity as spew writes it, without its type.
pub(super) fn bare(out: &mut impl Write, value: &Value) -> Result {
    let written = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return parts(out, (0, 0), None, ("", "")),
    };
    let read = written.parse::<Quantity>().ok();
    let text = read.map_or(written, |read| read.to_string());
    let format = match read.map(Quantity::format) {
        Some(QuantityFormat::BinarySi) => "BinarySI",
        Some(QuantityFormat::DecimalExponent) => "DecimalExponent",
        _ => "DecimalSI",
    };
    let suffix = text.find(|sign: char| !sign.is_ascii_digit());
    let (digits, suffix) = text.split_at(suffix.unwrap_or(text.len()));
    let number = digits.parse::<i128>().unwrap_or_default();
    if text == "0" {
        return parts(out, (0, 0), None, (&text, format));
    }
    if format == "BinarySI" {
        let exponent = binary_exponent(suffix);
        let result = number << exponent;
        // A guess at how many digits are left.
        let precision = 15 - digits.len() as i32 - exponent * 3 / 10 - 1;
        if precision < 0 || i64::try_from(result).is_err() {
            return parts(out, (0, 0), Some(result), ("", format));
        }
        let kept = if number.trailing_zeros() > 2 {
            ""
        } else {
            &text
        };
        return parts(out, (result, 0), None, (kept, format));
    }
    let scale = decimal_scale(suffix);
    let is_canonical = scale % 3 == 0 && !digits.ends_with("000");
    let kept = if is_canonical { &text } else { "" };
    parts(out, (number, scale), None, (kept, format))
}

/// Value and scale, what is too large for them, text and format.
fn parts(
    out: &mut impl Write,
    (value, scale): (i128, i32),
    large: Option<i128>,
    (text, format): (&str, &str),
) -> Result {
    write!(
        out,
        "{{i:(resource.int64Amount){{value:(int64){value} scale:(resource.Scale){scale}}} \
         d:(resource.infDecAmount){{Dec:(*inf.Dec)"
    )?;
    match large {
        None => out.write_str("<nil>")?,
        Some(units) => {
            // Billionths, in words of 64 bits.
            let nanos = units.unsigned_abs() * 1_000_000_000;
            let (low, high) = (nanos as u64, (nanos >> 64) as u64);
            write!(
                out,
                "{{unscaled:(big.Int){{neg:(bool)false abs:(big.nat)[{low}"
            )?;
            if high > 0 {
                write!(out, " {high}")?;
            }
            out.write_str("]} scale:(inf.Scale)9}")?;
        }
    }
    write!(
        out,
        "}} s:(string){text} Format:(resource.Format){format}}}"
    )
}

fn binary_exponent(suffix: &str) -> i32 {
    const SUFFIXES: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let place = SUFFIXES.iter().position(|one| *one == suffix);
    place.map_or(0, |place| 10 * (place as i32 + 1))
}

fn decimal_scale(suffix: &str) -> i32 {
    const SUFFIXES: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
    match SUFFIXES.iter().position(|one| *one == suffix) {
        Some(place) => 3 * place as i32 - 9,
        None => suffix
            .get(1..)
            .and_then(|exponent| exponent.parse().ok())
            .unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn quantities_have_the_parts_that_reading_them_gives() {
        let none = "{Dec:(*inf.Dec)<nil>}";
        for (written, value, scale, decimal, text, format) in [
            (json!("100m"), "100", "-3", none, "100m", "DecimalSI"),
            (json!("0.1"), "100", "-3", none, "100m", "DecimalSI"),
            (json!(2), "2", "0", none, "2", "DecimalSI"),
            (json!("64Mi"), "67108864", "0", none, "", "BinarySI"),
            (json!("1Gi"), "1073741824", "0", none, "1Gi", "BinarySI"),
            (json!("1000k"), "1", "6", none, "1M", "DecimalSI"),
            (json!("1e3"), "1", "3", none, "1e3", "DecimalExponent"),
            (json!("0"), "0", "0", none, "0", "DecimalSI"),
            (
                json!("100Ti"),
                "0",
                "0",
                "{Dec:(*inf.Dec){unscaled:(big.Int){neg:(bool)false abs:(big.nat)[8568098291072368640 5960]} scale:(inf.Scale)9}}",
                "",
                "BinarySI",
            ),
        ] {
            let mut found = String::new();
            bare(&mut found, &written).expect("a String takes everything");
            let expected = format!(
                "{{i:(resource.int64Amount){{value:(int64){value} scale:(resource.Scale){scale}}} \
                 d:(resource.infDecAmount){decimal} s:(string){text} Format:(resource.Format){format}}}"
            );
            assert_eq!(found, expected, "{written}");
        }
    }
}
