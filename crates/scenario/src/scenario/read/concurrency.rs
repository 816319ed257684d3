//! What a `[[service]]` says of how its speed depends on what is in it: `slowdown`, `batching`,
//! `rate_limit`, `max_connections`.

use super::dist;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::{Node, Value};
use crate::scenario::reader::{Reader, count, expected, number, wrong};
use crate::sim::{Dist, SimDuration};
use crate::workload::spec::{ConcurrencySpec, RateLimit, Slowdown};

/// Requests a second at most.
const MOST_RATE: f64 = 1e7;

/// What stands there; `request` is the table of what a request costs, whose `tokens` a batch makes. The
/// second is the time of those tokens where nothing else is in the batch.
pub(super) fn concurrency(
    table: &mut Reader<'_>,
    tokens: Option<(Dist, &Node)>,
    diagnostics: &mut Diagnostics,
) -> (ConcurrencySpec, Option<Dist>) {
    let slowdown = table.get("slowdown");
    let batching = table.get("batching");
    let limit = table.get("rate_limit");
    let max_connections = table.read("max_connections", diagnostics, positive);
    if slowdown.is_some() && batching.is_some() {
        let title = "`slowdown` does not go with `batching`";
        let label = "a batch has a slowdown of its own";
        diagnostics.error(table.key_span("slowdown"), title, label);
    }
    let mut slowdown = slowdown.and_then(|node| curve(node, diagnostics));
    let mut generating = None;
    match (batching.map(|node| batch(node, diagnostics)), tokens) {
        (Some(made), Some((tokens, _))) => {
            if let Some((step, each)) = made {
                generating = Some(tokens.scaled(step + each));
                slowdown = Some(Slowdown(vec![
                    (1.0, 1.0),
                    (2.0, (step + 2.0 * each) / (step + each)),
                ]));
            }
        }
        (Some(_), None) => {
            let title = "`batching` without `request.tokens`";
            let label = "how many tokens does a request take?";
            diagnostics
                .error(table.key_span("batching"), title, label)
                .help = Some("for example `request = { cpu = \"2ms\", tokens = 300 }`".to_owned());
        }
        (None, Some((_, node))) => {
            let title = "`tokens` without `batching`";
            diagnostics
                .error(node.span.first(), title, "how long does a token take?")
                .help = Some(
                "for example `batching = { step = \"25ms\", per_sequence = \"1ms\" }`".to_owned(),
            );
        }
        (None, None) => {}
    }
    let made = ConcurrencySpec {
        slowdown,
        rate_limit: limit.and_then(|node| rate_limit(node, diagnostics)),
        max_connections,
    };
    (made, generating)
}

/// Refuses limits of a service whose pods take what they have free slots for, which `with` says: nothing
/// is turned away there, and nobody opens a connection.
pub(super) fn refuse_limits(
    table: &Reader<'_>,
    limits: &ConcurrencySpec,
    with: &str,
    diagnostics: &mut Diagnostics,
) {
    for (key, is_there) in [
        ("rate_limit", limits.rate_limit.is_some()),
        ("max_connections", limits.max_connections.is_some()),
    ] {
        if is_there {
            let title = format!("`{key}` does not go with `{with}`");
            let label = "its pods take as much as they have free slots for";
            diagnostics.error(table.key_span(key), title, label).help =
                Some("limit them by `slots`".to_owned());
        }
    }
}

fn positive(node: &Node) -> Result<u32, String> {
    match count(node)? {
        0 => Err("must be at least 1".to_owned()),
        count => Ok(count),
    }
}

/// `[[1, 1.0], [20, 1.5]]`: counts that ascend and factors.
fn curve(node: &Node, diagnostics: &mut Diagnostics) -> Option<Slowdown> {
    let pair = |item: &Node| match &item.value {
        Value::List(pair) if pair.len() == 2 => {
            let point = (f64::from(positive(&pair[0])?), number(&pair[1])?);
            if point.1 > 0.0 && point.1 <= 1e6 {
                Ok(point)
            } else {
                Err("a factor must be above 0 and at most 1000000".to_owned())
            }
        }
        _ => Err("expected a pair of a count and a factor, for example [20, 1.5]".to_owned()),
    };
    let Value::List(items) = &node.value else {
        let problem = expected("a list of pairs, for example [[1, 1.0], [20, 1.5]]", node);
        wrong("slowdown", node, problem, diagnostics);
        return None;
    };
    let mut points: Vec<(f64, f64)> = Vec::new();
    for item in items {
        let problem = match pair(item) {
            Ok(point) if points.last().is_none_or(|last| last.0 < point.0) => {
                points.push(point);
                continue;
            }
            Ok(_) => "counts must ascend".to_owned(),
            Err(problem) => problem,
        };
        wrong("slowdown", item, problem, diagnostics);
    }
    if items.is_empty() {
        let problem = "a curve has at least one point, for example [[1, 1.0], [20, 1.5]]";
        wrong("slowdown", node, problem.to_owned(), diagnostics);
    }
    if let [.., (_, low), (_, high)] = points.as_slice()
        && high < low
    {
        let problem = "it goes on beyond the last two points: the last factor must not be lower";
        wrong("slowdown", node, problem.to_owned(), diagnostics);
    }
    Some(Slowdown(points))
}

/// Seconds of a step of a batch, and of each sequence in it.
fn batch(node: &Node, diagnostics: &mut Diagnostics) -> Option<(f64, f64)> {
    let mut table = Reader::new(node, "`batching`", diagnostics)?;
    if table.get("step").is_none() {
        table.missing("step", "`batching`", "step = \"25ms\"", diagnostics);
    }
    let step = table.duration("step", diagnostics);
    let each = table.duration("per_sequence", diagnostics);
    table.finish("`batching`", diagnostics);
    let (step, each) = (step?, each.unwrap_or(SimDuration::ZERO));
    if step + each == SimDuration::ZERO {
        let problem = "a step must take some time".to_owned();
        wrong("batching", node, problem, diagnostics);
        return None;
    }
    Some((step.as_secs_f64(), each.as_secs_f64()))
}

/// A token bucket.
fn rate_limit(node: &Node, diagnostics: &mut Diagnostics) -> Option<RateLimit> {
    let mut table = Reader::new(node, "`rate_limit`", diagnostics)?;
    if table.get("rate").is_none() {
        table.missing("rate", "`rate_limit`", "rate = 100", diagnostics);
    }
    let rate = table.read("rate", diagnostics, |node| match number(node)? {
        rate if rate > 0.0 && rate <= MOST_RATE => Ok(rate),
        _ => Err(format!("must be above 0 and at most {MOST_RATE}")),
    });
    let burst = table.read("burst", diagnostics, positive);
    table.finish("`rate_limit`", diagnostics);
    let rate = rate?;
    // As nginx' and Envoy's bucket holds at least one.
    let burst = burst.unwrap_or(rate.ceil() as u32);
    Some(RateLimit { rate, burst })
}

/// `tokens` of `request`.
pub(super) fn tokens<'a>(
    table: &mut Reader<'a>,
    diagnostics: &mut Diagnostics,
) -> Option<(Dist, &'a Node)> {
    let node = table.get("tokens")?;
    Some((dist::plain(table, "tokens", diagnostics)?, node))
}
