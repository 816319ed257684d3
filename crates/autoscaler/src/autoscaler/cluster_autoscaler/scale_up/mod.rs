//! Growing groups for pods that wait.
//!
//! Source: `core/scaleup/`, `processors/nodegroupset/`, `resourcequotas/`.

pub mod balancing;
pub mod equivalence;
mod executor;
pub mod orchestrator;
mod plan;
pub mod quotas;
mod similar;
pub mod status;

pub use status::{Choice, NoScaleUpInfo, ScaleUpInfo, ScaleUpResult, ScaleUpStatus};
