//! The `values` of a sweep's parameter that are a range: of numbers, or of amounts with a unit.

use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::model::{Design, ParameterValues};
use crate::scenario::node::{Node, Value};
use crate::scenario::reader::{Reader, expected, number};
use crate::sim::SimDuration;
use crate::units::Quantity;

/// A grid of more values than this along one parameter is a mistake.
const MOST_VALUES: f64 = 100_000.0;

pub(super) fn range(
    node: &Node,
    design: Design,
    diagnostics: &mut Diagnostics,
) -> Option<ParameterValues> {
    let mut table = Reader::new(node, "`values`", diagnostics)?;
    let whole = table.boolean("whole", diagnostics);
    let (ends, steps) = (["low", "high"], ["from", "to", "step"]);
    let mut given = |keys: &[&'static str]| keys.iter().any(|key| table.get(key).is_some());
    let (has_ends, has_steps) = (given(&ends), given(&steps));
    if has_ends && has_steps {
        let title = "these values are two ranges";
        let label = "either `from`, `to` and `step`, or `low` and `high`";
        diagnostics.error(node.span, title, label);
    }
    let keys: &[&'static str] = if has_steps { &steps } else { &ends };
    let found: Vec<Option<&Node>> = keys.iter().map(|key| table.get(key)).collect();
    table.finish("`values`", diagnostics);
    let missing = keys.iter().zip(&found).find(|(_, node)| node.is_none());
    if let Some((key, _)) = missing.filter(|_| has_ends || has_steps) {
        return no_range(node, &format!("`{key}` is missing"), diagnostics);
    }
    let nodes: Option<Vec<&Node>> = found.into_iter().collect();
    let nodes = nodes.or_else(|| no_range(node, "", diagnostics))?;
    let amounts = Amounts::read(keys, &nodes, diagnostics)?;
    match *amounts.numbers.as_slice() {
        [low, high] if high > low => match design {
            Design::Random { .. } => Some(ParameterValues::Range {
                low,
                high,
                whole: whole.unwrap_or(false),
                unit: amounts.unit,
            }),
            Design::Grid => {
                let label = "write `from`, `to` and `step`, or a list";
                diagnostics.error(node.span, "a grid needs steps", label);
                None
            }
        },
        [from, to, step] if step > 0.0 && to >= from => {
            if (to - from) / step > MOST_VALUES {
                let label = format!("that many values? at most {MOST_VALUES} are taken");
                return no_range(node, &label, diagnostics);
            }
            let count = ((to - from) / step + 1e-9).floor() as u32;
            let value = |index: u32| text(from + f64::from(index) * step) + &amounts.unit;
            Some(ParameterValues::List((0..=count).map(value).collect()))
        }
        _ => no_range(node, "", diagnostics),
    }
}

fn no_range<T>(node: &Node, label: &str, diagnostics: &mut Diagnostics) -> Option<T> {
    let label = match label {
        "" => "expected `from` ≤ `to` and `step` > 0, or `low` < `high`",
        label => label,
    };
    diagnostics.error(node.span, "these values make no range", label);
    None
}

/// A number with at most nine digits behind the point.
fn text(value: f64) -> String {
    if value.fract().abs() < 1e-9 {
        format!("{value:.0}")
    } else {
        format!("{value:.9}").trim_end_matches('0').to_owned()
    }
}

/// Numbers of one unit, that of the last of them; it is empty for plain numbers.
struct Amounts {
    numbers: Vec<f64>,
    unit: String,
}

impl Amounts {
    fn read(keys: &[&'static str], nodes: &[&Node], diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut fine = true;
        let mut wrong = |key: &str, node: &Node, problem: String| {
            super::wrong(key, node, problem, diagnostics);
            fine = false;
        };
        if nodes.iter().all(|node| node.text().is_none()) {
            let mut numbers = Vec::new();
            for (key, node) in keys.iter().zip(nodes) {
                match number(node) {
                    Ok(number) => numbers.push(number),
                    Err(problem) => wrong(key, node, problem),
                }
            }
            return fine.then_some(Self {
                numbers,
                unit: String::new(),
            });
        }
        let mut amounts = Vec::new();
        for (key, node) in keys.iter().zip(nodes) {
            match Amount::read(node) {
                Ok(amount) => amounts.push(amount),
                Err(problem) => wrong(key, node, problem),
            }
        }
        if !fine {
            return None;
        }
        for of_family in [Amount::seconds, Amount::units] {
            let all: Option<Vec<f64>> = amounts.iter().map(|one| of_family(&one.text)).collect();
            let Some(all) = all else { continue };
            let unit = amounts.last().map_or("", |last| last.unit());
            let Some(size) = of_family(&format!("1{unit}")) else {
                continue;
            };
            return Some(Self {
                numbers: all.iter().map(|value| value / size).collect(),
                unit: unit.to_owned(),
            });
        }
        let (first, last) = (nodes.first()?, keys.first()?);
        let problem = "durations and quantities do not mix in a range".to_owned();
        super::wrong(last, first, problem, diagnostics);
        None
    }
}

/// A duration or a quantity as text.
struct Amount {
    text: String,
}

impl Amount {
    fn read(node: &Node) -> Result<Self, String> {
        let text = match &node.value {
            Value::Text(text) => text.clone(),
            Value::Int(_) | Value::Float(_) => number(node)?.to_string(),
            _ => return Err(expected("a number, a duration or a quantity", node)),
        };
        match Self::seconds(&text).or_else(|| Self::units(&text)) {
            Some(value) if value >= 0.0 => Ok(Self { text }),
            Some(_) => Err(format!("{text} is negative")),
            None => Err(format!(
                "\"{text}\" is neither a duration such as \"90s\" nor a quantity such as \"250m\""
            )),
        }
    }

    fn seconds(text: &str) -> Option<f64> {
        let span: SimDuration = text.parse().ok()?;
        Some(span.as_secs_f64())
    }

    fn units(text: &str) -> Option<f64> {
        let quantity: Quantity = text.parse().ok()?;
        Some(quantity.nanos() as f64 / 1e9)
    }

    /// What stands behind the number; of a compound duration (`1m30s`) that is seconds.
    fn unit(&self) -> &str {
        let is_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '+');
        match self.text.trim_start_matches(is_number) {
            unit if unit.contains(|c: char| c.is_ascii_digit()) => "s",
            unit => unit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::node::Span;
    use crate::scenario::source::parse_value;

    fn read(text: &str, design: Design) -> Result<ParameterValues, String> {
        let node = parse_value(text, Span::default()).unwrap();
        let mut diagnostics = Diagnostics::default();
        let read = range(&node, design, &mut diagnostics);
        read.ok_or_else(|| diagnostics.list[0].label.clone())
    }

    fn grid(text: &str) -> Vec<String> {
        match read(text, Design::Grid) {
            Ok(ParameterValues::List(values)) => values,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn values_are_in_the_unit_of_the_step() {
        for (text, values) in [
            ("{ from = 1, to = 2, step = 0.5 }", "1 1.5 2"),
            (
                r#"{ from = "5s", to = "20s", step = "5s" }"#,
                "5s 10s 15s 20s",
            ),
            (r#"{ from = 0, to = "1m", step = "30s" }"#, "0s 30s 60s"),
            (r#"{ from = "5m", to = "15m", step = "5m" }"#, "5m 10m 15m"),
            (
                r#"{ from = "100m", to = "0.3", step = "100m" }"#,
                "100m 200m 300m",
            ),
            (
                r#"{ from = "512Mi", to = "1Gi", step = "256Mi" }"#,
                "512Mi 768Mi 1024Mi",
            ),
            (
                r#"{ from = "1m", to = "4m", step = "1m30s" }"#,
                "60s 150s 240s",
            ),
            (r#"{ from = 1, to = "2", step = "0.5" }"#, "1 1.5 2"),
        ] {
            assert_eq!(grid(text).join(" "), values, "{text}");
        }
    }

    #[test]
    fn random_designs_draw_with_a_unit() {
        let random = Design::Random { points: 5 };
        assert_eq!(
            read(r#"{ low = "0.1", high = "500m", whole = true }"#, random),
            Ok(ParameterValues::Range {
                low: 100.0,
                high: 500.0,
                whole: true,
                unit: "m".to_owned()
            })
        );
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for (text, told) in [
            (r#"{ from = "5s", to = "1Gi", step = "1s" }"#, "do not mix"),
            (
                r#"{ from = "5x", to = "1s", step = "1s" }"#,
                "neither a duration",
            ),
            (r#"{ from = "-5s", to = "1s", step = "1s" }"#, "is negative"),
            (r#"{ from = "5s", to = "10s", step = "0s" }"#, "`step` > 0"),
            (
                r#"{ from = "0s", to = "10h", step = "1ns" }"#,
                "that many values",
            ),
            (r#"{ from = "5s", to = "10s" }"#, "`step` is missing"),
        ] {
            let problem = read(text, Design::Grid).unwrap_err();
            assert!(problem.contains(told), "{text}: {problem}");
        }
    }
}
