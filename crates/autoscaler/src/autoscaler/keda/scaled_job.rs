//! The ScaledJob as written, `scaledjob_types.go`, and what its triggers' metrics come to,
//! `pkg/scaling/scaledjob/metrics.go`.

use serde::Deserialize;
use serde_json::Value;

use super::metric::{MetricSpec, MetricValue};
use super::scaled_object::Metadata;
use super::triggers::ScaleTrigger;

/// Labels that jobs do not get.
pub const EXCLUDED_JOB_LABELS: &str = "scaledjob.keda.sh/job-excluded-labels";
/// The label of Jobs and their pods with the ScaledJob's name.
pub const JOB_LABEL: &str = "scaledjob.keda.sh/name";

/// A ScaledJob of `keda.sh/v1alpha1`.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(default)]
pub struct ScaledJob {
    /// Name, labels, annotations.
    pub metadata: Metadata,
    /// What is wanted.
    pub spec: ScaledJobSpec,
    /// Why the API server refuses its Jobs, if it does: what the schema of a ScaledJob lets pass.
    #[serde(skip)]
    pub refused: Vec<String>,
}

/// What a ScaledJob wants. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct ScaledJobSpec {
    /// The jobs' spec, as written.
    pub job_target_ref: Option<Value>,
    /// Seconds between polls; 30 if unset.
    pub polling_interval: Option<i32>,
    /// How many successful jobs are kept; 100 if unset.
    pub successful_jobs_history_limit: Option<i32>,
    /// How many failed jobs are kept; 100 if unset.
    pub failed_jobs_history_limit: Option<i32>,
    /// Older form of `rollout.strategy`.
    pub rollout_strategy: String,
    /// What a change does to running jobs.
    pub rollout: Rollout,
    /// The container whose environment triggers read.
    pub env_source_container_name: String,
    /// Jobs that always run; 0 if unset.
    pub min_replica_count: Option<i32>,
    /// Most jobs at a time; 100 if unset.
    pub max_replica_count: Option<i32>,
    /// How many jobs a queue needs.
    pub scaling_strategy: ScalingStrategy,
    /// What is looked at.
    pub triggers: Vec<ScaleTrigger>,
}

/// `spec.rollout`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Rollout {
    /// `gradual` lets older jobs run; anything else deletes them.
    pub strategy: String,
    /// `foreground` or, else, `background`.
    pub propagation_policy: String,
}

/// `spec.scalingStrategy`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct ScalingStrategy {
    /// `default` (also if empty), `custom`, `accurate` or `eager`.
    pub strategy: String,
    /// What `custom` takes off the queue.
    pub custom_scaling_queue_length_deduction: Option<i32>,
    /// The share of running jobs that `custom` takes off.
    pub custom_scaling_running_job_percentage: String,
    /// Conditions without which a job's pod is pending.
    pub pending_pod_conditions: Vec<String>,
    /// `max` (also if empty), `min`, `avg` or `sum`.
    pub multiple_scalers_calculation: String,
}

impl ScaledJob {
    /// Reads an object; fields that upstream does not know are ignored.
    pub fn from_value(value: &Value) -> Result<Self, String> {
        Self::deserialize(value).map_err(|error| error.to_string())
    }

    /// Whether the loop stops.
    pub fn is_paused(&self) -> bool {
        self.metadata.flag(super::scaled_object::PAUSED)
    }

    /// Jobs that always run; no more than the most.
    pub fn min_replicas(&self) -> i64 {
        let min = self.spec.min_replica_count.unwrap_or(0);
        self.spec
            .max_replica_count
            .map_or(min, |max| min.min(max))
            .into()
    }

    /// Jobs beyond those that always run.
    pub fn max_replicas(&self) -> i64 {
        let Some(max) = self.spec.max_replica_count else {
            return 100;
        };
        if self.spec.min_replica_count.is_some_and(|min| min > max) {
            return max.into();
        }
        i64::from(max) - self.min_replicas()
    }

    /// Whether jobs of older specs are deleted.
    pub fn deletes_older_jobs(&self) -> bool {
        let older = &self.spec.rollout_strategy;
        let strategy = if older.is_empty() {
            &self.spec.rollout.strategy
        } else {
            older
        };
        strategy != "gradual"
    }
}

/// What one metric asks for.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ScalerMetrics {
    /// The metric's value.
    pub queue_length: f64,
    /// Jobs for it.
    pub max_value: f64,
    /// Whether its trigger, or one of its trigger's metrics before it, is active.
    pub active: bool,
}

/// What all metrics ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Demand {
    /// Whether jobs are made at all.
    pub active: bool,
    /// The queue, rounded up.
    pub queue_length: i64,
    /// Jobs for it, rounded up.
    pub max_value: i64,
}

/// `CalculateQueueLengthAndMaxValue` of a trigger whose specs these are.
pub fn queue_and_max_value(
    metrics: &[MetricValue],
    specs: &[MetricSpec],
    max_replicas: i64,
) -> (f64, f64) {
    let first = specs.first().and_then(MetricSpec::external_name);
    let matching = metrics
        .iter()
        .filter(|metric| Some(metric.name.as_str()) == first);
    let queue: f64 = matching.map(|metric| metric.value.as_f64()).sum();
    let average = |spec: &MetricSpec| {
        if spec.target.kind == super::metric::AVERAGE_VALUE {
            spec.target.approximate
        } else {
            0.0
        }
    };
    let target = specs.iter().map(average).sum::<f64>() / specs.len().max(1) as f64;
    (queue, max_value(queue, target, max_replicas))
}

/// Jobs for a queue at so much of it a job.
pub fn max_value(queue: f64, target: f64, max_replicas: i64) -> f64 {
    if target == 0.0 {
        0.0
    } else {
        (queue / target).min(max_replicas as f64)
    }
}

/// `IsScaledJobActive`: the metrics of active triggers together.
pub fn demand(job: &ScaledJob, metrics: &[ScalerMetrics]) -> Demand {
    let mut total = ScalerMetrics::default();
    let active = metrics.iter().filter(|metric| metric.active);
    let take = |total: &mut ScalerMetrics, metric: &ScalerMetrics| *total = *metric;
    match job
        .spec
        .scaling_strategy
        .multiple_scalers_calculation
        .as_str()
    {
        "min" => {
            for metric in active {
                if total.queue_length == 0.0 || metric.queue_length < total.queue_length {
                    take(&mut total, metric);
                }
            }
        }
        calculation @ ("avg" | "sum") => {
            let mut count = 0.0;
            for metric in active {
                total.queue_length += metric.queue_length;
                total.max_value += metric.max_value;
                total.active = true;
                count += 1.0;
            }
            if calculation == "avg" && count != 0.0 {
                total.queue_length /= count;
                total.max_value /= count;
            }
        }
        _ => {
            for metric in active {
                if metric.queue_length > total.queue_length {
                    take(&mut total, metric);
                }
            }
        }
    }
    let most = job.max_replicas() as f64;
    Demand {
        active: total.active || job.min_replicas() > 0,
        queue_length: total.queue_length.ceil() as i64,
        max_value: total.max_value.min(most).ceil() as i64,
    }
}
