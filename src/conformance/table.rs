//! What the table recordings share: one JSON document with its rows, and their comparison.

use std::fmt::Debug;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Difference, ReplayError};

/// The rows of a table: a JSON array, or the `cases` of a JSON object.
pub(super) fn rows<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, ReplayError> {
    #[derive(Deserialize)]
    struct Document {
        cases: Vec<Value>,
    }
    let malformed = |source: serde_json::Error| ReplayError::Malformed {
        line: source.line().max(1),
        source,
    };
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(text).map_err(malformed);
    }
    let document: Document = serde_json::from_str(text).map_err(malformed)?;
    let row = |value| serde_json::from_value(value).map_err(malformed);
    document.cases.into_iter().map(row).collect()
}

/// Reads `null` as an empty list, which Go's encoder writes for one.
pub(super) fn null_as_empty<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(from).map(Option::unwrap_or_default)
}

/// The difference of a step, if the answer is not the recorded one.
pub(super) fn difference<T: Debug + PartialEq>(
    place: String,
    expected: &T,
    got: &T,
    input: &impl Debug,
) -> Option<Difference> {
    (expected != got).then(|| Difference {
        place,
        expected: format!("{expected:?}"),
        got: format!("{got:?}"),
        input: format!("{input:?}"),
    })
}

/// Whether two numbers agree as far as recorded floats can be trusted: to 1 part in 10⁹, below 1 to
/// 1e-9. An infinity agrees with itself alone.
pub(super) fn close(expected: f64, got: f64) -> bool {
    within(1e-9 * expected.abs().max(1.0), expected, got)
}

/// Whether two numbers agree to 1 part in 10⁹, however small they are: zero agrees with zero alone.
pub(super) fn relatively_close(expected: f64, got: f64) -> bool {
    within(1e-9 * expected.abs(), expected, got)
}

/// The tolerance of an infinity would be infinite, so it has none.
fn within(tolerance: f64, expected: f64, got: f64) -> bool {
    expected == got || expected.is_finite() && (expected - got).abs() <= tolerance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_infinity_is_close_to_itself_alone() {
        const INF: f64 = f64::INFINITY;
        for close in [close, relatively_close] {
            assert!(close(INF, INF) && close(-INF, -INF));
            assert!(!close(INF, 5.0) && !close(INF, -INF) && !close(5.0, INF));
            assert!(!close(f64::NAN, 5.0) && !close(5.0, f64::NAN));
        }
    }

    #[test]
    fn small_numbers_are_close_absolutely_or_relatively() {
        assert!(close(1e9, 1e9 + 0.5) && !close(1e9, 1e9 + 2.0));
        assert!(close(1e-12, 2e-12) && close(0.0, 1e-10));
        assert!(!relatively_close(1e-12, 2e-12) && !relatively_close(0.0, 1e-300));
        assert!(relatively_close(1e-12, 1e-12 + 1e-22));
    }
}
