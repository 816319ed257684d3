//! `[sweep]` and `[[assert]]`.

use super::range::range;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::model::{AssertSpec, Design, ParameterSpec, ParameterValues, SweepSpec};
use crate::scenario::node::{KeyNode, Node, Value};
use crate::scenario::overrides;
use crate::scenario::reader::{Reader, count, expected};

/// The largest sweep that is begun.
const MOST_RUNS: u128 = 10_000_000;

pub(super) fn sweep(root: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> Option<SweepSpec> {
    let node = root.get("sweep")?;
    let mut table = Reader::new(node, "`sweep`", diagnostics)?;
    let points = at_least_one("points", &mut table, diagnostics);
    let design = if table.one_of("design", &["grid", "random"], diagnostics) == Some("random") {
        let points = points.unwrap_or(100);
        Design::Random { points }
    } else {
        if points.is_some() {
            let title = "a grid has no number of points";
            let label = "goes with `design = \"random\"`";
            diagnostics.error(table.key_span("points"), title, label);
        }
        Design::Grid
    };
    let replicates = at_least_one("replicates", &mut table, diagnostics).unwrap_or(1);
    let mut parameters: Vec<ParameterSpec> = Vec::new();
    let items = table.list("parameter", diagnostics);
    if let (Some(list), []) = (table.get("parameter"), items)
        && matches!(list.value, Value::List(_))
    {
        let title = "the sweep has no parameter";
        diagnostics.error(list.span, title, "the list is empty");
    }
    for item in items {
        if let Some(mut inner) = Reader::new(item, "`sweep.parameter`", diagnostics) {
            let parameter = parameter(&mut inner, design, diagnostics);
            if let Some(parameter) = &parameter
                && parameters.iter().any(|other| other.path == parameter.path)
            {
                let title = format!("a second parameter `{}`", parameter.path);
                let label = "this path is varied already";
                diagnostics.error(inner.key_span("path"), title, label);
            }
            parameters.extend(parameter);
            inner.finish("`sweep.parameter`", diagnostics);
        }
    }
    if table.get("parameter").is_none() {
        let example = "parameter = [{ path = \"simulation.seed\", values = [1, 2] }]";
        table.missing("parameter", "`sweep`", example, diagnostics);
    }
    check_size(design, replicates, &parameters, node, diagnostics);
    table.finish("`sweep`", diagnostics);
    Some(SweepSpec {
        design,
        replicates,
        parameters,
    })
}

/// A count of at least 1.
fn at_least_one(
    key: &'static str,
    table: &mut Reader<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<u32> {
    table.read(key, diagnostics, |node| match count(node)? {
        0 => Err("must be at least 1".to_owned()),
        count => Ok(count),
    })
}

fn check_size(
    design: Design,
    replicates: u32,
    parameters: &[ParameterSpec],
    node: &Node,
    diagnostics: &mut Diagnostics,
) {
    let points = match design {
        Design::Random { points } => u128::from(points),
        Design::Grid => parameters.iter().fold(1, |points: u128, parameter| {
            let values = match &parameter.values {
                ParameterValues::List(values) => values.len(),
                ParameterValues::Range { .. } => 1,
            };
            points.saturating_mul(values as u128)
        }),
    };
    let runs = points.saturating_mul(u128::from(replicates));
    if runs > MOST_RUNS {
        let title = format!("the sweep has {runs} runs");
        let label = format!("at most {MOST_RUNS} are begun");
        diagnostics.error(node.span.first(), title, label).help =
            Some("take larger steps, fewer replicates, or `design = \"random\"`".to_owned());
    }
}

/// Tables that cannot differ between the points of a sweep.
const NOT_VARIED: [&str; 3] = ["sweep", "assert", "name"];

/// Refuses paths that every point would ignore.
fn check_path(node: &Node, path: &str, diagnostics: &mut Diagnostics) {
    let first = path.split(['.', '[']).next().unwrap_or_default();
    if NOT_VARIED.contains(&first) && !path.contains(':') {
        let title = format!("`{first}` cannot be varied");
        let label = "makes no difference to a run";
        diagnostics.error(node.span, title, label);
    }
}

fn parameter(
    table: &mut Reader<'_>,
    design: Design,
    diagnostics: &mut Diagnostics,
) -> Option<ParameterSpec> {
    let path = table.text("path", diagnostics).map(str::to_owned);
    if table.get("path").is_none() {
        table.missing(
            "path",
            "`sweep.parameter`",
            "path = \"service[api].slots\"",
            diagnostics,
        );
    }
    if let (Some(path), Some(node)) = (&path, table.get("path")) {
        check_path(node, path, diagnostics);
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
        Value::List(items) if !items.is_empty() => {
            Some(ParameterValues::List(items.iter().map(literal).collect()))
        }
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

/// A value as `--set` takes it: TOML, texts without quotes where they stay texts.
fn literal(node: &Node) -> String {
    match &node.value {
        Value::Text(text) if overrides::stays_text(text) => text.clone(),
        _ => inline(node),
    }
}

/// A value as TOML writes it on one line.
fn inline(node: &Node) -> String {
    match &node.value {
        Value::Text(text) => quoted(text),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(entries) => {
            let entry = |(key, value): &(KeyNode, Node)| {
                format!("{} = {}", quoted(&key.name), inline(value))
            };
            let entries: Vec<String> = entries.iter().map(entry).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        _ => node.scalar_text().unwrap_or_default(),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

pub(super) fn asserts(root: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> Vec<AssertSpec> {
    let mut made = Vec::new();
    for item in root.list("assert", diagnostics) {
        let Some(mut table) = Reader::new(item, "`assert`", diagnostics) else {
            continue;
        };
        let metric = table.text("metric", diagnostics).map(str::to_owned);
        if table.get("metric").is_none() {
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
                _ => Err(expected("a number", node)),
            })
        };
        let (min, max) = (
            bound("min", &mut table, diagnostics),
            bound("max", &mut table, diagnostics),
        );
        let equals = bound("equals", &mut table, diagnostics);
        let given = ["min", "max", "equals"];
        if given.iter().all(|key| table.get(key).is_none()) {
            table.missing("max", "`assert`", "max = 2", diagnostics);
        }
        if min.zip(max).is_some_and(|(min, max)| min > max) {
            let title = "no value satisfies the assertion";
            diagnostics.error(table.key_span("max"), title, "`max` is below `min`");
        }
        let place = table.get("metric").map_or(item.span, |node| node.span);
        table.finish("`assert`", diagnostics);
        made.extend(metric.map(|metric| AssertSpec {
            metric,
            min,
            max,
            equals,
            place,
        }));
    }
    made
}
