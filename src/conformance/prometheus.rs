//! What Prometheus answered: `prometheus_rate` (a function over one series, by the rules of
//! both editions) and `prometheus_queries` (whole queries over many series).

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::Deserialize;
use serde_json::Value as Json;

use super::{Difference, ReplayError, Report, table};
use crate::prometheus::labels::{Labels, METRIC_NAME};
use crate::prometheus::promql::{Edition, Query, Sample, Value};
use crate::prometheus::storage::{Point, Storage, stale_marker};

/// Longer than any recording.
const KEPT_MS: i64 = 1_000_000_000_000;

fn malformed(source: serde_json::Error) -> ReplayError {
    ReplayError::Malformed {
        line: source.line().max(1),
        source,
    }
}

/// A recording that says something that it cannot say.
fn refused(what: impl Display) -> ReplayError {
    malformed(serde::de::Error::custom(what))
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
            storage.append(id, t, v).map_err(refused)?;
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
                    vector.len() == 1 && table::relatively_close(expected, vector[0].value)
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
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    result: Json,
    error: Option<String>,
}

/// Replays whole queries, by the rules of Prometheus 3 if the recording names no edition: one step
/// each. Vectors are compared in order where the query gives them one. An error of the evaluation
/// is compared by its words, one of the parser only in that it is one.
pub(super) fn queries(text: &str) -> Result<Report, ReplayError> {
    let recording: Queries = serde_json::from_str(text).map_err(malformed)?;
    let edition = match recording.edition {
        Some(2) => Edition::Two,
        Some(3) | None => Edition::Three,
        Some(other) => return Err(refused(format!("unknown edition {other}"))),
    };
    let mut storage = Storage::new(KEPT_MS);
    for series in &recording.series {
        let id = storage.series(&Labels::new(
            series.labels.iter().map(|(n, v)| (n.as_str(), v.as_str())),
        ));
        for (t, value) in &series.samples {
            let value = sample(value).ok_or_else(|| refused(format!("no sample: {value}")))?;
            storage.append(id, *t, value).map_err(refused)?;
        }
    }
    let mut report = Report::default();
    for row in recording.rows {
        report.cases += 1;
        let got = answer(edition, &storage, &row.query, row.time_ms);
        let same = match (&got, &row.error) {
            (Ok(value), None) => same_value(&row, value),
            (Err(Failure::Parser(_)), Some(expected)) => expected.contains(": parse error: "),
            (Err(Failure::Evaluation(got)), Some(expected)) => got == expected,
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

/// Why a query has no answer.
#[derive(Debug)]
enum Failure {
    /// The query cannot be read.
    #[expect(dead_code, reason = "a difference shows it")]
    Parser(String),
    /// Prometheus would answer it, so that it agrees with no recording.
    #[expect(dead_code, reason = "a difference shows it")]
    Unsupported(String),
    /// In Prometheus' words.
    Evaluation(String),
}

fn answer(edition: Edition, storage: &Storage, query: &str, at: i64) -> Result<Value, Failure> {
    let query = Query::parse(query).map_err(|error| {
        let kind = if error.is_unsupported {
            Failure::Unsupported
        } else {
            Failure::Parser
        };
        kind(error.to_string())
    })?;
    query
        .instant_of(edition, storage, at)
        .map_err(|error| Failure::Evaluation(error.to_string()))
}

/// A sample: a number or the staleness marker.
fn sample(value: &Json) -> Option<f64> {
    match value.as_str() {
        Some("stale") => Some(stale_marker()),
        _ => number(value),
    }
}

/// A number, or a text for what JSON has no number for.
fn number(value: &Json) -> Option<f64> {
    match value {
        Json::String(text) => text.parse().ok(),
        other => other.as_f64(),
    }
}

fn same_number(expected: &Json, got: f64) -> bool {
    number(expected).is_some_and(|expected| {
        expected.is_nan() && got.is_nan() || table::relatively_close(expected, got)
    })
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

fn same_value(row: &QueryRow, got: &Value) -> bool {
    let list = row.result.as_array();
    match (row.kind.as_deref(), got) {
        (Some("scalar"), Value::Scalar(got)) => same_number(&row.result, *got),
        (Some("string"), Value::Text(got)) => row.result.as_str() == Some(got),
        (Some("vector"), Value::Vector(got)) => {
            let same = |expected: &Json, sample: &Sample| {
                same_labels(&expected[0], &sample.labels)
                    && same_number(&expected[1], sample.value)
                    && expected[2].as_i64() == Some(row.time_ms)
            };
            list.is_some_and(|rows| {
                rows.len() == got.len()
                    && if is_ordered(&row.query) {
                        rows.iter().zip(got).all(|(row, sample)| same(row, sample))
                    } else {
                        rows.iter()
                            .all(|row| got.iter().any(|sample| same(row, sample)))
                    }
            })
        }
        (Some("matrix"), Value::Matrix(got)) => list.is_some_and(|rows| {
            rows.len() == got.len()
                && rows.iter().zip(got).all(|(row, (labels, points))| {
                    same_labels(&row[0], labels) && same_points(&row[1], points)
                })
        }),
        _ => false,
    }
}

fn same_points(expected: &Json, got: &[Point]) -> bool {
    expected.as_array().is_some_and(|expected| {
        expected.len() == got.len()
            && expected.iter().zip(got).all(|(row, point)| {
                row[0].as_i64() == Some(point.t) && same_number(&row[1], point.v)
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// How many of one row's steps are equal, over one series of the samples 5 and infinity.
    fn equal(row: &Json) -> u64 {
        let recording = json!({
            "series": [{"labels": {"__name__": "x"}, "samples": [[0, 5], [60_000, "+Inf"]]}],
            "rows": [row],
        });
        queries(&recording.to_string()).unwrap().equal
    }

    fn answered(query: &str, kind: &str, result: &Json) -> u64 {
        equal(&json!({"query": query, "time_ms": 60_000, "type": kind, "result": result}))
    }

    #[test]
    fn an_answer_has_a_kind_a_time_and_numbers() {
        assert_eq!(
            answered("vector(1)", "vector", &json!([[{}, "1", 60_000]])),
            1
        );
        assert_eq!(
            answered("vector(1)", "vector", &json!([[{}, "1", 59_000]])),
            0
        );
        assert_eq!(
            answered("vector(1)", "vector", &json!([[{}, "one", 60_000]])),
            0
        );
        assert_eq!(
            answered("vector(1)", "matrix", &json!([[{}, "1", 60_000]])),
            0
        );
        assert_eq!(answered("y", "vector", &json!([])), 1);
        assert_eq!(answered("y", "scalar", &json!("1")), 0);
        assert_eq!(answered("y", "vector", &json!("1")), 0);
        assert_eq!(answered("1", "scalar", &json!("1")), 1);
        assert_eq!(answered("1", "string", &json!("1")), 0);
        assert_eq!(answered("NaN", "scalar", &json!("NaN")), 1);
        assert_eq!(answered("NaN", "scalar", &Json::Null), 0);
        let name = json!({"__name__": "x"});
        assert_eq!(answered("x", "vector", &json!([[name, "+Inf", 60_000]])), 1);
        assert_eq!(answered("x", "vector", &json!([[name, "5", 60_000]])), 0);
        assert_eq!(
            answered("x @ 0", "vector", &json!([[name, "+Inf", 60_000]])),
            0
        );
    }

    #[test]
    fn only_a_mistake_of_the_query_agrees_with_an_error_of_the_parser() {
        let refused = |query: &str, error: &str| {
            equal(&json!({"query": query, "time_ms": 0, "error": error}))
        };
        let parser = "1:5: parse error: unexpected end of input";
        assert_eq!(refused("sum(", parser), 1);
        assert_eq!(refused("info(x)", parser), 0);
        assert_eq!(refused("topk(NaN, x)", parser), 0);
        assert_eq!(refused("topk(NaN, x)", "Parameter value is NaN"), 1);
        assert_eq!(refused("sum(", "Parameter value is NaN"), 0);
    }

    #[test]
    fn samples_that_cannot_be_kept_and_unknown_editions_are_malformed() {
        let error = |samples: Json, edition: u8| {
            let series = json!([{"labels": {"__name__": "x"}, "samples": samples}]);
            let recording = json!({"edition": edition, "series": series, "rows": []});
            queries(&recording.to_string())
                .err()
                .map(|error| error.to_string())
        };
        assert_eq!(error(json!([[0, 1], [1, "stale"]]), 3), None);
        assert_eq!(error(json!([]), 2), None);
        let malformed = |what: &str| Some(format!("line 1: {what}"));
        assert_eq!(error(json!([]), 4), malformed("unknown edition 4"));
        assert_eq!(
            error(json!([[0, "much"]]), 3),
            malformed("no sample: \"much\"")
        );
        assert_eq!(
            error(json!([[1, 1], [0, 1]]), 3),
            malformed("out of order sample")
        );
        let rates =
            json!({"series": {"x": {"samples_ms_value": [[1, 1.0], [1, 2.0]]}}, "rows": []});
        let rates = rate(&rates.to_string()).unwrap_err().to_string();
        assert_eq!(Some(rates), malformed("duplicate sample for timestamp"));
    }
}
