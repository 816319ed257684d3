//! Samples, PromQL and the Prometheus adapter's rules.
//!
//! A part of `nlsim`, whose front page says how the parts fit together.

pub mod prometheus;
