//! Aggregations: many series to one per group, or to the greatest few.

use indexmap::IndexMap;

use super::Sample;
use super::ast::{Aggregator, Expr, Grouping};
use super::eval::{EvalError, Evaluator};
use super::float::{self, KahanSum, Mean, sort_short};
use crate::prometheus::labels::{Labels, METRIC_NAME, quoted};

/// Aggregates an expression's vector; groups come in the order of their first series.
pub(super) fn aggregate(
    evaluator: &Evaluator,
    aggregator: Aggregator,
    grouping: &Grouping,
    parameter: Option<&Expr>,
    inner: &Expr,
    at: i64,
) -> Result<Vec<Sample>, EvalError> {
    let group_of = |labels: &Labels, grouping: &Grouping| {
        if grouping.without {
            labels.drop(&grouping.labels).drop(&[METRIC_NAME])
        } else {
            labels.keep(&grouping.labels)
        }
    };
    if aggregator == Aggregator::CountValues {
        let label = parameter.map_or("", Expr::text);
        if label.is_empty() {
            return Err(EvalError(format!("invalid label name {}", quoted(label))));
        }
        let mut grouping = grouping.clone();
        if !grouping.without {
            grouping.labels.push(label.to_owned());
        }
        let mut counts: IndexMap<Labels, f64> = IndexMap::new();
        for sample in evaluator.vector(inner, at)? {
            let labels = sample.labels.with(label, &number(sample.value));
            *counts.entry(group_of(&labels, &grouping)).or_default() += 1.0;
        }
        return Ok(counts
            .into_iter()
            .map(|(labels, value)| Sample { labels, value })
            .collect());
    }

    let parameter = parameter.map_or(Ok(0.0), |parameter| evaluator.scalar(parameter, at))?;
    let vector = evaluator.vector(inner, at)?;
    let most = vector.len();
    let mut groups: IndexMap<Labels, Vec<Sample>> = IndexMap::new();
    for sample in vector {
        let group = groups.entry(group_of(&sample.labels, grouping));
        group.or_default().push(sample);
    }
    if matches!(aggregator, Aggregator::Topk | Aggregator::Bottomk) {
        let few = few(parameter)?.min(most);
        if few == 0 {
            return Ok(Vec::new());
        }
        let top = aggregator == Aggregator::Topk;
        return Ok(groups
            .into_values()
            .flat_map(|group| extremes(group, few, top))
            .collect());
    }
    Ok(groups
        .into_iter()
        .map(|(labels, group)| Sample {
            labels,
            value: one(aggregator, parameter, &group),
        })
        .collect())
}

/// A value as `count_values` writes it: shortest, without exponent.
fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        value.to_string()
    }
}

/// One number of a group, which has at least one series.
fn one(aggregator: Aggregator, parameter: f64, group: &[Sample]) -> f64 {
    let first = group[0].value;
    let rest = || group[1..].iter().map(|sample| sample.value);
    match aggregator {
        Aggregator::Sum => {
            let mut sum = KahanSum {
                sum: first,
                lost: 0.0,
            };
            rest().for_each(|v| sum.add(v));
            sum.total()
        }
        Aggregator::Avg => {
            let mut mean = Mean::of(first);
            rest().for_each(|v| mean.add(v));
            mean.mean()
        }
        Aggregator::Min => rest().fold(first, |least, v| {
            if least > v || least.is_nan() {
                v
            } else {
                least
            }
        }),
        Aggregator::Max => rest().fold(
            first,
            |most, v| {
                if most < v || most.is_nan() { v } else { most }
            },
        ),
        Aggregator::Count => group.len() as f64,
        Aggregator::Stddev => variance(first, rest()).sqrt(),
        Aggregator::Stdvar => variance(first, rest()),
        Aggregator::Quantile => {
            let values = group.iter().map(|sample| sample.value).collect();
            float::quantile(parameter, values)
        }
        Aggregator::Group | Aggregator::Topk | Aggregator::Bottomk | Aggregator::CountValues => 1.0,
    }
}

/// The mean square distance from the mean, in one pass; undefined once the first is no number.
fn variance(first: f64, rest: impl Iterator<Item = f64>) -> f64 {
    let (mut count, mut mean) = (1.0, first);
    let mut squares = if first.is_finite() { 0.0 } else { f64::NAN };
    for value in rest {
        count += 1.0;
        let delta = value - mean;
        mean += delta / count;
        squares += delta * (value - mean);
    }
    squares / count
}

/// How many series `topk` keeps of each group.
fn few(parameter: f64) -> Result<usize, EvalError> {
    let limit = 2f64.powi(63);
    if parameter < 1.0 {
        return Ok(0);
    }
    if parameter.is_nan() {
        return Err(EvalError("Parameter value is NaN".to_owned()));
    }
    if parameter >= limit {
        let value = if parameter.is_infinite() {
            "+Inf".to_owned()
        } else {
            // Go writes a sign and two digits of exponent at least.
            format!("{parameter:e}").replace('e', "e+")
        };
        return Err(EvalError(format!("Scalar value {value} overflows int64")));
    }
    Ok(parameter as usize)
}

/// The greatest or the least few, the most extreme first: a heap of those kept, as Go's
/// `container/heap` keeps it, so that equal values are chosen and ordered alike.
fn extremes(group: Vec<Sample>, few: usize, top: bool) -> Vec<Sample> {
    // The one on top of the heap is the next to go; NaN goes first.
    let below = |a: &Sample, b: &Sample| {
        a.value.is_nan()
            || if top {
                a.value < b.value
            } else {
                a.value > b.value
            }
    };
    let mut heap: Vec<Sample> = Vec::with_capacity(few);
    for sample in group {
        if heap.len() < few {
            heap.push(sample);
            sift_up(&mut heap, &below);
        } else if heap[0].value.is_nan() && !sample.value.is_nan()
            || !heap[0].value.is_nan() && below(&heap[0], &sample)
        {
            heap[0] = sample;
            sift_down(&mut heap, &below);
        }
    }
    sort_short(&mut heap, |a, b| below(b, a));
    heap
}

fn sift_up(heap: &mut [Sample], below: &impl Fn(&Sample, &Sample) -> bool) {
    let mut child = heap.len() - 1;
    while child > 0 {
        let parent = (child - 1) / 2;
        if !below(&heap[child], &heap[parent]) {
            break;
        }
        heap.swap(child, parent);
        child = parent;
    }
}

fn sift_down(heap: &mut [Sample], below: &impl Fn(&Sample, &Sample) -> bool) {
    let mut parent = 0;
    loop {
        let left = 2 * parent + 1;
        if left >= heap.len() {
            break;
        }
        let right = left + 1;
        let child = if right < heap.len() && below(&heap[right], &heap[left]) {
            right
        } else {
            left
        };
        if !below(&heap[child], &heap[parent]) {
            break;
        }
        heap.swap(parent, child);
        parent = child;
    }
}
