//! `--sort-by`: objects ordered by a field.
//!
//! Upstream: kubectl's `pkg/cmd/get/sorter.go`. Paths of plain fields only, as
//! `.lastTimestamp` or `{.metadata.name}`.

use std::cmp::Ordering;

use serde_json::Value;

use crate::units::Quantity;

/// Sorts objects by a field; those without it come first, equals stay in their order.
pub fn sort_by(objects: &mut [Value], path: &str) {
    let path = path.trim_matches(['{', '}']);
    let names: Vec<&str> = path.split('.').filter(|name| !name.is_empty()).collect();
    objects.sort_by(|a, b| {
        let field = |object| {
            names
                .iter()
                .try_fold(object, |at: &Value, name| at.get(*name))
        };
        compare(field(a), field(b))
    });
}

fn compare(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    match (a, b) {
        (Some(Value::String(a)), Some(Value::String(b))) => {
            match (a.parse::<Quantity>(), b.parse::<Quantity>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                _ => a.cmp(b),
            }
        }
        (Some(Value::Number(a)), Some(Value::Number(b))) => {
            let order = a.as_f64().partial_cmp(&b.as_f64());
            order.unwrap_or(Ordering::Equal)
        }
        (Some(Value::Bool(a)), Some(Value::Bool(b))) => a.cmp(b),
        (a, b) => {
            let there = |value: Option<&Value>| value.is_some_and(|value| !value.is_null());
            there(a).cmp(&there(b))
        }
    }
}
