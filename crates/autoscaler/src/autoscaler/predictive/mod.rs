//! Replicas ahead of the load: models that predict from what the HPA calculated so far.
//!
//! Pure: a [`Predictor`] is told each calculated number of replicas and answers with the number to
//! go on with, before stabilization and policies. The models, their histories and the ways to
//! decide are those of predictive-horizontal-pod-autoscaler (PHPA, v0.13.2 and its last commit);
//! [`Profile`] is gocrane's idea. A history stays in the order of time, where upstream's turns
//! around when it is first pruned.

mod accuracy;
mod decision;
mod holt_winters;
mod initial;
mod linear;
mod model;
mod predictor;
mod profile;
mod spec;

pub use accuracy::{Accuracy, accuracy};
pub use decision::DecisionType;
pub use holt_winters::{Damping, Form, HoltWinters, States};
pub use initial::Initialization;
pub use linear::{Linear, extrapolate};
pub use model::{Forecaster, Model, replicas};
pub use predictor::{Candidate, Prediction, Predictor, WarmUp};
pub use profile::{Estimator, Profile};
pub use spec::{SpecError, read_models};

/// Values at equal distances in time, the oldest first.
pub type Series<'a> = &'a [f64];

/// Why a model predicts nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// It needs to see more first.
    #[error("{needed} samples are needed, there are {given}")]
    TooFewSamples {
        /// Samples that it needs.
        needed: usize,
        /// Samples that there are.
        given: usize,
    },
    /// The season has no length, or its states are not as many as its samples.
    #[error("the season is too short")]
    ShortSeason,
    /// A trend is to be damped, by nothing.
    #[error("the trend is to be damped, but no damping is given")]
    NoDamping,
    /// A coefficient is missing.
    #[error("no {0} tuning value provided for Holt-Winters prediction")]
    NoCoefficient(&'static str),
    /// Known first states are given, but nothing says that they are known.
    #[error("first states are given, but `initializationMethod` is not `known`")]
    StatesUnasked,
    /// First states are said to be known, but not given.
    #[error("`initializationMethod` is `known`, but first states are missing")]
    StatesMissing,
    /// Only a trend can be damped.
    #[error("there is no trend to be damped")]
    DampedWithoutTrend,
    /// A multiplicative trend or season needs values above 0.
    #[error("a multiplicative trend or season needs values above 0")]
    NotPositive,
    /// The forecast is not a number, or has no end.
    #[error("the forecast is not a finite number")]
    NotFinite,
}
