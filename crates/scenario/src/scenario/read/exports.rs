//! `[[service]].metrics`: what its pods export, and under which names.

use super::label_table;
use crate::prometheus::labels::is_name;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::monitoring::ExportSpec;
use crate::scenario::node::{Node, Span, Value};
use crate::scenario::reader::{Reader, expected, number, wrong};

/// What `metrics` says, and where, if it is there.
pub(super) fn exports(
    table: &mut Reader<'_>,
    diagnostics: &mut Diagnostics,
) -> (ExportSpec, Option<Span>) {
    let mut made = ExportSpec::default();
    let Some(node) = table.get("metrics") else {
        return (made, None);
    };
    let place = table.key_span("metrics");
    if let Some(mut inner) = Reader::new(node, "`metrics`", diagnostics) {
        made.scraped = inner.boolean("scrape", diagnostics).unwrap_or(true);
        for (key, name) in [
            ("requests", &mut made.requests),
            ("in_flight", &mut made.in_flight),
            ("duration", &mut made.duration),
            ("queue_depth", &mut made.queue_depth),
        ] {
            if let Some(stated) = inner.read(key, diagnostics, metric_name) {
                *name = stated;
            }
        }
        if let Some(buckets) = inner.read("buckets", diagnostics, bounds) {
            made.buckets = buckets;
        }
        made.labels = label_table("labels", &mut inner, diagnostics);
        for (name, _) in made.labels.iter().filter(|(name, _)| !is_label(name)) {
            let problem = format!("`{name}` is no label of Prometheus: letters, digits and `_`");
            let place = node.get("labels").unwrap_or(node);
            wrong("labels", place, problem, diagnostics);
        }
        inner.finish("`metrics`", diagnostics);
    }
    (made, Some(place))
}

fn is_label(name: &str) -> bool {
    is_name(name) && !name.contains(':') && !name.starts_with("__")
}

fn metric_name(node: &Node) -> Result<String, String> {
    match node.text() {
        Some(name) if is_name(name) => Ok(name.to_owned()),
        Some(name) => Err(format!(
            "`{name}` is no metric's name: letters, digits, `_` and `:`, no digit first"
        )),
        None => Err(expected("the name of a metric", node)),
    }
}

/// Ascending numbers.
fn bounds(node: &Node) -> Result<Vec<f64>, String> {
    let Value::List(items) = &node.value else {
        return Err(expected("a list of seconds", node));
    };
    let bounds: Vec<f64> = items.iter().map(number).collect::<Result<_, _>>()?;
    if bounds.is_empty() || bounds.len() > 100 {
        return Err("a histogram has 1 to 100 buckets".to_owned());
    }
    if bounds.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err("the bounds of buckets ascend".to_owned());
    }
    Ok(bounds)
}
