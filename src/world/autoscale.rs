//! The HPA's sync: cluster and metrics → observation → decision → cluster and recording.

use std::ops::Range;

use super::{Event, PodLink, World};
use crate::autoscaler::hpa::{
    ConditionType, ContainerUsage, CurrentMetric, Decision, EventType, MetricSpec, Observation,
    Phase, Pod, PodRequests, PodUsage, PodValue, ReadyCondition, ReadyStatus, Scale, Status,
};
use crate::cluster::{self, PodId, PodPhase};
use crate::metrics::server::PodMetrics;
use crate::metrics::spec::MetricOf;
use crate::record::{DecisionRecord, Detail, EventRecord, HpaRecord, MetricRecord};
use crate::scenario::Scenario;
use crate::sim::{SimDuration, SimTime};

/// What the resource metrics API lists, gathered without a vector per pod.
#[derive(Default)]
struct Listed<'a> {
    entries: Vec<Entry>,
    containers: Vec<ContainerUsage<'a>>,
}

/// A pod's entry: its place in the list of pods, and which containers are its.
struct Entry {
    place: usize,
    timestamp: SimTime,
    window: SimDuration,
    containers: Range<usize>,
}

impl<'s> World<'s> {
    pub(super) fn sync_hpa(&mut self, index: usize, now: SimTime) {
        let workload = self.scenario.hpas[index].workload;
        let state = &self.cluster.workloads()[workload];
        let mut pods: Vec<Pod<'_>> = Vec::with_capacity(state.by_name.len());
        for id in &state.by_name {
            if let Some(pod) = self.cluster.pod(*id) {
                let own = self.pods[id.slot()].requests.as_ref();
                pods.push(observed(own.unwrap_or(&self.links.requests[workload]), pod));
            }
        }
        let listed = self.resource_usage(workload, &state.by_name);
        let usage: Vec<PodUsage<'_>> = listed
            .entries
            .iter()
            .map(|entry| PodUsage {
                pod: Some(entry.place),
                timestamp: entry.timestamp,
                window: entry.window,
                containers: &listed.containers[entry.containers.clone()],
            })
            .collect();
        let custom = self.custom_values(index, &pods, now);
        let custom: Vec<Result<&[PodValue], &str>> = custom
            .iter()
            .map(|values| values.as_deref().ok_or("metric not found"))
            .collect();
        let observation = Observation {
            reference: &self.links.references[index],
            scale: Ok(Scale {
                spec_replicas: state.replicas,
                status_replicas: state.counts.replicas() as i32,
                selector: &self.links.selectors[workload],
            }),
            // The scenario's validation refuses two HPAs over one workload's pods.
            selected_by: &[],
            pods: &pods,
            resource_metrics: Ok(&usage),
            custom_metrics: &custom,
        };
        let decision = self.hpas[index].reconcile(&observation, now, |_| Ok(()));
        self.record_decision(index, now, &decision);
        if let Some(replicas) = decision.write {
            self.cluster
                .scale(workload, replicas, now, &mut self.queue, &mut self.log);
        }
        let config = &self.scenario.controllers;
        self.queue.schedule_in(
            config.hpa.sync_period + config.cluster.api_latency,
            Event::Hpa(index as u16),
        );
    }

    fn resource_usage(&self, workload: usize, members: &[PodId]) -> Listed<'s> {
        let scenario: &'s Scenario = self.scenario;
        let names = &scenario.workloads[workload].template.containers;
        let mut listed = Listed {
            entries: Vec::with_capacity(members.len()),
            containers: Vec::with_capacity(members.len() * names.len()),
        };
        let mut metrics = PodMetrics::default();
        for (place, id) in members.iter().enumerate() {
            let link: &PodLink = &self.pods[id.slot()];
            let is_listed = |pod| self.metrics.pod_metrics(pod, &mut metrics);
            if !link.metrics.is_some_and(is_listed) {
                continue;
            }
            let from = listed.containers.len();
            let usage = metrics.containers.iter().map(|container| ContainerUsage {
                name: &names[usize::from(container.container)].name,
                usage: container.milli_values().map(Some),
            });
            listed.containers.extend(usage);
            listed.entries.push(Entry {
                place,
                timestamp: metrics.api_timestamp(),
                window: metrics.window,
                containers: from..listed.containers.len(),
            });
        }
        listed
    }

    /// The custom metrics APIs' answers per metric of the spec; empty for resource metrics.
    fn custom_values(
        &self,
        index: usize,
        pods: &[Pod<'_>],
        now: SimTime,
    ) -> Vec<Option<Vec<PodValue>>> {
        let hpa = &self.scenario.hpas[index];
        let single = |values: Vec<i64>| {
            values
                .into_iter()
                .map(|value| PodValue { pod: None, value })
                .collect()
        };
        let answer = |metric: &MetricSpec| match metric {
            MetricSpec::Resource { .. } | MetricSpec::ContainerResource { .. } => Some(Vec::new()),
            MetricSpec::Pods { name, selector, .. } => {
                let of = MetricOf::Pods(hpa.workload);
                let values = self.custom.value(name, &of, selector.as_ref(), now)?;
                let value = values.first().copied()?;
                let running =
                    |pod: &&(usize, &Pod<'_>)| pod.1.phase == Phase::Running && !pod.1.deleting;
                let running: Vec<usize> = pods
                    .iter()
                    .enumerate()
                    .collect::<Vec<_>>()
                    .iter()
                    .filter(running)
                    .map(|(place, _)| *place)
                    .collect();
                let share = if self.custom.is_total(name) {
                    value / running.len().max(1) as i64
                } else {
                    value
                };
                Some(
                    running
                        .into_iter()
                        .map(|place| PodValue {
                            pod: Some(place),
                            value: share,
                        })
                        .collect(),
                )
            }
            MetricSpec::Object {
                name,
                selector,
                object,
                ..
            } => {
                let of = MetricOf::Object {
                    kind: object.kind.clone(),
                    name: object.name.clone(),
                };
                self.custom
                    .value(name, &of, selector.as_ref(), now)
                    .map(single)
            }
            MetricSpec::External { name, selector, .. } => self
                .custom
                .value(name, &MetricOf::External, selector.as_ref(), now)
                .map(single),
        };
        hpa.spec.metrics.iter().map(answer).collect()
    }

    fn record_decision(&mut self, index: usize, now: SimTime, decision: &Decision) {
        for event in &decision.events {
            self.recorder.event(|| EventRecord {
                time: now,
                kind: if event.kind == EventType::Normal {
                    "Normal"
                } else {
                    "Warning"
                },
                reason: event.reason.to_owned(),
                namespace: self.scenario.hpas[index].namespace.as_str().into(),
                object: format!("HorizontalPodAutoscaler/{}", self.scenario.hpas[index].name),
                message: event.message.clone(),
            });
        }
        let status = self.hpas[index].status();
        let replicas = decision.write.unwrap_or(decision.steps.current);
        let values: Vec<Option<f64>> = status.current_metrics.iter().map(value_of).collect();
        self.recorder.sync(index, now, replicas, &values);
        if self.recorder.detail == Detail::Full {
            let record = &self.recorder.recording.hpas[index];
            let decision = told(index, now, record, status, decision);
            self.recorder.recording.decisions.push(decision);
        }
    }
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

/// A pod as the controller's informer shows it.
fn observed<'a>(requests: &'a PodRequests, pod: &'a cluster::Pod) -> Pod<'a> {
    let status = if pod.ready {
        ReadyStatus::True
    } else {
        ReadyStatus::False
    };
    Pod {
        name: &pod.name,
        phase: match pod.phase {
            PodPhase::Pending => Phase::Pending,
            PodPhase::Running => Phase::Running,
            PodPhase::Succeeded => Phase::Succeeded,
            PodPhase::Failed => Phase::Failed,
        },
        deleting: pod.deletion.is_some(),
        start_time: pod.start_time,
        ready: pod.start_time.map(|_| ReadyCondition {
            status,
            last_transition: pod.ready_transition,
        }),
        requests,
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
