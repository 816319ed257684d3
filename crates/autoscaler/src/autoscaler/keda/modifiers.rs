//! `scalingModifiers`: one composite metric instead of the triggers' own,
//! `pkg/scaling/modifiers/formula.go` and the formula's validation of the admission webhook.

use std::collections::{BTreeMap, BTreeSet};

use super::expr::{self, Program, Value, go_int};
use super::fallback::COMPOSITE_METRIC;
use super::go;
use super::metric::{Amount, MetricValue, UTILIZATION};
use super::scaled_object::ScaledObject;
use super::status::Status;

/// How a fault of a formula begins.
const FORMULA: &str = "error validating formula in ScalingModifiers\n";
const COMPOSITE_RESULT: &str = "let _kedaCompositeResult = ";

/// `ValidateAndCompileScalingModifiers`; `None` without a formula.
pub fn compile(object: &ScaledObject) -> Result<Option<Program>, String> {
    let Some(modifiers) = object
        .modifiers()
        .filter(|modifiers| !modifiers.formula.is_empty())
    else {
        return Ok(None);
    };
    let formula = |error: String| format!("{FORMULA}{error}");
    if modifiers.target.is_empty() {
        return Err(formula("formula is given but target is empty".to_owned()));
    }
    let triggers = object.spec.triggers.iter();
    let names: BTreeSet<String> = triggers
        .filter(|trigger| !trigger.is_cpu_or_memory() && !trigger.name.is_empty())
        .map(|trigger| trigger.name.clone())
        .collect();
    let program = expr::compile(&cast_to_float(&modifiers.formula), &names).map_err(formula)?;
    let dummies = names.into_iter().map(|name| (name, Value::Float(-1.0)));
    program.run(&dummies.collect()).map_err(formula)?;
    let target = |error: &str| format!("error validating target in ScalingModifiers\n{error}");
    let wrong = "error converting target for scalingModifiers (string->float) to valid target: ";
    match go::parse_float(&modifiers.target) {
        Err(error) => return Err(target(&format!("{wrong}{error}"))),
        Ok(number) if number <= 0.0 => return Err(target(&format!("{wrong}%!w(<nil>)"))),
        Ok(_) => {}
    }
    if modifiers.metric_type == UTILIZATION {
        return Err(target(
            "error trigger type is Utilization, but it needs to be AverageValue or Value for \
             external metrics",
        ));
    }
    Ok(Some(program))
}

/// What a refusal says of a formula that upstream may take: no word of the webhook's.
pub fn not_simulated(refusal: &str) -> Option<&str> {
    let fault = refusal.strip_prefix(FORMULA)?;
    fault.contains(expr::NOT_SIMULATED).then_some(fault)
}

/// `castToFloatIfNecessary`: whatever the formula gives becomes a float; with `??` nil stays nil.
fn cast_to_float(formula: &str) -> String {
    if formula.contains("??") {
        if formula.starts_with(COMPOSITE_RESULT) {
            return formula.to_owned();
        }
        return format!(
            "{COMPOSITE_RESULT}({formula}); _kedaCompositeResult == nil ? nil : \
             float(_kedaCompositeResult)"
        );
    }
    if formula.starts_with("float(") {
        return formula.to_owned();
    }
    format!("float({formula})")
}

/// The metrics of a fetch, each with its trigger's name.
pub type NamedMetric = (MetricValue, String);

/// `HandleScalingModifiers`: the composite metric, the first fallback in its place, or the metrics
/// themselves without a formula. An error leaves nothing.
pub fn handle(
    object: &ScaledObject,
    status: &Status,
    program: Option<&Program>,
    metrics: Vec<NamedMetric>,
    fallback: Option<&[MetricValue]>,
) -> Result<Vec<MetricValue>, String> {
    let unchanged =
        |metrics: Vec<NamedMetric>| metrics.into_iter().map(|(metric, _)| metric).collect();
    let Some(modifiers) = object.modifiers() else {
        return Ok(unchanged(metrics));
    };
    if let Some(fallback) = fallback {
        return Ok(match fallback.first() {
            Some(first) => vec![composite(first.value)],
            None => unchanged(metrics),
        });
    }
    if modifiers.formula.is_empty() {
        return Ok(unchanged(metrics));
    }
    let Some(program) = program else {
        return Err("cached compiled formula is nil during its calculation".to_owned());
    };
    let mut values = BTreeMap::new();
    for (metric, trigger) in &metrics {
        values.insert(trigger.clone(), trigger_value(object, status, metric));
    }
    let result = program
        .run(&values)
        .map_err(|error| format!("error trying to run custom formula: {error}"))?;
    let value = match result {
        Value::Float(value) => value,
        Value::Nil => nil_value(object)?,
        other => {
            return Err(format!(
                "formula returned non-float result {}",
                other.type_name()
            ));
        }
    };
    Ok(vec![composite(Amount::milli(go_int(value * 1000.0)))])
}

fn composite(value: Amount) -> MetricValue {
    MetricValue {
        name: COMPOSITE_METRIC.to_owned(),
        value,
    }
}

/// nil for a trigger that failed too often, if the fallback is in the formula.
fn trigger_value(object: &ScaledObject, status: &Status, metric: &MetricValue) -> Value {
    let threshold = object
        .spec
        .fallback
        .as_ref()
        .map(|fallback| fallback.failure_threshold);
    let health = status.health.get(&metric.name);
    match (threshold, health) {
        (Some(threshold), Some(health))
            if object.falls_back_in_formula() && health.failures > threshold =>
        {
            Value::Nil
        }
        _ => Value::Float(metric.value.as_f64()),
    }
}

/// What a formula that gives nil is worth: the fallback's replicas.
fn nil_value(object: &ScaledObject) -> Result<f64, String> {
    const WHAT: &str = "scalingModifiers formula evaluated to nil";
    let Some(fallback) = &object.spec.fallback else {
        return Err(format!("{WHAT} but no fallback is configured"));
    };
    let target = object.modifiers().map_or("", |modifiers| &modifiers.target);
    let number = go::parse_float(target)
        .map_err(|error| format!("{WHAT} and target {target:?} is not a valid float: {error}"))?;
    Ok(f64::from(fallback.replicas) * number)
}

/// Whether the composite metric, or any metric without a formula, is above `activationTarget`;
/// the names of those up to the first that is.
pub fn activity(object: &ScaledObject, metrics: &[MetricValue]) -> Result<Vec<String>, String> {
    let written = object
        .modifiers()
        .map_or("", |modifiers| &modifiers.activation_target);
    let activation = match written {
        "" => 0.0,
        text => go::parse_float(text)
            .map_err(|error| format!("scalingModifiers.ActivationTarget parsing error {error}"))?,
    };
    let active = metrics
        .iter()
        .find(|metric| metric.value.as_f64() > activation);
    Ok(active
        .map(|metric| metric.name.clone())
        .into_iter()
        .collect())
}
