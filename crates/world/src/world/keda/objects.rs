//! ScaledObjects that are created, changed and deleted.

use std::sync::Arc;

use serde_json::Value;

use super::{Event, Object, Turn};
use crate::api::{
    EventKind, KedaStatus, Kind, ObjectId, ObjectMeta, ScaledObject, ScaledObjectId, Write,
};
use crate::autoscaler::keda::{
    self, ExistingHpa, FORCE_ACTIVATION, PAUSED, PAUSED_REPLICAS, PAUSED_SCALE_IN,
    PAUSED_SCALE_OUT, ScaledObjectState, TargetContainer, TargetPods, admit, not_simulated,
};
use crate::metrics::spec::MetricSource;
use crate::scenario::model::{From, TriggerSource};
use crate::sim::{SimDuration, SimTime};
use crate::units::{Bytes, Millicores};
use crate::world::{self, Simulation};

/// The annotations whose change brings a reconcile about.
const WATCHED: [&str; 5] = [
    PAUSED,
    PAUSED_REPLICAS,
    PAUSED_SCALE_IN,
    PAUSED_SCALE_OUT,
    FORCE_ACTIVATION,
];

/// A ScaledObject's `spec` with what its schema fills in.
fn with_defaults(mut spec: Value) -> Value {
    if let Some(fallback) = spec.get_mut("fallback").and_then(Value::as_object_mut) {
        let behavior = fallback.entry("behavior").or_insert(Value::Null);
        if behavior.is_null() {
            *behavior = "static".into();
        }
    }
    spec
}

impl Simulation<'_> {
    /// Creates the ScaledObjects of the scenario. In a settled cluster they have been reconciled,
    /// and their loops are anywhere within their polling intervals.
    pub(in crate::world) fn create_scaled_objects(&mut self) {
        let scenario = self.scenario;
        let now = SimTime::ZERO;
        for object in &scenario.scaled_objects {
            let metadata = &object.metadata;
            let (namespace, name) = (&metadata.namespace, &metadata.name);
            let spec = self.manifests.get("ScaledObject", namespace, name);
            let spec = spec.map_or(Value::Null, |value| value["spec"].clone());
            self.create_scaled_object(object, spec, now);
            if scenario.simulation.from == From::Apply {
                // What it refuses was refused before the run.
                let warnings = self.admit_scaled_object(object).unwrap_or_default();
                self.tell_of_webhook(object, warnings);
            }
        }
        // Nobody reads what was printed then.
        self.keda.warnings.clear();
        if scenario.simulation.from == From::Steady {
            for index in 0..self.keda.objects.len() {
                self.reconcile_scaled_object(index, now);
            }
            // That was long ago.
            self.events.take_each(|_, _| {});
        }
    }

    /// Creates a ScaledObject.
    fn create_scaled_object(&mut self, object: &keda::ScaledObject, spec: Value, now: SimTime) {
        let metadata = &object.metadata;
        let (namespace, name) = (metadata.namespace.as_str(), metadata.name.as_str());
        let uid = format!("ScaledObject/{namespace}/{name}");
        let uid = self.components.pod_control.uid(&uid);
        let made = ScaledObject {
            meta: ObjectMeta::new(namespace, name, uid, now),
            spec: Arc::new(with_defaults(spec)),
            status: Arc::new(KedaStatus::default()),
        };
        let write = Write::CreateScaledObject(Box::new(made));
        let Some(ObjectId::ScaledObject(id)) = self.store.commit(now, write) else {
            return;
        };
        let epoch = self.scenario.controllers.vpa.clock.unix_start;
        let index = self.keda.objects.len();
        self.keda.objects.push(Object {
            id,
            namespace: namespace.into(),
            name: name.into(),
            state: ScaledObjectState::new(object.clone(), now, epoch),
            loops: 0,
            turn: Turn::default(),
            deleted: false,
        });
        self.plan_pushes(index, now);
        if now > SimTime::ZERO || self.scenario.simulation.from == From::Apply {
            self.queue_reconcile(index, now);
        }
    }

    /// Creates or changes a ScaledObject; the error is what kubectl prints.
    pub(in crate::world) fn put_scaled_object(
        &mut self,
        object: &keda::ScaledObject,
        value: &Value,
        now: SimTime,
    ) -> Result<(), String> {
        let warnings = self.admit_scaled_object(object)?;
        let metadata = &object.metadata;
        let found = self
            .store
            .find(Kind::ScaledObject, &metadata.namespace, &metadata.name);
        let Some(ObjectId::ScaledObject(id)) = found else {
            self.create_scaled_object(object, value["spec"].clone(), now);
            self.tell_of_webhook(object, warnings);
            return Ok(());
        };
        let Some(index) = self.keda.objects.iter().position(|one| one.id == id) else {
            return Ok(());
        };
        self.tell_of_webhook(object, warnings);
        let before = self.store.scaled_object(id);
        let spec = with_defaults(value["spec"].clone());
        let spec_changes = before.is_some_and(|before| *before.spec != spec);
        if spec_changes {
            let write = Write::ScaledObjectSpec(id, Arc::new(spec));
            self.store.commit(now, write);
        }
        let mut object = object.clone();
        let meta = self.store.meta(ObjectId::ScaledObject(id));
        object.metadata.generation = meta.map_or(1, |meta| meta.generation);
        let state = &mut self.keda.objects[index].state;
        let old = &state.object().metadata;
        let differs = |key: &&str| old.annotation(key) != object.metadata.annotation(key);
        let reconciles = spec_changes || WATCHED.iter().any(differs);
        state.set_object(object);
        if reconciles {
            self.queue_reconcile(index, now);
        }
        Ok(())
    }

    /// The admission webhook's warnings: kubectl prints them, and events tell them.
    fn tell_of_webhook(&mut self, object: &keda::ScaledObject, warnings: Vec<String>) {
        let metadata = &object.metadata;
        let found = self
            .store
            .find(Kind::ScaledObject, &metadata.namespace, &metadata.name);
        for warning in warnings {
            if let Some(id) = found {
                self.events
                    .add(id, EventKind::Normal, keda::SCALERS_INFO, || {
                        warning.clone()
                    });
            }
            self.keda.warnings.push(warning);
        }
    }

    /// What kubectl prints of the webhook's warnings.
    pub(in crate::world) fn take_webhook_warnings(&mut self) -> Vec<String> {
        let warnings = std::mem::take(&mut self.keda.warnings).into_iter();
        warnings.map(|text| format!("Warning: {text}")).collect()
    }

    /// The admission webhook's answer.
    fn admit_scaled_object(&self, object: &keda::ScaledObject) -> Result<Vec<String>, String> {
        let namespace = object.metadata.namespace.as_str();
        let there = self.keda.objects.iter().filter(|one| !one.deleted);
        let others: Vec<keda::ScaledObject> = there
            .filter(|one| *one.namespace == *namespace)
            .map(|one| one.state.object().clone())
            .collect();
        let hpas = self
            .store
            .hpas()
            .filter(|(_, hpa)| *hpa.meta.namespace == *namespace);
        let hpas: Vec<ExistingHpa> = hpas
            .map(|(_, hpa)| {
                let owner = hpa.meta.owner.and_then(|owner| self.store.meta(owner));
                let checked = hpa
                    .meta
                    .annotations
                    .get("validations.keda.sh/hpa-ownership");
                ExistingHpa {
                    name: hpa.meta.name.to_string(),
                    target_kind: format!("{}.{}", hpa.target.api_version, hpa.target.kind),
                    target_name: hpa.target.name.clone(),
                    owner: owner.map(|meta| meta.name.to_string()),
                    unchecked: checked.is_some_and(|value| value == "false"),
                }
            })
            .collect();
        let reference = &object.spec.scale_target_ref;
        let target = self.scale_target(namespace, reference);
        let containers = target
            .clone()
            .ok()
            .and_then(|target| self.store.template(target))
            .map(|template| {
                let containers = template.containers.iter();
                let read = |container: &crate::api::ContainerSpec| TargetContainer {
                    name: container.name.clone(),
                    has_cpu: container.cpu_request.max(container.cpu_limit) > Some(Millicores(0)),
                    has_memory: container.memory_request.max(container.memory_limit)
                        > Some(Bytes(0)),
                };
                containers.map(read).collect::<Vec<_>>()
            });
        let pods = match (reference.version_and_kind(), &containers) {
            (("apps/v1", "Deployment" | "StatefulSet"), Some(containers)) => {
                TargetPods::Of(containers)
            }
            (("apps/v1", kind @ ("Deployment" | "StatefulSet")), None) if target.is_err() => {
                TargetPods::Missing(format!("{kind}.apps \"{}\" not found", reference.name))
            }
            _ => TargetPods::Unchecked,
        };
        admit(object, &others, &hpas, &pods).map_err(|why| {
            if let Some(fault) = not_simulated(&why) {
                return format!("error: this formula cannot be simulated: {fault}");
            }
            let reason = match &pods {
                TargetPods::Missing(missing) if *missing == why => "NotFound",
                _ => "Forbidden",
            };
            format!(
                "Error from server ({reason}): admission webhook \"vscaledobject.kb.io\" denied the request: {why}"
            )
        })
    }

    /// A ScaledObject is to be deleted: the operator's finalizer comes first.
    pub(in crate::world) fn delete_scaled_object(&mut self, id: ScaledObjectId, now: SimTime) {
        if let Some(index) = self.keda.objects.iter().position(|one| one.id == id) {
            self.keda.objects[index].deleted = true;
            self.queue_reconcile(index, now);
        }
    }

    /// Queues a reconcile, if none is due as soon.
    pub(super) fn queue_reconcile(&mut self, index: usize, now: SimTime) {
        let latency = self.scenario.controllers.cluster.api_latency;
        if let Some(at) = self.keda.objects[index].turn.ask(now + latency) {
            let event = Event::Reconcile(index as u32);
            self.queue.schedule(at, world::Event::Keda(event));
        }
    }

    /// Plans when push scalers tell that they have become active, as far as that is declared.
    fn plan_pushes(&mut self, index: usize, now: SimTime) {
        let object = &self.keda.objects[index];
        let is_own = |source: &&TriggerSource| {
            let of = &source.of;
            of.kind == "ScaledObject"
                && *of.namespace == *object.namespace
                && *of.name == *object.name
        };
        let sources = self.scenario.trigger_sources.iter().filter(is_own);
        let triggers = &object.state.object().spec.triggers;
        let mut planned = Vec::new();
        for source in sources {
            let pushes = triggers.get(source.of.trigger);
            let pushes = pushes.is_some_and(|trigger| trigger.kind == "external-push");
            let (true, MetricSource::Series(points)) = (pushes, &source.source) else {
                continue;
            };
            let mut active = false;
            for (time, value) in points {
                let is_active = *value > source.external.activation;
                let told = *time + source.delay;
                // What was told before is what the first poll finds.
                if is_active && !active && (told > now || now == SimTime::ZERO) {
                    let told = told.max(now + SimDuration(1));
                    planned.push((told, source.of.trigger as u32));
                }
                active = is_active;
            }
        }
        for (time, trigger) in planned {
            let event = Event::Pushed(index as u32, trigger);
            self.queue.schedule(time, world::Event::Keda(event));
        }
    }
}
