//! Kind `keda_scaledjob`: how many jobs a poll creates.

use serde::Deserialize;

use super::super::table::{close, difference, rows};
use super::super::{ReplayError, Report};
use crate::autoscaler::keda::{
    FinishedJob, JobObservation, ScaledJob, ScalerMetrics, demand, max_value, request_job_scale,
    scaling_decision,
};
use crate::sim::SimTime;

#[derive(Debug, Deserialize)]
struct Case {
    id: String,
    strategy: String,
    custom_queue_length_deduction: Option<i32>,
    #[serde(default)]
    custom_running_job_percentage: String,
    multiple_scalers_calculation: String,
    min_replica_count: Option<i32>,
    max_replica_count: Option<i32>,
    triggers: Vec<Trigger>,
    unfinished_jobs: i64,
    pending_jobs: i64,
    expected: Expected,
}

#[derive(Debug, Deserialize)]
struct Trigger {
    queue_value: f64,
    target_average_value: f64,
    active: bool,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Expected {
    max_replica_count_effective: i64,
    min_replica_count_effective: i64,
    is_active: bool,
    queue_length: i64,
    max_value: i64,
    effective_max_scale: i64,
    scale_to: i64,
    jobs_created: i64,
    per_trigger_max_value: Vec<f64>,
}

/// Replays every poll.
pub(in super::super) fn replay(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in rows::<Case>(text)? {
        report.cases += 1;
        let mut got = case.run();
        let expected = &case.expected;
        let maxima = expected
            .per_trigger_max_value
            .iter()
            .zip(&got.per_trigger_max_value);
        if expected.per_trigger_max_value.len() == case.triggers.len()
            && maxima
                .into_iter()
                .all(|(expected, got)| close(*expected, *got))
        {
            got.per_trigger_max_value
                .clone_from(&expected.per_trigger_max_value);
        }
        let input = (
            &case.strategy,
            &case.triggers,
            case.unfinished_jobs,
            case.pending_jobs,
        );
        report.step(difference(case.id.clone(), expected, &got, &input));
    }
    Ok(report)
}

impl Case {
    fn job(&self) -> ScaledJob {
        let mut job = ScaledJob::default();
        job.spec.min_replica_count = self.min_replica_count;
        job.spec.max_replica_count = self.max_replica_count;
        let strategy = &mut job.spec.scaling_strategy;
        strategy.strategy.clone_from(&self.strategy);
        strategy.custom_scaling_queue_length_deduction = self.custom_queue_length_deduction;
        strategy
            .custom_scaling_running_job_percentage
            .clone_from(&self.custom_running_job_percentage);
        strategy
            .multiple_scalers_calculation
            .clone_from(&self.multiple_scalers_calculation);
        job
    }

    /// As many unfinished jobs as the case has, the first of them pending, and a finished one.
    fn jobs(&self) -> Vec<JobObservation> {
        let one = |number: i64| JobObservation {
            name: number.to_string(),
            finished: (number == self.unfinished_jobs).then(FinishedJob::default),
            pods: vec![(number >= self.pending_jobs, Vec::new())],
            ..JobObservation::default()
        };
        (0..=self.unfinished_jobs).map(one).collect()
    }

    fn run(&self) -> Expected {
        let job = self.job();
        let metrics: Vec<ScalerMetrics> = self
            .triggers
            .iter()
            .map(|trigger| ScalerMetrics {
                queue_length: trigger.queue_value,
                max_value: max_value(
                    trigger.queue_value,
                    trigger.target_average_value,
                    job.max_replicas(),
                ),
                active: trigger.active,
            })
            .collect();
        let demand = demand(&job, &metrics);
        let (effective_max_scale, scale_to) =
            scaling_decision(&job, demand, self.unfinished_jobs, self.pending_jobs);
        let result = request_job_scale(
            &job,
            &self.jobs(),
            demand,
            false,
            false,
            SimTime::from_secs(1),
        );
        Expected {
            max_replica_count_effective: job.max_replicas(),
            min_replica_count_effective: job.min_replicas(),
            is_active: demand.active,
            queue_length: demand.queue_length,
            max_value: demand.max_value,
            effective_max_scale,
            scale_to,
            jobs_created: result.create,
            per_trigger_max_value: metrics.iter().map(|metric| metric.max_value).collect(),
        }
    }
}
