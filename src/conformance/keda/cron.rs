//! Kind `keda_cron`: a cron scaler sampled every minute.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::super::table::{close, difference, rows};
use super::super::{ReplayError, Report};
use crate::autoscaler::keda::{
    AuthParams, MetricSpec, Reading, ScaleTrigger, Scaler, ScalerConfig, build,
};

#[derive(Debug, Deserialize)]
struct Case {
    id: String,
    start: String,
    end: String,
    timezone: String,
    desired_replicas: i64,
    sim_from_utc: Timestamp,
    sim_to_utc: Timestamp,
    expected: Expected,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Expected {
    active_at_from: bool,
    transitions: Vec<Transition>,
    metric_name: String,
    metric_value_when_active: f64,
    target_average_value: String,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Transition {
    utc: Timestamp,
    active: bool,
}

/// Replays every window.
pub(in super::super) fn replay(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in rows::<Case>(text)? {
        report.cases += 1;
        let input = (&case.start, &case.end, &case.timezone);
        let place = case.id.clone();
        report.step(match case.run() {
            Ok(got) => difference(place, &case.expected, &got, &input),
            Err(error) => difference(place, &format!("{:?}", case.expected), &error, &input),
        });
    }
    Ok(report)
}

impl Case {
    fn scaler(&self) -> Result<Scaler, String> {
        let metadata = [
            ("start", self.start.clone()),
            ("end", self.end.clone()),
            ("timezone", self.timezone.clone()),
            ("desiredReplicas", self.desired_replicas.to_string()),
        ];
        let trigger = ScaleTrigger {
            kind: "cron".to_owned(),
            metadata: metadata.map(|(key, value)| (key.to_owned(), value)).into(),
            ..ScaleTrigger::default()
        };
        build(ScalerConfig {
            namespace: "default",
            trigger: &trigger,
            index: 0,
            as_metric_source: false,
            environment: &BTreeMap::new(),
            auth: &AuthParams::default(),
        })
    }

    fn run(&self) -> Result<Expected, String> {
        let mut scaler = self.scaler()?;
        let specs = scaler.metric_specs(&[]);
        let spec = specs.first().ok_or("no metric")?;
        let name = spec.external_name().unwrap_or_default().to_owned();
        let mut sample = |unix| -> Result<(bool, f64), String> {
            let (values, active) = scaler.measure(&name, &Reading::None, unix)?;
            let value = values.first().map_or(0.0, |value| value.value.as_f64());
            Ok((active, value))
        };
        let from = self.sim_from_utc.as_second();
        let (active_at_from, _) = sample(from)?;
        let mut active = active_at_from;
        let mut transitions = Vec::new();
        let mut value_when_active = self.expected.metric_value_when_active;
        for unix in (from..=self.sim_to_utc.as_second()).step_by(60) {
            let (now_active, value) = sample(unix)?;
            if now_active != active {
                let utc = Timestamp::from_second(unix).map_err(|error| error.to_string())?;
                transitions.push(Transition {
                    utc,
                    active: now_active,
                });
                active = now_active;
            }
            let expected = if now_active { value_when_active } else { 0.0 };
            if !close(expected, value) {
                value_when_active = value;
            }
        }
        Ok(Expected {
            active_at_from,
            transitions,
            metric_value_when_active: value_when_active,
            target_average_value: target_average_value(spec),
            metric_name: name.clone(),
        })
    }
}

fn target_average_value(spec: &MetricSpec) -> String {
    let amount = spec
        .target
        .amount
        .filter(|_| spec.target.kind == "AverageValue");
    amount.map_or_else(String::new, |amount| amount.to_string())
}
