//! What owns pods: Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs and CronJobs.

use std::sync::Arc;

use super::LabelSelector;
use super::index::WorkloadId;
use super::meta::{Labels, ObjectMeta, Uid};
use super::pod::Pod;
use super::template::PodTemplate;
use crate::controller::cronjob::CronJobSpec;
use crate::controller::daemonset::DaemonSetUpdate;
use crate::controller::deployment::{DeploymentSpec, DeploymentStatus};
use crate::controller::job::{JobSpec, JobStatus};
use crate::controller::pod_control::revision_hash;
use crate::controller::statefulset::{RevisionKey, StatefulSetSpec, StatefulSetStatus};
use crate::sim::{Key, SimTime};

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
    /// `spec.selector`.
    pub selector: Arc<LabelSelector>,
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
    /// `spec.selector`.
    pub selector: Arc<LabelSelector>,
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
    /// `spec`, without selector and template.
    pub spec: StatefulSetSpec,
    /// `spec.selector`.
    pub selector: Arc<LabelSelector>,
    /// `spec.template`.
    pub template: Arc<PodTemplate>,
    /// Its ControllerRevisions.
    pub revisions: Arc<Vec<Revision>>,
    /// `status`.
    pub status: StatefulSetStatus,
}

impl StatefulSet {
    /// The key of its template's revision, whether that is there yet or not.
    pub fn template_key(&self) -> RevisionKey {
        key_of(&self.template, &self.revisions)
    }

    /// The name of a ControllerRevision, which its pods have as a label.
    pub fn revision_name(&self, key: RevisionKey) -> String {
        let name = &self.meta.name;
        let template = template_of(key, &self.revisions, &self.template);
        match template.whole.revision_hash() {
            Some(hash) => format!("{name}-{hash}"),
            None => format!("{name}-{}", revision_hash(&format!("{name}/{}", key.0))),
        }
    }
}

/// A ControllerRevision: a template that a StatefulSet or a DaemonSet has or has had.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// Its key: equal templates have equal keys.
    pub key: RevisionKey,
    /// `revision`: higher is newer.
    pub revision: i64,
    /// `metadata.creationTimestamp`.
    pub created: SimTime,
    /// The template.
    pub template: Arc<PodTemplate>,
}

/// The key of a template among revisions; the next one if it is new.
fn key_of(template: &Arc<PodTemplate>, revisions: &[Revision]) -> RevisionKey {
    let same = |one: &&Revision| {
        Arc::ptr_eq(&one.template, template) || one.template.is_same_revision(template)
    };
    let next = || revisions.iter().map(|one| one.key.0).max().unwrap_or(0) + 1;
    revisions
        .iter()
        .find(same)
        .map_or_else(|| RevisionKey(next()), |found| found.key)
}

/// The template of a revision; the present one where that is about to be made.
fn template_of<'a>(
    key: RevisionKey,
    revisions: &'a [Revision],
    present: &'a Arc<PodTemplate>,
) -> &'a PodTemplate {
    let known = revisions.iter().find(|one| one.key == key);
    known.map_or(present, |known| &known.template)
}

/// A DaemonSet.
#[derive(Debug, Clone, PartialEq)]
pub struct DaemonSet {
    /// Its metadata.
    pub meta: ObjectMeta,
    /// Its entry among the workloads.
    pub workload: WorkloadId,
    /// `spec.selector`.
    pub selector: Arc<LabelSelector>,
    /// `spec.template`.
    pub template: Arc<PodTemplate>,
    /// `spec.updateStrategy` and `spec.minReadySeconds`.
    pub update: DaemonSetUpdate,
    /// How many templates it has had: `deprecated.daemonset.template.generation`.
    pub template_generation: i64,
    /// Its ControllerRevisions.
    pub revisions: Arc<Vec<Revision>>,
}

impl DaemonSet {
    /// The label of its pods that tells their template.
    pub const GENERATION: &str = "pod-template-generation";

    /// The label of its pods that tells their revision.
    pub const HASH: &str = "controller-revision-hash";
    /// `spec.revisionHistoryLimit`, which is the API server's default.
    const HISTORY: usize = 10;

    /// Whether a pod was made from its present template (`IsPodUpdated`).
    pub fn made(&self, pod: &Pod) -> bool {
        let generation = pod.meta.labels.get(Self::GENERATION);
        generation.is_some_and(|text| *text == self.template_generation.to_string())
            || pod.meta.labels.get(Self::HASH) == Some(&self.hash(self.template_key()))
    }

    /// The key of its template's revision.
    pub fn template_key(&self) -> RevisionKey {
        key_of(&self.template, &self.revisions)
    }

    /// `controller-revision-hash` of a revision's pods.
    pub fn hash(&self, key: RevisionKey) -> String {
        let template = template_of(key, &self.revisions, &self.template);
        match template.whole.template_hash() {
            Some(hash) => hash.to_owned(),
            None => revision_hash(&format!("{}/{}", self.meta.name, key.0)),
        }
    }

    /// Its template is the newest revision: a new one, or one that was there
    /// (`constructHistory`); what is old and has no pod goes (`cleanupHistory`).
    pub fn keep_revision(&mut self, has_pods: impl Fn(&str) -> bool) {
        let (key, mut revisions) = (self.template_key(), (*self.revisions).clone());
        let next = revisions.iter().map(|one| one.revision).max().unwrap_or(0) + 1;
        match revisions.iter_mut().find(|one| one.key == key) {
            Some(known) => known.revision = next,
            None => revisions.push(Revision {
                key,
                revision: next,
                created: SimTime::ZERO,
                template: Arc::clone(&self.template),
            }),
        }
        revisions.sort_by_key(|one| one.revision);
        let is_past = |one: &Revision| one.key != key && !has_pods(&self.hash(one.key));
        let past = revisions.iter().filter(|one| is_past(one)).count();
        let mut excess = past.saturating_sub(Self::HISTORY);
        revisions.retain(|one| {
            let goes = excess > 0 && is_past(one);
            excess -= usize::from(goes);
            !goes
        });
        self.revisions = Arc::new(revisions);
    }
}

/// A Job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its metadata; the owner is its CronJob, if it has one.
    pub meta: ObjectMeta,
    /// The entry of the workload at the top of its owners.
    pub workload: WorkloadId,
    /// `spec`.
    pub spec: Arc<JobSpec>,
    /// `spec.template`.
    pub template: Arc<PodTemplate>,
    /// The labels of its pods: the template's and those that the controller adds.
    pub pod_labels: Arc<Labels>,
    /// `status`.
    pub status: Arc<JobStatus>,
}

impl Job {
    /// The label with the Job's UID that its pods have, and that its selector asks for.
    const CONTROLLER_UID: &str = "batch.kubernetes.io/controller-uid";

    /// The labels of the pods of such a Job: the template's and those that the API server adds to
    /// it, unless the Job has a selector of its own (`generateSelector`). What the template has by
    /// these names is the API server's to refuse.
    pub fn labels_of_pods(meta: &ObjectMeta, spec: &JobSpec, template: &Labels) -> Labels {
        let mut labels = template.clone();
        if spec.manual_selector.is_none() {
            let uid = meta.uid.to_string();
            for key in [Self::CONTROLLER_UID, "controller-uid"] {
                labels.insert(key.to_owned(), uid.clone());
            }
            for key in ["batch.kubernetes.io/job-name", "job-name"] {
                labels.insert(key.to_owned(), meta.name.to_string());
            }
        }
        labels
    }

    /// `spec.selector`.
    pub fn selector(&self) -> LabelSelector {
        let manual = self.spec.manual_selector.as_ref();
        manual.cloned().unwrap_or_else(|| {
            let uid = (Self::CONTROLLER_UID.to_owned(), self.meta.uid.to_string());
            Labels::from([uid]).into()
        })
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
    pub selector: Arc<LabelSelector>,
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
