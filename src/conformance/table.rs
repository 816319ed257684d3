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

/// Whether two numbers agree as far as recorded floats can be trusted.
pub(super) fn close(expected: f64, got: f64) -> bool {
    expected == got || (expected - got).abs() <= 1e-9 * expected.abs().max(1.0)
}
