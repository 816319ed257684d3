//! The recording's outputs, and their comparison with ours, field by field.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::autoscaler::hpa::{Condition, Controller, CurrentMetric, Decision, EventType};
use crate::sim::SimTime;

/// Stored outputs of one step.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::conformance) struct Output {
    w: Option<i32>,
    cur: i32,
    des: i32,
    p: Option<i32>,
    pn: Option<String>,
    cm: Option<Vec<Value>>,
    #[serde(default)]
    cond: BTreeMap<String, (String, String, String, i64)>,
    #[serde(default)]
    cond_removed: Vec<String>,
    #[serde(default)]
    ev: Vec<(String, String, String)>,
    lst: Option<i64>,
    err: Option<String>,
    #[serde(default)]
    no_update: bool,
    st: Option<State>,
}

#[derive(Deserialize)]
struct State {
    #[serde(default)]
    rec: Vec<(i64, i32)>,
    #[serde(default)]
    up: Vec<(i64, i32, bool)>,
    #[serde(default)]
    down: Vec<(i64, i32, bool)>,
}

/// What the recording says by now: changes of a step added to what carries over.
#[derive(Default)]
pub(super) struct Expected {
    metrics: Vec<Value>,
    conditions: BTreeMap<String, (String, String, String, i64)>,
    last_scale: Option<i64>,
}

fn millis(time: SimTime) -> i64 {
    time.0.div_euclid(1_000_000)
}

fn metric_row(metric: &CurrentMetric) -> Value {
    match metric {
        CurrentMetric::Empty => json!([""]),
        CurrentMetric::Resource {
            resource,
            utilization,
            average,
        } => {
            json!(["Resource", resource.to_string(), utilization, average])
        }
        CurrentMetric::ContainerResource {
            resource,
            container,
            utilization,
            average,
        } => {
            json!([
                "ContainerResource",
                resource.to_string(),
                container,
                utilization,
                average
            ])
        }
        CurrentMetric::Pods { name, average, .. } => json!(["Pods", name, average]),
        CurrentMetric::Object {
            name,
            value,
            average,
            ..
        } => json!(["Object", name, value, average]),
        CurrentMetric::External {
            name,
            value,
            average,
            ..
        } => json!(["External", name, value, average]),
    }
}

fn condition_row(condition: &Condition) -> (String, (String, String, String, i64)) {
    let row = (
        condition.status.to_string(),
        condition.reason.to_owned(),
        condition.message.clone().into_owned(),
        millis(condition.last_transition),
    );
    (condition.kind.to_string(), row)
}

/// A field that differs: its name, the recorded value, ours.
pub(super) type Found = Option<(&'static str, String, String)>;

pub(super) fn differs<T: PartialEq + std::fmt::Debug>(
    field: &'static str,
    expected: &T,
    got: &T,
) -> Found {
    (expected != got).then(|| (field, format!("{expected:?}"), format!("{got:?}")))
}

impl Expected {
    /// Takes over what a step changes.
    pub(super) fn advance(&mut self, output: &Output) {
        if let Some(metrics) = &output.cm {
            self.metrics.clone_from(metrics);
        }
        for (kind, condition) in &output.cond {
            self.conditions.insert(kind.clone(), condition.clone());
        }
        for kind in &output.cond_removed {
            self.conditions.remove(kind);
        }
        if output.lst.is_some() {
            self.last_scale = output.lst;
        }
    }

    /// The first field that differs: its name, the recorded value, ours.
    pub(super) fn compare(
        &self,
        output: &Output,
        decision: &Decision,
        controller: &Controller,
    ) -> Found {
        let status = controller.status();
        let events: Vec<(String, String, String)> = decision
            .events
            .iter()
            .map(|event| {
                let kind = if event.kind == EventType::Normal {
                    "Normal"
                } else {
                    "Warning"
                };
                (
                    kind.to_owned(),
                    event.reason.to_owned(),
                    event.message.clone(),
                )
            })
            .collect();
        let metrics: Vec<Value> = status.current_metrics.iter().map(metric_row).collect();
        let conditions: BTreeMap<_, _> = status.conditions.iter().map(condition_row).collect();
        let name = decision
            .metric_name
            .as_ref()
            .map(|name| name.clone().into_owned());
        differs("w", &output.w, &decision.write)
            .or_else(|| differs("p", &output.p, &decision.steps.raw))
            .or_else(|| differs("pn", &output.pn, &name))
            .or_else(|| differs("cur", &output.cur, &status.current_replicas))
            .or_else(|| differs("des", &output.des, &status.desired_replicas))
            .or_else(|| differs("cm", &self.metrics, &metrics))
            .or_else(|| differs("cond", &self.conditions, &conditions))
            .or_else(|| differs("ev", &output.ev, &events))
            .or_else(|| differs("lst", &self.last_scale, &status.last_scale_time.map(millis)))
            .or_else(|| differs("err", &output.err, &decision.error))
            .or_else(|| differs("noUpdate", &output.no_update, &!decision.status_changed))
            .or_else(|| {
                output
                    .st
                    .as_ref()
                    .and_then(|state| compare_state(state, controller))
            })
    }
}

fn compare_state(state: &State, controller: &Controller) -> Found {
    let recommendations: Vec<(i64, i32)> = controller
        .recommendations()
        .iter()
        .map(|&(time, replicas)| (millis(time), replicas))
        .collect();
    let [up, down] = controller
        .scale_events()
        .map(|events| -> Vec<(i64, i32, bool)> {
            events
                .into_iter()
                .map(|(time, change, outdated)| (millis(time), change, outdated))
                .collect()
        });
    differs("st.rec", &state.rec, &recommendations)
        .or_else(|| differs("st.up", &state.up, &up))
        .or_else(|| differs("st.down", &state.down, &down))
}
