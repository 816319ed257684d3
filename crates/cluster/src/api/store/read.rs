//! Objects and indexes, to read.

use std::sync::Arc;

use super::Store;
use crate::api::LabelSelector;
use crate::api::autoscaling::{HorizontalPodAutoscaler, HpaId, VerticalPodAutoscaler, VpaId};
use crate::api::index::{Selection, SelectionId, WorkloadEntry, WorkloadId};
use crate::api::keda::{ScaledJob, ScaledJobId, ScaledObject, ScaledObjectId};
use crate::api::meta::{Kind, ObjectId, ObjectMeta};
use crate::api::node::{Node, NodeId, NodeInfo};
use crate::api::pod::Pod;
use crate::api::policy::{PdbId, PodDisruptionBudget};
use crate::api::template::PodTemplate;
use crate::api::workload::{
    CronJob, CronJobId, DaemonSet, DaemonSetId, Deployment, DeploymentId, Job, JobId, ReplicaSet,
    ReplicaSetId, StatefulSet, StatefulSetId,
};
impl Store {
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
            ObjectId::DaemonSet(key) => self.daemon_sets.get(key).map(|object| &object.meta),
            ObjectId::Job(key) => self.jobs.get(key).map(|object| &object.meta),
            ObjectId::CronJob(key) => self.cron_jobs.get(key).map(|object| &object.meta),
            ObjectId::PodDisruptionBudget(key) => self.pdbs.get(key).map(|object| &object.meta),
            ObjectId::HorizontalPodAutoscaler(key) => self.hpas.get(key).map(|object| &object.meta),
            ObjectId::VerticalPodAutoscaler(key) => self.vpas.get(key).map(|object| &object.meta),
            ObjectId::ScaledObject(key) => self.scaled_objects.get(key).map(|object| &object.meta),
            ObjectId::ScaledJob(key) => self.scaled_jobs.get(key).map(|object| &object.meta),
        }
    }

    /// `spec.replicas` of a workload that has it.
    pub fn replicas(&self, id: ObjectId) -> Option<i32> {
        match id {
            ObjectId::Deployment(key) => self.deployments.get(key).map(|o| o.spec.replicas),
            ObjectId::ReplicaSet(key) => self.replica_sets.get(key).map(|object| object.replicas),
            ObjectId::StatefulSet(key) => self.stateful_sets.get(key).map(|o| o.spec.replicas),
            _ => None,
        }
    }

    /// `spec.template` of a workload.
    pub fn template(&self, id: ObjectId) -> Option<&Arc<PodTemplate>> {
        match id {
            ObjectId::Deployment(key) => self.deployments.get(key).map(|object| &object.template),
            ObjectId::ReplicaSet(key) => self.replica_sets.get(key).map(|object| &object.template),
            ObjectId::StatefulSet(key) => self.stateful_sets.get(key).map(|o| &o.template),
            ObjectId::DaemonSet(key) => self.daemon_sets.get(key).map(|object| &object.template),
            ObjectId::Job(key) => self.jobs.get(key).map(|object| &object.template),
            ObjectId::CronJob(key) => self.cron_jobs.get(key).map(|object| &object.template),
            _ => None,
        }
    }

    /// `spec.selector` of a workload, as its scale subresource tells it.
    pub fn selector(&self, id: ObjectId) -> Option<&Arc<LabelSelector>> {
        match id {
            ObjectId::Deployment(key) => self.deployments.get(key).map(|object| &object.selector),
            ObjectId::ReplicaSet(key) => self.replica_sets.get(key).map(|object| &object.selector),
            ObjectId::StatefulSet(key) => self.stateful_sets.get(key).map(|o| &o.selector),
            ObjectId::DaemonSet(key) => self.daemon_sets.get(key).map(|object| &object.selector),
            ObjectId::CronJob(key) => self.cron_jobs.get(key).map(|object| &object.selector),
            _ => None,
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
    #[inline]
    pub fn deployment(&self, id: DeploymentId) -> Option<&Deployment> {
        self.deployments.get(id)
    }

    /// A ReplicaSet, if it exists.
    #[inline]
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

    /// A DaemonSet, if it exists.
    pub fn daemon_set(&self, id: DaemonSetId) -> Option<&DaemonSet> {
        self.daemon_sets.get(id)
    }

    /// All DaemonSets with their keys.
    pub fn daemon_sets(&self) -> impl Iterator<Item = (DaemonSetId, &DaemonSet)> {
        self.daemon_sets.iter()
    }

    /// Whether there is any DaemonSet.
    pub fn has_daemon_sets(&self) -> bool {
        self.daemon_sets.iter().next().is_some()
    }

    /// A Job, if it exists.
    pub fn job(&self, id: JobId) -> Option<&Job> {
        self.jobs.get(id)
    }

    /// All Jobs with their keys.
    pub fn jobs(&self) -> impl Iterator<Item = (JobId, &Job)> {
        self.jobs.iter()
    }

    /// A CronJob, if it exists.
    pub fn cron_job(&self, id: CronJobId) -> Option<&CronJob> {
        self.cron_jobs.get(id)
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
    #[inline]
    pub fn hpa(&self, id: HpaId) -> Option<&HorizontalPodAutoscaler> {
        self.hpas.get(id)
    }

    /// All HorizontalPodAutoscalers with their keys.
    pub fn hpas(&self) -> impl Iterator<Item = (HpaId, &HorizontalPodAutoscaler)> {
        self.hpas.iter()
    }

    /// A VerticalPodAutoscaler, if it exists.
    pub fn vpa(&self, id: VpaId) -> Option<&VerticalPodAutoscaler> {
        self.vpas.get(id)
    }

    /// All VerticalPodAutoscalers with their keys.
    pub fn vpas(&self) -> impl Iterator<Item = (VpaId, &VerticalPodAutoscaler)> {
        self.vpas.iter()
    }

    /// A ScaledObject, if it exists.
    pub fn scaled_object(&self, id: ScaledObjectId) -> Option<&ScaledObject> {
        self.scaled_objects.get(id)
    }

    /// A ScaledJob, if it exists.
    pub fn scaled_job(&self, id: ScaledJobId) -> Option<&ScaledJob> {
        self.scaled_jobs.get(id)
    }

    /// All workload entries, in the order of appearance.
    pub fn workloads(&self) -> &[WorkloadEntry] {
        &self.workloads
    }

    /// A workload's entry.
    #[inline]
    pub fn workload(&self, id: WorkloadId) -> &WorkloadEntry {
        &self.workloads[id.index()]
    }

    /// The selection of a namespace's pods by a selector; made if it is not there.
    pub fn select(&mut self, namespace: &str, selector: &Arc<LabelSelector>) -> SelectionId {
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
