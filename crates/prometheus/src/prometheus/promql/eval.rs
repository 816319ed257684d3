//! Evaluation at one instant, and at each step of a subquery.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use indexmap::IndexMap;
use rustc_hash::FxHashMap;

use super::ast::{At, Expr, Kind, Selector, Subquery, When};
use super::functions::{self, Function};
use super::rate::Window;
use super::{Edition, LOOKBACK, Sample, Value, aggregation, binary};
use crate::prometheus::labels::Labels;
use crate::prometheus::storage::{Point, Series, Storage, is_stale};

/// Steps of a subquery at most: Prometheus' limit of samples, of which each step is likely to have
/// one.
const MOST_STEPS: i64 = 50_000_000;

/// Why a query has no answer, in Prometheus' words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvalError(pub String);

/// Answers a query at a time, milliseconds.
pub(super) fn instant(
    expression: &Expr,
    edition: Edition,
    storage: &Storage,
    at: i64,
) -> Result<Value, EvalError> {
    let evaluator = Evaluator {
        storage,
        edition,
        query_time: at,
        selected: RefCell::default(),
        depth: Cell::new(0),
        sources: RefCell::default(),
    };
    Ok(match expression.kind() {
        Kind::Text => match expression {
            Expr::Text(text) => Value::Text(text.clone()),
            _ => Value::Text(String::new()),
        },
        Kind::Scalar => Value::Scalar(evaluator.scalar(expression, at)?),
        Kind::Vector => Value::Vector(evaluator.vector(expression, at)?),
        Kind::Matrix => {
            let ranges = evaluator.ranges(expression, at)?;
            let mut rows: Vec<_> = ranges
                .into_iter()
                .filter(|range| !range.points.is_empty())
                .map(|range| (range.labels, range.points.into_owned()))
                .collect();
            rows.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Matrix(rows)
        }
    })
}

/// What a series has in a window.
pub(super) struct Range<'a> {
    pub(super) labels: Labels,
    pub(super) points: Cow<'a, [Point]>,
    pub(super) window: Window,
}

/// One evaluation: the samples and whose rules hold.
pub(super) struct Evaluator<'a> {
    storage: &'a Storage,
    pub(super) edition: Edition,
    /// When the whole query is asked.
    query_time: i64,
    /// The series of each selector, by its address: found once per query.
    selected: RefCell<FxHashMap<usize, Vec<&'a Series>>>,
    /// How many subqueries are being stepped through.
    depth: Cell<usize>,
    /// In subqueries, which series became which, by the address of the expression that they are of.
    sources: RefCell<FxHashMap<usize, FxHashMap<Labels, Labels>>>,
}

impl<'a> Evaluator<'a> {
    /// A scalar's value.
    pub(super) fn scalar(&self, expression: &Expr, at: i64) -> Result<f64, EvalError> {
        match expression {
            Expr::Number(number) => Ok(*number),
            Expr::Negate(inner) => Ok(-self.scalar(inner, at)?),
            Expr::Plus(inner) => self.scalar(inner, at),
            Expr::Binary(binary) => {
                let (left, right) = (
                    self.scalar(&binary.left, at)?,
                    self.scalar(&binary.right, at)?,
                );
                Ok(binary::scalars(binary.operator, left, right))
            }
            Expr::Call(function, arguments) => functions::scalar(self, *function, arguments, at),
            _ => Err(EvalError("unexpected expression type".to_owned())),
        }
    }

    /// The series of a vector with their values.
    pub(super) fn vector(&self, expression: &Expr, at: i64) -> Result<Vec<Sample>, EvalError> {
        match expression {
            Expr::Vector(selector) => Ok(self
                .latest(selector, at)
                .map(|(series, point)| Sample {
                    labels: series.labels.clone(),
                    value: point.v,
                })
                .collect()),
            Expr::Negate(inner) => {
                let mut vector = self.vector(inner, at)?;
                for sample in &mut vector {
                    let labels = sample.labels.drop_metadata();
                    // Edition 3 has steps of several series as one.
                    if self.edition == Edition::Two {
                        self.only_source(inner, &sample.labels, &labels)?;
                    }
                    sample.labels = labels;
                    sample.value = -sample.value;
                }
                distinct(vector)
            }
            Expr::Plus(inner) => self.vector(inner, at),
            Expr::Call(function, arguments) => {
                distinct(functions::vector(self, *function, arguments, at)?)
            }
            Expr::Aggregate {
                aggregator,
                grouping,
                parameter,
                inner,
            } => {
                aggregation::aggregate(self, *aggregator, grouping, parameter.as_deref(), inner, at)
            }
            Expr::Binary(binary) => distinct(binary::vectors(self, binary, at)?),
            Expr::Number(_) | Expr::Text(_) | Expr::Matrix(..) | Expr::Subquery(_) => {
                Err(EvalError("unexpected expression type".to_owned()))
            }
        }
    }

    /// The time a selector or a subquery looks at.
    fn reference(&self, when: When, at: i64) -> i64 {
        let at = match when.at {
            None => at,
            Some(At::Time(time)) => time,
            Some(At::Query) => self.query_time,
        };
        at - when.offset
    }

    fn series(&self, selector: &Selector) -> Vec<&'a Series> {
        let address = std::ptr::from_ref(selector).addr();
        let mut selected = self.selected.borrow_mut();
        let found = selected
            .entry(address)
            .or_insert_with(|| self.storage.select(&selector.matchers));
        found.clone()
    }

    /// Each series' latest sample that is neither stale nor too old.
    pub(super) fn latest(
        &self,
        selector: &Selector,
        at: i64,
    ) -> impl Iterator<Item = (&'a Series, Point)> + use<'a> {
        let until = self.reference(selector.when, at);
        let after = self.before_window(until - LOOKBACK);
        self.series(selector).into_iter().filter_map(move |series| {
            let point = series.window(after, until).last()?;
            (!is_stale(point.v)).then_some((series, *point))
        })
    }

    /// The last time outside of a window with this left edge.
    fn before_window(&self, edge: i64) -> i64 {
        match self.edition {
            Edition::Two => edge - 1,
            Edition::Three => edge,
        }
    }

    /// What the series of a range have in it.
    pub(super) fn ranges(&self, expression: &Expr, at: i64) -> Result<Vec<Range<'a>>, EvalError> {
        match expression {
            Expr::Matrix(selector, range) => {
                let end = self.reference(selector.when, at);
                let window = Window {
                    start: end - range,
                    end,
                };
                let after = self.before_window(window.start);
                let ranges = self.series(selector).into_iter().map(|series| Range {
                    labels: series.labels.clone(),
                    points: without_stale(series.window(after, end)),
                    window,
                });
                Ok(ranges.collect())
            }
            Expr::Subquery(subquery) => self.subquery(subquery, at),
            _ => Err(EvalError("unexpected expression type".to_owned())),
        }
    }

    /// Refuses two series of an expression that become one, even at different steps of a subquery.
    pub(super) fn only_source(
        &self,
        expression: &Expr,
        source: &Labels,
        result: &Labels,
    ) -> Result<(), EvalError> {
        if self.depth.get() == 0 {
            return Ok(());
        }
        let address = std::ptr::from_ref(expression).addr();
        let mut sources = self.sources.borrow_mut();
        let of_expression = sources.entry(address).or_default();
        let first = of_expression.entry(result.clone());
        if first.or_insert_with(|| source.clone()) == source {
            Ok(())
        } else {
            Err(same_labels())
        }
    }

    /// The inner expression at each multiple of the step in the range.
    fn subquery(&self, subquery: &Subquery, at: i64) -> Result<Vec<Range<'a>>, EvalError> {
        let end = self.reference(subquery.when, at);
        let window = Window {
            start: end - subquery.range,
            end,
        };
        let after = self.before_window(window.start);
        let mut step = after.div_euclid(subquery.step) * subquery.step;
        while step <= after {
            step += subquery.step;
        }
        if (end - after) / subquery.step > MOST_STEPS {
            return Err(EvalError(
                "query processing would load too many samples into memory in query execution"
                    .to_owned(),
            ));
        }
        self.depth.set(self.depth.get() + 1);
        let mut rows: IndexMap<Labels, Vec<Point>> = IndexMap::new();
        while step <= end {
            if subquery.inner.kind() == Kind::Scalar {
                let v = self.scalar(&subquery.inner, step)?;
                rows.entry(Labels::default())
                    .or_default()
                    .push(Point { t: step, v });
            } else {
                for sample in self.vector(&subquery.inner, step)? {
                    rows.entry(sample.labels).or_default().push(Point {
                        t: step,
                        v: sample.value,
                    });
                }
            }
            step += subquery.step;
        }
        self.depth.set(self.depth.get() - 1);
        let ranges = rows.into_iter().map(|(labels, points)| Range {
            labels,
            points: Cow::Owned(points),
            window,
        });
        Ok(ranges.collect())
    }
}

fn without_stale(points: &[Point]) -> Cow<'_, [Point]> {
    if points.iter().any(|point| is_stale(point.v)) {
        let live = points.iter().filter(|point| !is_stale(point.v));
        Cow::Owned(live.copied().collect())
    } else {
        Cow::Borrowed(points)
    }
}

/// Refuses a vector that has a series twice.
pub(super) fn distinct(vector: Vec<Sample>) -> Result<Vec<Sample>, EvalError> {
    let mut seen = rustc_hash::FxHashSet::default();
    if vector.iter().all(|sample| seen.insert(&sample.labels)) {
        return Ok(vector);
    }
    Err(same_labels())
}

fn same_labels() -> EvalError {
    EvalError("vector cannot contain metrics with the same labelset".to_owned())
}

impl Function {
    /// What it makes.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Time | Self::Scalar | Self::Pi => Kind::Scalar,
            _ => Kind::Vector,
        }
    }
}
