//! What owns pods: Deployments, ReplicaSets, StatefulSets, Jobs.

use std::sync::Arc;

use super::index::WorkloadId;
use super::meta::{Labels, ObjectMeta};
use super::template::PodTemplate;
use crate::sim::{Key, SimDuration, SimTime};

/// A Deployment's key.
pub type DeploymentId = Key<Deployment>;
/// A ReplicaSet's key.
pub type ReplicaSetId = Key<ReplicaSet>;
/// A StatefulSet's key.
pub type StatefulSetId = Key<StatefulSet>;
/// A Job's key.
pub type JobId = Key<Job>;

/// A Deployment.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// Its metadata.
    pub meta: ObjectMeta,
    /// Its entry among the workloads.
    pub workload: WorkloadId,
    /// `spec.replicas`.
    pub replicas: i32,
    /// `spec.selector.matchLabels`.
    pub selector: Arc<Labels>,
    /// `spec.template`.
    pub template: Arc<PodTemplate>,
}

/// A ReplicaSet.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplicaSet {
    /// Its metadata; the owner is its Deployment, if it has one.
    pub meta: ObjectMeta,
    /// The entry of the workload at the top of its owners.
    pub workload: WorkloadId,
    /// `spec.replicas`.
    pub replicas: i32,
    /// `spec.selector.matchLabels`.
    pub selector: Arc<Labels>,
    /// `spec.template`.
    pub template: Arc<PodTemplate>,
    /// The labels of its pods: the template's, with `pod-template-hash` below a Deployment.
    pub pod_labels: Arc<Labels>,
    /// `deployment.kubernetes.io/revision`; 0 without a Deployment.
    pub revision: i64,
}

/// A StatefulSet.
#[derive(Debug, Clone, PartialEq)]
pub struct StatefulSet {
    /// Its metadata.
    pub meta: ObjectMeta,
    /// Its entry among the workloads.
    pub workload: WorkloadId,
    /// `spec.replicas`.
    pub replicas: i32,
    /// `spec.selector.matchLabels`.
    pub selector: Arc<Labels>,
    /// `spec.template`.
    pub template: Arc<PodTemplate>,
    /// `spec.podManagementPolicy: Parallel` instead of OrderedReady.
    pub parallel: bool,
}

/// `spec` of a Job besides its template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobSpec {
    /// `parallelism`.
    pub parallelism: i32,
    /// `completions`.
    pub completions: Option<i32>,
    /// `backoffLimit`.
    pub backoff_limit: i32,
    /// `activeDeadlineSeconds`.
    pub active_deadline: Option<SimDuration>,
    /// `restartPolicy: OnFailure`: the kubelet restarts a failed container in its pod.
    pub restarts_in_place: bool,
}

/// `status` of a Job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobStatus {
    /// `succeeded`.
    pub succeeded: i32,
    /// `failed`.
    pub failed: i32,
    /// Failures since the last success.
    pub failures_in_a_row: u32,
    /// When the last failure was.
    pub last_failure: SimTime,
    /// Whether it has failed: it does nothing more.
    pub given_up: bool,
}

/// A Job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its metadata.
    pub meta: ObjectMeta,
    /// Its entry among the workloads.
    pub workload: WorkloadId,
    /// `spec`.
    pub spec: JobSpec,
    /// `spec.template`.
    pub template: Arc<PodTemplate>,
    /// The labels of its pods: the template's and those that the controller adds.
    pub pod_labels: Arc<Labels>,
    /// `status`.
    pub status: JobStatus,
}
