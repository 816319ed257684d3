//! `spec` and `status` of a Job, completed as the API server does.

use std::sync::Arc;

use super::indexes::Indexes;
use super::policy::{FailureRule, SuccessRule};
use crate::api::LabelSelector;
use crate::sim::{SimDuration, SimTime};

/// `spec` of a Job besides its template.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are fields of the API")]
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
    /// `suspend`.
    pub suspend: bool,
    /// `ttlSecondsAfterFinished`.
    pub ttl: Option<SimDuration>,
    /// `completionMode: Indexed`.
    pub indexed: bool,
    /// `backoffLimitPerIndex`.
    pub backoff_limit_per_index: Option<i32>,
    /// `maxFailedIndexes`.
    pub max_failed_indexes: Option<i32>,
    /// `podReplacementPolicy: Failed`: a pod that is being deleted is not replaced before it has
    /// ended.
    pub replaces_failed_only: bool,
    /// `podFailurePolicy.rules`.
    pub failure_rules: Option<Arc<[FailureRule]>>,
    /// `successPolicy.rules`.
    pub success_rules: Option<Arc<[SuccessRule]>>,
    /// `managedBy`.
    pub managed_by: Option<Arc<str>>,
    /// `selector` of a Job with `manualSelector`.
    pub manual_selector: Option<LabelSelector>,
}

impl Default for JobSpec {
    fn default() -> Self {
        Self {
            parallelism: 1,
            completions: Some(1),
            backoff_limit: Self::BACKOFF_LIMIT,
            active_deadline: None,
            restarts_in_place: false,
            suspend: false,
            ttl: None,
            indexed: false,
            backoff_limit_per_index: None,
            max_failed_indexes: None,
            replaces_failed_only: false,
            failure_rules: None,
            success_rules: None,
            managed_by: None,
            manual_selector: None,
        }
    }
}

impl JobSpec {
    /// `backoffLimit` where it is not given.
    pub const BACKOFF_LIMIT: i32 = 6;

    /// Whether another controller than the built-in one looks after it (`controllerName`).
    pub fn is_managed_elsewhere(&self) -> bool {
        let managed_by = self.managed_by.as_deref();
        managed_by.is_some_and(|name| name != "kubernetes.io/job-controller")
    }
}

/// `status` of a Job. Numbers of active pods are counted where they are shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobStatus {
    /// `startTime`.
    pub start_time: Option<SimTime>,
    /// `completionTime`.
    pub completion_time: Option<SimTime>,
    /// `succeeded`.
    pub succeeded: i32,
    /// `failed`.
    pub failed: i32,
    /// `completedIndexes`.
    pub completed_indexes: Indexes,
    /// `failedIndexes`.
    pub failed_indexes: Option<Indexes>,
    /// `conditions`.
    pub conditions: Vec<JobCondition>,
}

/// The type of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobConditionType {
    /// It is suspended, or was.
    Suspended,
    /// It will be complete once its pods are gone.
    SuccessCriteriaMet,
    /// It will have failed once its pods are gone.
    FailureTarget,
    /// It is complete.
    Complete,
    /// It has failed.
    Failed,
}

impl JobConditionType {
    /// The type as Kubernetes spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Suspended => "Suspended",
            Self::SuccessCriteriaMet => "SuccessCriteriaMet",
            Self::FailureTarget => "FailureTarget",
            Self::Complete => "Complete",
            Self::Failed => "Failed",
        }
    }
}

/// A condition of a Job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobCondition {
    /// `type`.
    pub kind: JobConditionType,
    /// `status`.
    pub status: bool,
    /// `reason`.
    pub reason: &'static str,
    /// `message`.
    pub message: String,
    /// `lastTransitionTime`.
    pub at: SimTime,
}

/// How a Job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobEnd {
    /// Failed instead of Complete.
    pub failed: bool,
    /// When.
    pub at: SimTime,
}

impl JobStatus {
    /// The condition of a type, if it is true.
    pub fn condition(&self, kind: JobConditionType) -> Option<&JobCondition> {
        let mut all = self.conditions.iter();
        all.find(|one| one.kind == kind && one.status)
    }

    /// How it ended, if it has.
    pub fn end(&self) -> Option<JobEnd> {
        let ended = |kind| self.condition(kind);
        let end = ended(JobConditionType::Complete).or(ended(JobConditionType::Failed))?;
        Some(JobEnd {
            failed: end.kind == JobConditionType::Failed,
            at: end.at,
        })
    }

    /// Sets a condition; whether that changes anything (`ensureJobConditionStatus`).
    pub(super) fn set(&mut self, condition: JobCondition) -> bool {
        let mut all = self.conditions.iter_mut();
        match all.find(|one| one.kind == condition.kind) {
            Some(there) => {
                let same = there.status == condition.status
                    && there.reason == condition.reason
                    && there.message == condition.message;
                if !same {
                    *there = condition;
                }
                !same
            }
            None if condition.status => {
                self.conditions.push(condition);
                true
            }
            None => false,
        }
    }
}
