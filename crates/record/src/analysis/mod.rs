//! Figures of a recording: flapping, scaling latency, elasticity, service levels, cost.
//!
//! What has to be added up over a run is `record::fold`'s, so that the run need not be kept; the
//! pure functions here ask the same code for the figures of curves. Curves are lists of (second,
//! value), piecewise constant and right-continuous.

pub mod bill;
pub mod cost;
pub mod elasticity;
mod figures;
pub mod findings;
pub mod flapping;
pub mod scaling_latency;
pub mod slo;
pub mod steps;
mod summary;
mod vpa;

pub use crate::record::fold::{FLAP_WINDOW, ScalingStep, Slack, Stages};
pub use figures::{HpaFigures, ServiceFigures};
pub use summary::Summary;
pub use vpa::{Disruptions, VpaContainerFigures, VpaFigures};
