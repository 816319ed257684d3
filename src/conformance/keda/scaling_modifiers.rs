//! Kind `keda_scaling_modifiers`: formulas over the values of triggers.

use serde::Deserialize;

use super::super::table::{difference, rows};
use super::super::{ReplayError, Report};
use super::agree;
use crate::autoscaler::keda::{
    AdvancedConfig, Amount, Fallback, FallbackBehavior, HealthStatus, MetricValue, ScaleTrigger,
    ScaledObject, ScalingModifiers, Status, activity, compile, handle,
};

#[derive(Debug, Deserialize)]
struct Case {
    id: String,
    formula: String,
    target: String,
    activation_target: String,
    triggers: Vec<Trigger>,
    fallback: Option<FallbackJson>,
    expected: Expected,
}

#[derive(Debug, Deserialize)]
struct Trigger {
    name: String,
    value: f64,
    failures: Option<i32>,
}

#[derive(Debug, Deserialize)]
struct FallbackJson {
    failure_threshold: i32,
    replicas: i32,
    behavior: FallbackBehavior,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Expected {
    compiles: bool,
    composite_value: Option<f64>,
    active: Option<bool>,
}

/// Replays every formula.
pub(in super::super) fn replay(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in rows::<Case>(text)? {
        report.cases += 1;
        let mut got = case.run();
        if agree(case.expected.composite_value, got.composite_value) {
            got.composite_value = case.expected.composite_value;
        }
        let input = (&case.formula, &case.triggers);
        report.step(difference(case.id.clone(), &case.expected, &got, &input));
    }
    Ok(report)
}

impl Case {
    fn run(&self) -> Expected {
        let object = self.object();
        let mut status = Status::default();
        let mut metrics = Vec::new();
        for trigger in &self.triggers {
            let metric = MetricValue {
                name: format!("metric-{}", trigger.name),
                value: Amount::from_f64(trigger.value),
            };
            if let Some(failures) = trigger.failures {
                let health = HealthStatus {
                    failures,
                    failing: failures > 0,
                };
                status.health.insert(metric.name.clone(), health);
            }
            metrics.push((metric, trigger.name.clone()));
        }
        let Ok(program) = compile(&object) else {
            return Expected {
                compiles: false,
                composite_value: None,
                active: None,
            };
        };
        let composite = handle(&object, &status, program.as_ref(), metrics, None);
        Expected {
            compiles: true,
            composite_value: composite
                .as_ref()
                .ok()
                .and_then(|metrics| metrics.first())
                .map(|metric| metric.value.as_f64()),
            active: composite
                .and_then(|metrics| activity(&object, &metrics))
                .ok()
                .map(|active| !active.is_empty()),
        }
    }

    fn object(&self) -> ScaledObject {
        let mut object = ScaledObject::default();
        object.spec.advanced = Some(AdvancedConfig {
            scaling_modifiers: ScalingModifiers {
                formula: self.formula.clone(),
                target: self.target.clone(),
                activation_target: self.activation_target.clone(),
                metric_type: String::new(),
            },
            ..AdvancedConfig::default()
        });
        object.spec.fallback = self.fallback.as_ref().map(|fallback| Fallback {
            failure_threshold: fallback.failure_threshold,
            replicas: fallback.replicas,
            behavior: fallback.behavior,
        });
        let trigger = |trigger: &Trigger| ScaleTrigger {
            kind: "prometheus".to_owned(),
            name: trigger.name.clone(),
            ..ScaleTrigger::default()
        };
        object.spec.triggers = self.triggers.iter().map(trigger).collect();
        object
    }
}
