//! The HPA's sync: cluster and metrics → observation → decision → cluster and recording.

use super::{Event, PodLink, World};
use crate::autoscaler::hpa::{
    ConditionType, ContainerUsage, CurrentMetric, Decision, EventType, MetricSpec, Observation,
    Phase, Pod, PodRequests, PodUsage, PodValue, ReadyCondition, ReadyStatus, Scale,
};
use crate::cluster::{self, PodId, PodPhase};
use crate::metrics::server::PodMetrics;
use crate::metrics::spec::MetricOf;
use crate::record::{DecisionRecord, EventRecord, MetricRecord};
use crate::sim::SimTime;

/// A pod's metrics and what they are listed under.
struct Usage {
    place: usize,
    metrics: PodMetrics,
}

impl World<'_> {
    pub(super) fn sync_hpa(&mut self, index: usize, now: SimTime) {
        let workload = self.scenario.hpas[index].workload;
        let state = &self.cluster.workloads()[workload];
        let mut members: Vec<(PodId, &cluster::Pod)> = state
            .pods
            .iter()
            .filter_map(|id| Some((*id, self.cluster.pod(*id)?)))
            .collect();
        members.sort_by(|a, b| a.1.name.cmp(&b.1.name));
        let pods: Vec<Pod<'_>> = members
            .iter()
            .map(|(id, pod)| {
                let own = self.pods[id.slot()].requests.as_ref();
                observed(own.unwrap_or(&self.links.requests[workload]), pod)
            })
            .collect();
        let usage = self.resource_usage(&members);
        let names = &self.scenario.workloads[workload].template.containers;
        let containers: Vec<Vec<ContainerUsage<'_>>> = usage
            .iter()
            .map(|entry| {
                let container = |c: &crate::metrics::server::ContainerMetrics| ContainerUsage {
                    name: &names[usize::from(c.container)].name,
                    usage: c.milli_values().map(Some),
                };
                entry.metrics.containers.iter().map(container).collect()
            })
            .collect();
        let usage: Vec<PodUsage<'_>> = usage
            .iter()
            .zip(&containers)
            .map(|(entry, containers)| PodUsage {
                pod: Some(entry.place),
                timestamp: entry.metrics.api_timestamp(),
                window: entry.metrics.window,
                containers,
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

    fn resource_usage(&self, members: &[(PodId, &cluster::Pod)]) -> Vec<Usage> {
        let mut usage = Vec::with_capacity(members.len());
        for (place, (id, _)) in members.iter().enumerate() {
            let link: &PodLink = &self.pods[id.slot()];
            let mut metrics = PodMetrics::default();
            if link
                .metrics
                .is_some_and(|pod| self.metrics.pod_metrics(pod, &mut metrics))
            {
                usage.push(Usage { place, metrics });
            }
        }
        usage
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
        let object = format!("HorizontalPodAutoscaler/{}", self.scenario.hpas[index].name);
        for event in &decision.events {
            self.recorder.event(|| EventRecord {
                time: now,
                kind: if event.kind == EventType::Normal {
                    "Normal"
                } else {
                    "Warning"
                },
                reason: event.reason.to_owned(),
                object: object.clone(),
                message: event.message.clone(),
            });
        }
        let status = self.hpas[index].status();
        let values: Vec<Option<f64>> = status.current_metrics.iter().map(value_of).collect();
        let record = &mut self.recorder.recording.hpas[index];
        let replicas = decision.write.unwrap_or(decision.steps.current);
        record.desired.set(now, replicas);
        for (place, value) in values.iter().enumerate() {
            if let Some(value) = value {
                record.metric_values[place].set(now, *value);
            }
        }
        let (names, targets) = (record.metric_names.clone(), record.metric_targets.clone());
        let reason = |kind| {
            status
                .conditions
                .iter()
                .find(|c| c.kind == kind)
                .map_or("", |c| c.reason)
        };
        let conditions = [
            reason(ConditionType::AbleToScale),
            reason(ConditionType::ScalingActive),
            reason(ConditionType::ScalingLimited),
        ];
        self.recorder.decision(|| DecisionRecord {
            time: now,
            hpa: index,
            metrics: (0..names.len())
                .map(|place| {
                    let part = decision.metrics.get(place);
                    let calculation = part.and_then(|part| part.calculation);
                    let pods = calculation.and_then(|calculation| calculation.pods);
                    MetricRecord {
                        name: names[place].clone(),
                        value: values.get(place).copied().flatten(),
                        target: targets[place],
                        proposal: part.and_then(|part| part.proposal.clone().ok()),
                        error: part.and_then(|part| part.proposal.clone().err()),
                        ratio: calculation.map(|calculation| calculation.ratio),
                        adjusted_ratio: calculation.and_then(|c| c.adjusted_ratio),
                        pods: pods.map(|p| [p.ready, p.unready, p.missing, p.ignored]),
                    }
                })
                .collect(),
            current: decision.steps.current,
            raw: decision.steps.raw,
            stabilized: decision.steps.stabilized,
            limited: decision.steps.limited,
            desired: decision.steps.desired,
            written: decision.write.is_some(),
            reason: decision.reason.clone(),
            conditions,
        });
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
