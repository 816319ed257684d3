//! The HPA's sync: cluster and metrics → observation → decision → cluster and recording.

use std::ops::Range;
use std::sync::Arc;

use super::build::tell_spec;
use super::{Event, PodLink, Simulation};
use crate::api::{
    self, HpaId, Kind, ObjectId, PodId, PodPhase, SelectionId, Store, WorkloadId, Write,
};
use crate::autoscaler::hpa::{
    ConditionType, ContainerUsage, Controller, CurrentMetric, Decision, EventType, MetricSpec,
    Observation, Phase, Pod, PodUsage, PodValue, ReadyCondition, ReadyStatus, Scale, Status,
};
use crate::metrics::Pipeline;
use crate::metrics::server::PodMetrics;
use crate::metrics::spec::MetricOf;
use crate::record::{DecisionRecord, Detail, EventRecord, HpaRecord, MetricRecord, WorkloadRecord};
use crate::sim::{SimDuration, SimTime};

/// All HPAs, each with its controller's memory, in the order of creation.
#[derive(Debug, Clone, Default)]
pub(super) struct Hpas {
    controllers: Vec<Controller>,
    states: Vec<Hpa>,
    /// The HPAs that use each selection, by its place.
    of_selection: Vec<Vec<usize>>,
}

impl Hpas {
    /// An HPA uses a selection from now on.
    fn select(&mut self, index: usize, selection: SelectionId) {
        let place = selection.0 as usize;
        if self.of_selection.len() <= place {
            self.of_selection.resize(place + 1, Vec::new());
        }
        if !self.of_selection[place].contains(&index) {
            self.forget(index);
            self.of_selection[place].push(index);
        }
    }

    /// An HPA uses no selection any more.
    fn forget(&mut self, index: usize) {
        for hpas in &mut self.of_selection {
            hpas.retain(|other| *other != index);
        }
    }
}

/// One HPA.
#[derive(Debug, Clone)]
struct Hpa {
    id: HpaId,
    /// Its target as messages name it.
    reference: String,
    /// What it scales, or why that cannot be read.
    target: Result<Target, String>,
}

/// The object that an HPA scales.
#[derive(Debug, Clone)]
struct Target {
    object: ObjectId,
    workload: WorkloadId,
    selection: SelectionId,
    /// `status.selector` of the scale.
    selector: String,
}

/// What a list of pod metrics answers while metrics-server is down.
const NO_RESOURCE_METRICS: &str = "unable to fetch metrics from resource metrics API: the server is currently unable to handle the request (get pods.metrics.k8s.io)";

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

impl Simulation<'_> {
    /// Begins the syncs of the HPAs that are there, at random within their period.
    pub(super) fn start_hpas(&mut self) {
        let period = self.scenario.controllers.hpa.sync_period;
        let ids: Vec<HpaId> = self.store.hpas().map(|(id, _)| id).collect();
        for id in ids {
            let phase = SimDuration((period.0 as f64 * self.stream.unit()) as i64);
            let Some(index) = self.know_hpa(id) else {
                continue;
            };
            self.queue.schedule_in(phase, Event::Hpa(index as u32));
            let target = self.hpas.states[index].target.as_ref().ok();
            let replicas = target.and_then(|target| self.store.replicas(target.object));
            let replicas = replicas.unwrap_or_default();
            self.recorder.sync(index, SimTime::ZERO, replicas, &[]);
        }
    }

    /// Begins to keep what the controller remembers of an HPA; returns its index.
    fn know_hpa(&mut self, id: HpaId) -> Option<usize> {
        let config = self.scenario.controllers.hpa.clone();
        let hpa = self.store.hpa(id)?;
        let (namespace, target) = (&hpa.meta.namespace, &hpa.target);
        let reference = format!("{}/{namespace}/{}", target.kind, target.name);
        let spec = (*hpa.spec).clone();
        let mut made = Hpa {
            id,
            reference,
            target: Err(String::new()),
        };
        find_target(&mut made, &mut self.store);
        self.hpas.controllers.push(Controller::new(spec, config));
        self.hpas.states.push(made);
        Some(self.hpas.states.len() - 1)
    }

    /// An HPA was created during the run: its first sync comes a period later.
    pub(super) fn add_hpa(&mut self, id: HpaId, now: SimTime) {
        let Some(index) = self.know_hpa(id) else {
            return;
        };
        let (Some(hpa), target) = (self.store.hpa(id), &self.hpas.states[index].target) else {
            return;
        };
        let (spec, meta) = (Arc::clone(&hpa.spec), &hpa.meta);
        let (namespace, name) = (Arc::clone(&meta.namespace), meta.name.to_string());
        let workload = target.as_ref().ok().map(|target| target.workload);
        let workload = workload.map(|workload| self.record_of(workload));
        let workload = workload.unwrap_or_else(|| {
            self.recorder.add_workload(WorkloadRecord {
                namespace: Arc::clone(&namespace),
                ..WorkloadRecord::default()
            })
        });
        let mut record = HpaRecord {
            namespace,
            name,
            workload,
            ..HpaRecord::default()
        };
        let config = &self.scenario.controllers.hpa;
        tell_spec(&mut record, &spec, config, now);
        self.recorder.add_hpa(record);
        let period = self.scenario.controllers.hpa.sync_period;
        self.queue.schedule(now + period, Event::Hpa(index as u32));
    }

    /// The spec of an HPA was changed during the run: no sync comes of it.
    pub(super) fn change_hpa(&mut self, id: HpaId, now: SimTime) {
        let place = self.hpas.states.iter().position(|hpa| hpa.id == id);
        let (Some(index), Some(hpa)) = (place, self.store.hpa(id)) else {
            return;
        };
        let config = &self.scenario.controllers.hpa;
        let record = &mut self.recorder.recording.hpas[index];
        tell_spec(record, &hpa.spec, config, now);
        self.recorder.hpa_changed(index);
        self.hpas.controllers[index].set_spec((*hpa.spec).clone());
    }

    pub(super) fn sync_hpa(&mut self, index: usize, now: SimTime) {
        let hpa = &mut self.hpas.states[index];
        if self.store.hpa(hpa.id).is_none() {
            self.hpas.forget(index);
            return; // deleted
        }
        find_target(hpa, &mut self.store);
        let target = hpa.target.clone();
        if let Ok(target) = &target {
            self.hpas.select(index, target.selection);
        }
        let rivals = self.rivals(index);
        let members: &[PodId] = match &target {
            Ok(target) => &self.store.selection(target.selection).members,
            Err(_) => &[],
        };
        let mut pods: Vec<Pod<'_>> = Vec::with_capacity(members.len());
        for id in members {
            if let Some(pod) = self.store.pod(*id) {
                pods.push(observed(&self.pods[id.slot()], pod));
            }
        }
        let listed = resource_usage(members, &self.store, &self.pods, &self.metrics);
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
        let rivals: Vec<&str> = rivals.iter().map(String::as_str).collect();
        let observation = Observation {
            reference: &self.hpas.states[index].reference,
            scale: match &target {
                Ok(target) => Ok(Scale {
                    spec_replicas: self.store.replicas(target.object).unwrap_or_default(),
                    status_replicas: self.store.workload(target.workload).counts.replicas() as i32,
                    selector: &target.selector,
                }),
                Err(error) => Err(error),
            },
            selected_by: &rivals,
            pods: &pods,
            resource_metrics: if self.metrics.is_down() {
                Err(NO_RESOURCE_METRICS)
            } else {
                Ok(&usage)
            },
            custom_metrics: &custom,
        };
        let controller = &mut self.hpas.controllers[index];
        let decision = controller.reconcile(&observation, now, |_| Ok(()));
        if decision.error.is_some() && !self.scenario.faults.is_empty() {
            self.blame_faults(now);
        }
        self.record_decision(index, now, &decision);
        let id = self.hpas.states[index].id;
        if self.recorder.detail == Detail::Full && decision.status_changed {
            let status = self.hpas.controllers[index].status().clone();
            self.store
                .commit(now, Write::HpaStatus(id, Arc::new(status)));
        }
        if let (Some(replicas), Ok(target)) = (decision.write, &target) {
            self.store
                .commit(now, Write::Replicas(target.object, replicas));
        }
        let config = &self.scenario.controllers;
        self.queue.schedule_in(
            config.hpa.sync_period + config.cluster.api_latency,
            Event::Hpa(index as u32),
        );
    }

    /// The HPAs that select some of an HPA's pods, itself included, if there are several
    /// (`hpasControllingPodsUnderSelector`).
    fn rivals(&self, index: usize) -> Vec<String> {
        let Ok(own) = &self.hpas.states[index].target else {
            return Vec::new();
        };
        let is_alone = |selection: SelectionId| {
            let of = self.hpas.of_selection.get(selection.0 as usize);
            of.is_none_or(|hpas| hpas.iter().all(|other| *other == index))
        };
        let mut met = vec![own.selection];
        let mut last = std::ptr::null();
        for id in &self.store.selection(own.selection).members {
            let Some(pod) = self.store.pod(*id) else {
                continue;
            };
            // Pods of one ReplicaSet share their labels.
            let labels = Arc::as_ptr(&pod.meta.labels);
            if labels != last {
                last = labels;
                let selections = self.store.selections_of(pod);
                met.extend(selections.iter().filter(|one| !is_alone(**one)));
            }
        }
        if met.iter().all(|selection| is_alone(*selection)) {
            return Vec::new();
        }
        let hpas = met
            .iter()
            .filter_map(|one| self.hpas.of_selection.get(one.0 as usize));
        let name = |index: &usize| {
            let meta = &self.store.hpa(self.hpas.states[*index].id)?.meta;
            Some(format!("{}/{}", meta.namespace, meta.name))
        };
        let mut names: Vec<String> = hpas.flatten().filter_map(name).collect();
        names.sort();
        names.dedup();
        names
    }

    /// The custom metrics APIs' answers per metric of the spec; empty for resource metrics.
    fn custom_values(
        &self,
        index: usize,
        pods: &[Pod<'_>],
        now: SimTime,
    ) -> Vec<Option<Vec<PodValue>>> {
        let hpa = &self.hpas.states[index];
        let target = hpa.target.as_ref().ok();
        let workload = target.map(|target| target.workload.index());
        let single = |values: Vec<i64>| {
            values
                .into_iter()
                .map(|value| PodValue { pod: None, value })
                .collect()
        };
        let answer = |metric: &MetricSpec| match metric {
            MetricSpec::Resource { .. } | MetricSpec::ContainerResource { .. } => Some(Vec::new()),
            MetricSpec::Pods { name, selector, .. } => {
                let of = MetricOf::Pods(workload?);
                if self.is_metric_down(name, &of, now) {
                    return None;
                }
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
                if self.is_metric_down(name, &of, now) {
                    return None;
                }
                self.custom
                    .value(name, &of, selector.as_ref(), now)
                    .map(single)
            }
            MetricSpec::External { name, .. }
                if self.is_metric_down(name, &MetricOf::External, now) =>
            {
                None
            }
            MetricSpec::External { name, selector, .. } => self
                .custom
                .value(name, &MetricOf::External, selector.as_ref(), now)
                .map(single),
        };
        self.hpas.controllers[index]
            .spec()
            .metrics
            .iter()
            .map(answer)
            .collect()
    }

    fn record_decision(&mut self, index: usize, now: SimTime, decision: &Decision) {
        for event in &decision.events {
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
                message: event.message.clone(),
            });
        }
        let status = self.hpas.controllers[index].status();
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

/// What the resource metrics API lists of these pods.
fn resource_usage<'a>(
    members: &[PodId],
    store: &'a Store,
    links: &[PodLink],
    pipeline: &Pipeline,
) -> Listed<'a> {
    let mut listed = Listed {
        entries: Vec::with_capacity(members.len()),
        containers: Vec::with_capacity(members.len()),
    };
    let mut metrics = PodMetrics::default();
    for (place, id) in members.iter().enumerate() {
        let link: &PodLink = &links[id.slot()];
        let is_listed = |pod| pipeline.pod_metrics(pod, &mut metrics);
        if !link.metrics.is_some_and(is_listed) {
            continue;
        }
        let Some(pod) = store.pod(*id) else {
            continue;
        };
        let names = &pod.template.containers;
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

/// Looks an HPA's target up, if it is not known or not there any more.
fn find_target(hpa: &mut Hpa, store: &mut Store) {
    let is_there = |target: &Target| store.meta(target.object).is_some();
    if hpa.target.as_ref().is_ok_and(is_there) {
        return;
    }
    let Some(object) = store.hpa(hpa.id) else {
        return;
    };
    let (namespace, target) = (Arc::clone(&object.meta.namespace), &object.target);
    let kind = match target.kind.as_str() {
        "Deployment" => Kind::Deployment,
        "ReplicaSet" => Kind::ReplicaSet,
        "StatefulSet" => Kind::StatefulSet,
        kind => {
            // The RESTMapper knows no such kind.
            let group = target.group();
            let text = format!("no matches for kind \"{kind}\" in group \"{group}\"");
            hpa.target = Err(text);
            return;
        }
    };
    let found = store.find(kind, &namespace, &target.name);
    let entry = store.find_workload(kind, &namespace, &target.name);
    let (Some(object), Some(workload)) = (found, entry) else {
        let plural = kind.name().to_lowercase();
        hpa.target = Err(format!("{plural}s.apps \"{}\" not found", target.name));
        return;
    };
    let Some(selector) = store.selector(object).cloned() else {
        return;
    };
    let text: Vec<String> = selector
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    hpa.target = Ok(Target {
        object,
        workload,
        selection: store.select(&namespace, &selector),
        selector: text.join(","),
    });
}

/// A pod as the controller's informer shows it.
fn observed<'a>(link: &'a PodLink, pod: &'a api::Pod) -> Pod<'a> {
    let status = if pod.is_ready() {
        ReadyStatus::True
    } else {
        ReadyStatus::False
    };
    Pod {
        name: pod.name(),
        phase: match pod.phase {
            PodPhase::Pending => Phase::Pending,
            PodPhase::Running => Phase::Running,
            PodPhase::Succeeded => Phase::Succeeded,
            PodPhase::Failed => Phase::Failed,
        },
        deleting: pod.is_deleting(),
        start_time: pod.start_time,
        ready: pod.start_time.map(|_| ReadyCondition {
            status,
            last_transition: pod.ready_transition,
        }),
        requests: &link.requests,
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
