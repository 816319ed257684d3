//! `[sweep]` and `[[assert]]`.

use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::model::{AssertSpec, Design, ParameterSpec, ParameterValues, SweepSpec};
use crate::scenario::node::{Node, Value};
use crate::scenario::reader::{Reader, expected};

/// A grid of more values than this along one parameter is a mistake.
const MOST_VALUES: f64 = 100_000.0;

pub(super) fn sweep(root: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> Option<SweepSpec> {
    let node = root.get("sweep")?;
    let mut table = Reader::new(node, "`sweep`", diagnostics)?;
    let points = table.count("points", diagnostics);
    let design = table.read("design", diagnostics, |node| match node.text() {
        Some("grid") => Ok(Design::Grid),
        Some("random") => Ok(Design::Random {
            points: points.unwrap_or(100),
        }),
        _ => Err("expected \"grid\" or \"random\"".to_owned()),
    });
    let replicates = table.count("replicates", diagnostics).unwrap_or(1).max(1);
    let design = design.unwrap_or(Design::Grid);
    let mut parameters = Vec::new();
    for item in table.list("parameter", diagnostics) {
        if let Some(mut inner) = Reader::new(item, "`sweep.parameter`", diagnostics) {
            parameters.extend(parameter(&mut inner, design, diagnostics));
            inner.finish("`sweep.parameter`", diagnostics);
        }
    }
    if parameters.is_empty() && !diagnostics.has_errors() {
        let example = "[[sweep.parameter]]\npath = \"simulation.seed\"\nvalues = [1, 2]";
        table.missing("parameter", "`sweep`", example, diagnostics);
    }
    table.finish("`sweep`", diagnostics);
    Some(SweepSpec {
        design,
        replicates,
        parameters,
    })
}

fn parameter(
    table: &mut Reader<'_>,
    design: Design,
    diagnostics: &mut Diagnostics,
) -> Option<ParameterSpec> {
    let path = table.text("path", diagnostics).map(str::to_owned);
    if path.is_none() {
        table.missing(
            "path",
            "`sweep.parameter`",
            "path = \"service[api].slots\"",
            diagnostics,
        );
    }
    let Some(node) = table.get("values") else {
        table.missing(
            "values",
            "`sweep.parameter`",
            "values = { from = 50, to = 90, step = 5 }",
            diagnostics,
        );
        return None;
    };
    let values = match &node.value {
        Value::List(items) if !items.is_empty() => Some(ParameterValues::List(
            items.iter().filter_map(literal).collect(),
        )),
        Value::Table(_) => range(node, design, diagnostics),
        _ => {
            let label =
                "expected a list, or a table with `from`, `to`, `step` or with `low`, `high`";
            diagnostics.error(node.span, "wrong value for `values`", label);
            None
        }
    };
    Some(ParameterSpec {
        path: path?,
        values: values?,
    })
}

/// A value as the scenario writes it.
fn literal(node: &Node) -> Option<String> {
    Some(match &node.value {
        Value::Int(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Text(text) => text.clone(),
        _ => return None,
    })
}

fn range(node: &Node, design: Design, diagnostics: &mut Diagnostics) -> Option<ParameterValues> {
    let mut table = Reader::new(node, "`values`", diagnostics)?;
    let (low, high) = (
        table.number("low", diagnostics),
        table.number("high", diagnostics),
    );
    let whole = table.boolean("whole", diagnostics).unwrap_or(false);
    let (from, to) = (
        table.number("from", diagnostics),
        table.number("to", diagnostics),
    );
    let step = table.number("step", diagnostics);
    table.finish("`values`", diagnostics);
    match ((low, high), (from, to, step), design) {
        ((Some(low), Some(high)), _, Design::Random { .. }) if high > low => {
            Some(ParameterValues::Range { low, high, whole })
        }
        ((Some(_), Some(_)), _, Design::Grid) => {
            diagnostics.error(
                node.span,
                "a grid needs steps",
                "write `from`, `to` and `step`, or a list",
            );
            None
        }
        (_, (Some(from), Some(to), Some(step)), _)
            if step > 0.0 && to >= from && (to - from) / step <= MOST_VALUES =>
        {
            let count = ((to - from) / step + 1e-9).floor() as u32;
            let value = |index: u32| from + f64::from(index) * step;
            let text = |value: f64| {
                if value.fract().abs() < 1e-9 {
                    format!("{value:.0}")
                } else {
                    format!("{:.9}", value).trim_end_matches('0').to_owned()
                }
            };
            Some(ParameterValues::List(
                (0..=count).map(|index| text(value(index))).collect(),
            ))
        }
        _ => {
            diagnostics.error(
                node.span,
                "these values make no range",
                "expected `from` ≤ `to` and `step` > 0, or `low` < `high`",
            );
            None
        }
    }
}

pub(super) fn asserts(root: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> Vec<AssertSpec> {
    let mut made = Vec::new();
    for item in root.list("assert", diagnostics) {
        let Some(mut table) = Reader::new(item, "`assert`", diagnostics) else {
            continue;
        };
        let metric = table.text("metric", diagnostics).map(str::to_owned);
        if metric.is_none() {
            table.missing(
                "metric",
                "`assert`",
                "metric = \"hpa.api.flaps\"",
                diagnostics,
            );
        }
        let bound = |key: &'static str, table: &mut Reader<'_>, diagnostics: &mut Diagnostics| {
            table.read(key, diagnostics, |node| match node.value {
                Value::Int(value) => Ok(value as f64),
                Value::Float(value) if value.is_finite() => Ok(value),
                _ => Err(expected("a finite number", node)),
            })
        };
        let (min, max) = (
            bound("min", &mut table, diagnostics),
            bound("max", &mut table, diagnostics),
        );
        let equals = bound("equals", &mut table, diagnostics);
        if min.is_none() && max.is_none() && equals.is_none() {
            table.missing("max", "`assert`", "max = 2", diagnostics);
        }
        table.finish("`assert`", diagnostics);
        made.extend(metric.map(|metric| AssertSpec {
            metric,
            min,
            max,
            equals,
        }));
    }
    made
}
