//! HPAs that are created, changed and deleted; their targets, and other HPAs on the same pods.

use std::sync::Arc;

use super::forecasts::Forecasts;
use super::{Hpa, Known, Target, apis};
use crate::api::{HpaId, Kind, SelectionId, Store};
use crate::autoscaler::hpa::{Config, Controller};
use crate::controller::podautoscaler;
use crate::record::{HpaRecord, WorkloadRecord};
use crate::scenario::model::From;
use crate::sim::{SimDuration, SimTime};
use crate::world::build::tell_spec;
use crate::world::components::with_context;
use crate::world::load_steps::load_steps;
use crate::world::{Event, Simulation};

impl Simulation<'_> {
    /// Begins the syncs of the HPAs that are there: at random within their period, or a period
    /// after they are applied.
    pub(in crate::world) fn start_hpas(&mut self) {
        let period = self.scenario.controllers.hpa.sync_period;
        let ids: Vec<HpaId> = self.store.hpas().map(|(id, _)| id).collect();
        let now = SimTime::ZERO;
        for (place, id) in ids.into_iter().enumerate() {
            let drawn = SimDuration((period.0 as f64 * self.stream.unit()) as i64);
            let phase = match self.scenario.simulation.from {
                From::Steady => drawn,
                From::Apply => period,
            };
            let Some(index) = self.know_hpa(id) else {
                continue;
            };
            if index >= self.recorder.recording.hpas.len() {
                self.record_hpa(index, now);
            }
            if let Some(forecasts) = &self.hpas.states[index].forecasts {
                self.recorder.recording.hpas[index].forecasts = forecasts.records();
            }
            let stated = self.scenario.hpas.get(place).map(|hpa| &hpa.first_syncs);
            let stated = stated.filter(|syncs| !syncs.is_empty());
            let syncs = stated.cloned().unwrap_or_else(|| vec![now + phase]);
            with_context!(self, now, Event::Hpa, |all, cx| {
                all.autoscalers.begin(index as u32, &syncs, cx);
            });
            let target = self.hpas.states[index].target.as_ref().ok();
            let replicas = target.and_then(|target| self.store.replicas(target.object));
            let replicas = replicas.unwrap_or_default();
            self.recorder.sync(index, now, replicas, &[], None);
        }
        self.hpas.begun = true;
        let phase = SimDuration((period.0 as f64 * self.stream.unit()) as i64);
        self.queue
            .schedule(now + phase, Event::Hpa(podautoscaler::Event::Resync));
    }

    /// Begins to keep what the controller remembers of an HPA; returns its index.
    fn know_hpa(&mut self, id: HpaId) -> Option<usize> {
        let config = self.hpa_config(id);
        let hpa = self.store.hpa(id)?;
        let (namespace, target) = (&hpa.meta.namespace, &hpa.target);
        let reference = format!("{}/{namespace}/{}", target.kind, target.name);
        let spec = (*hpa.spec).clone();
        let mut made = Hpa {
            id,
            reference,
            target: Err(String::new()),
            known: Known::default(),
            forecasts: None,
            gone: false,
        };
        find_target(&mut made, &mut self.store);
        let index = self.hpas.states.len();
        let autoscalers = &mut self.components.autoscalers;
        autoscalers.set_metrics(index as u32, apis(&spec));
        autoscalers.set_period(index as u32, config.sync_period);
        let mut controller = Controller::new(spec, config);
        let name = hpa_name(&self.store, id);
        made.forecasts = self.add_models(&name, &mut controller);
        self.hpas.controllers.push(controller);
        self.hpas.states.push(made);
        Some(index)
    }

    /// The controller's settings for an HPA.
    fn hpa_config(&self, id: HpaId) -> Config {
        let mut config = self.scenario.controllers.hpa.clone();
        if !self.scenario.predictive.is_empty() {
            let (namespace, name) = hpa_name(&self.store, id);
            let mut all = self.scenario.predictive.iter();
            let own = all.find(|one| (&one.namespace, &one.name) == (&namespace, &name));
            if let Some(own) = own {
                own.tuning.apply(&mut config);
            }
        }
        config
    }

    /// Puts the models of the scenario beside an HPA of this namespace and name.
    fn add_models(
        &self,
        (namespace, name): &(String, String),
        controller: &mut Controller,
    ) -> Option<Box<Forecasts>> {
        let mut all = self.scenario.predictive.iter();
        let of = all.find(|one| (&one.namespace, &one.name) == (namespace, name))?;
        let period = controller.config().sync_period;
        let epoch = self.scenario.controllers.vpa.clock.unix_start;
        let epoch = epoch.saturating_mul(1_000_000_000);
        controller.set_predictor(of.predictor(period, epoch));
        Some(Box::new(Forecasts::new(of, period)))
    }

    /// An HPA was created during the run: its first sync comes a period later.
    pub(in crate::world) fn add_hpa(&mut self, id: HpaId, now: SimTime) {
        // Those of the start are all taken up together.
        if !self.hpas.begun || self.know_again(id, now) {
            return;
        }
        if let Some(index) = self.know_hpa(id) {
            self.record_hpa(index, now);
            self.queue_hpa(index, now);
        }
    }

    /// Whether an HPA of this namespace and name was there before: the controller knows HPAs by
    /// these, and forgets one when a sync does not find it any more. The status is the new
    /// object's in any case.
    fn know_again(&mut self, id: HpaId, now: SimTime) -> bool {
        let Some(hpa) = self.store.hpa(id) else {
            return false;
        };
        let (namespace, name) = (Arc::clone(&hpa.meta.namespace), Arc::clone(&hpa.meta.name));
        let spec = (*hpa.spec).clone();
        let mut records = self.recorder.recording.hpas.iter();
        let same = |record: &HpaRecord| *record.name == *name && record.namespace == namespace;
        let Some(index) = records.position(same) else {
            return false;
        };
        let state = &mut self.hpas.states[index];
        state.id = id;
        if std::mem::take(&mut state.gone) {
            let config = self.hpa_config(id);
            let mut controller = Controller::new(spec, config);
            let made = self.add_models(&hpa_name(&self.store, id), &mut controller);
            self.hpas.controllers[index] = controller;
            self.hpas.states[index].forecasts = made;
        } else {
            self.hpas.controllers[index].renew();
        }
        self.change_hpa(id, now);
        true
    }

    /// Adds the record of an HPA.
    fn record_hpa(&mut self, index: usize, now: SimTime) {
        let config = self.hpa_config(self.hpas.states[index].id);
        let state = &self.hpas.states[index];
        let (Some(hpa), target) = (self.store.hpa(state.id), &state.target) else {
            return;
        };
        let (spec, meta) = (Arc::clone(&hpa.spec), &hpa.meta);
        let (namespace, name) = (Arc::clone(&meta.namespace), meta.name.to_string());
        let forecasts = state.forecasts.as_deref();
        let forecasts = forecasts.map_or_else(Vec::new, Forecasts::records);
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
            forecasts,
            ..HpaRecord::default()
        };
        tell_spec(&mut record, &spec, &config, now);
        record.load_steps = load_steps(self.scenario, workload, &spec);
        record.load_steps.retain(|step| step.0 >= now);
        self.recorder.add_hpa(record);
        self.tell_shown(index);
    }

    /// The spec of an HPA was changed during the run: that brings no sync forward.
    pub(in crate::world) fn change_hpa(&mut self, id: HpaId, now: SimTime) {
        let place = self.hpas.states.iter().position(|hpa| hpa.id == id);
        let (Some(index), Some(hpa)) = (place, self.store.hpa(id)) else {
            return;
        };
        let config = &self.hpa_config(id);
        let record = &mut self.recorder.recording.hpas[index];
        tell_spec(record, &hpa.spec, config, now);
        let spec = (*hpa.spec).clone();
        let state = &mut self.hpas.states[index];
        let (namespace, target) = (&hpa.meta.namespace, &hpa.target);
        let reference = format!("{}/{namespace}/{}", target.kind, target.name);
        if state.reference != reference {
            state.reference = reference;
            state.target = Err(String::new());
        }
        let autoscalers = &mut self.components.autoscalers;
        autoscalers.set_metrics(index as u32, apis(&spec));
        self.hpas.controllers[index].set_spec(spec);
        self.tell_shown(index);
        self.hpas.respecified(index);
        self.queue_hpa(index, now);
    }

    fn queue_hpa(&mut self, index: usize, now: SimTime) {
        with_context!(self, now, Event::Hpa, |all, cx| {
            all.autoscalers.changed(index as u32, cx);
        });
    }

    /// The HPAs that select some of an HPA's pods, itself included, if there are several
    /// (`hpasControllingPodsUnderSelector`).
    pub(super) fn rivals(&self, index: usize) -> Vec<String> {
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
}

/// Namespace and name of an HPA.
fn hpa_name(store: &Store, id: HpaId) -> (String, String) {
    let meta = store.hpa(id).map(|hpa| &hpa.meta);
    meta.map_or_else(Default::default, |meta| {
        (meta.namespace.to_string(), meta.name.to_string())
    })
}

/// Looks an HPA's target up, if it is not known or not there any more.
pub(super) fn find_target(hpa: &mut Hpa, store: &mut Store) {
    let is_there = |target: &Target| store.meta(target.object).is_some();
    if hpa.target.as_ref().is_ok_and(is_there) {
        return;
    }
    let Some(object) = store.hpa(hpa.id) else {
        return;
    };
    let (namespace, target) = (Arc::clone(&object.meta.namespace), &object.target);
    let simulated = if target.group() == "apps" {
        target.kind.as_str()
    } else {
        ""
    };
    let kind = match simulated {
        "Deployment" => Kind::Deployment,
        "ReplicaSet" => Kind::ReplicaSet,
        "StatefulSet" => Kind::StatefulSet,
        "DaemonSet" => {
            // It has no scale subresource.
            hpa.target = Err("the server could not find the requested resource".to_owned());
            return;
        }
        _ => {
            // The RESTMapper knows no such kind.
            let (kind, group) = (&target.kind, target.group());
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
    hpa.target = Ok(Target {
        object,
        workload,
        selection: store.select(&namespace, &selector),
        selector: selector.to_string(),
    });
}
