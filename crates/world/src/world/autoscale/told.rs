//! The record of an HPA's decision.

use crate::autoscaler::hpa::{
    ConditionStatus, ConditionType, CurrentMetric, Decision, EventType, Status,
};
use crate::record::{DecisionLog, DecisionRecord, Detail, HpaRecord, MetricRecord, Report};
use crate::sim::SimTime;
use crate::world::Simulation;

use super::forecasts::Forecasts;

impl Simulation<'_> {
    /// Writes how good the models beside HPAs were into the recording.
    pub(in crate::world) fn record_forecasts(&mut self) {
        for (index, hpa) in self.hpas.states.iter().enumerate() {
            if let Some(forecasts) = &hpa.forecasts {
                forecasts.tell(&mut self.recorder.recording.hpas[index]);
            }
        }
    }

    pub(super) fn record_decision(&mut self, index: usize, now: SimTime, decision: &Decision) {
        for event in &decision.events {
            let Some(hpa) = self.store.hpa(self.hpas.states[index].id) else {
                break;
            };
            self.recorder.report(&Report {
                time: now,
                kind: if event.kind == EventType::Normal {
                    "Normal"
                } else {
                    "Warning"
                },
                reason: event.reason,
                namespace: &hpa.meta.namespace,
                object: ("HorizontalPodAutoscaler", &hpa.meta.name),
                uid: hpa.meta.uid.0,
                version: 0,
                message: &event.message,
            });
        }
        let warm_up = SimTime::ZERO + self.scenario.simulation.warm_up;
        if let Some(forecasts) = &mut self.hpas.states[index].forecasts {
            forecasts.sync(now, warm_up, decision);
        }
        let is_again = self.hpas.controllers[index].decided_again();
        if is_again && self.recorder.sync_again(index, now) {
            return;
        }
        let status = self.hpas.controllers[index].status();
        let replicas = decision.write.unwrap_or(decision.steps.current);
        let mut values = std::mem::take(&mut self.hpas.values);
        values.extend(status.current_metrics.iter().map(value_of));
        let record = &self.recorder.recording.hpas[index];
        let is_known = record.cpu_target.is_some() && self.serves_requests(index);
        let is_known = is_known || record.specs.last().is_some_and(|s| s.rate_target.is_some());
        let asked = if is_known {
            None
        } else {
            self.asked_for(index, decision)
        };
        self.recorder.sync(index, now, replicas, &values, asked);
        values.clear();
        self.hpas.values = values;
        let failure = decision.error.as_ref().and_then(|_| failure(status));
        self.recorder.sync_ended(index, now, failure);
        if self.recorder.detail == Detail::Full {
            let recording = &mut self.recorder.recording;
            keep(
                &mut recording.decisions,
                index,
                now,
                &recording.hpas[index],
                (status, self.hpas.states[index].forecasts.as_deref()),
                decision,
            );
        }
    }
}

/// Why the controller cannot act: reason and message of the condition that does not hold. A sync
/// with an error may act all the same, by its other metrics.
fn failure(status: &Status) -> Option<(&'static str, &str)> {
    let mut conditions = status.conditions.iter();
    let broken = conditions.find(|condition| {
        let counts = [ConditionType::AbleToScale, ConditionType::ScalingActive];
        counts.contains(&condition.kind) && condition.status == ConditionStatus::False
    });
    broken.map(|condition| (condition.reason, &*condition.message))
}

/// Keeps a decision with its parts.
fn keep(
    log: &mut DecisionLog,
    hpa: usize,
    time: SimTime,
    record: &HpaRecord,
    (status, forecasts): (&Status, Option<&Forecasts>),
    decision: &Decision,
) {
    let reason = |kind| {
        let mut conditions = status.conditions.iter();
        conditions.find(|c| c.kind == kind).map_or("", |c| c.reason)
    };
    let metric = |place: usize| {
        let part = decision.metrics.get(place);
        let calculation = part.and_then(|part| part.calculation);
        let pods = calculation.and_then(|calculation| calculation.pods);
        let proposal = part.map(|part| &part.proposal);
        MetricRecord {
            name: &record.metric_names[place],
            value: status.current_metrics.get(place).and_then(value_of),
            target: record.metric_targets[place],
            proposal: proposal.and_then(|proposal| proposal.as_ref().ok().copied()),
            error: proposal.and_then(|proposal| proposal.as_ref().err().map(String::as_str)),
            ratio: calculation.map(|calculation| calculation.ratio),
            adjusted_ratio: calculation.and_then(|c| c.adjusted_ratio),
            pods: pods.map(|p| [p.ready, p.unready, p.missing, p.ignored]),
        }
    };
    let steps = &decision.steps;
    let kept = DecisionRecord {
        time,
        hpa,
        current: steps.current,
        raw: steps.raw,
        stabilized: steps.stabilized,
        limited: steps.limited,
        desired: if decision.error.is_some() {
            status.desired_replicas
        } else {
            steps.desired
        },
        written: decision.write.is_some(),
        reason: &decision.reason,
        conditions: [
            reason(ConditionType::AbleToScale),
            reason(ConditionType::ScalingActive),
            reason(ConditionType::ScalingLimited),
        ],
    };
    let metrics = (0..record.metric_names.len()).map(metric);
    let Some(forecasts) = forecasts else {
        log.push(&kept, metrics);
        return;
    };
    let said: Vec<_> = forecasts.said(decision).collect();
    let models = said
        .iter()
        .map(|(name, value, replicas, error)| MetricRecord {
            name,
            value: *value,
            target: f64::NAN,
            proposal: *replicas,
            error: error.as_deref(),
            ratio: None,
            adjusted_ratio: None,
            pods: None,
        });
    log.push(&kept, metrics.chain(models));
}

/// A current metric in the unit of its target.
fn value_of(metric: &CurrentMetric) -> Option<f64> {
    let units = |milli: i64| milli as f64 / 1000.0;
    match metric {
        CurrentMetric::Empty => None,
        CurrentMetric::Resource {
            utilization: Some(percent),
            ..
        }
        | CurrentMetric::ContainerResource {
            utilization: Some(percent),
            ..
        } => Some(f64::from(*percent)),
        CurrentMetric::Resource { average, .. }
        | CurrentMetric::ContainerResource { average, .. }
        | CurrentMetric::Pods { average, .. } => Some(units(*average)),
        CurrentMetric::Object { value, average, .. }
        | CurrentMetric::External { value, average, .. } => value.or(*average).map(units),
    }
}
