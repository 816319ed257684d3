//! Distributions: a plain value is constant, a table names `dist` and its parameters.

use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::{Node, Value};
use crate::scenario::reader::{Reader, duration, memory as amount_of_memory, number, wrong};
use crate::sim::{Dist, DistError, SimDuration};

const KINDS: &[&str] = &[
    "constant",
    "exponential",
    "lognormal",
    "gamma",
    "pareto",
    "uniform",
    "empirical",
];

type Amount<'a> = &'a dyn Fn(&Node) -> Result<f64, String>;

/// A distribution of a time, in seconds.
pub(super) fn seconds(
    table: &mut Reader<'_>,
    key: &'static str,
    diagnostics: &mut Diagnostics,
) -> Option<Dist> {
    let node = table.get(key)?;
    let amount = |node: &Node| duration(node).map(SimDuration::as_secs_f64);
    dist(key, node, &amount, diagnostics)
}

/// A distribution of an amount of memory, in bytes.
pub(super) fn memory(
    table: &mut Reader<'_>,
    key: &'static str,
    diagnostics: &mut Diagnostics,
) -> Option<Dist> {
    let node = table.get(key)?;
    let amount = |node: &Node| amount_of_memory(node).map(|q| q.value() as f64);
    dist(key, node, &amount, diagnostics)
}

/// A distribution of a plain number.
pub(super) fn plain(
    table: &mut Reader<'_>,
    key: &'static str,
    diagnostics: &mut Diagnostics,
) -> Option<Dist> {
    let node = table.get(key)?;
    dist(key, node, &number, diagnostics)
}

fn dist(key: &str, node: &Node, amount: Amount<'_>, diagnostics: &mut Diagnostics) -> Option<Dist> {
    let made = if matches!(node.value, Value::Table(_)) {
        let mut table = Reader::new(node, key, diagnostics)?;
        let made = of_table(&mut table, amount, diagnostics);
        table.finish("the distribution", diagnostics);
        made?
    } else {
        amount(node).and_then(|value| Dist::constant(value).map_err(refuse))
    };
    made.map_err(|problem| wrong(key, node, problem, diagnostics))
        .ok()
}

#[expect(clippy::needless_pass_by_value, reason = "handed to `map_err`")]
fn refuse(error: DistError) -> String {
    error.to_string()
}

/// Reads the parameters that the kind has; others are unknown keys of it. `None` if a problem
/// was reported already.
fn of_table(
    table: &mut Reader<'_>,
    amount: Amount<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Result<Dist, String>> {
    if table.get("dist").is_none() {
        let example = "dist = \"lognormal\"";
        table.missing("dist", "the distribution", example, diagnostics);
        table.ask(&["mean", "cv", "low", "high", "value", "shape", "values"]);
        return None;
    }
    let Some(kind) = table.one_of("dist", KINDS, diagnostics) else {
        table.ask(&["mean", "cv", "low", "high", "value", "shape", "values"]);
        return None;
    };
    let mut need = |key: &'static str, is_amount: bool| {
        if table.get(key).is_none() {
            let example = match (key, is_amount) {
                ("value" | "mean" | "low", _) => format!("{key} = \"20ms\""),
                ("high", _) => "high = \"80ms\"".to_owned(),
                _ => format!("{key} = 0.5"),
            };
            let what = format!("the {kind} distribution");
            table.missing(key, &what, &example, diagnostics);
        }
        if is_amount {
            table.read(key, diagnostics, amount)
        } else {
            table.number(key, diagnostics)
        }
    };
    let made = match kind {
        "constant" => Dist::constant(need("value", true)?),
        "exponential" => Dist::exponential(need("mean", true)?),
        "uniform" => {
            let (low, high) = (need("low", true), need("high", true));
            Dist::uniform(low?, high?)
        }
        "empirical" => return empirical(table, amount, diagnostics),
        two => {
            let mean = need("mean", true);
            let second = need(if two == "pareto" { "shape" } else { "cv" }, false);
            match two {
                "lognormal" => Dist::lognormal(mean?, second?),
                "gamma" => Dist::gamma(mean?, second?),
                _ => Dist::pareto(mean?, second?),
            }
        }
    };
    Some(made.map_err(refuse))
}

fn empirical(
    table: &mut Reader<'_>,
    amount: Amount<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Result<Dist, String>> {
    let before = diagnostics.list.len();
    let mut values = Vec::new();
    for item in table.list("values", diagnostics) {
        match amount(item) {
            Ok(value) => values.push(value),
            Err(problem) => wrong("values", item, problem, diagnostics),
        }
    }
    (diagnostics.list.len() == before).then(|| Dist::empirical(values).map_err(refuse))
}
