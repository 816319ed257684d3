//! Who sends work, and what a pod does with it.
//!
//! A part of `nlsim`, whose front page says how the parts fit together.

pub mod load;
pub mod workload;

use nlsim_core::{sim, units};
