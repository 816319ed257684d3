//! The scale executor: from activity to replicas or jobs, `pkg/scaling/executor`.

mod jobs;
mod scaled_object;

pub use jobs::{
    FinishedJob, JobObservation, JobScaleResult, request_job_scale, scaling_decision, superseded,
};
pub use scaled_object::{Activity, HpaHealth, NoTarget, ScaleResult, Target, request_scale};
