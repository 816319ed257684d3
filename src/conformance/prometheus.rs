//! What Prometheus answered: `prometheus_rate` (a function over one series, by the rules of
//! both editions) and `prometheus_queries` (whole queries over many series).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;

use super::{Difference, ReplayError, Report, table};
use crate::prometheus::labels::{Labels, METRIC_NAME};
use crate::prometheus::promql::{Edition, Query, Value};
use crate::prometheus::storage::{Storage, stale_marker};

/// Longer than any recording.
const KEPT_MS: i64 = 1_000_000_000_000;

fn malformed(source: serde_json::Error) -> ReplayError {
    ReplayError::Malformed {
        line: source.line().max(1),
        source,
    }
}

#[derive(Deserialize)]
struct Rates {
    series: BTreeMap<String, RateSeries>,
    rows: Vec<RateRow>,
}

#[derive(Deserialize)]
struct RateSeries {
    samples_ms_value: Vec<(i64, f64)>,
}

#[derive(Deserialize)]
struct RateRow {
    id: String,
    series: String,
    #[serde(rename = "fn")]
    function: String,
    range_ms: i64,
    eval_ms: i64,
    result: Option<f64>,
    result_left_open_v3_formula: Option<f64>,
}

/// Replays functions over one series: what Prometheus 2 answered is one step, what the rule of
/// Prometheus 3 gives another.
pub(super) fn rate(text: &str) -> Result<Report, ReplayError> {
    let recording: Rates = serde_json::from_str(text).map_err(malformed)?;
    let mut storage = Storage::new(KEPT_MS);
    for (name, series) in &recording.series {
        let id = storage.series(&Labels::new([(METRIC_NAME, name.as_str())]));
        for &(t, v) in &series.samples_ms_value {
            // Recorded samples are in order.
            let _ = storage.append(id, t, v);
        }
    }
    let mut report = Report::default();
    for row in recording.rows {
        report.cases += 1;
        let query = match row.function.as_str() {
            "instant" => row.series.clone(),
            function => format!("{function}({}[{}ms])", row.series, row.range_ms),
        };
        let editions = [
            (Edition::Two, "2", row.result),
            (Edition::Three, "3", row.result_left_open_v3_formula),
        ];
        for (edition, name, expected) in editions {
            let got = answer(edition, &storage, &query, row.eval_ms);
            let same = match (&got, expected) {
                (Ok(Value::Vector(vector)), Some(expected)) => {
                    vector.len() == 1 && table::close(expected, vector[0].value)
                }
                (Ok(Value::Vector(vector)), None) => vector.is_empty(),
                _ => false,
            };
            report.step((!same).then(|| Difference {
                place: format!("{} edition {name}", row.id),
                expected: format!("{expected:?}"),
                got: format!("{got:?}"),
                input: format!("{query} at {} ms", row.eval_ms),
            }));
        }
    }
    Ok(report)
}

#[derive(Deserialize)]
struct Queries {
    /// Whose rules hold: 2 or, unsaid, 3.
    edition: Option<u8>,
    series: Vec<QuerySeries>,
    rows: Vec<QueryRow>,
}

#[derive(Deserialize)]
struct QuerySeries {
    labels: BTreeMap<String, String>,
    samples: Vec<(i64, Json)>,
}

#[derive(Deserialize)]
struct QueryRow {
    query: String,
    time_ms: i64,
    #[serde(default)]
    result: Json,
    error: Option<String>,
}

/// Replays whole queries, by the rules of Prometheus 3 if the recording names no edition: one step
/// each. Vectors are compared in
/// order where the query gives them one; an error is compared by its words, one of the parser only
/// in that it is one.
pub(super) fn queries(text: &str) -> Result<Report, ReplayError> {
    let recording: Queries = serde_json::from_str(text).map_err(malformed)?;
    let edition = match recording.edition {
        Some(2) => Edition::Two,
        _ => Edition::Three,
    };
    let mut storage = Storage::new(KEPT_MS);
    for series in &recording.series {
        let id = storage.series(&Labels::new(
            series.labels.iter().map(|(n, v)| (n.as_str(), v.as_str())),
        ));
        for (t, value) in &series.samples {
            // Recorded samples are in order.
            let _ = storage.append(id, *t, number(value));
        }
    }
    let mut report = Report::default();
    for row in recording.rows {
        report.cases += 1;
        let got = answer(edition, &storage, &row.query, row.time_ms);
        let same = match (&got, &row.error) {
            (Ok(value), None) => same_value(&row.query, &row.result, value),
            (Err(got), Some(expected)) => {
                got == expected || got.contains("parse error") && expected.contains("parse error")
            }
            _ => false,
        };
        report.step((!same).then(|| Difference {
            place: row.query.clone(),
            expected: row.error.unwrap_or_else(|| row.result.to_string()),
            got: format!("{got:?}"),
            input: format!("at {} ms", row.time_ms),
        }));
    }
    Ok(report)
}

fn answer(edition: Edition, storage: &Storage, query: &str, at: i64) -> Result<Value, String> {
    let query = Query::parse(query).map_err(|error| error.to_string())?;
    query
        .instant_of(edition, storage, at)
        .map_err(|error| error.to_string())
}

/// A sample or a result: a number, or what JSON has no number for.
fn number(value: &Json) -> f64 {
    match value {
        Json::String(text) if text == "stale" => stale_marker(),
        Json::String(text) => text.parse().unwrap_or(f64::NAN),
        other => other.as_f64().unwrap_or(f64::NAN),
    }
}

fn same_number(expected: &Json, got: f64) -> bool {
    let expected = number(expected);
    expected.is_nan() && got.is_nan() || table::close(expected, got)
}

fn same_labels(expected: &Json, got: &Labels) -> bool {
    let Some(expected) = expected.as_object() else {
        return false;
    };
    expected.len() == got.iter().count()
        && got
            .iter()
            .all(|label| expected.get(&*label.name).and_then(Json::as_str) == Some(&*label.value))
}

/// Whether a query's answer has an order.
fn is_ordered(query: &str) -> bool {
    ["sort", "topk", "bottomk"]
        .iter()
        .any(|word| query.starts_with(word))
}

fn same_value(query: &str, expected: &Json, got: &Value) -> bool {
    let rows = expected.as_array().map_or(&[][..], Vec::as_slice);
    match got {
        Value::Scalar(got) => same_number(expected, *got),
        Value::Text(got) => expected.as_str() == Some(got),
        Value::Vector(got) => {
            let same = |row: &Json, sample: &crate::prometheus::promql::Sample| {
                same_labels(&row[0], &sample.labels) && same_number(&row[1], sample.value)
            };
            rows.len() == got.len()
                && if is_ordered(query) {
                    rows.iter().zip(got).all(|(row, sample)| same(row, sample))
                } else {
                    rows.iter()
                        .all(|row| got.iter().any(|sample| same(row, sample)))
                }
        }
        Value::Matrix(got) => {
            rows.len() == got.len()
                && rows.iter().zip(got).all(|(row, (labels, points))| {
                    let expected = row[1].as_array().map_or(&[][..], Vec::as_slice);
                    same_labels(&row[0], labels)
                        && expected.len() == points.len()
                        && expected.iter().zip(points).all(|(row, point)| {
                            row[0].as_i64() == Some(point.t) && same_number(&row[1], point.v)
                        })
                })
        }
    }
}
