//! The operator's reconciles and scale loops: decision → cluster and recording.

use std::sync::Arc;

use super::sources::{WorldSources, is_silent};
use super::{Event, Turn};
use crate::api::{EventKind, Kind, ObjectId, PodPhase, Store, Write};
use crate::autoscaler::keda::{
    self, ConditionStatus, ConditionType, Decision, HpaChange, NoTarget, ScaleTarget,
    ScaledObjectState, Surroundings, Target,
};
use crate::record::Detail;
use crate::scenario::model::Component;
use crate::sim::SimTime;
use crate::world::{self, Simulation};

impl Simulation<'_> {
    pub(in crate::world) fn handle_keda(&mut self, event: Event, now: SimTime) {
        match event {
            Event::Reconcile(index) => {
                if self.keda.objects[index as usize].turn.take(now) {
                    self.reconcile_scaled_object(index as usize, now);
                }
            }
            Event::Poll(index, number) => {
                // What is due at the same time was asked for before.
                if self.keda.objects[index as usize].turn.take(now) {
                    self.reconcile_scaled_object(index as usize, now);
                }
                let object = &self.keda.objects[index as usize];
                if object.loops == number && object.state.is_polling() && !self.keda.is_down {
                    self.poll_scaled_object(index as usize, now);
                }
            }
            Event::Pushed(index, trigger) => {
                let object = &self.keda.objects[index as usize];
                let of = ("ScaledObject", &*object.namespace, &*object.name);
                let is_silent = is_silent(self.scenario, of, trigger as usize, now);
                if !self.keda.is_down && !object.deleted && !is_silent {
                    let push = |state: &mut ScaledObjectState, around: &mut Surroundings<'_>| {
                        state.push_activated(trigger as usize, around)
                    };
                    self.decide(index as usize, now, push);
                }
            }
            Event::ReconcileJob(index) => {
                if self.keda.jobs[index as usize].turn.take(now) {
                    self.reconcile_scaled_job(index as usize, now);
                }
            }
            Event::PollJob(index, number) => {
                if self.keda.jobs[index as usize].turn.take(now) {
                    self.reconcile_scaled_job(index as usize, now);
                }
                self.poll_scaled_job(index as usize, number, now);
            }
        }
    }

    /// One reconcile; one that starts a loop polls at once.
    pub(super) fn reconcile_scaled_object(&mut self, index: usize, now: SimTime) {
        let object = &self.keda.objects[index];
        if self.keda.is_down || self.store.scaled_object(object.id).is_none() {
            return;
        }
        if object.deleted {
            self.finalize_scaled_object(index, now);
            return;
        }
        self.find_generated_hpa(index);
        let decision = self.decide(index, now, ScaledObjectState::reconcile);
        let object = &mut self.keda.objects[index];
        if let Some(at) = object.turn.finish(decision.error.is_some(), now) {
            let event = Event::Reconcile(index as u32);
            self.queue.schedule(at, world::Event::Keda(event));
        }
        let object = &mut self.keda.objects[index];
        if decision.stop_loop {
            object.loops += 1;
        }
        if decision.start_loop {
            object.loops += 1;
            let object = &self.keda.objects[index];
            let event = Event::Poll(index as u32, object.loops);
            let interval = object.state.polling_interval();
            let (namespace, name) = (&object.namespace, &object.name);
            let phase = self.keda.phase("ScaledObject", namespace, name);
            if self.begin_loop(event, interval, phase, now) {
                self.poll_scaled_object(index, now);
            }
        }
    }

    /// One poll. The timer of the next one starts before it.
    fn poll_scaled_object(&mut self, index: usize, now: SimTime) {
        let object = &self.keda.objects[index];
        let event = Event::Poll(index as u32, object.loops);
        let next = now + object.state.polling_interval();
        self.queue.schedule(next, world::Event::Keda(event));
        self.decide(index, now, ScaledObjectState::poll);
    }

    /// The object goes: the loop ends, the HPA goes with its owner if it still has one.
    fn finalize_scaled_object(&mut self, index: usize, now: SimTime) {
        self.decide(index, now, |state, _| state.finalize());
        // Told while the object still has a name.
        self.record_object_events(now);
        let object = ObjectId::ScaledObject(self.keda.objects[index].id);
        let hpas = self.store.hpas().map(|(_, hpa)| &hpa.meta);
        for meta in hpas.filter(|meta| meta.owner == Some(object)) {
            let kind = Kind::HorizontalPodAutoscaler.name();
            self.manifests.remove(kind, &meta.namespace, &meta.name);
        }
        self.store.commit(now, Write::Delete(object));
    }

    /// Lets an object decide something, and carries it out.
    fn decide(
        &mut self,
        index: usize,
        now: SimTime,
        decide: impl FnOnce(&mut ScaledObjectState, &mut Surroundings<'_>) -> Decision,
    ) -> Decision {
        let was_ready = self.is_ready(index);
        let decision = self.with_surroundings(index, now, decide);
        self.carry_out_decision(index, &decision, now);
        // A ScaledObject that becomes ready is reconciled once more.
        if was_ready == Some(false) && self.is_ready(index) == Some(true) {
            self.queue_reconcile(index, now);
        }
        decision
    }

    fn is_ready(&self, index: usize) -> Option<bool> {
        let status = self.keda.objects[index].state.status();
        let conditions = status.conditions.as_ref()?;
        Some(conditions.status(ConditionType::Ready) == ConditionStatus::True)
    }

    /// Calls an object's state with what is around it.
    pub(super) fn with_surroundings<T>(
        &mut self,
        index: usize,
        now: SimTime,
        call: impl FnOnce(&mut ScaledObjectState, &mut Surroundings<'_>) -> T,
    ) -> T {
        let is_down = self.is_down(Component::Prometheus, now);
        let target = self.target_of(index);
        let hpa_health = self.hpa_health(index);
        let environment = self.environment_of(index);
        let object = &mut self.keda.objects[index];
        let mut sources = WorldSources {
            scenario: self.scenario,
            store: &self.store,
            custom: &self.custom,
            traffic: &self.traffic,
            prometheus: self.prometheus.as_deref_mut().filter(|_| !is_down),
            first_source: self.keda.first_source,
            kind: "ScaledObject",
            namespace: Arc::clone(&object.namespace),
            name: Arc::clone(&object.name),
            triggers: object.state.object().spec.triggers.clone(),
            target: target.replicas.clone().map(|_| ()),
            environment,
            admission: self.manifests.admission(),
            now,
        };
        let around = &mut Surroundings {
            now,
            target: &target,
            sources: &mut sources,
            hpa_health,
        };
        call(&mut object.state, around)
    }

    fn carry_out_decision(&mut self, index: usize, decision: &Decision, now: SimTime) {
        let object = &self.keda.objects[index];
        let id = ObjectId::ScaledObject(object.id);
        self.tell_keda_events(id, &decision.events);
        for change in &decision.hpa {
            let done = match change {
                HpaChange::Create(hpa) | HpaChange::Update(hpa) => {
                    self.write_generated_hpa(index, hpa, now)
                }
                HpaChange::Delete(name) => {
                    let namespace = Arc::clone(&self.keda.objects[index].namespace);
                    self.remove_hpa(&namespace, name, now);
                    Ok(())
                }
            };
            if let Err(why) = done {
                self.keda.objects[index].state.set_found_hpa(None);
                self.queue_reconcile(index, now);
                let message =
                    format!("failed to ensure HPA is correctly created for ScaledObject: {why}");
                self.events
                    .warning(id, "ScaledObjectCheckFailed", || message);
            }
        }
        if let Some(replicas) = decision.set_replicas {
            let object = &self.keda.objects[index];
            let reference = &object.state.object().spec.scale_target_ref;
            if let Ok(target) = self.scale_target(&object.namespace, reference) {
                self.store.commit(now, Write::Replicas(target, replicas));
            }
        }
        self.write_keda_status(index, now);
    }

    pub(super) fn tell_keda_events(&mut self, id: ObjectId, events: &[keda::Event]) {
        for event in events {
            let kind = if event.warning {
                EventKind::Warning
            } else {
                EventKind::Normal
            };
            self.events
                .add(id, kind, event.reason, || event.message.clone());
        }
    }

    /// Writes the status and the label by which the metrics server finds the object.
    pub(super) fn write_keda_status(&mut self, index: usize, now: SimTime) {
        if self.recorder.detail != Detail::Full {
            return;
        }
        let object = &self.keda.objects[index];
        let Some(stored) = self.store.scaled_object(object.id) else {
            return;
        };
        let (id, status) = (object.id, object.state.status());
        let labels = &object.state.object().metadata.labels;
        let labels = (*stored.meta.labels != *labels).then(|| Arc::new(labels.clone()));
        let status = (*stored.status != *status).then(|| Arc::new(status.clone()));
        if let Some(labels) = labels {
            let object = ObjectId::ScaledObject(id);
            self.store.commit(now, Write::Labels(object, labels));
        }
        if let Some(status) = status {
            self.store
                .commit(now, Write::ScaledObjectStatus(id, status));
        }
    }

    /// The object that a ScaledObject scales, or why there is none.
    pub(super) fn scale_target(
        &self,
        namespace: &str,
        reference: &ScaleTarget,
    ) -> Result<ObjectId, NoTarget> {
        let (version, kind) = reference.version_and_kind();
        let name = &reference.name;
        let (known, plural) = match (version, kind) {
            ("apps/v1", "Deployment") => (Kind::Deployment, "deployments.apps"),
            ("apps/v1", "ReplicaSet") => (Kind::ReplicaSet, "replicasets.apps"),
            ("apps/v1", "StatefulSet") => (Kind::StatefulSet, "statefulsets.apps"),
            _ => return Err(self.no_scale((version, kind), namespace, name)),
        };
        let found = self.store.find(known, namespace, name);
        found.ok_or_else(|| NoTarget::NotFound(format!("{plural} \"{name}\" not found")))
    }

    /// What there is instead of an object that can be scaled.
    fn no_scale(&self, (version, kind): (&str, &str), namespace: &str, name: &str) -> NoTarget {
        let plural = match (version, kind) {
            ("apps/v1", "DaemonSet") => "daemonsets.apps",
            ("batch/v1", "CronJob") => "cronjobs.batch",
            ("batch/v1", "Job") => "jobs.batch",
            ("v1", "Pod") => "pods",
            ("v1", "Service") => "services",
            _ => {
                return NoTarget::UnknownKind(format!(
                    "no matches for kind \"{kind}\" in version \"{version}\""
                ));
            }
        };
        if self.manifests.get(kind, namespace, name).is_some() {
            NoTarget::NoScale("the server could not find the requested resource".to_owned())
        } else {
            NoTarget::NotFound(format!("{plural} \"{name}\" not found"))
        }
    }

    /// The scale target as the operator finds it.
    fn target_of(&self, index: usize) -> Target {
        let object = &self.keda.objects[index];
        let reference = &object.state.object().spec.scale_target_ref;
        let found = self.scale_target(&object.namespace, reference);
        // Deployments and StatefulSets are read from a cache, whose words are others.
        let words = |missing: NoTarget| match (reference.version_and_kind(), missing) {
            (("apps/v1", kind @ ("Deployment" | "StatefulSet")), NoTarget::NotFound(_)) => {
                format!("{kind}.apps \"{}\" not found", reference.name)
            }
            (_, missing) => missing.words().to_owned(),
        };
        let missing = found.as_ref().err().cloned();
        let found = found.map_err(words);
        let replicas = found.clone().and_then(|target| {
            let replicas = self.store.replicas(target);
            replicas.ok_or_else(|| "the server could not find the requested resource".to_owned())
        });
        Target {
            ready_replicas: found.map(|target| {
                if object.state.object().asks_for_ready_pods() {
                    ready_pods(&self.store, &object.namespace, target)
                } else {
                    0
                }
            }),
            replicas,
            write_error: None,
            missing,
        }
    }

    /// A fault of the operator begins or ends. When it is back it starts anew.
    pub(in crate::world) fn heed_keda_faults(&mut self, now: SimTime) {
        let is_down = self.is_down(Component::KedaOperator, now);
        if std::mem::replace(&mut self.keda.is_down, is_down) == is_down {
            return;
        }
        for index in 0..self.keda.objects.len() {
            let object = &mut self.keda.objects[index];
            object.loops += 1;
            if !is_down {
                object.state.restart();
                object.turn = Turn::default();
                self.queue_reconcile(index, now);
            }
        }
        self.restart_scaled_jobs(is_down, now);
    }
}

/// How many pods that a target selects are running and ready, those that terminate too
/// (`getReadyReplicasCount`).
fn ready_pods(store: &Store, namespace: &str, target: ObjectId) -> i32 {
    let Some(selector) = store.selector(target) else {
        return 0;
    };
    let pods = store.pods().filter(|(_, pod)| {
        pod.ready
            && pod.phase == PodPhase::Running
            && !pod.removed
            && *pod.meta.namespace == *namespace
            && selector.matches(&pod.meta.labels)
    });
    pods.count() as i32
}
