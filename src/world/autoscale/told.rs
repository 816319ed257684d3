//! The record of an HPA's decision.

use std::sync::Arc;

use crate::autoscaler::hpa::{
    ConditionStatus, ConditionType, CurrentMetric, Decision, EventType, Status,
};
use crate::record::{DecisionRecord, Detail, EventRecord, HpaRecord, MetricRecord};
use crate::sim::SimTime;
use crate::world::Simulation;

impl Simulation<'_> {
    pub(super) fn record_decision(&mut self, index: usize, now: SimTime, decision: &Decision) {
        for event in &decision.events {
            let uid = self.store.hpa(self.hpas.states[index].id);
            let uid = uid.map_or(0, |hpa| hpa.meta.uid.0);
            let record = &self.recorder.recording.hpas[index];
            let (namespace, name) = (Arc::clone(&record.namespace), record.name.clone());
            self.recorder.event(|| EventRecord {
                time: now,
                kind: if event.kind == EventType::Normal {
                    "Normal"
                } else {
                    "Warning"
                },
                reason: event.reason.to_owned(),
                namespace,
                object: format!("HorizontalPodAutoscaler/{name}"),
                uid,
                message: event.message.clone(),
                ..EventRecord::default()
            });
        }
        let status = self.hpas.controllers[index].status();
        let replicas = decision.write.unwrap_or(decision.steps.current);
        let mut values = std::mem::take(&mut self.hpas.values);
        values.extend(status.current_metrics.iter().map(value_of));
        self.recorder.sync(index, now, replicas, &values);
        values.clear();
        self.hpas.values = values;
        let failure = decision.error.as_ref().map(|_| failure(status));
        self.recorder.sync_ended(index, now, failure);
        if self.recorder.detail == Detail::Full {
            let record = &self.recorder.recording.hpas[index];
            let decision = told(index, now, record, status, decision);
            self.recorder.recording.decisions.push(decision);
        }
    }
}

/// Why the controller cannot act: reason and message of the condition that does not hold.
fn failure(status: &Status) -> (&'static str, &str) {
    let mut conditions = status.conditions.iter();
    let broken = conditions.find(|condition| {
        let counts = [ConditionType::AbleToScale, ConditionType::ScalingActive];
        counts.contains(&condition.kind) && condition.status == ConditionStatus::False
    });
    broken.map_or(("", ""), |condition| {
        (condition.reason, &*condition.message)
    })
}

/// A decision with its parts, as it is recorded.
fn told(
    hpa: usize,
    time: SimTime,
    record: &HpaRecord,
    status: &Status,
    decision: &Decision,
) -> DecisionRecord {
    let reason = |kind| {
        let mut conditions = status.conditions.iter();
        conditions.find(|c| c.kind == kind).map_or("", |c| c.reason)
    };
    let metric = |(place, name): (usize, &String)| {
        let part = decision.metrics.get(place);
        let calculation = part.and_then(|part| part.calculation);
        let pods = calculation.and_then(|calculation| calculation.pods);
        MetricRecord {
            name: name.clone(),
            value: status.current_metrics.get(place).and_then(value_of),
            target: record.metric_targets[place],
            proposal: part.and_then(|part| part.proposal.clone().ok()),
            error: part.and_then(|part| part.proposal.clone().err()),
            ratio: calculation.map(|calculation| calculation.ratio),
            adjusted_ratio: calculation.and_then(|c| c.adjusted_ratio),
            pods: pods.map(|p| [p.ready, p.unready, p.missing, p.ignored]),
        }
    };
    DecisionRecord {
        time,
        hpa,
        metrics: record.metric_names.iter().enumerate().map(metric).collect(),
        current: decision.steps.current,
        raw: decision.steps.raw,
        stabilized: decision.steps.stabilized,
        limited: decision.steps.limited,
        desired: decision.steps.desired,
        written: decision.write.is_some(),
        reason: decision.reason.clone(),
        conditions: [
            reason(ConditionType::AbleToScale),
            reason(ConditionType::ScalingActive),
            reason(ConditionType::ScalingLimited),
        ],
    }
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
