//! The Vertical Pod Autoscaler 1.8: recommender, updater and admission, decision for decision.
//!
//! Three components that share nothing but the VPA object ([`VpaSpec`]) and the
//! [`Recommendation`]s stored in its status. Each is a pure state machine: observations and
//! the clock in, values out. They follow `kubernetes/autoscaler`,
//! `vertical-pod-autoscaler/pkg/{recommender,updater,admission-controller,utils}`, with the
//! feature gates `InPlace`, `PerVPAConfig` and `CPUStartupBoost` as [`FeatureGates`] says.

pub mod admission;
mod capping;
mod flags;
mod gates;
mod pod;
pub mod recommender;
mod spec;
mod startup_boost;
pub mod updater;
mod wall_clock;

pub use capping::{apply_policy, cap_to_max, cap_to_min};
pub use flags::{AdmissionFlags, FlagError, RecommenderFlags, UpdaterFlags};
pub use gates::{FeatureGates, GateError};
pub use pod::Container;
pub use spec::{
    ChangeRequirement, ContainerPolicy, ContainerScalingMode, ControlledResources,
    ControlledValues, EvictionRequirement, Recommendation, Resource, Resources, UpdateMode,
    VpaSpec,
};
pub use startup_boost::{BoostAmount, StartupBoost};
pub use wall_clock::WallClock;
