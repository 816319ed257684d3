//! Rules that no recording exercises, and the words of messages.

#![allow(
    clippy::needless_pass_by_value,
    reason = "callers write `json!(…)` for what differs"
)]

mod admission;
mod formulas;
mod hpa;
mod jobs;
mod outages;
mod polls;
mod reconciles;
mod refusals;
mod secrets;
mod values;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::sim::SimTime;

/// Sets every field of `more` in `base`.
fn merge(base: &mut Value, more: &Value) {
    for (key, value) in more.as_object().expect("an object") {
        base[key] = value.clone();
    }
}

/// An object named `so` for the Deployment `web`; `spec` beside its target.
fn object(spec: Value) -> ScaledObject {
    let mut object = json!({
        "metadata": { "name": "so", "generation": 1 },
        "spec": { "scaleTargetRef": { "name": "web" } },
    });
    merge(&mut object["spec"], &spec);
    ScaledObject::from_value(&object).expect("a ScaledObject")
}

/// A Prometheus trigger with a threshold of 10.
fn prometheus(more: Value) -> Value {
    let mut trigger = json!({
        "type": "prometheus",
        "metadata": { "serverAddress": "http://p", "query": "q", "threshold": "10" },
    });
    for (key, value) in more.as_object().expect("an object") {
        if key == "metadata" {
            for (key, value) in value.as_object().expect("an object") {
                trigger["metadata"][key] = value.clone();
            }
        } else {
            trigger[key] = value.clone();
        }
    }
    trigger
}

fn scale_trigger(trigger: &Value) -> ScaleTrigger {
    serde_json::from_value(trigger.clone()).expect("a trigger")
}

fn built(trigger: &Value) -> Result<Scaler, String> {
    built_with(trigger, &AuthParams::default(), false)
}

fn built_with(
    trigger: &Value,
    auth: &AuthParams,
    as_metric_source: bool,
) -> Result<Scaler, String> {
    build(ScalerConfig {
        namespace: "apps",
        trigger: &scale_trigger(trigger),
        index: 0,
        as_metric_source,
        environment: &[("QUEUE_HOST".to_owned(), "http://rabbit/v".to_owned())].into(),
        auth,
    })
}

/// Sources with one value a trigger; `None` fails. Counts what is read of each.
struct Fake {
    values: BTreeMap<usize, Option<f64>>,
    external: Vec<ExternalMetric>,
    environment: BTreeMap<String, String>,
    reads: BTreeMap<usize, usize>,
    target: Result<(), String>,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            values: BTreeMap::new(),
            external: Vec::new(),
            environment: BTreeMap::new(),
            reads: BTreeMap::new(),
            target: Ok(()),
        }
    }
}

impl Fake {
    fn with<const N: usize>(values: [Option<f64>; N]) -> Self {
        Self {
            values: values.into_iter().enumerate().collect(),
            ..Self::default()
        }
    }
}

impl Sources for Fake {
    fn read(&mut self, trigger: usize, scaler: &Scaler, _: &str) -> Result<Reading, String> {
        *self.reads.entry(trigger).or_default() += 1;
        let value = self.values.get(&trigger).copied().flatten();
        let value = value.ok_or_else(|| "connection refused".to_owned())?;
        Ok(if scaler.type_name() == "redisScaler" {
            Reading::Redis(value as i64)
        } else if scaler.is_external() {
            Reading::External {
                values: vec![value],
                active: value > 0.0,
            }
        } else {
            Reading::Prometheus(PrometheusAnswer::Value(value))
        })
    }

    fn external_metrics(&mut self, _: usize) -> Vec<ExternalMetric> {
        self.external.clone()
    }

    fn environment(&self) -> Result<&BTreeMap<String, String>, String> {
        Ok(&self.environment)
    }

    fn target(&self) -> Result<(), String> {
        self.target.clone()
    }

    fn open(&self, trigger: usize, scaler: &Scaler) -> Result<(), String> {
        let answers = self.values.get(&trigger).copied().flatten().is_some();
        scaler
            .unconnected()
            .filter(|_| !answers)
            .map_or(Ok(()), Err)
    }
}

/// A ScaledObject with its target and sources.
struct Rig {
    state: ScaledObjectState,
    sources: Fake,
    target: Target,
    now: SimTime,
}

impl Rig {
    fn new(object: ScaledObject, replicas: i32, sources: Fake) -> Self {
        Self {
            state: ScaledObjectState::new(object, SimTime::ZERO, 0),
            sources,
            target: Target::with_replicas(replicas, replicas),
            now: SimTime::from_millis(100),
        }
    }

    fn act(
        &mut self,
        act: impl FnOnce(&mut ScaledObjectState, &mut Surroundings) -> Decision,
    ) -> Decision {
        let decision = act(
            &mut self.state,
            &mut Surroundings {
                now: self.now,
                target: &self.target,
                sources: &mut self.sources,
                hpa_health: None,
            },
        );
        if let Some(replicas) = decision.set_replicas {
            self.target = Target::with_replicas(replicas, replicas);
        }
        decision
    }

    fn reconcile(&mut self) -> Decision {
        self.act(ScaledObjectState::reconcile)
    }

    fn poll_at(&mut self, seconds: i64) -> Decision {
        self.now = SimTime::from_millis(seconds * 1000 + 100);
        self.act(ScaledObjectState::poll)
    }

    fn fetch(&mut self, metric: &str) -> Result<Vec<f64>, String> {
        let values = self.state.metric(
            metric,
            &mut Surroundings {
                now: self.now,
                target: &self.target,
                sources: &mut self.sources,
                hpa_health: None,
            },
            &mut Vec::new(),
        )?;
        Ok(values.iter().map(|value| value.value.as_f64()).collect())
    }

    fn annotate(&mut self, key: &str, value: Option<&str>) {
        let mut object = self.state.object().clone();
        let annotations = object.metadata.annotations.get_or_insert_default();
        match value {
            Some(value) => annotations.insert(key.to_owned(), value.to_owned()),
            None => annotations.remove(key),
        };
        self.state.set_object(object);
    }

    fn condition(&self, kind: ConditionType) -> (&'static str, String, String) {
        let conditions = self.state.conditions();
        let found = conditions.get(kind).expect("a condition that was set");
        (
            found.status.name(),
            found.reason.clone(),
            found.message.clone(),
        )
    }
}

fn messages(decision: &Decision) -> Vec<(&'static str, String)> {
    let event = |event: &Event| (event.reason, event.message.clone());
    decision.events.iter().map(event).collect()
}
