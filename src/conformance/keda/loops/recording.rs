//! The shape of a recorded sequence.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::units::Quantity;

#[derive(Debug, Deserialize)]
pub(super) struct Case {
    pub(super) id: String,
    pub(super) spec: Value,
    pub(super) initial_replicas: i32,
    pub(super) trigger_scripts: Vec<Script>,
    pub(super) steps: Vec<Step>,
}

/// The value of a trigger over time.
#[derive(Debug, Deserialize)]
pub(super) struct Script {
    pub(super) trigger: usize,
    value_from_t: Vec<From>,
}

#[derive(Debug, Deserialize)]
struct From {
    t: f64,
    value: Option<f64>,
}

impl Script {
    /// The value at a time in milliseconds; `None` if every fetch fails.
    pub(super) fn value_at(&self, ms: i64) -> Option<f64> {
        let since = |from: &&From| super::milliseconds(from.t) <= ms;
        self.value_from_t.iter().rfind(since)?.value
    }
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Step {
    Reconcile {
        t: f64,
        #[serde(flatten)]
        state: State,
        /// The HPA's spec, if it changed; null if the HPA was deleted.
        #[serde(default, deserialize_with = "present")]
        hpa_spec: Option<Value>,
    },
    Poll {
        t: f64,
        #[serde(flatten)]
        state: State,
    },
    Event {
        t: f64,
        what: String,
        #[serde(default)]
        key: String,
        value: Option<String>,
        min: Option<i32>,
        replicas: Option<i32>,
    },
    Hpa {
        t: f64,
        metrics: Vec<MetricAnswer>,
        #[serde(flatten)]
        observed: Observed,
        replicas_before: i32,
        replicas_after: i32,
    },
}

fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

/// What the HPA gets of a metric.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct MetricAnswer {
    pub(super) metric: String,
    #[serde(default)]
    pub(super) error: bool,
    pub(super) value: Option<f64>,
}

/// The state after a step. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct State {
    pub(super) replicas: i32,
    pub(super) conditions: BTreeMap<String, (String, String)>,
    pub(super) last_active_time: Option<i64>,
    pub(super) triggers_activity: BTreeMap<String, bool>,
    pub(super) paused_replica_count: Option<i32>,
    #[serde(deserialize_with = "set_replicas")]
    pub(super) keda_set_replicas: Vec<(i64, i32)>,
    #[serde(deserialize_with = "events")]
    pub(super) events: Vec<(i64, String, String)>,
    #[serde(flatten)]
    pub(super) observed: Observed,
}

/// What is compared after every step but those of others.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Observed {
    #[serde(default)]
    pub(super) health: BTreeMap<String, (String, i32)>,
    #[serde(deserialize_with = "fetches")]
    pub(super) fetches: Vec<Fetch>,
}

/// A fetch from a trigger's source; without a value it failed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fetch {
    pub(super) ms: i64,
    pub(super) trigger: usize,
    pub(super) value: Option<f64>,
}

impl Observed {
    /// With the fetches of each instant in the triggers' order: upstream makes them at once.
    pub(super) fn sorted(mut self) -> Self {
        self.fetches.sort_by_key(|fetch| (fetch.ms, fetch.trigger));
        self
    }
}

impl State {
    pub(super) fn sorted(self) -> Self {
        Self {
            observed: self.observed.sorted(),
            ..self
        }
    }
}

fn set_replicas<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(i64, i32)>, D::Error> {
    #[derive(Deserialize)]
    struct Set {
        t: f64,
        replicas: i32,
    }
    let set: Vec<Set> = Vec::deserialize(from)?;
    let one = |set: Set| (super::milliseconds(set.t), set.replicas);
    Ok(set.into_iter().map(one).collect())
}

fn events<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(i64, String, String)>, D::Error> {
    let events: Vec<(f64, String, String)> = Vec::deserialize(from)?;
    let one = |(t, kind, reason)| (super::milliseconds(t), kind, reason);
    Ok(events.into_iter().map(one).collect())
}

fn fetches<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Fetch>, D::Error> {
    #[derive(Deserialize)]
    struct Recorded {
        t: f64,
        trigger: usize,
        value: Option<f64>,
    }
    let fetches: Vec<Recorded> = Vec::deserialize(from)?;
    let one = |fetch: Recorded| Fetch {
        ms: super::milliseconds(fetch.t),
        trigger: fetch.trigger,
        value: fetch.value,
    };
    Ok(fetches.into_iter().map(one).collect())
}

/// The spec with its quantities in the form that Kubernetes prints.
pub(super) fn canonical(mut spec: Value) -> Value {
    let metrics = spec
        .get_mut("metrics")
        .and_then(Value::as_array_mut)
        .map(Vec::as_mut_slice);
    for metric in metrics.unwrap_or_default() {
        for source in ["external", "resource", "containerResource"] {
            for field in ["value", "averageValue"] {
                let text = metric.pointer_mut(&format!("/{source}/target/{field}"));
                let Some(Value::String(text)) = text else {
                    continue;
                };
                if let Ok(quantity) = text.parse::<Quantity>() {
                    *text = quantity.to_string();
                }
            }
        }
    }
    spec
}
