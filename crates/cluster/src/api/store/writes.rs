//! Writes of everything but pods.

use std::sync::Arc;

use super::Store;
use crate::api::index::{Counts, WorkloadEntry, WorkloadId};
use crate::api::meta::{Kind, ObjectId, ObjectMeta};
use crate::api::node::NodeInfo;
use crate::api::pod::Pod;
use crate::api::template::PodTemplate;
use crate::api::workload::{DaemonSet, DaemonSetId};
use crate::api::write::{What, Write};
use crate::controller::daemonset::DaemonSetUpdate;
use crate::controller::deployment::DeploymentSpec;
use crate::controller::statefulset::StatefulSetSpec;
impl Store {
    pub(super) fn write_other(&mut self, write: Write) -> ObjectId {
        match write {
            Write::CreateNode(mut node) => {
                node.meta.resource_version = self.version;
                let id = self.nodes.insert(*node);
                if self.infos.len() <= id.slot() {
                    self.infos.resize(id.slot() + 1, NodeInfo::default());
                } else {
                    let slot = id.slot() as u32;
                    for workload in &mut self.workloads {
                        workload.nodes.retain(|(other, _)| *other != slot);
                    }
                }
                self.addresses.add_node(id.slot());
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
                let key = self.replica_sets.insert(*object);
                self.begin_active(key);
                self.created(ObjectId::ReplicaSet(key))
            }
            Write::CreateStatefulSet(mut object) => {
                object.meta.resource_version = self.version;
                object.workload = self.entry_of(Kind::StatefulSet, &object.meta);
                let id = ObjectId::StatefulSet(self.stateful_sets.insert(*object));
                self.created(id)
            }
            Write::CreateDaemonSet(mut object) => {
                object.meta.resource_version = self.version;
                object.workload = self.entry_of(Kind::DaemonSet, &object.meta);
                let id = ObjectId::DaemonSet(self.daemon_sets.insert(*object));
                self.created(id)
            }
            Write::CreateJob(mut object) => {
                object.meta.resource_version = self.version;
                if object.meta.owner.is_none() {
                    object.workload = self.entry_of(Kind::Job, &object.meta);
                }
                let id = ObjectId::Job(self.jobs.insert(*object));
                self.created(id)
            }
            Write::CreateCronJob(mut object) => {
                object.meta.resource_version = self.version;
                object.workload = self.entry_of(Kind::CronJob, &object.meta);
                let id = ObjectId::CronJob(self.cron_jobs.insert(*object));
                self.created(id)
            }
            Write::CreatePodDisruptionBudget(mut object) => {
                object.meta.resource_version = self.version;
                let namespace = Arc::clone(&object.meta.namespace);
                object.selection = self.select(&namespace, &object.selector);
                let id = ObjectId::PodDisruptionBudget(self.pdbs.insert(*object));
                self.created(id)
            }
            Write::CreateVerticalPodAutoscaler(mut object) => {
                object.meta.resource_version = self.version;
                let id = ObjectId::VerticalPodAutoscaler(self.vpas.insert(*object));
                self.created(id)
            }
            Write::CreateHorizontalPodAutoscaler(mut object) => {
                object.meta.resource_version = self.version;
                let id = ObjectId::HorizontalPodAutoscaler(self.hpas.insert(*object));
                self.created(id)
            }
            Write::CreateScaledObject(mut object) => {
                object.meta.resource_version = self.version;
                let id = ObjectId::ScaledObject(self.scaled_objects.insert(*object));
                self.created(id)
            }
            Write::CreateScaledJob(mut object) => {
                object.meta.resource_version = self.version;
                let id = ObjectId::ScaledJob(self.scaled_jobs.insert(*object));
                self.created(id)
            }
            Write::Delete(id) => {
                self.delete(id);
                self.tell(id, What::Deleted)
            }
            write => self.change_spec(write),
        }
    }

    fn put_template(&mut self, id: ObjectId, template: Arc<PodTemplate>) {
        if let Some(of) = self.template_mut(id) {
            *of = template;
        }
        match id {
            ObjectId::DaemonSet(key) => {
                if let Some(set) = self.daemon_sets.get_mut(key) {
                    set.template_generation += 1;
                    let pods = &self.workloads[set.workload.index()].pods;
                    let pods: Vec<&Pod> = pods.iter().filter_map(|id| self.pods.get(*id)).collect();
                    set.keep_revision(|hash| {
                        let own = |pod: &&Pod| {
                            let own = pod.meta.labels.get(DaemonSet::HASH);
                            own.is_some_and(|own| own == hash)
                        };
                        pods.iter().any(own)
                    });
                }
            }
            ObjectId::ReplicaSet(key) => {
                let set = self.replica_sets.get_mut(key);
                // A Deployment's gets no other template.
                if let Some(set) = set.filter(|set| set.meta.owner.is_none()) {
                    set.pod_labels = Arc::new(set.template.labels.clone());
                }
            }
            ObjectId::CronJob(key) => {
                if let Some(object) = self.cron_jobs.get_mut(key) {
                    object.selector = Arc::new(object.template.labels.clone().into());
                }
            }
            _ => {}
        }
    }

    fn put_update(&mut self, key: DaemonSetId, update: DaemonSetUpdate) -> ObjectId {
        if let Some(set) = self.daemon_sets.get_mut(key) {
            set.update = update;
        }
        self.wrote(ObjectId::DaemonSet(key), true, What::Spec)
    }

    fn change_spec(&mut self, write: Write) -> ObjectId {
        match write {
            Write::Replicas(id, replicas) => {
                let from = self
                    .replicas_mut(id)
                    .map(|of| std::mem::replace(of, replicas));
                match from {
                    Some(from) if from != replicas => self.wrote(id, true, What::Scaled { from }),
                    _ => id,
                }
            }
            Write::Template(id, template) => {
                self.put_template(id, template);
                self.wrote(id, true, What::Spec)
            }
            Write::DeploymentSpec(key, spec) => {
                if let Some(object) = self.deployments.get_mut(key) {
                    let replicas = object.spec.replicas;
                    object.spec = DeploymentSpec { replicas, ..spec };
                }
                self.wrote(ObjectId::Deployment(key), true, What::Spec)
            }
            Write::DaemonSetUpdate(key, update) => self.put_update(key, update),
            Write::StatefulSetSpec(key, spec) => {
                if let Some(set) = self.stateful_sets.get_mut(key) {
                    let replicas = set.spec.replicas;
                    set.spec = StatefulSetSpec { replicas, ..spec };
                }
                self.wrote(ObjectId::StatefulSet(key), true, What::Spec)
            }
            Write::StatefulSetStatus(key, status) => {
                if let Some(set) = self.stateful_sets.get_mut(key) {
                    set.status = status;
                }
                self.wrote(ObjectId::StatefulSet(key), false, What::Status)
            }
            Write::Revisions(key, revisions) => {
                if let Some(set) = self.stateful_sets.get_mut(key) {
                    set.revisions = revisions;
                }
                ObjectId::StatefulSet(key)
            }
            Write::DeploymentStatus(key, status, revision) => {
                if let Some(object) = self.deployments.get_mut(key) {
                    object.status = status;
                    object.revision = revision;
                }
                self.wrote(ObjectId::Deployment(key), false, What::Status)
            }
            Write::Rollout(key, rollout) => {
                if let Some(object) = self.replica_sets.get_mut(key) {
                    object.rollout = rollout;
                }
                self.wrote(ObjectId::ReplicaSet(key), false, What::Status)
            }
            Write::JobStatus(key, status) => {
                if let Some(job) = self.jobs.get_mut(key) {
                    job.status = status;
                }
                self.wrote(ObjectId::Job(key), false, What::Status)
            }
            Write::JobSpec(key, spec) => {
                if let Some(job) = self.jobs.get_mut(key) {
                    job.spec = spec;
                }
                self.wrote(ObjectId::Job(key), true, What::Spec)
            }
            Write::CronJobSpec(key, spec) => {
                if let Some(object) = self.cron_jobs.get_mut(key) {
                    object.spec = spec;
                }
                self.wrote(ObjectId::CronJob(key), true, What::Spec)
            }
            Write::CronJobStatus(key, status) => {
                if let Some(object) = self.cron_jobs.get_mut(key) {
                    object.status = status;
                }
                self.wrote(ObjectId::CronJob(key), false, What::Status)
            }
            Write::Labels(id, labels) => {
                if let Some(meta) = self.meta_mut(id) {
                    meta.labels = labels;
                }
                self.wrote(id, false, What::Spec)
            }
            Write::Annotations(id, annotations) => {
                if let Some(meta) = self.meta_mut(id) {
                    meta.annotations = annotations;
                }
                self.wrote(id, false, What::Spec)
            }
            write => self.change_other(write),
        }
    }

    /// Writes of autoscalers and nodes.
    fn change_other(&mut self, write: Write) -> ObjectId {
        match write {
            Write::VpaSpec(key, spec) => {
                if let Some(vpa) = self.vpas.get_mut(key) {
                    vpa.spec = spec;
                }
                self.wrote(ObjectId::VerticalPodAutoscaler(key), true, What::Spec)
            }
            Write::VpaTarget(key, target) => {
                if let Some(vpa) = self.vpas.get_mut(key) {
                    vpa.target = (*target).clone();
                }
                self.wrote(ObjectId::VerticalPodAutoscaler(key), false, What::Spec)
            }
            Write::VpaStatus(key, status) => {
                if let Some(vpa) = self.vpas.get_mut(key) {
                    vpa.status = status;
                }
                self.wrote(ObjectId::VerticalPodAutoscaler(key), false, What::Status)
            }
            Write::HpaSpec(key, spec) => {
                if let Some(hpa) = self.hpas.get_mut(key) {
                    hpa.spec = spec;
                }
                self.wrote(ObjectId::HorizontalPodAutoscaler(key), true, What::Spec)
            }
            Write::HpaTarget(key, target) => {
                if let Some(hpa) = self.hpas.get_mut(key) {
                    hpa.target = (*target).clone();
                }
                self.wrote(ObjectId::HorizontalPodAutoscaler(key), false, What::Spec)
            }
            Write::HpaStatus(key, status) => {
                if let Some(hpa) = self.hpas.get_mut(key) {
                    hpa.status = status;
                }
                self.wrote(ObjectId::HorizontalPodAutoscaler(key), false, What::Status)
            }
            Write::ScaledObjectSpec(key, spec) => {
                if let Some(object) = self.scaled_objects.get_mut(key) {
                    object.spec = spec;
                }
                self.wrote(ObjectId::ScaledObject(key), true, What::Spec)
            }
            Write::ScaledObjectStatus(key, status) => {
                if let Some(object) = self.scaled_objects.get_mut(key) {
                    object.status = status;
                }
                self.wrote(ObjectId::ScaledObject(key), false, What::Status)
            }
            Write::ScaledJobSpec(key, spec) => {
                if let Some(object) = self.scaled_jobs.get_mut(key) {
                    object.spec = spec;
                }
                self.wrote(ObjectId::ScaledJob(key), true, What::Spec)
            }
            Write::ScaledJobStatus(key, status) => {
                if let Some(object) = self.scaled_jobs.get_mut(key) {
                    object.status = status;
                }
                self.wrote(ObjectId::ScaledJob(key), false, What::Status)
            }
            Write::Owner(id, owner) => {
                if let Some(meta) = self.meta_mut(id) {
                    meta.owner = owner;
                }
                self.wrote(id, false, What::Spec)
            }
            Write::Cordon(key, unschedulable) => {
                if let Some(node) = self.nodes.get_mut(key) {
                    node.unschedulable = unschedulable;
                }
                self.wrote(ObjectId::Node(key), false, What::Spec)
            }
            Write::Taints(key, taints) => {
                if let Some(node) = self.nodes.get_mut(key) {
                    node.taints = taints;
                }
                self.wrote(ObjectId::Node(key), false, What::Spec)
            }
            _ => unreachable!("carried out before"),
        }
    }

    pub(super) fn wrote(&mut self, id: ObjectId, spec: bool, what: What) -> ObjectId {
        if let ObjectId::Node(node) = id {
            self.node_changed(node);
        }
        self.touch(id, spec);
        self.tell(id, what)
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
        if let ObjectId::Node(node) = id {
            self.node_changed(node);
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
        if let Some(workload) = self.entry_of_object(id)
            && let entry = &mut self.workloads[workload.index()]
            // An orphan's entry is of the owner that it had.
            && entry.object == Some(id)
        {
            entry.object = None;
        }
        match id {
            ObjectId::Node(key) => {
                self.node_changed(key);
                self.placed.forget_node(key);
                self.forget_images(key);
                self.addresses.remove_node(key.slot());
                drop(self.nodes.remove(key));
            }
            ObjectId::Pod(_) => unreachable!("pods are removed by RemovePod"),
            ObjectId::Deployment(key) => drop(self.deployments.remove(key)),
            ObjectId::ReplicaSet(key) => drop(self.replica_sets.remove(key)),
            ObjectId::StatefulSet(key) => drop(self.stateful_sets.remove(key)),
            ObjectId::DaemonSet(key) => drop(self.daemon_sets.remove(key)),
            ObjectId::Job(key) => drop(self.jobs.remove(key)),
            ObjectId::CronJob(key) => drop(self.cron_jobs.remove(key)),
            ObjectId::PodDisruptionBudget(key) => drop(self.pdbs.remove(key)),
            ObjectId::HorizontalPodAutoscaler(key) => drop(self.hpas.remove(key)),
            ObjectId::VerticalPodAutoscaler(key) => drop(self.vpas.remove(key)),
            ObjectId::ScaledObject(key) => drop(self.scaled_objects.remove(key)),
            ObjectId::ScaledJob(key) => drop(self.scaled_jobs.remove(key)),
        }
    }

    /// The workload entry whose own object this is: not a ReplicaSet below a Deployment, nor a
    /// Job below a CronJob.
    fn entry_of_object(&self, id: ObjectId) -> Option<WorkloadId> {
        match id {
            ObjectId::Deployment(key) => Some(self.deployments.get(key)?.workload),
            ObjectId::ReplicaSet(key) => {
                let object = self.replica_sets.get(key)?;
                object.meta.owner.is_none().then_some(object.workload)
            }
            ObjectId::StatefulSet(key) => Some(self.stateful_sets.get(key)?.workload),
            ObjectId::DaemonSet(key) => Some(self.daemon_sets.get(key)?.workload),
            ObjectId::Job(key) => {
                let object = self.jobs.get(key)?;
                object.meta.owner.is_none().then_some(object.workload)
            }
            ObjectId::CronJob(key) => Some(self.cron_jobs.get(key)?.workload),
            _ => None,
        }
    }

    fn entry_of(&mut self, kind: Kind, meta: &ObjectMeta) -> WorkloadId {
        let (namespace, name) = (Arc::clone(&meta.namespace), Arc::clone(&meta.name));
        self.workload_entry(kind, &namespace, &name)
    }

    pub(super) fn workload_entry(
        &mut self,
        kind: Kind,
        namespace: &Arc<str>,
        name: &Arc<str>,
    ) -> WorkloadId {
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
            nodes: Vec::new(),
        });
        WorkloadId(self.workloads.len() as u32 - 1)
    }

    fn meta_mut(&mut self, id: ObjectId) -> Option<&mut ObjectMeta> {
        Some(match id {
            ObjectId::Node(key) => &mut self.nodes.get_mut(key)?.meta,
            ObjectId::Pod(key) => &mut self.pods.get_mut(key)?.meta,
            ObjectId::Deployment(key) => &mut self.deployments.get_mut(key)?.meta,
            ObjectId::ReplicaSet(key) => &mut self.replica_sets.get_mut(key)?.meta,
            ObjectId::StatefulSet(key) => &mut self.stateful_sets.get_mut(key)?.meta,
            ObjectId::DaemonSet(key) => &mut self.daemon_sets.get_mut(key)?.meta,
            ObjectId::Job(key) => &mut self.jobs.get_mut(key)?.meta,
            ObjectId::CronJob(key) => &mut self.cron_jobs.get_mut(key)?.meta,
            ObjectId::PodDisruptionBudget(key) => &mut self.pdbs.get_mut(key)?.meta,
            ObjectId::HorizontalPodAutoscaler(key) => &mut self.hpas.get_mut(key)?.meta,
            ObjectId::VerticalPodAutoscaler(key) => &mut self.vpas.get_mut(key)?.meta,
            ObjectId::ScaledObject(key) => &mut self.scaled_objects.get_mut(key)?.meta,
            ObjectId::ScaledJob(key) => &mut self.scaled_jobs.get_mut(key)?.meta,
        })
    }

    fn replicas_mut(&mut self, id: ObjectId) -> Option<&mut i32> {
        Some(match id {
            ObjectId::Deployment(key) => &mut self.deployments.get_mut(key)?.spec.replicas,
            ObjectId::ReplicaSet(key) => &mut self.replica_sets.get_mut(key)?.replicas,
            ObjectId::StatefulSet(key) => &mut self.stateful_sets.get_mut(key)?.spec.replicas,
            _ => return None,
        })
    }

    fn template_mut(&mut self, id: ObjectId) -> Option<&mut Arc<PodTemplate>> {
        Some(match id {
            ObjectId::Deployment(key) => &mut self.deployments.get_mut(key)?.template,
            ObjectId::ReplicaSet(key) => &mut self.replica_sets.get_mut(key)?.template,
            ObjectId::StatefulSet(key) => &mut self.stateful_sets.get_mut(key)?.template,
            ObjectId::DaemonSet(key) => &mut self.daemon_sets.get_mut(key)?.template,
            ObjectId::Job(key) => &mut self.jobs.get_mut(key)?.template,
            ObjectId::CronJob(key) => &mut self.cron_jobs.get_mut(key)?.template,
            _ => return None,
        })
    }
}
