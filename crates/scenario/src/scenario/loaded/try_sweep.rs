//! A sweep's parameters and values, tried before the sweep begins.

use super::{Loaded, THIS_PATH, assignment, is_of_sweep, items};
use crate::scenario::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::scenario::model::{ParameterValues, Scenario};
use crate::scenario::node::{Span, Value};

/// So many values of a sweep's parameter are tried before the sweep begins.
const MOST_TRIED: usize = 64;

impl Loaded {
    /// Sets each parameter of the sweep to its values, one at a time.
    pub(super) fn try_sweep(
        &self,
        scenario: &Scenario,
        replaced: &[(String, String)],
        diagnostics: &mut Diagnostics,
    ) {
        let Some(sweep) = &scenario.sweep else { return };
        let before: usize = replaced
            .iter()
            .filter(|(path, _)| !is_of_sweep(path))
            .map(|(path, value)| assignment(path, value).len() + 1)
            .sum();
        let node = self.parsed.scenario.get("sweep");
        let items = node.map_or(&[][..], |node| items(node, "parameter"));
        for (parameter, item) in sweep.parameters.iter().zip(items) {
            let span = |key: &str| item.get(key).map_or(item.span, |node| node.span);
            for (index, value) in tried(&parameter.values).into_iter().enumerate() {
                let own = (parameter.path.clone(), value);
                let path_place = Span {
                    file: self.diagnostics.files.len(),
                    start: before,
                    end: before + parameter.path.len(),
                };
                let all = [replaced, &[own]].concat();
                let Err(problems) = self.build_point(&all) else {
                    continue;
                };
                let errors = problems.list.into_iter();
                let mut errors = errors.filter(|problem| problem.severity == Severity::Error);
                let Some(problem) = errors.next() else {
                    continue;
                };
                // What lies at the path is not there, or not known to be there.
                let of_path = problem.label == THIS_PATH || problem.span == Some(path_place);
                let place = match (of_path, item.get("values").map(|node| &node.value)) {
                    (true, _) => span("path"),
                    (false, Some(Value::List(values))) => {
                        values.get(index).map_or(item.span, |value| value.span)
                    }
                    (false, _) => span("values"),
                };
                diagnostics.list.push(Diagnostic {
                    span: Some(place),
                    ..problem
                });
                if of_path {
                    break;
                }
            }
        }
    }
}

/// Values of a parameter that stand for all.
fn tried(values: &ParameterValues) -> Vec<String> {
    match values {
        ParameterValues::List(values) if values.len() <= MOST_TRIED => values.clone(),
        ParameterValues::List(values) => values
            .first()
            .into_iter()
            .chain(values.last())
            .cloned()
            .collect(),
        ParameterValues::Range {
            low,
            high,
            whole,
            unit,
        } => {
            // Most numbers between them are not whole, though both ends may be.
            let between = low + (high - low) * 0.618_034;
            let between = (!whole).then_some(between);
            let all = [*low, *high].into_iter().chain(between);
            all.map(|value| format!("{value}{unit}")).collect()
        }
    }
}
