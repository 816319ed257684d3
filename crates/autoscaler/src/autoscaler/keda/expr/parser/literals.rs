//! Number literals.

use super::super::ast::{Fault, Kind};
use super::super::lexer::Token;

/// A literal: decimal, hexadecimal, octal or binary integer, or a float.
pub(super) fn number(token: &Token) -> Result<Kind, Fault> {
    let text = token.text.replace('_', "").to_lowercase();
    let radix = |digits: &str, radix, name: &str| {
        i64::from_str_radix(digits, radix).map_or_else(
            |error| Fault::new(token.at, format!("invalid {name} literal: {error}")),
            |int| Ok(Kind::Int(int)),
        )
    };
    if let Some(digits) = text.strip_prefix("0x") {
        radix(digits, 16, "hex")
    } else if text.contains(['.', 'e']) {
        text.parse::<f64>()
            .ok()
            .filter(|float| float.is_finite())
            .map_or_else(
                || Fault::new(token.at, format!("invalid float literal: {text}")),
                |float| Ok(Kind::Float(float)),
            )
    } else if let Some(digits) = text.strip_prefix("0b") {
        radix(digits, 2, "binary")
    } else if let Some(digits) = text.strip_prefix("0o") {
        radix(digits, 8, "octal")
    } else {
        radix(&text, 10, "integer")
    }
}
