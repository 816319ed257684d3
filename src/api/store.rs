//! The store: every object, the indexes over them, and the one way to write them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::autoscaling::{HorizontalPodAutoscaler, HpaId};
use super::index::{Counts, Selection, SelectionId, Selections, WorkloadEntry, WorkloadId};
use super::log::ChangeLog;
use super::meta::{Kind, Labels, ObjectId, ObjectMeta};
use super::node::{Node, NodeId, NodeInfo};
use super::pod::{Pod, PodId};
use super::policy::{PdbId, PodDisruptionBudget};
use super::resources::PodAmounts;
use super::template::PodTemplate;
use super::workload::{
    Deployment, DeploymentId, Job, JobId, ReplicaSet, ReplicaSetId, StatefulSet, StatefulSetId,
};
use super::write::{Change, PodWrite, What, Write};
use crate::controller::deployment::DeploymentSpec;
use crate::sim::{Arena, SimTime};

/// Pods created, deleted and there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ledger {
    /// Pod objects created.
    pub created: u64,
    /// Pod objects deleted.
    pub deleted: u64,
    /// Pod objects there.
    pub existing: u64,
}

/// All objects of the cluster.
#[derive(Debug, Clone, Default)]
pub struct Store {
    nodes: Arena<Node>,
    infos: Vec<NodeInfo>,
    pods: Arena<Pod>,
    deployments: Arena<Deployment>,
    replica_sets: Arena<ReplicaSet>,
    stateful_sets: Arena<StatefulSet>,
    jobs: Arena<Job>,
    pdbs: Arena<PodDisruptionBudget>,
    hpas: Arena<HorizontalPodAutoscaler>,
    /// Everything but pods, by kind, namespace and name.
    names: BTreeMap<(Kind, Arc<str>, Arc<str>), ObjectId>,
    workloads: Vec<WorkloadEntry>,
    selections: Selections,
    changes: VecDeque<Change>,
    removed: Vec<PodId>,
    log: Option<ChangeLog>,
    version: u64,
    created: u64,
    deleted: u64,
}

impl Store {
    /// An empty store that keeps its log.
    pub fn with_log() -> Self {
        Self {
            log: Some(ChangeLog::default()),
            ..Self::default()
        }
    }

    /// The log, if it is kept.
    pub fn log(&self) -> Option<&ChangeLog> {
        self.log.as_ref()
    }

    /// Takes the log, if it is kept.
    pub fn take_log(&mut self) -> Option<ChangeLog> {
        self.log.take()
    }

    /// Carries out a write: the only way in which an object changes. Returns the object, which
    /// an entry for a workload does not have yet. Writes of objects that are gone do nothing.
    pub fn commit(&mut self, now: SimTime, write: Write) -> Option<ObjectId> {
        if let Some(log) = &mut self.log {
            log.push(now, write.clone());
        }
        self.version += 1;
        Some(match write {
            Write::Workload(kind, namespace, name) => {
                self.workload_entry(kind, &namespace, &name);
                return None;
            }
            Write::Pod(id, write) => self.write_pod(now, id, &write),
            Write::CreatePod(pod) => self.create_pod(*pod),
            Write::RemovePod(id) => self.remove_pod(id),
            Write::Forget(id) => self.forget(id),
            write => self.write_other(write),
        })
    }

    fn write_other(&mut self, write: Write) -> ObjectId {
        match write {
            Write::CreateNode(mut node) => {
                node.meta.resource_version = self.version;
                let id = self.nodes.insert(*node);
                if self.infos.len() <= id.slot() {
                    self.infos.resize(id.slot() + 1, NodeInfo::default());
                }
                let daemons = self.node(id).daemons;
                self.infos[id.slot()] = NodeInfo {
                    requested: daemons,
                    nonzero: daemons,
                    ..NodeInfo::default()
                };
                self.created(ObjectId::Node(id))
            }
            Write::CreateDeployment(mut object) => {
                object.meta.resource_version = self.version;
                object.workload = self.entry_of(Kind::Deployment, &object.meta);
                let id = ObjectId::Deployment(self.deployments.insert(*object));
                self.created(id)
            }
            Write::CreateReplicaSet(mut object) => {
                object.meta.resource_version = self.version;
                if object.meta.owner.is_none() {
                    object.workload = self.entry_of(Kind::ReplicaSet, &object.meta);
                }
                let id = ObjectId::ReplicaSet(self.replica_sets.insert(*object));
                self.created(id)
            }
            Write::CreateStatefulSet(mut object) => {
                object.meta.resource_version = self.version;
                object.workload = self.entry_of(Kind::StatefulSet, &object.meta);
                let id = ObjectId::StatefulSet(self.stateful_sets.insert(*object));
                self.created(id)
            }
            Write::CreateJob(mut object) => {
                object.meta.resource_version = self.version;
                object.workload = self.entry_of(Kind::Job, &object.meta);
                let id = ObjectId::Job(self.jobs.insert(*object));
                self.created(id)
            }
            Write::CreatePodDisruptionBudget(mut object) => {
                object.meta.resource_version = self.version;
                let namespace = Arc::clone(&object.meta.namespace);
                object.selection = self.select(&namespace, &object.selector);
                let id = ObjectId::PodDisruptionBudget(self.pdbs.insert(*object));
                self.created(id)
            }
            Write::CreateHorizontalPodAutoscaler(mut object) => {
                object.meta.resource_version = self.version;
                let id = ObjectId::HorizontalPodAutoscaler(self.hpas.insert(*object));
                self.created(id)
            }
            Write::Delete(id) => {
                self.delete(id);
                self.tell(id, What::Deleted)
            }
            write => self.change_spec(write),
        }
    }

    fn change_spec(&mut self, write: Write) -> ObjectId {
        match write {
            Write::Replicas(id, replicas) => {
                let from = self
                    .replicas_mut(id)
                    .map(|of| std::mem::replace(of, replicas));
                match from {
                    Some(from) if from != replicas => {
                        self.touch(id, true);
                        self.tell(id, What::Scaled { from })
                    }
                    _ => id,
                }
            }
            Write::Template(id, template) => {
                if let Some(of) = self.template_mut(id) {
                    *of = template;
                }
                self.touch(id, true);
                self.tell(id, What::Spec)
            }
            Write::DeploymentSpec(key, spec) => {
                if let Some(object) = self.deployments.get_mut(key) {
                    let replicas = object.spec.replicas;
                    object.spec = DeploymentSpec { replicas, ..spec };
                }
                self.touch(ObjectId::Deployment(key), true);
                self.tell(ObjectId::Deployment(key), What::Spec)
            }
            Write::DeploymentStatus(key, status, revision) => {
                if let Some(object) = self.deployments.get_mut(key) {
                    object.status = status;
                    object.revision = revision;
                }
                self.touch(ObjectId::Deployment(key), false);
                self.tell(ObjectId::Deployment(key), What::Status)
            }
            Write::Rollout(key, rollout) => {
                if let Some(object) = self.replica_sets.get_mut(key) {
                    object.rollout = rollout;
                }
                self.touch(ObjectId::ReplicaSet(key), false);
                self.tell(ObjectId::ReplicaSet(key), What::Status)
            }
            Write::JobStatus(key, status) => {
                if let Some(job) = self.jobs.get_mut(key) {
                    job.status = status;
                }
                self.touch(ObjectId::Job(key), false);
                self.tell(ObjectId::Job(key), What::Status)
            }
            Write::HpaSpec(key, spec) => {
                if let Some(hpa) = self.hpas.get_mut(key) {
                    hpa.spec = spec;
                }
                self.touch(ObjectId::HorizontalPodAutoscaler(key), true);
                self.tell(ObjectId::HorizontalPodAutoscaler(key), What::Spec)
            }
            Write::HpaStatus(key, status) => {
                if let Some(hpa) = self.hpas.get_mut(key) {
                    hpa.status = status;
                }
                self.touch(ObjectId::HorizontalPodAutoscaler(key), false);
                self.tell(ObjectId::HorizontalPodAutoscaler(key), What::Status)
            }
            Write::Cordon(key, unschedulable) => {
                if let Some(node) = self.nodes.get_mut(key) {
                    node.unschedulable = unschedulable;
                }
                self.touch(ObjectId::Node(key), false);
                self.tell(ObjectId::Node(key), What::Spec)
            }
            Write::NodeReady(key, ready) => {
                if let Some(node) = self.nodes.get_mut(key) {
                    node.ready = ready;
                }
                self.touch(ObjectId::Node(key), false);
                self.tell(ObjectId::Node(key), What::Status)
            }
            Write::Labels(id, labels) => {
                if let Some(meta) = self.meta_mut(id) {
                    meta.labels = labels;
                }
                self.touch(id, false);
                self.tell(id, What::Spec)
            }
            Write::Annotations(id, annotations) => {
                if let Some(meta) = self.meta_mut(id) {
                    meta.annotations = annotations;
                }
                self.touch(id, false);
                self.tell(id, What::Spec)
            }
            _ => unreachable!("carried out before"),
        }
    }

    fn tell(&mut self, object: ObjectId, what: What) -> ObjectId {
        self.changes.push_back(Change { object, what });
        object
    }

    /// Tells of something that happened to an object without changing it.
    pub fn notify(&mut self, object: ObjectId, what: What) {
        self.tell(object, what);
    }

    /// The next change that nobody has taken yet.
    pub fn next_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// Takes all changes.
    pub fn take_changes(&mut self) -> impl Iterator<Item = Change> + '_ {
        self.changes.drain(..)
    }

    fn touch(&mut self, id: ObjectId, spec: bool) {
        let version = self.version;
        if let Some(meta) = self.meta_mut(id) {
            meta.resource_version = version;
            meta.generation += i64::from(spec);
        }
    }

    fn created(&mut self, id: ObjectId) -> ObjectId {
        let Some(meta) = self.meta(id) else { return id };
        let (namespace, name) = (Arc::clone(&meta.namespace), Arc::clone(&meta.name));
        if let Some(workload) = self.entry_of_object(id) {
            self.workloads[workload.index()].object = Some(id);
        }
        self.names.insert((id.kind(), namespace, name), id);
        self.tell(id, What::Created)
    }

    fn delete(&mut self, id: ObjectId) {
        if let Some(meta) = self.meta(id) {
            let key = (
                id.kind(),
                Arc::clone(&meta.namespace),
                Arc::clone(&meta.name),
            );
            self.names.remove(&key);
        }
        if let Some(workload) = self.entry_of_object(id) {
            self.workloads[workload.index()].object = None;
        }
        match id {
            ObjectId::Node(key) => drop(self.nodes.remove(key)),
            ObjectId::Pod(_) => unreachable!("pods are removed by RemovePod"),
            ObjectId::Deployment(key) => drop(self.deployments.remove(key)),
            ObjectId::ReplicaSet(key) => drop(self.replica_sets.remove(key)),
            ObjectId::StatefulSet(key) => drop(self.stateful_sets.remove(key)),
            ObjectId::Job(key) => drop(self.jobs.remove(key)),
            ObjectId::PodDisruptionBudget(key) => drop(self.pdbs.remove(key)),
            ObjectId::HorizontalPodAutoscaler(key) => drop(self.hpas.remove(key)),
        }
    }

    /// The workload entry whose own object this is: not a ReplicaSet below a Deployment.
    fn entry_of_object(&self, id: ObjectId) -> Option<WorkloadId> {
        match id {
            ObjectId::Deployment(key) => Some(self.deployments.get(key)?.workload),
            ObjectId::ReplicaSet(key) => {
                let object = self.replica_sets.get(key)?;
                object.meta.owner.is_none().then_some(object.workload)
            }
            ObjectId::StatefulSet(key) => Some(self.stateful_sets.get(key)?.workload),
            ObjectId::Job(key) => Some(self.jobs.get(key)?.workload),
            _ => None,
        }
    }

    fn entry_of(&mut self, kind: Kind, meta: &ObjectMeta) -> WorkloadId {
        let (namespace, name) = (Arc::clone(&meta.namespace), Arc::clone(&meta.name));
        self.workload_entry(kind, &namespace, &name)
    }

    fn workload_entry(&mut self, kind: Kind, namespace: &Arc<str>, name: &Arc<str>) -> WorkloadId {
        if let Some(id) = self.find_workload(kind, namespace, name) {
            return id;
        }
        self.workloads.push(WorkloadEntry {
            kind,
            namespace: Arc::clone(namespace),
            name: Arc::clone(name),
            object: None,
            pods: Vec::new(),
            counts: Counts::default(),
        });
        WorkloadId(self.workloads.len() as u32 - 1)
    }

    /// The entry of a workload by kind, namespace and name.
    pub fn find_workload(&self, kind: Kind, namespace: &str, name: &str) -> Option<WorkloadId> {
        let same = |entry: &WorkloadEntry| {
            entry.kind == kind && *entry.name == *name && *entry.namespace == *namespace
        };
        let place = self.workloads.iter().position(same)?;
        Some(WorkloadId(place as u32))
    }

    /// An object that is no pod, by kind, namespace and name.
    pub fn find(&self, kind: Kind, namespace: &str, name: &str) -> Option<ObjectId> {
        let key = (kind, namespace.into(), name.into());
        self.names.get(&key).copied()
    }

    /// All objects of a kind but pods, by namespace and name.
    pub fn all(&self, kind: Kind) -> impl Iterator<Item = ObjectId> + '_ {
        let first = (kind, Arc::from(""), Arc::from(""));
        let rest = self.names.range(first..);
        rest.take_while(move |((of, ..), _)| *of == kind)
            .map(|(_, id)| *id)
    }

    /// `metadata` of an object.
    pub fn meta(&self, id: ObjectId) -> Option<&ObjectMeta> {
        match id {
            ObjectId::Node(key) => self.nodes.get(key).map(|object| &object.meta),
            ObjectId::Pod(key) => self.pods.get(key).map(|object| &object.meta),
            ObjectId::Deployment(key) => self.deployments.get(key).map(|object| &object.meta),
            ObjectId::ReplicaSet(key) => self.replica_sets.get(key).map(|object| &object.meta),
            ObjectId::StatefulSet(key) => self.stateful_sets.get(key).map(|object| &object.meta),
            ObjectId::Job(key) => self.jobs.get(key).map(|object| &object.meta),
            ObjectId::PodDisruptionBudget(key) => self.pdbs.get(key).map(|object| &object.meta),
            ObjectId::HorizontalPodAutoscaler(key) => self.hpas.get(key).map(|object| &object.meta),
        }
    }

    fn meta_mut(&mut self, id: ObjectId) -> Option<&mut ObjectMeta> {
        Some(match id {
            ObjectId::Node(key) => &mut self.nodes.get_mut(key)?.meta,
            ObjectId::Pod(key) => &mut self.pods.get_mut(key)?.meta,
            ObjectId::Deployment(key) => &mut self.deployments.get_mut(key)?.meta,
            ObjectId::ReplicaSet(key) => &mut self.replica_sets.get_mut(key)?.meta,
            ObjectId::StatefulSet(key) => &mut self.stateful_sets.get_mut(key)?.meta,
            ObjectId::Job(key) => &mut self.jobs.get_mut(key)?.meta,
            ObjectId::PodDisruptionBudget(key) => &mut self.pdbs.get_mut(key)?.meta,
            ObjectId::HorizontalPodAutoscaler(key) => &mut self.hpas.get_mut(key)?.meta,
        })
    }

    /// `spec.replicas` of a workload that has it.
    pub fn replicas(&self, id: ObjectId) -> Option<i32> {
        match id {
            ObjectId::Deployment(key) => self.deployments.get(key).map(|o| o.spec.replicas),
            ObjectId::ReplicaSet(key) => self.replica_sets.get(key).map(|object| object.replicas),
            ObjectId::StatefulSet(key) => self.stateful_sets.get(key).map(|object| object.replicas),
            _ => None,
        }
    }

    fn replicas_mut(&mut self, id: ObjectId) -> Option<&mut i32> {
        Some(match id {
            ObjectId::Deployment(key) => &mut self.deployments.get_mut(key)?.spec.replicas,
            ObjectId::ReplicaSet(key) => &mut self.replica_sets.get_mut(key)?.replicas,
            ObjectId::StatefulSet(key) => &mut self.stateful_sets.get_mut(key)?.replicas,
            _ => return None,
        })
    }

    /// `spec.template` of a workload.
    pub fn template(&self, id: ObjectId) -> Option<&Arc<PodTemplate>> {
        match id {
            ObjectId::Deployment(key) => self.deployments.get(key).map(|object| &object.template),
            ObjectId::ReplicaSet(key) => self.replica_sets.get(key).map(|object| &object.template),
            ObjectId::StatefulSet(key) => self.stateful_sets.get(key).map(|o| &o.template),
            ObjectId::Job(key) => self.jobs.get(key).map(|object| &object.template),
            _ => None,
        }
    }

    fn template_mut(&mut self, id: ObjectId) -> Option<&mut Arc<PodTemplate>> {
        Some(match id {
            ObjectId::Deployment(key) => &mut self.deployments.get_mut(key)?.template,
            ObjectId::ReplicaSet(key) => &mut self.replica_sets.get_mut(key)?.template,
            ObjectId::StatefulSet(key) => &mut self.stateful_sets.get_mut(key)?.template,
            ObjectId::Job(key) => &mut self.jobs.get_mut(key)?.template,
            _ => return None,
        })
    }

    /// `spec.selector` of a workload, as its scale subresource tells it.
    pub fn selector(&self, id: ObjectId) -> Option<&Arc<Labels>> {
        match id {
            ObjectId::Deployment(key) => self.deployments.get(key).map(|object| &object.selector),
            ObjectId::ReplicaSet(key) => self.replica_sets.get(key).map(|object| &object.selector),
            ObjectId::StatefulSet(key) => self.stateful_sets.get(key).map(|o| &o.selector),
            _ => None,
        }
    }
}

/// Pods.
impl Store {
    fn create_pod(&mut self, mut pod: Pod) -> ObjectId {
        pod.serial = self.created;
        pod.meta.resource_version = self.version;
        self.created += 1;
        let is_shared = matches!(
            pod.meta.owner,
            Some(ObjectId::ReplicaSet(_) | ObjectId::Job(_))
        );
        let selections = self.selections.of(&pod, is_shared);
        let entry = &mut self.workloads[pod.workload.index()];
        if let Some(count) = entry.counts.of(&pod) {
            *count += 1;
        }
        let id = self.pods.insert(pod);
        entry.pods.push(id);
        self.selections.add(id, &selections, &self.pods);
        self.promise(id, true);
        self.tell(ObjectId::Pod(id), What::Created)
    }

    fn write_pod(&mut self, now: SimTime, id: PodId, write: &PodWrite) -> ObjectId {
        let promises = matches!(
            write,
            PodWrite::Assume(_)
                | PodWrite::Delete { .. }
                | PodWrite::End(_)
                | PodWrite::Resize(_)
                | PodWrite::ResizeStatus(_)
                | PodWrite::AllocateResize
        );
        if promises {
            self.promise(id, false);
        }
        if let PodWrite::Labels(_) = write {
            self.reselect(id, false);
        }
        let Some(pod) = self.pods.get_mut(id) else {
            return ObjectId::Pod(id);
        };
        let counts = &mut self.workloads[pod.workload.index()].counts;
        if let Some(count) = counts.of(pod) {
            *count -= 1;
        }
        let running = (pod.containers.iter().take(64).enumerate()).filter(|(_, status)| {
            matches!(write, PodWrite::End(_)) && status.running_since.is_some()
        });
        let ran = running.fold(0u64, |ran, (place, _)| ran | 1 << place);
        pod.apply(write, now);
        pod.meta.resource_version = self.version;
        if let Some(count) = counts.of(pod) {
            *count += 1;
        }
        let containers = pod.containers.len() as u16;
        if promises {
            self.promise(id, true);
        }
        if let PodWrite::Labels(_) = write {
            self.reselect(id, true);
        }
        let object = ObjectId::Pod(id);
        match write {
            PodWrite::Admit(_)
            | PodWrite::Template(_)
            | PodWrite::Labels(_)
            | PodWrite::Annotations(_) => self.tell(object, What::Spec),
            PodWrite::Assume(_)
            | PodWrite::Unschedulable
            | PodWrite::Acknowledge
            | PodWrite::Evict
            | PodWrite::ResizeStatus(Some(_)) => self.tell(object, What::Status),
            PodWrite::Bind => self.tell(object, What::Scheduled),
            PodWrite::Run => {
                for container in 0..containers {
                    self.tell(object, What::ContainerStarted(container));
                }
                object
            }
            PodWrite::StartContainer(container) => {
                self.tell(object, What::ContainerStarted(*container))
            }
            PodWrite::AppStarted => self.tell(object, What::AppStarted),
            PodWrite::StopContainer(container, _) => {
                self.tell(object, What::ContainerStopped(*container))
            }
            PodWrite::Ready(_) => self.tell(object, What::Ready),
            PodWrite::Delete { .. } => self.tell(object, What::Deleting),
            PodWrite::Terminate => self.tell(object, What::Terminating),
            PodWrite::End(_) => {
                for container in (0..containers.min(64)).filter(|place| ran >> place & 1 == 1) {
                    self.tell(object, What::ContainerStopped(container));
                }
                self.tell(object, What::Ended)
            }
            PodWrite::Resize(_) => self.tell(object, What::ResizeRequested),
            PodWrite::AllocateResize => self.tell(object, What::ResizeAllocated),
            PodWrite::ResizeStatus(None) => self.tell(object, What::Resized),
        }
    }

    fn remove_pod(&mut self, id: PodId) -> ObjectId {
        let object = ObjectId::Pod(id);
        let Some(pod) = self.pods.get_mut(id).filter(|pod| !pod.removed) else {
            return object;
        };
        let entry = &mut self.workloads[pod.workload.index()];
        if let Some(count) = entry.counts.of(pod) {
            *count -= 1;
        }
        pod.removed = true;
        let serial = pod.serial;
        let of = |id: &PodId| self.pods.get(*id).map_or(0, |pod| pod.serial);
        if let Ok(place) = entry.pods.binary_search_by_key(&serial, of) {
            entry.pods.remove(place);
        }
        self.reselect(id, false);
        self.deleted += 1;
        self.removed.push(id);
        self.tell(object, What::Deleted)
    }

    /// Pods that are removed and that every observer has heard of, to be forgotten.
    pub fn take_removed(&mut self) -> Option<PodId> {
        self.removed.pop()
    }

    fn forget(&mut self, id: PodId) -> ObjectId {
        self.removed.retain(|other| *other != id);
        self.pods.remove(id);
        ObjectId::Pod(id)
    }

    /// Takes a pod into the selections that match it, or out of them.
    fn reselect(&mut self, id: PodId, into: bool) {
        let Some(pod) = self.pods.get(id) else { return };
        let selections = self.selections.of(pod, false);
        if into {
            self.selections.add(id, &selections, &self.pods);
        } else {
            self.selections.remove(id, &selections, &self.pods);
        }
    }

    /// Adds what a pod's node promises to it, or takes it back.
    fn promise(&mut self, id: PodId, add: bool) {
        let Some(pod) = self.pods.get(id) else { return };
        let (Some(node), true) = (pod.node, pod.occupies_node()) else {
            return;
        };
        if self.nodes.get(node).is_none() {
            return;
        }
        let PodAmounts { raw, nonzero } = pod.amounts();
        let (deferred, counts) = (pod.deferred(), !pod.is_deleting());
        let workload = pod.workload.index();
        let info = &mut self.infos[node.slot()];
        if info.pods_of.len() <= workload {
            info.pods_of.resize(workload + 1, 0);
        }
        let (sums, count) = (
            [
                (&mut info.requested, raw),
                (&mut info.nonzero, nonzero),
                (&mut info.deferred, deferred),
            ],
            &mut info.pods_of[workload],
        );
        for (sum, amount) in sums {
            *sum = if add { *sum + amount } else { *sum - amount };
        }
        if add {
            info.pods += 1;
            *count += u32::from(counts);
        } else {
            info.pods -= 1;
            *count -= u32::from(counts);
        }
    }

    /// A pod, if it exists.
    pub fn pod(&self, id: PodId) -> Option<&Pod> {
        self.pods.get(id)
    }

    /// All pods with their keys, removed ones included until they are forgotten.
    pub fn pods(&self) -> impl Iterator<Item = (PodId, &Pod)> {
        self.pods.iter()
    }

    /// Pods created, deleted and there: created = deleted + existing, always.
    pub fn ledger(&self) -> Ledger {
        Ledger {
            created: self.created,
            deleted: self.deleted,
            existing: (self.pods.len() - self.removed.len()) as u64,
        }
    }
}

/// Everything else, to read.
impl Store {
    /// A node.
    ///
    /// # Panics
    ///
    /// If there is no such node.
    pub fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(id).expect("a node's key is kept by pods and components that outlive it only if they check `has_node`")
    }

    /// A node, if it exists.
    pub fn find_node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id)
    }

    /// All nodes with their keys.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter()
    }

    /// How many nodes there are.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// What a node's pods have been promised.
    pub fn node_info(&self, id: NodeId) -> &NodeInfo {
        &self.infos[id.slot()]
    }

    /// A Deployment, if it exists.
    pub fn deployment(&self, id: DeploymentId) -> Option<&Deployment> {
        self.deployments.get(id)
    }

    /// A ReplicaSet, if it exists.
    pub fn replica_set(&self, id: ReplicaSetId) -> Option<&ReplicaSet> {
        self.replica_sets.get(id)
    }

    /// All ReplicaSets with their keys.
    pub fn replica_sets(&self) -> impl Iterator<Item = (ReplicaSetId, &ReplicaSet)> {
        self.replica_sets.iter()
    }

    /// A StatefulSet, if it exists.
    pub fn stateful_set(&self, id: StatefulSetId) -> Option<&StatefulSet> {
        self.stateful_sets.get(id)
    }

    /// A Job, if it exists.
    pub fn job(&self, id: JobId) -> Option<&Job> {
        self.jobs.get(id)
    }

    /// A PodDisruptionBudget, if it exists.
    pub fn pdb(&self, id: PdbId) -> Option<&PodDisruptionBudget> {
        self.pdbs.get(id)
    }

    /// All PodDisruptionBudgets with their keys.
    pub fn pdbs(&self) -> impl Iterator<Item = (PdbId, &PodDisruptionBudget)> {
        self.pdbs.iter()
    }

    /// A HorizontalPodAutoscaler, if it exists.
    pub fn hpa(&self, id: HpaId) -> Option<&HorizontalPodAutoscaler> {
        self.hpas.get(id)
    }

    /// All HorizontalPodAutoscalers with their keys.
    pub fn hpas(&self) -> impl Iterator<Item = (HpaId, &HorizontalPodAutoscaler)> {
        self.hpas.iter()
    }

    /// All workload entries, in the order of appearance.
    pub fn workloads(&self) -> &[WorkloadEntry] {
        &self.workloads
    }

    /// A workload's entry.
    pub fn workload(&self, id: WorkloadId) -> &WorkloadEntry {
        &self.workloads[id.index()]
    }

    /// The selection of a namespace's pods by a selector; made if it is not there.
    pub fn select(&mut self, namespace: &str, selector: &Arc<Labels>) -> SelectionId {
        self.selections.find_or_add(namespace, selector, &self.pods)
    }

    /// The selections that match a pod.
    pub fn selections_of(&self, pod: &Pod) -> Arc<[SelectionId]> {
        self.selections.matching(pod)
    }

    /// A selection.
    pub fn selection(&self, id: SelectionId) -> &Selection {
        self.selections.get(id)
    }
}
