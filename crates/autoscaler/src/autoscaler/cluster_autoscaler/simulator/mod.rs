//! What would happen if: nodes and pods in a snapshot, placed and moved on trial.
//!
//! Source: `simulator/`.

pub mod cluster;
mod domains;
pub mod hinting;
pub mod nodes;
pub mod predicates;
pub mod removal;
pub mod snapshot;
pub mod templates;
pub mod utilization;

pub use domains::TOO_SKEWED;
