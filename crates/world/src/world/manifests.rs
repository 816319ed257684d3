//! The manifests, kept up to date: what `kubectl` reads and writes. A change passes the same
//! defaulting and validation as at the start and becomes writes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::components::with_context;
use super::registry::{Key, Registry};
use super::start::kind_of;
use super::{Event, Simulation};
use crate::api::{
    Clock, HorizontalPodAutoscaler, Kind, ObjectId, ObjectMeta, Placement, PodDisruptionBudget,
    PodId, PodTemplate, PodWrite, SelectionId, Write,
};
use crate::autoscaler::hpa::Status;
use crate::autoscaler::vpa::admission::LimitRange;
use crate::cluster::spec::{PdbSpec, WorkloadKind, WorkloadSpec};
use crate::controller::pod_control::{delete_pod, shorten_grace};
use crate::kubectl::command::Command;
use crate::kubelet::ConfigKeys;
use crate::scenario::model::{HpaObject, VpaObject};
use crate::scenario::{Admission, Object, Scenario, check_update, read_object};
use crate::sim::{Dist, SimDuration, SimTime};

/// All manifests, by kind, namespace and name.
#[derive(Debug, Clone, Default)]
pub(super) struct Manifests {
    values: BTreeMap<(String, String, String), Arc<Value>>,
    /// What has been deleted at some time.
    gone: BTreeSet<(String, String, String)>,
    registry: Registry,
    admission: Admission,
}

impl Manifests {
    /// Those of a scenario.
    pub(super) fn new(scenario: &Scenario) -> Self {
        let values = scenario.documents.iter().map(|document| {
            let (kind, namespace, name) = (&document.kind, &document.namespace, &document.name);
            let key = (kind.clone(), namespace.clone(), name.clone());
            (key, Arc::clone(&document.value))
        });
        let values: BTreeMap<Key, Arc<Value>> = values.collect();
        let mut registry = Registry::default();
        registry.begin(values.iter().map(|(key, value)| (key, &**value)));
        Self {
            values,
            gone: BTreeSet::new(),
            registry,
            admission: scenario.admission.clone(),
        }
    }

    /// A manifest.
    pub(super) fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<&Value> {
        let key = (kind.to_owned(), namespace.to_owned(), name.to_owned());
        self.values.get(&key).map(Arc::as_ref)
    }

    /// An object as the API server has it, of which there is nothing but the manifest.
    pub(super) fn shown(
        &self,
        (kind, namespace, name): (&str, &str, &str),
        value: &Value,
        uid: &str,
        clock: Clock,
    ) -> Value {
        let key = (kind.to_owned(), namespace.to_owned(), name.to_owned());
        self.registry
            .shown(&key, value, uid, |time| clock.print(time))
    }

    /// Forgets a manifest.
    pub(super) fn remove(&mut self, kind: &str, namespace: &str, name: &str) {
        let key = (kind.to_owned(), namespace.to_owned(), name.to_owned());
        self.values.remove(&key);
        self.registry.remove(&key);
        self.gone.insert(key);
        self.admission.remove(kind, namespace, name);
    }

    /// The manifest of the start of an object that is there since.
    pub(super) fn of_start<'a>(
        &self,
        (kind, namespace, name): (&str, &str, &str),
        scenario: &'a Scenario,
    ) -> Option<&'a Value> {
        let key = (kind.to_owned(), namespace.to_owned(), name.to_owned());
        let mut documents = scenario.documents.iter();
        let found = documents
            .find(|one| (&*one.kind, &*one.namespace, &*one.name) == (kind, namespace, name))?;
        (!self.gone.contains(&key)).then_some(&*found.value)
    }

    /// What the API server fills in and heeds.
    pub(super) fn admission(&self) -> &Admission {
        &self.admission
    }

    /// All LimitRanges of a namespace together, as the VPA heeds them.
    pub(super) fn limit_range(&self, namespace: &str) -> LimitRange {
        self.admission.limit_range(namespace)
    }

    /// Namespaces and names of all manifests of a kind.
    pub(super) fn of_kind(&self, kind: &str) -> impl Iterator<Item = (&str, &str)> {
        let keys = self.values.keys();
        keys.filter(move |(of, ..)| of == kind)
            .map(|(_, namespace, name)| (namespace.as_str(), name.as_str()))
    }

    /// A workload has an earlier template again.
    pub(super) fn restore_template(
        &mut self,
        (kind, namespace, name): (&str, &str, &str),
        template: &PodTemplate,
    ) {
        let key = (kind.to_owned(), namespace.to_owned(), name.to_owned());
        if let Some(value) = self.values.get_mut(&key)
            && template.whole.is_object()
        {
            Arc::make_mut(value)["spec"]["template"] = (**template.whole).clone();
        }
    }

    fn put(&mut self, object: &Object, value: Value, now: SimTime) {
        let key = (object.kind(), object.namespace(), object.name());
        let key = (key.0.to_owned(), key.1.to_owned(), key.2.to_owned());
        self.registry.put(&key, &value, now);
        self.values.insert(key, Arc::new(value));
        self.admission.put(object);
    }
}

/// The store's kind of this name.
pub(super) fn kind_in_store(kind: &str) -> Option<Kind> {
    Some(match kind {
        "Deployment" => Kind::Deployment,
        "ReplicaSet" => Kind::ReplicaSet,
        "StatefulSet" => Kind::StatefulSet,
        "DaemonSet" => Kind::DaemonSet,
        "Job" => Kind::Job,
        "CronJob" => Kind::CronJob,
        "PodDisruptionBudget" => Kind::PodDisruptionBudget,
        "HorizontalPodAutoscaler" => Kind::HorizontalPodAutoscaler,
        "VerticalPodAutoscaler" => Kind::VerticalPodAutoscaler,
        "ScaledObject" => Kind::ScaledObject,
        "ScaledJob" => Kind::ScaledJob,
        _ => return None,
    })
}

impl Simulation<'_> {
    /// Stores an object that a command has made or changed; the error is what kubectl prints.
    pub(super) fn store_value(
        &mut self,
        kind: &str,
        value: &Value,
        now: SimTime,
    ) -> Result<(), String> {
        if kind == "Node" {
            self.store_metadata(kind, value, now);
            return Ok(());
        }
        let admission = &self.manifests.admission;
        let object = read_object(value, admission).map_err(|refusal| refusal.to_string())?;
        let before = self
            .manifests
            .get(object.kind(), object.namespace(), object.name());
        let before = before.and_then(|before| Some((before, read_object(before, admission).ok()?)));
        if let Some((text, before)) = &before {
            check_update((text, before), (value, &object))
                .map_err(|refusal| refusal.to_string())?;
        }
        let before = before.map(|(_, before)| before);
        match (&object, &before) {
            (Object::Workload(spec), Some(Object::Workload(before))) => {
                self.change_workload(spec, before, now)?;
            }
            (Object::Workload(spec), _) => self.add_workload(spec, now),
            (Object::Hpa(hpa), _) => self.put_hpa(hpa, now),
            (Object::Pdb(pdb), _) => self.put_pdb(pdb, now),
            (Object::Vpa(vpa), _) => self.put_vpa(vpa, now),
            (Object::ScaledObject(object), _) => self.put_scaled_object(object, value, now)?,
            (Object::NodePool(pool), _) => self.put_node_pool(pool, now),
            (Object::NodeClass(class), _) => self.put_node_class(class, now),
            (Object::PriorityExpander(map), _) => self.put_priority_expander(map),
            (Object::ScaledJob(job, spec), _) => self.put_scaled_job(job, spec, value, now)?,
            (
                Object::Service(_)
                | Object::Config(_)
                | Object::PriorityClass(_)
                | Object::LimitRange(_)
                | Object::TriggerAuthentication(_),
                _,
            ) => {}
        }
        let key = (object.kind(), object.namespace(), object.name());
        self.hold_config(key, Some(value));
        self.store_metadata(kind, value, now);
        self.manifests.put(&object, value.clone(), now);
        Ok(())
    }

    /// A ConfigMap or a Secret is there from now on, or no longer.
    pub(super) fn hold_config(
        &mut self,
        (kind, namespace, name): (&str, &str, &str),
        object: Option<&Value>,
    ) {
        let kind = match kind {
            "ConfigMap" => "ConfigMap",
            "Secret" => "Secret",
            _ => return,
        };
        let key = (kind, namespace.to_owned(), name.to_owned());
        let keys = object.map(ConfigKeys::of);
        self.components.kubelet.hold_config(key, keys);
    }

    /// What commands will create is not there yet. Nobody misses what nobody speaks of: folders of
    /// manifests often lack what operators make.
    pub(super) fn miss_configs_to_come(&mut self) {
        for action in &self.scenario.actions {
            if !matches!(
                action.command.command,
                Command::Apply(_) | Command::Create(_)
            ) {
                continue;
            }
            for document in &action.documents {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let metadata = &document["metadata"];
                let key = (&document["kind"], &metadata["namespace"], &metadata["name"]);
                let (kind, namespace, name) = (text(key.0), text(key.1), text(key.2));
                if self.manifests.get(&kind, &namespace, &name).is_none() {
                    self.hold_config((&kind, &namespace, &name), None);
                }
            }
        }
        let documents = &self.scenario.documents;
        for one in documents {
            self.hold_config((&one.kind, &one.namespace, &one.name), Some(&one.value));
        }
    }

    /// `spec.schedulingGates` of a pod, which only ever lose gates.
    pub(super) fn put_gates(&mut self, value: &Value, now: SimTime) -> Result<(), String> {
        let text = |key: &str| value["metadata"][key].as_str().unwrap_or_default();
        let name = text("name");
        let Some((id, pod)) = self.find_pod(text("namespace"), name) else {
            return Ok(());
        };
        let known = pod.template.placement.as_ref();
        let known = known.map_or(&[][..], |one| one.gates.as_slice());
        let wanted = value["spec"]["schedulingGates"].as_array();
        let wanted = wanted.into_iter().flatten();
        let wanted: Vec<String> = wanted
            .map(|gate| gate["name"].as_str().unwrap_or_default().to_owned())
            .collect();
        if wanted == known {
            return Ok(());
        }
        if let Some(place) = wanted.iter().position(|gate| !known.contains(gate)) {
            return Err(format!(
                "The Pod {name:?} is invalid: spec.schedulingGates[{place}].name: Forbidden: only \
                 deletion is allowed, but found new scheduling gate '{}'",
                wanted[place]
            ));
        }
        let mut template = (*pod.template).clone();
        if let Some(placement) = &mut template.placement {
            placement.gates = wanted;
        }
        if template.placement.as_deref() == Some(&Placement::default()) {
            template.placement = None;
        }
        let write = PodWrite::Template(Arc::new(template));
        self.store.commit(now, Write::Pod(id, write));
        Ok(())
    }

    /// Labels and annotations of the objects of time zero, as in the manifests.
    pub(super) fn put_metadata(&mut self) {
        let documents = &self.scenario.documents;
        for document in documents {
            self.store_metadata(&document.kind, &document.value, SimTime::ZERO);
        }
    }

    /// Creates the pod of a manifest, which nobody owns.
    pub(super) fn add_pod(&mut self, value: &Value, now: SimTime) -> Result<(), String> {
        let object = read_object(value, &self.manifests.admission);
        let object = object.map_err(|refusal| refusal.to_string())?;
        if let Object::Workload(spec) = &object {
            self.add_workload(spec, now);
            self.store_metadata("Pod", value, now);
        }
        Ok(())
    }

    fn change_workload(
        &mut self,
        spec: &WorkloadSpec,
        before: &WorkloadSpec,
        now: SimTime,
    ) -> Result<(), String> {
        let kind = kind_of(spec);
        let Some(id) = self.store.find(kind, &spec.namespace, &spec.name) else {
            self.add_workload(spec, now);
            return Ok(());
        };
        let template_changes = spec.template != before.template;
        if template_changes
            && !matches!(
                id,
                ObjectId::Deployment(_)
                    | ObjectId::ReplicaSet(_)
                    | ObjectId::StatefulSet(_)
                    | ObjectId::DaemonSet(_)
                    | ObjectId::CronJob(_)
            )
        {
            let kind = kind.name();
            return Err(format!(
                "error: changing the pod template of a {kind} is not simulated yet"
            ));
        }
        if let ObjectId::Deployment(key) = id
            && spec.rollout != before.rollout
        {
            self.store
                .commit(now, Write::DeploymentSpec(key, spec.rollout));
        }
        if let ObjectId::DaemonSet(key) = id
            && let WorkloadKind::DaemonSet(update) = spec.kind
            && spec.kind != before.kind
        {
            self.store.commit(now, Write::DaemonSetUpdate(key, update));
        }
        if let ObjectId::StatefulSet(key) = id
            && let WorkloadKind::StatefulSet(update) = spec.kind
            && spec.kind != before.kind
        {
            let gate = self
                .scenario
                .controllers
                .cluster
                .max_unavailable_stateful_set;
            let update = update.behind_gate(gate);
            self.store.commit(now, Write::StatefulSetSpec(key, update));
        }
        if let ObjectId::Job(key) = id
            && let WorkloadKind::Job(spec) = &spec.kind
            && before.kind != WorkloadKind::Job(Arc::clone(spec))
        {
            self.store
                .commit(now, Write::JobSpec(key, Arc::clone(spec)));
        }
        if let ObjectId::CronJob(key) = id
            && let WorkloadKind::CronJob(spec) = &spec.kind
            && before.kind != WorkloadKind::CronJob(Arc::clone(spec))
        {
            self.store
                .commit(now, Write::CronJobSpec(key, Arc::clone(spec)));
        }
        if template_changes {
            let current = self.store.template(id).cloned();
            let template = current.map_or_else(
                || spec.template.clone(),
                |current| with_idle_usage(&spec.template, &current),
            );
            self.store
                .commit(now, Write::Template(id, Arc::new(template)));
        }
        if self.store.replicas(id).is_some() {
            self.store.commit(now, Write::Replicas(id, spec.replicas));
        }
        Ok(())
    }

    /// A new workload, with what the scenario says of one of its kind, namespace and name.
    pub(super) fn as_declared(&self, spec: &WorkloadSpec) -> WorkloadSpec {
        let mut spec = spec.clone();
        let is_same = |one: &&WorkloadSpec| {
            one.kind.name() == spec.kind.name()
                && one.namespace == spec.namespace
                && one.name == spec.name
        };
        if let Some(declared) = self.scenario.workloads.iter().find(is_same) {
            spec.startup = declared.startup.clone();
            spec.template = with_idle_usage(&spec.template, &declared.template);
        }
        if spec.lacks_run_time() {
            spec.startup.run_time = Some(Dist::Constant(WorkloadSpec::RUN_TIME));
        }
        spec
    }

    fn add_workload(&mut self, spec: &WorkloadSpec, now: SimTime) {
        let spec = &self.as_declared(spec);
        let (kind, namespace, name) = (kind_of(spec), &*spec.namespace, &*spec.name);
        let entry = Write::Workload(kind, namespace.into(), name.into());
        self.store.commit(now, entry);
        if let Some(workload) = self.store.find_workload(kind, namespace, name) {
            let startup = spec.startup.clone();
            self.components.kubelet.set_startup(workload, startup);
            self.create_object(spec, workload, now);
        }
    }

    /// Creates or changes an HPA. A new one is synced for the first time a period later; a
    /// change starts no sync.
    fn put_hpa(&mut self, hpa: &HpaObject, now: SimTime) {
        let kind = Kind::HorizontalPodAutoscaler;
        let found = self.store.find(kind, &hpa.namespace, &hpa.name);
        if let Some(ObjectId::HorizontalPodAutoscaler(id)) = found {
            if self.store.hpa(id).is_some_and(|of| of.target != hpa.target) {
                let target = Arc::new(hpa.target.clone());
                self.store.commit(now, Write::HpaTarget(id, target));
            }
            self.store
                .commit(now, Write::HpaSpec(id, Arc::new(hpa.spec.clone())));
            self.change_hpa(id, now);
            return;
        }
        let uid = format!("{kind}/{}/{}", hpa.namespace, hpa.name);
        let uid = self.components.pod_control.uid(&uid);
        let object = HorizontalPodAutoscaler {
            meta: ObjectMeta::new(&hpa.namespace, &hpa.name, uid, now),
            target: hpa.target.clone(),
            spec: Arc::new(hpa.spec.clone()),
            status: Arc::new(Status::default()),
        };
        let write = Write::CreateHorizontalPodAutoscaler(Box::new(object));
        if let Some(ObjectId::HorizontalPodAutoscaler(id)) = self.store.commit(now, write) {
            self.add_hpa(id, now);
        }
    }

    /// Creates or changes a VPA: updater and admission heed it at once, the recommender in its
    /// next pass.
    fn put_vpa(&mut self, vpa: &VpaObject, now: SimTime) {
        let kind = Kind::VerticalPodAutoscaler;
        let found = self.store.find(kind, &vpa.namespace, &vpa.name);
        let Some(ObjectId::VerticalPodAutoscaler(id)) = found else {
            self.create_vpa(vpa, now);
            return;
        };
        if self.store.vpa(id).is_some_and(|of| of.target != vpa.target) {
            let target = Arc::new(vpa.target.clone());
            self.store.commit(now, Write::VpaTarget(id, target));
        }
        self.store
            .commit(now, Write::VpaSpec(id, Arc::new(vpa.spec.clone())));
        self.change_vpa(id);
    }

    fn put_pdb(&mut self, pdb: &PdbSpec, now: SimTime) {
        let found = self
            .store
            .find(Kind::PodDisruptionBudget, &pdb.namespace, &pdb.name);
        if let Some(id) = found {
            self.store.commit(now, Write::Delete(id));
        }
        let uid = format!("PodDisruptionBudget/{}/{}", pdb.namespace, pdb.name);
        let uid = self.components.pod_control.uid(&uid);
        let object = PodDisruptionBudget {
            meta: ObjectMeta::new(&pdb.namespace, &pdb.name, uid, now),
            selector: Arc::new(pdb.selector.clone()),
            selection: SelectionId::default(),
            min_available: pdb.min_available,
            max_unavailable: pdb.max_unavailable,
            always_allow_unhealthy: pdb.always_allow_unhealthy,
        };
        let write = Write::CreatePodDisruptionBudget(Box::new(object));
        self.store.commit(now, write);
    }

    /// A delete call for a pod; a grace period in seconds may take the place of its own.
    pub(super) fn delete_pod(&mut self, id: PodId, grace: Option<i64>, now: SimTime) {
        self.shorten_grace(id, grace, now);
        with_context!(self, now, Event::GarbageCollector, |_all, cx| {
            delete_pod(id, cx);
        });
    }

    /// A grace period in seconds takes the place of a pod's own.
    pub(super) fn shorten_grace(&mut self, id: PodId, grace: Option<i64>, now: SimTime) {
        if let Some(seconds) = grace {
            let grace = SimDuration::from_secs(seconds.max(0));
            with_context!(self, now, Event::GarbageCollector, |_all, cx| {
                shorten_grace(id, grace, cx);
            });
        }
    }
}

/// A template as a manifest has it, with what the scenario says of its containers.
fn with_idle_usage(template: &PodTemplate, current: &PodTemplate) -> PodTemplate {
    let mut template = template.clone();
    let PodTemplate {
        containers,
        init_containers,
        ..
    } = &mut template;
    for container in containers.iter_mut().chain(init_containers) {
        let mut known = current.lasting();
        if let Some(same) = known.find(|one| one.name == container.name) {
            container.idle_cpu = same.idle_cpu;
            container.idle_memory = same.idle_memory;
        }
    }
    template
}
