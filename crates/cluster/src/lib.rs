//! The objects and the components that act on them.
//!
//! A part of `nlsim`, whose front page says how the parts fit together.

pub mod api;
pub mod cloud;
pub mod cluster;
pub mod controller;
pub mod kubelet;
pub mod metrics;
pub mod scheduler;

use nlsim_autoscaler::autoscaler;
use nlsim_core::{sim, units};
