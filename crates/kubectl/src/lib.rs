//! kubectl's command lines, what they make of an object, objects printed.
//!
//! A part of `nlsim`, whose front page says how the parts fit together.

pub mod kubectl;

use nlsim_core::{sim, units};
