//! The Vertical Pod Autoscaler 1.8: recommender, updater and admission, decision for decision.
//!
//! Three components that share nothing but the VPA object ([`VpaSpec`]) and the
//! [`Recommendation`]s stored in its status. Each is a pure state machine: observations and
//! the clock in, values out. They follow `kubernetes/autoscaler`,
//! `vertical-pod-autoscaler/pkg/{recommender,updater,admission-controller,utils}`, with the
//! feature gates at their defaults (`CPUStartupBoost`, `InPlace` and `PerVPAConfig` off).

pub mod admission;
mod amount;
mod capping;
mod checkpoint;
mod conditions;
mod container_state;
mod estimator;
mod flags;
mod pod;
mod spec;
pub mod updater;
mod go_math;
mod histogram;
mod post_process;
mod recommender;
mod spec;
mod usage_summary;
mod wall_clock;

pub use capping::{apply_policy, cap_to_max, cap_to_min};
pub use checkpoint::{Checkpoint, CheckpointError, HistogramCheckpoint};
pub use conditions::{Condition, ConditionType};
pub use estimator::{Bounds, Estimate};
pub use flags::{AdmissionFlags, FlagError, RecommenderFlags, UpdaterFlags};
pub use pod::Container;
pub use recommender::{LabelSet, Pod, PodKey, Recommender};
pub use spec::{
    ChangeRequirement, ContainerPolicy, ContainerScalingMode, ControlledResources,
    ControlledValues, EvictionRequirement, Recommendation, Resource, Resources, UpdateMode,
    VpaSpec,
};
pub use usage_summary::{HistogramSummary, UsageSummary};
pub use wall_clock::WallClock;
