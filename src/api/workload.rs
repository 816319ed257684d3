//! What owns pods: Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs and CronJobs.

use std::sync::Arc;

use super::index::WorkloadId;
use super::meta::{Labels, ObjectMeta, Uid};
use super::pod::Pod;
use super::template::PodTemplate;
use crate::controller::cronjob::CronJobSpec;
use crate::controller::daemonset::DaemonSetUpdate;
use crate::controller::deployment::{DeploymentSpec, DeploymentStatus};
use crate::sim::{Key, SimDuration, SimTime};

/// A Deployment's key.
pub type DeploymentId = Key<Deployment>;
/// A ReplicaSet's key.
pub type ReplicaSetId = Key<ReplicaSet>;
/// A StatefulSet's key.
pub type StatefulSetId = Key<StatefulSet>;
/// A DaemonSet's key.
pub type DaemonSetId = Key<DaemonSet>;
/// A Job's key.
pub type JobId = Key<Job>;
/// A CronJob's key.
pub type CronJobId = Key<CronJob>;

/// A Deployment.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// Its metadata.
    pub meta: ObjectMeta,
    /// Its entry among the workloads.
    pub workload: WorkloadId,
    /// `spec`, without selector and template.
    pub spec: DeploymentSpec,
    /// `spec.selector.matchLabels`.
    pub selector: Arc<Labels>,
    /// `spec.template`.
    pub template: Arc<PodTemplate>,
    /// `status`.
    pub status: Arc<DeploymentStatus>,
    /// `deployment.kubernetes.io/revision`.
    pub revision: Option<i64>,
}

/// What the Deployment controller notes at a ReplicaSet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutAnnotations {
    /// `deployment.kubernetes.io/revision`.
    pub revision: Option<i64>,
    /// `deployment.kubernetes.io/revision-history`; empty if there is none.
    pub revision_history: Arc<str>,
    /// `deployment.kubernetes.io/desired-replicas`.
    pub desired_replicas: Option<i32>,
    /// `deployment.kubernetes.io/max-replicas`.
    pub max_replicas: Option<i32>,
    /// `spec.minReadySeconds`, in seconds.
    pub min_ready_seconds: i32,
}

impl Default for RolloutAnnotations {
    fn default() -> Self {
        Self {
            revision: None,
            revision_history: Arc::from(""),
            desired_replicas: None,
            max_replicas: None,
            min_ready_seconds: 0,
        }
    }
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
    /// What its Deployment has noted at it.
    pub rollout: Arc<RolloutAnnotations>,
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

/// A DaemonSet.
#[derive(Debug, Clone, PartialEq)]
pub struct DaemonSet {
    /// Its metadata.
    pub meta: ObjectMeta,
    /// Its entry among the workloads.
    pub workload: WorkloadId,
    /// `spec.selector.matchLabels`.
    pub selector: Arc<Labels>,
    /// `spec.template`.
    pub template: Arc<PodTemplate>,
    /// `spec.updateStrategy` and `spec.minReadySeconds`.
    pub update: DaemonSetUpdate,
    /// How many templates it has had: `deprecated.daemonset.template.generation`.
    pub template_generation: i64,
}

impl DaemonSet {
    /// The label of its pods that tells their template.
    pub const GENERATION: &str = "pod-template-generation";

    /// Whether a pod was made from its present template.
    pub fn made(&self, pod: &Pod) -> bool {
        let generation = pod.meta.labels.get(Self::GENERATION);
        generation.is_some_and(|text| *text == self.template_generation.to_string())
    }
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
    /// The condition Complete or Failed.
    pub end: Option<JobEnd>,
}

/// How a Job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobEnd {
    /// Failed instead of Complete.
    pub failed: bool,
    /// When.
    pub at: SimTime,
}

/// A Job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its metadata; the owner is its CronJob, if it has one.
    pub meta: ObjectMeta,
    /// The entry of the workload at the top of its owners.
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

impl Job {
    /// The labels of the pods of a Job of this name: the template's and those that the controller
    /// adds.
    pub fn labels_of_pods(name: &str, template: &Labels) -> Labels {
        let mut labels = template.clone();
        for key in ["batch.kubernetes.io/job-name", "job-name"] {
            labels.insert(key.to_owned(), name.to_owned());
        }
        labels
    }

    /// Reason and message of its failure. The controller looks at the limit of failures first.
    pub fn failure(&self) -> (&'static str, &'static str) {
        let beyond_limit = self.status.failed > self.spec.backoff_limit;
        if self.spec.active_deadline.is_some() && !beyond_limit {
            (
                "DeadlineExceeded",
                "Job was active longer than specified deadline",
            )
        } else {
            (
                "BackoffLimitExceeded",
                "Job has reached the specified backoff limit",
            )
        }
    }
}

/// A CronJob.
#[derive(Debug, Clone, PartialEq)]
pub struct CronJob {
    /// Its metadata.
    pub meta: ObjectMeta,
    /// Its entry among the workloads.
    pub workload: WorkloadId,
    /// `spec`, without the pod template.
    pub spec: Arc<CronJobSpec>,
    /// `spec.jobTemplate.spec.template`.
    pub template: Arc<PodTemplate>,
    /// The labels of the pod template: by them a VPA finds its pods.
    pub selector: Arc<Labels>,
    /// `status`.
    pub status: Arc<CronJobStatus>,
}

/// `status` of a CronJob; times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CronJobStatus {
    /// `active`: its Jobs that have not finished, as far as it has seen.
    pub active: Vec<ActiveJob>,
    /// `lastScheduleTime`.
    pub last_schedule_time: Option<i64>,
    /// `lastSuccessfulTime`.
    pub last_successful_time: Option<i64>,
}

/// A reference to a Job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveJob {
    /// Its key.
    pub id: JobId,
    /// Its name.
    pub name: Arc<str>,
    /// Its UID.
    pub uid: Uid,
}
