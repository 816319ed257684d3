//! Removing nodes that are not needed.
//!
//! Source: `core/scaledown/`, `processors/nodes/`, `processors/scaledowncandidates/`.

pub mod actuator;
pub mod budgets;
pub mod candidates;
pub mod deletion_tracker;
mod eligibility;
mod evictor;
pub mod planner;
mod soft_taints;
mod standing;
mod status;
pub mod unneeded;
mod unremovable;

pub use soft_taints::update_soft_deletion_taints;
pub use status::{ScaleDownNode, ScaleDownResult};
