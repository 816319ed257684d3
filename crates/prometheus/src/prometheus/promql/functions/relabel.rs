//! `label_replace` and `label_join`.

use super::Expr;
use crate::prometheus::promql::Sample;
use crate::prometheus::promql::eval::{EvalError, Evaluator};
use crate::prometheus::re2::Pattern;

/// `label_replace(v, dst, replacement, src, regex)`: where the pattern covers the source's value,
/// the target gets the replacement.
pub(super) fn replace(
    evaluator: &Evaluator,
    arguments: &[Expr],
    at: i64,
) -> Result<Vec<Sample>, EvalError> {
    let [_, target, replacement, source, pattern] =
        [0, 1, 2, 3, 4].map(|index| arguments[index].text());
    let pattern = Pattern::wrapped(pattern).map_err(|_| {
        EvalError(format!(
            "invalid regular expression in label_replace(): {pattern}"
        ))
    })?;
    valid(target, "destination", "label_replace")?;
    let mut vector = evaluator.vector(&arguments[0], at)?;
    for sample in &mut vector {
        if let Some(value) = pattern.expand(sample.labels.get(source), replacement) {
            sample.labels = sample.labels.with(target, &value);
        }
    }
    Ok(vector)
}

/// `label_join(v, dst, separator, src…)`.
pub(super) fn join(
    evaluator: &Evaluator,
    arguments: &[Expr],
    at: i64,
) -> Result<Vec<Sample>, EvalError> {
    let [target, separator] = [1, 2].map(|index| arguments[index].text());
    let sources: Vec<&str> = arguments[3..].iter().map(Expr::text).collect();
    for source in &sources {
        valid(source, "source", "label_join")?;
    }
    valid(target, "destination", "label_join")?;
    let mut vector = evaluator.vector(&arguments[0], at)?;
    for sample in &mut vector {
        let values: Vec<&str> = sources.iter().map(|s| sample.labels.get(s)).collect();
        sample.labels = sample.labels.with(target, &values.join(separator));
    }
    Ok(vector)
}

/// Any text but the empty one is a label's name.
fn valid(name: &str, role: &str, function: &str) -> Result<(), EvalError> {
    if name.is_empty() {
        return Err(EvalError(format!(
            "invalid {role} label name in {function}(): {name}"
        )));
    }
    Ok(())
}
