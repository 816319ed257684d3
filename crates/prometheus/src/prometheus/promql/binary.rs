//! Operators between two expressions, and which series of two vectors meet.

use rustc_hash::{FxHashMap, FxHashSet};

use super::Sample;
use super::ast::{Binary, Cardinality, Kind, Matching, Operator};
use super::eval::{EvalError, Evaluator};
use crate::prometheus::labels::{Labels, METRIC_NAME};

/// An operator between two scalars.
pub(super) fn scalars(operator: Operator, left: f64, right: f64) -> f64 {
    if operator.is_comparison() {
        f64::from(u8::from(compare(operator, left, right)))
    } else {
        arithmetic(operator, left, right)
    }
}

fn arithmetic(operator: Operator, left: f64, right: f64) -> f64 {
    match operator {
        Operator::Add => left + right,
        Operator::Sub => left - right,
        Operator::Mul => left * right,
        Operator::Div => left / right,
        Operator::Mod => left % right,
        Operator::Pow => left.powf(right),
        _ => left.atan2(right),
    }
}

fn compare(operator: Operator, left: f64, right: f64) -> bool {
    match operator {
        Operator::Equal => left == right,
        Operator::NotEqual => left != right,
        Operator::Greater => left > right,
        Operator::GreaterEqual => left >= right,
        Operator::Less => left < right,
        _ => left <= right,
    }
}

/// The value of an operation, or none where a comparison filters it out.
fn value(operator: Operator, left: f64, right: f64, return_bool: bool) -> Option<f64> {
    if !operator.is_comparison() {
        return Some(arithmetic(operator, left, right));
    }
    let keep = compare(operator, left, right);
    if return_bool {
        Some(f64::from(u8::from(keep)))
    } else {
        keep.then_some(left)
    }
}

/// An operator of which at least one side is a vector.
pub(super) fn vectors(
    evaluator: &Evaluator,
    binary: &Binary,
    at: i64,
) -> Result<Vec<Sample>, EvalError> {
    match (binary.left.kind(), binary.right.kind()) {
        (Kind::Scalar, _) => {
            let left = evaluator.scalar(&binary.left, at)?;
            let right = evaluator.vector(&binary.right, at)?;
            Ok(with_scalar(binary, right, left, true))
        }
        (_, Kind::Scalar) => {
            let left = evaluator.vector(&binary.left, at)?;
            let right = evaluator.scalar(&binary.right, at)?;
            Ok(with_scalar(binary, left, right, false))
        }
        _ => {
            let left = evaluator.vector(&binary.left, at)?;
            let right = evaluator.vector(&binary.right, at)?;
            if binary.operator.is_set() {
                Ok(sets(binary, left, right))
            } else {
                matched(binary, left, right)
            }
        }
    }
}

/// Each series against a number, which stands on the left if `swapped`.
fn with_scalar(binary: &Binary, vector: Vec<Sample>, scalar: f64, swapped: bool) -> Vec<Sample> {
    let operator = binary.operator;
    let drops_name = !operator.is_comparison() || binary.return_bool;
    let of = |sample: Sample| {
        let (left, right) = if swapped {
            (scalar, sample.value)
        } else {
            (sample.value, scalar)
        };
        let mut value = value(operator, left, right, binary.return_bool)?;
        if operator.is_comparison() && !binary.return_bool {
            value = sample.value;
        }
        let labels = if drops_name {
            sample.labels.drop_metadata()
        } else {
            sample.labels
        };
        Some(Sample { labels, value })
    };
    vector.into_iter().filter_map(of).collect()
}

/// What two series must have in common to meet.
fn signature(matching: &Matching, labels: &Labels) -> Labels {
    if matching.on {
        labels.keep(&matching.labels)
    } else {
        labels.drop(&matching.labels).drop(&[METRIC_NAME])
    }
}

/// `and`, `or` and `unless`.
fn sets(binary: &Binary, left: Vec<Sample>, right: Vec<Sample>) -> Vec<Sample> {
    let signatures = |side: &[Sample]| -> FxHashSet<Labels> {
        side.iter()
            .map(|sample| signature(&binary.matching, &sample.labels))
            .collect()
    };
    let among = |set: &FxHashSet<Labels>, sample: &Sample| {
        set.contains(&signature(&binary.matching, &sample.labels))
    };
    if binary.operator == Operator::Or {
        let on_left = signatures(&left);
        let new = right.into_iter().filter(|sample| !among(&on_left, sample));
        return left.into_iter().chain(new).collect();
    }
    let on_right = signatures(&right);
    let both = binary.operator == Operator::And;
    left.into_iter()
        .filter(|sample| among(&on_right, sample) == both)
        .collect()
}

/// Series that meet one to one, or many to one where the query says so.
fn matched(
    binary: &Binary,
    left: Vec<Sample>,
    right: Vec<Sample>,
) -> Result<Vec<Sample>, EvalError> {
    if left.is_empty() || right.is_empty() {
        return Ok(Vec::new());
    }
    let matching = &binary.matching;
    let swapped = matching.cardinality == Cardinality::OneToMany;
    let (many, one) = if swapped {
        (right, left)
    } else {
        (left, right)
    };

    let mut ones: FxHashMap<Labels, &Sample> = FxHashMap::default();
    for sample in &one {
        let signature = signature(matching, &sample.labels);
        if let Some(other) = ones.insert(signature.clone(), sample) {
            return Err(duplicate(
                &signature,
                &sample.labels,
                &other.labels,
                swapped,
            ));
        }
    }

    let mut seen: FxHashSet<(Labels, Labels)> = FxHashSet::default();
    let mut results = Vec::new();
    for sample in &many {
        let signature = signature(matching, &sample.labels);
        let Some(other) = ones.get(&signature) else {
            continue;
        };
        let (left, right) = if swapped {
            (other.value, sample.value)
        } else {
            (sample.value, other.value)
        };
        let labels = result_labels(binary, &sample.labels, &other.labels);
        if matching.cardinality == Cardinality::OneToOne {
            if !seen.insert((signature, Labels::default())) {
                return Err(EvalError(
                    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)".to_owned(),
                ));
            }
        } else if !seen.insert((signature, labels.clone())) {
            return Err(EvalError(
                "multiple matches for labels: grouping labels must ensure unique matches"
                    .to_owned(),
            ));
        }
        if let Some(value) = value(binary.operator, left, right, binary.return_bool) {
            results.push(Sample { labels, value });
        }
    }
    Ok(results)
}

fn duplicate(group: &Labels, a: &Labels, b: &Labels, left: bool) -> EvalError {
    let side = if left { "left" } else { "right" };
    let (mut first, mut second) = (a.to_string(), b.to_string());
    if first > second {
        std::mem::swap(&mut first, &mut second);
    }
    EvalError(format!(
        "found duplicate series for the match group {group} on the {side} hand-side of the \
         operation: [{first}, {second}];many-to-many matching not allowed: matching labels must \
         be unique on one side"
    ))
}

/// The labels of the side of many, with those that the side of one lends.
fn result_labels(binary: &Binary, many: &Labels, one: &Labels) -> Labels {
    let matching = &binary.matching;
    let mut labels = many.clone();
    if !binary.operator.is_comparison() || binary.return_bool {
        labels = labels.drop_metadata();
    }
    if matching.cardinality == Cardinality::OneToOne {
        labels = if matching.on {
            labels.keep(&matching.labels)
        } else {
            labels.drop(&matching.labels)
        };
    }
    for name in &matching.include {
        labels = labels.with(name, one.get(name));
    }
    labels
}
