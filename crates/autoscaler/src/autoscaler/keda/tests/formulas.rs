//! Formulas of `scalingModifiers`.

use super::*;

fn with_formula(formula: &str, target: &str, fallback: Value) -> ScaledObject {
    object(json!({
        "triggers": [
            prometheus(json!({ "name": "a" })),
            prometheus(json!({ "name": "b" })),
            json!({ "type": "cpu", "name": "c", "metadata": {} }),
        ],
        "fallback": fallback,
        "advanced": { "scalingModifiers": { "formula": formula, "target": target } },
    }))
}

fn refusal(formula: &str, target: &str) -> String {
    compile(&with_formula(formula, target, Value::Null)).expect_err(formula)
}

/// The composite of two values in thousandths; a trigger with a failure is past the threshold.
fn composite(object: &ScaledObject, values: [(i64, i32); 2]) -> Result<Vec<f64>, String> {
    let program = compile(object)?;
    let mut status = Status::default();
    let mut metrics = Vec::new();
    for (name, (milli, failures)) in ["a", "b"].into_iter().zip(values) {
        let metric = MetricValue {
            name: name.to_owned(),
            value: Amount::milli(milli),
        };
        let health = HealthStatus {
            failures,
            failing: failures > 0,
        };
        status.health.insert(name.to_owned(), health);
        metrics.push((metric, name.to_owned()));
    }
    let values = handle(object, &status, program.as_ref(), metrics, None)?;
    Ok(values.iter().map(|value| value.value.as_f64()).collect())
}

#[test]
fn refusals() {
    assert_eq!(
        refusal("a + nosuch", "5"),
        "error validating formula in ScalingModifiers\nunknown name nosuch (1:11)"
    );
    assert!(
        refusal("a + c", "5").contains("unknown name c"),
        "cpu and memory have no value"
    );
    assert!(refusal("a", "").ends_with("formula is given but target is empty"));
    assert!(refusal("a", "0").ends_with("to valid target: %!w(<nil>)"));
    assert!(refusal("a", "x").contains("parsing \"x\": invalid syntax"));
    assert!(refusal("a > b", "5").contains("invalid argument for float (type bool)"));
    assert!(refusal("first([])", "5").contains("invalid operation: float(<nil>)"));
    let mut utilization = with_formula("a", "5", Value::Null);
    let advanced = utilization.spec.advanced.as_mut().expect("modifiers");
    advanced.scaling_modifiers.metric_type = "Utilization".to_owned();
    assert!(compile(&utilization).is_err_and(|error| error.contains("is Utilization")));
}

#[test]
fn a_whole_result_of_nil_is_the_fallbacks_replicas() {
    let fallback = json!({ "failureThreshold": 0, "replicas": 3, "behavior": "scalingModifiers" });
    let whole = with_formula("a ?? b", "5", fallback.clone());
    assert_eq!(composite(&whole, [(1000, 1), (2000, 1)]), Ok(vec![15.0]));
    assert_eq!(composite(&whole, [(1000, 1), (2000, 0)]), Ok(vec![2.0]));
    let inner = with_formula("(a ?? 1) + b", "5", fallback);
    assert_eq!(
        composite(&inner, [(1000, 0), (2000, 1)]),
        Err("error trying to run custom formula: invalid operation: float64 + <nil>".to_owned())
    );
}

#[test]
fn operands_are_thousandths_times_a_thousandth() {
    let sum = with_formula("a + b", "5", Value::Null);
    let thousandths = |milli: i64| milli as f64 * 0.001;
    let expected = ((thousandths(1001) + thousandths(2003)) * 1000.0).trunc() * 0.001;
    assert_eq!(composite(&sum, [(1001, 0), (2003, 0)]), Ok(vec![expected]));
    let negative = with_formula("a - b", "5", Value::Null);
    assert_eq!(
        composite(&negative, [(0, 0), (2500, 0)]),
        Ok(vec![-2.5]),
        "not clamped"
    );
}

#[test]
fn activity_is_strictly_above_its_target() {
    let mut scaled = with_formula("a", "5", Value::Null);
    let value = |milli| MetricValue {
        name: COMPOSITE_METRIC.to_owned(),
        value: Amount::milli(milli),
    };
    let active = |scaled: &ScaledObject, milli| {
        activity(scaled, &[value(milli)]).map(|names| !names.is_empty())
    };
    assert_eq!(active(&scaled, 0), Ok(false));
    assert_eq!(active(&scaled, 1), Ok(true));
    let advanced = scaled.spec.advanced.as_mut().expect("modifiers");
    advanced.scaling_modifiers.activation_target = "x".to_owned();
    assert!(active(&scaled, 1).is_err_and(|error| error.contains("ActivationTarget")));
}

#[test]
fn fallback_needs_a_whole_target_of_the_formula() {
    let fallback = json!({ "failureThreshold": 0, "replicas": 3 });
    assert!(has_valid_fallback(&with_formula(
        "a",
        "5",
        fallback.clone()
    )));
    assert!(!has_valid_fallback(&with_formula("a", "2.5", fallback)));
    assert!(!has_valid_fallback(&with_formula("a", "5", Value::Null)));
}
