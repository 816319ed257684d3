//! KEDA 2.20.2: ScaledObjects with their HPAs and scale loops, and ScaledJobs.
//!
//! A pure core in the packages of kedacore/keda: the objects as written (`apis/keda/v1alpha1`),
//! scalers (`pkg/scalers`), generated HPAs and reconciles (`controllers/keda`), activity and
//! metrics (`pkg/scaling`), fallback and formulas. Who uses it hands in the clock, the scale
//! target and what the sources answer; it says which HPA to make, which replicas to set, which
//! conditions hold and which events to record. Where 2.20.2 leaves to chance which values a
//! cache serves after an error, the rule is that of upstream's main: records are kept.

mod admission;
mod conditions;
mod controller;
mod cron;
mod environment;
mod events;
mod executor;
mod expr;
mod fallback;
mod go;
mod handler;
mod hpa;
mod kinds;
mod metric;
mod modifiers;
mod scaled_job;
mod scaled_job_controller;
mod scaled_object;
mod scalers;
mod status;
#[cfg(test)]
mod tests;
mod triggers;
mod typed_config;

pub use admission::{ExistingHpa, TargetContainer, TargetPods, admit};
pub use conditions::{Condition, ConditionStatus, ConditionType, Conditions};
pub use cron::{Schedule, load_location};
pub use environment::Environment;
pub use events::{Event, JOB_CREATE_FAILED, JOBS_CREATED, SCALERS_INFO};
pub use executor::{
    Activity, FinishedJob, HpaHealth, JobObservation, JobScaleResult, NoTarget, ScaleResult,
    Target, request_job_scale, request_scale, scaling_decision, superseded,
};
pub use expr::{Program, Value, compile as compile_expression};
pub use fallback::{COMPOSITE_METRIC, Fetched, has_valid_fallback, with_fallback};
pub use handler::{Decision, HpaChange, ScaledObjectState, Sources, Surroundings};
pub use hpa::{Hpa, HpaMetrics, hpa_metrics, hpa_name, new_hpa};
pub use metric::{
    AVERAGE_VALUE, Amount, MetricSource, MetricSpec, MetricTarget, MetricValue, UTILIZATION, VALUE,
};
pub use modifiers::{NamedMetric, activity, compile, handle, not_simulated};
pub use scaled_job::{
    Demand, EXCLUDED_JOB_LABELS, JOB_LABEL, Rollout, ScaledJob, ScaledJobSpec, ScalerMetrics,
    ScalingStrategy, demand, max_value, queue_and_max_value,
};
pub use scaled_job_controller::{JobDecision, ScaledJobState};
pub use scaled_object::{
    AdvancedConfig, EXCLUDED_LABELS, FORCE_ACTIVATION, Fallback, FallbackBehavior, HpaConfig,
    Metadata, PAUSED, PAUSED_REPLICAS, PAUSED_SCALE_IN, PAUSED_SCALE_OUT, ScaleTarget,
    ScaledObject, ScaledObjectSpec, ScalingModifiers, TRANSFER_HPA_OWNERSHIP, check_fallback,
    check_replica_bounds,
};
pub use scalers::{
    Broker, ExternalMetric, KafkaPartition, KafkaTopic, Measured, PrometheusAnswer, RabbitQueue,
    Reading, Scaler, WorkloadPod, build,
};
pub use status::{HealthStatus, Status};
pub use triggers::{AuthenticationRef, ScaleTrigger, combined_types, validate_triggers};
pub use typed_config::{AuthParams, ScalerConfig};

/// The label by which KEDA's metrics server finds the ScaledObject.
pub const OWNER_LABEL: &str = "scaledobject.keda.sh/name";
