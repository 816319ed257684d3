//! Quantities with their units; time, the event queue, random streams, distributions.
//!
//! A part of `nlsim`, whose front page says how the parts fit together.

pub mod sim;
pub mod units;
