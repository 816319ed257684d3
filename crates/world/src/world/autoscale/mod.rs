//! The HPA's sync: cluster and metrics → observation → decision → cluster and recording.

mod added_up;
mod apis;
mod forecasts;
mod lives;
mod resources;
mod shown;
mod told;

use std::sync::Arc;

use super::build::may_be_looked_at;
use super::components::with_context;
use super::{Event, PodLink, Simulation};
use crate::api::{self, HpaId, ObjectId, PodId, PodPhase, SelectionId, WorkloadId, Write};
use crate::autoscaler::hpa::{
    ConditionStatus, ConditionType, Controller, Decision, HpaSpec, MetricSpec, Observation, Phase,
    Pod, PodUsage, PodValue, ReadyCondition, ReadyStatus, Scale, Status, Tally,
};
use crate::controller::podautoscaler::{self, MetricsApi, Written};
use crate::metrics::server::PodMetrics;
use crate::sim::SimTime;
use added_up::Known;
use lives::find_target;
use resources::{Listed, listed_by_adapter, resource_usage};
pub(super) use resources::{NO_RESOURCE_METRICS, entry_by_adapter};

/// All HPAs, each with its controller's memory, in the order of creation.
#[derive(Debug, Clone, Default)]
pub(super) struct Hpas {
    controllers: Vec<Controller>,
    states: Vec<Hpa>,
    /// The HPAs that use each selection, by its place.
    of_selection: Vec<Vec<usize>>,
    /// How often that has changed.
    selected: u64,
    /// How often pods of each workload have changed.
    changes: Vec<u64>,
    /// Memory of a sync, used again by the next.
    metrics: PodMetrics,
    tallies: Vec<Tally>,
    values: Vec<Option<f64>>,
    /// Whether the HPAs of the start have been taken up.
    begun: bool,
}

impl Hpas {
    /// The HPAs that were ever there, with their status.
    pub(super) fn statuses(&self) -> impl Iterator<Item = (HpaId, &Status)> {
        let states = self.states.iter().zip(&self.controllers);
        states.map(|(hpa, controller)| (hpa.id, controller.status()))
    }

    /// An HPA uses a selection from now on.
    fn select(&mut self, index: usize, selection: SelectionId) {
        let place = selection.0 as usize;
        if self.of_selection.len() <= place {
            self.of_selection.resize(place + 1, Vec::new());
        }
        if !self.of_selection[place].contains(&index) {
            self.forget(index);
            self.of_selection[place].push(index);
            self.selected += 1;
        }
    }

    /// Whether the condition `ScalingActive` of an HPA holds, its reason and its message.
    pub(super) fn scaling_active(&self, id: HpaId) -> Option<(bool, String, String)> {
        let index = self.states.iter().position(|hpa| hpa.id == id)?;
        let mut conditions = self.controllers[index].status().conditions.iter();
        let found = conditions.find(|one| one.kind == ConditionType::ScalingActive)?;
        let holds = found.status == ConditionStatus::True;
        Some((holds, found.reason.to_owned(), found.message.to_string()))
    }

    /// An HPA uses no selection any more.
    fn forget(&mut self, index: usize) {
        self.selected += 1;
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
    /// What is known of the pods that it selects.
    known: Known,
    /// The forecasts of the models beside it, if there are any.
    forecasts: Option<Box<forecasts::Forecasts>>,
    /// Whether a sync has found that it is gone: what the controller knew of it is forgotten.
    gone: bool,
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

impl Simulation<'_> {
    /// Carries out an event of the HPA controller: evaluates the HPAs that it leads to.
    pub(super) fn sync_hpas(&mut self, event: podautoscaler::Event, now: SimTime) {
        with_context!(self, now, Event::Hpa, |all, cx| {
            all.autoscalers.handle(event, cx);
        });
        loop {
            let next = with_context!(self, now, Event::Hpa, |all, cx| all.autoscalers.next(cx));
            let Some((hpa, answered)) = next else { return };
            let written = self.sync_hpa(hpa as usize, now);
            with_context!(self, now, Event::Hpa, |all, cx| {
                all.autoscalers.finish(hpa, answered, written, cx);
            });
        }
    }

    /// Evaluates an HPA and writes what comes of it; none if it is gone.
    fn sync_hpa(&mut self, index: usize, now: SimTime) -> Option<Written> {
        let hpa = &mut self.hpas.states[index];
        if self.store.hpa(hpa.id).is_none() {
            hpa.gone = true;
            self.hpas.forget(index);
            self.components.autoscalers.forget(index as u32);
            return None;
        }
        find_target(hpa, &mut self.store);
        // A PredictiveHorizontalPodAutoscaler is none that HPAs know of.
        if let Ok(target) = &hpa.target
            && !self.hpas.controllers[index].config().is_predictive
        {
            let selection = target.selection;
            self.hpas.select(index, selection);
        }
        let decision = match self.reconcile_added_up(index, now) {
            Some(decision) => decision,
            None => self.reconcile(index, now),
        };
        if decision.error.is_some() && !self.scenario.faults.is_empty() {
            self.blame_faults(now);
        }
        self.record_decision(index, now, &decision);
        let id = self.hpas.states[index].id;
        let detail = self.recorder.detail;
        if decision.status_changed && may_be_looked_at(self.scenario, detail, &self.store) {
            let status = self.hpas.controllers[index].status().clone();
            self.store
                .commit(now, Write::HpaStatus(id, Arc::new(status)));
        }
        if let (Some(replicas), Ok(target)) = (decision.write, &self.hpas.states[index].target) {
            self.store
                .commit(now, Write::Replicas(target.object, replicas));
        }
        let written = Written {
            scale: decision.write.is_some(),
            status: decision.status_changed,
            events: decision.events.len(),
        };
        self.hpas.controllers[index].keep(decision);
        Some(written)
    }

    /// What an HPA decides that looks at its pods and metrics one by one.
    fn reconcile(&mut self, index: usize, now: SimTime) -> Decision {
        let target = self.hpas.states[index].target.clone();
        let controller = &self.hpas.controllers[index];
        let rivals = if controller.config().is_predictive {
            Vec::new()
        } else {
            self.rivals(index)
        };
        let answers = self.metric_answers(index, now);
        let members: &[PodId] = match &target {
            Ok(target) => &self.store.selection(target.selection).members,
            Err(_) => &[],
        };
        let mut pods: Vec<Pod<'_>> = Vec::with_capacity(members.len());
        for id in members {
            if let Some(metrics) = self.pods[id.slot()].metrics {
                self.metrics.look_at(metrics);
            }
            if let Some(pod) = self.store.pod(*id) {
                pods.push(observed(&self.pods[id.slot()], pod));
            }
        }
        let by_adapter = self
            .adapter_serves_resources()
            .then(|| self.adapted(members, now));
        let listed = match &by_adapter {
            None => resource_usage(members, &self.store, &self.pods, &self.metrics),
            Some(Ok(usage)) => listed_by_adapter(members, &self.store, usage, now),
            Some(Err(_)) => Listed::default(),
        };
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
        let answers: Vec<Result<&[PodValue], &str>> = answers
            .iter()
            .map(|answer| answer.as_deref().map_err(String::as_str))
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
            resource_metrics: match &by_adapter {
                None if self.metrics.is_down() => Err(NO_RESOURCE_METRICS),
                Some(Err(error)) => Err(error),
                _ => Ok(&usage),
            },
            tallies: None,
            custom_metrics: &answers,
        };
        let controller = &mut self.hpas.controllers[index];
        controller.reconcile(&observation, now, |_| Ok(()))
    }

    /// Whether a sync of an HPA comes to its metrics: not if it cannot read the scale, or the
    /// target is at 0 or outside of the bounds, or others scale the same pods.
    pub(super) fn asks_for_metrics(&self, index: usize) -> bool {
        let Ok(target) = &self.hpas.states[index].target else {
            return false;
        };
        let controller = &self.hpas.controllers[index];
        if controller.config().is_predictive {
            return true;
        }
        let spec = controller.spec();
        let current = self.store.replicas(target.object).unwrap_or_default();
        let is_off = current == 0 && spec.min_replicas != 0;
        !is_off
            && (spec.min_replicas..=spec.max_replicas).contains(&current)
            && self.rivals(index).len() <= 1
    }

    /// The namespace of an HPA.
    pub(super) fn hpa_namespace(&self, index: usize) -> Arc<str> {
        let hpa = self.store.hpa(self.hpas.states[index].id);
        hpa.map_or_else(|| "".into(), |hpa| Arc::clone(&hpa.meta.namespace))
    }
}

/// The APIs that the metrics of a spec are read from.
fn apis(spec: &HpaSpec) -> Vec<MetricsApi> {
    let api = |metric: &MetricSpec| match metric {
        MetricSpec::Resource { .. }
        | MetricSpec::ContainerResource { .. }
        | MetricSpec::Unmeasured { .. } => Some(MetricsApi::Resource),
        MetricSpec::Pods { .. } | MetricSpec::Object { .. } => Some(MetricsApi::Custom),
        MetricSpec::External { .. } => Some(MetricsApi::External),
        // It fails before anybody is asked.
        MetricSpec::Untargeted { .. } => None,
    };
    spec.metrics.iter().filter_map(api).collect()
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
