//! The workload controllers, each under its upstream name: observation in, steps out.
//!
//! A controller's core is a pure function of views of the objects and of the clock. It knows
//! neither where objects are stored nor how its steps are carried out.

pub mod deployment;
mod event;
pub mod rollout_status;
pub mod statefulset;

pub use event::{Event, EventType};
