//! Metadata of every object: identity, owner, labels, versions.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use super::autoscaling::{HpaId, VpaId};
use super::keda::{ScaledJobId, ScaledObjectId};
use super::node::NodeId;
use super::pod::PodId;
use super::policy::PdbId;
use super::workload::{CronJobId, DaemonSetId, DeploymentId, JobId, ReplicaSetId, StatefulSetId};
use crate::sim::SimTime;

/// Label keys and values in key order.
pub type Labels = BTreeMap<String, String>;

/// Whether a selector's `matchLabels` match an object's labels. An empty selector matches all.
pub fn matches(selector: &Labels, labels: &Labels) -> bool {
    selector
        .iter()
        .all(|(key, value)| labels.get(key) == Some(value))
}

/// `metadata.uid`. Its text is in the form of a UUID; the order of texts is that of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uid(pub u64);

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let high = (self.0 >> 32) as u32;
        let (middle, low) = ((self.0 >> 16) as u16, self.0 as u16);
        write!(
            f,
            "{high:08x}-{middle:04x}-4{:03x}-8000-{low:012x}",
            low & 0xfff
        )
    }
}

/// The kinds of object in the store, as manifests spell them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `v1` Node.
    Node,
    /// `v1` Pod.
    Pod,
    /// `apps/v1` Deployment.
    Deployment,
    /// `apps/v1` ReplicaSet.
    ReplicaSet,
    /// `apps/v1` StatefulSet.
    StatefulSet,
    /// `apps/v1` DaemonSet.
    DaemonSet,
    /// `batch/v1` Job.
    Job,
    /// `batch/v1` CronJob.
    CronJob,
    /// `policy/v1` PodDisruptionBudget.
    PodDisruptionBudget,
    /// `autoscaling/v2` HorizontalPodAutoscaler.
    HorizontalPodAutoscaler,
    /// `autoscaling.k8s.io/v1` VerticalPodAutoscaler.
    VerticalPodAutoscaler,
    /// `keda.sh/v1alpha1` ScaledObject.
    ScaledObject,
    /// `keda.sh/v1alpha1` ScaledJob.
    ScaledJob,
}

impl Kind {
    /// The kind's name as in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Node => "Node",
            Self::Pod => "Pod",
            Self::Deployment => "Deployment",
            Self::ReplicaSet => "ReplicaSet",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
            Self::HorizontalPodAutoscaler => "HorizontalPodAutoscaler",
            Self::VerticalPodAutoscaler => "VerticalPodAutoscaler",
            Self::ScaledObject => "ScaledObject",
            Self::ScaledJob => "ScaledJob",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An object that exists or has existed: kind and key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectId {
    /// A node.
    Node(NodeId),
    /// A pod.
    Pod(PodId),
    /// A Deployment.
    Deployment(DeploymentId),
    /// A ReplicaSet.
    ReplicaSet(ReplicaSetId),
    /// A StatefulSet.
    StatefulSet(StatefulSetId),
    /// A DaemonSet.
    DaemonSet(DaemonSetId),
    /// A Job.
    Job(JobId),
    /// A CronJob.
    CronJob(CronJobId),
    /// A PodDisruptionBudget.
    PodDisruptionBudget(PdbId),
    /// A HorizontalPodAutoscaler.
    HorizontalPodAutoscaler(HpaId),
    /// A VerticalPodAutoscaler.
    VerticalPodAutoscaler(VpaId),
    /// A ScaledObject.
    ScaledObject(ScaledObjectId),
    /// A ScaledJob.
    ScaledJob(ScaledJobId),
}

impl ObjectId {
    /// The object's kind.
    pub fn kind(self) -> Kind {
        match self {
            Self::Node(_) => Kind::Node,
            Self::Pod(_) => Kind::Pod,
            Self::Deployment(_) => Kind::Deployment,
            Self::ReplicaSet(_) => Kind::ReplicaSet,
            Self::StatefulSet(_) => Kind::StatefulSet,
            Self::DaemonSet(_) => Kind::DaemonSet,
            Self::Job(_) => Kind::Job,
            Self::CronJob(_) => Kind::CronJob,
            Self::PodDisruptionBudget(_) => Kind::PodDisruptionBudget,
            Self::HorizontalPodAutoscaler(_) => Kind::HorizontalPodAutoscaler,
            Self::VerticalPodAutoscaler(_) => Kind::VerticalPodAutoscaler,
            Self::ScaledObject(_) => Kind::ScaledObject,
            Self::ScaledJob(_) => Kind::ScaledJob,
        }
    }
}

/// `metadata` of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectMeta {
    /// `namespace`; empty for nodes.
    pub namespace: Arc<str>,
    /// `name`.
    pub name: Arc<str>,
    /// `uid`.
    pub uid: Uid,
    /// `labels`.
    pub labels: Arc<Labels>,
    /// `annotations`.
    pub annotations: Arc<Labels>,
    /// The owner with `controller: true`, if any.
    pub owner: Option<ObjectId>,
    /// `creationTimestamp`.
    pub created: SimTime,
    /// `deletionTimestamp`: for pods, when the grace period ends.
    pub deletion: Option<SimTime>,
    /// `resourceVersion`: the store's count of writes at the last write of this object.
    pub resource_version: u64,
    /// `generation`: counts changes of the spec, from 1.
    pub generation: i64,
}

impl ObjectMeta {
    /// The metadata of an object that is about to be created.
    pub fn new(namespace: &str, name: &str, uid: Uid, created: SimTime) -> Self {
        Self::named(namespace.into(), name.into(), uid, created)
    }

    /// The same for a namespace and a name that are kept elsewhere too.
    pub fn named(namespace: Arc<str>, name: Arc<str>, uid: Uid, created: SimTime) -> Self {
        // Most objects have no annotations: one empty set serves them all.
        static NONE: LazyLock<Arc<Labels>> = LazyLock::new(Arc::default);
        Self {
            namespace,
            name,
            uid,
            labels: Arc::clone(&NONE),
            annotations: Arc::clone(&NONE),
            owner: None,
            created,
            deletion: None,
            resource_version: 0,
            generation: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_read_as_uuids_and_sort_as_numbers() {
        let texts = [0, 1, 0xffff, 0x1_0000, u64::MAX >> 11].map(|n| Uid(n).to_string());
        assert!(texts.is_sorted(), "{texts:?}");
        assert_eq!(texts[1], "00000000-0000-4001-8000-000000000001");
    }
}
