//! What happened in a run, and the figures of it.
//!
//! A part of `nlsim`, whose front page says how the parts fit together.

pub mod analysis;
pub mod record;

use nlsim_core::{sim, units};
