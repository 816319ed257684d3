//! The cores of the autoscalers: pure state machines.
//!
//! A part of `nlsim`, whose front page says how the parts fit together.

pub mod autoscaler;

use nlsim_core::{sim, units};
