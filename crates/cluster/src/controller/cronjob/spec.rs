//! `spec` of a CronJob, completed as the API server does.

use std::sync::Arc;

use crate::api::Labels;
use crate::controller::job::JobSpec;
use crate::sim::Zone;
use crate::sim::cron::Schedule;

/// What happens where a Job of the CronJob still runs when the next is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConcurrencyPolicy {
    /// It starts beside it.
    #[default]
    Allow,
    /// It does not start.
    Forbid,
    /// It takes its place.
    Replace,
}

impl ConcurrencyPolicy {
    /// All policies.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Forbid, Self::Replace];

    /// The policy as Kubernetes spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::Forbid => "Forbid",
            Self::Replace => "Replace",
        }
    }
}

/// `spec` of a CronJob besides its pod template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronJobSpec {
    /// `schedule` as written.
    pub schedule: String,
    /// `schedule`.
    pub timing: Schedule,
    /// `timeZone` as written.
    pub time_zone: Option<String>,
    /// `timeZone`.
    pub zone: Zone,
    /// `concurrencyPolicy`.
    pub concurrency_policy: ConcurrencyPolicy,
    /// `startingDeadlineSeconds`.
    pub starting_deadline: Option<i64>,
    /// `suspend`.
    pub suspend: bool,
    /// `successfulJobsHistoryLimit`.
    pub successful_jobs_history_limit: i32,
    /// `failedJobsHistoryLimit`.
    pub failed_jobs_history_limit: i32,
    /// `jobTemplate.spec`.
    pub job: Arc<JobSpec>,
    /// `jobTemplate.metadata.labels`.
    pub job_labels: Arc<Labels>,
    /// `jobTemplate.metadata.annotations`.
    pub job_annotations: Arc<Labels>,
}

impl CronJobSpec {
    /// The first time after `after` at which a Job is due.
    pub fn next(&self, after: i64) -> Option<i64> {
        self.timing.next(after, &|time| self.zone.offset(time))
    }
}
