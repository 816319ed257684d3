//! The CronJob controller: Jobs by the calendar.
//!
//! Upstream: `pkg/controller/cronjob` (`cronjob_controllerv2.go`, `utils.go`). The core is pure:
//! [`sync()`] reads the CronJob, its Jobs and the clock, and answers with the calls to make. Times
//! are seconds since 1970; the adapter knows when the simulation began.

pub mod adapter;
mod missed;
mod spec;
mod sync;
#[cfg(test)]
mod tests;

pub use spec::{ConcurrencyPolicy, CronJobSpec};
pub use sync::{Child, Decision, Step, View, job_name, next_wake, sync};
