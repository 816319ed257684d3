//! What a recording means: flapping, scaling latency, elasticity, service levels, cost.
//!
//! Each file holds pure functions over curves and lists, with their formula and its source;
//! `summary` applies them to a recording. Curves are lists of (second, value), piecewise
//! constant and right-continuous.

pub mod bill;
pub mod cost;
pub mod demand;
pub mod elasticity;
mod figures;
pub mod findings;
pub mod flapping;
pub mod scaling_latency;
pub mod slo;
pub mod stages;
pub mod steps;
mod summary;
mod vpa;

pub use figures::{FLAP_WINDOW, HpaFigures, ServiceFigures, Slack};
pub use stages::{ScalingStep, Stages};
pub use summary::Summary;
pub use vpa::{Disruptions, VpaContainerFigures, VpaFigures};
