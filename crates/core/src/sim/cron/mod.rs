//! Cron schedules as Kubernetes reads them: five fields, `@daily` and its like, `@every 5m`.
//!
//! Times are whole seconds since 1970 in UTC. A time zone comes in as a function from such a time
//! to the offset of the zone's clocks then, so that the module needs no list of zones.
//!
//! Upstream: robfig/cron v3, `ParseStandard` and `SpecSchedule.Next`, which CronJobs, KEDA and
//! Karpenter use.

mod civil;
mod next;
mod parse;

pub use civil::Civil;
pub use parse::{CronError, split_zone};

use super::SimDuration;

/// When something is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// Where all fields match.
    Fields(Fields),
    /// Again and again after so long, whole seconds and at least one.
    Every(SimDuration),
}

/// The values that each field takes, as sets of bits; [`STAR`] marks one that is not restricted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields {
    /// Minutes, 0 to 59.
    pub minute: u64,
    /// Hours, 0 to 23.
    pub hour: u64,
    /// Days of the month, 1 to 31.
    pub day_of_month: u64,
    /// Months, 1 to 12.
    pub month: u64,
    /// Days of the week, 0 (Sunday) to 6.
    pub day_of_week: u64,
}

/// The bit of a field that was written as `*`.
pub const STAR: u64 = 1 << 63;

impl Schedule {
    /// The first time after `after` at which it is due, by clocks that are `offset` seconds ahead
    /// of UTC. `None` if there is none in the next five years.
    pub fn next(&self, after: i64, offset: &impl Fn(i64) -> i64) -> Option<i64> {
        match self {
            Self::Fields(fields) => fields.next(after, offset),
            Self::Every(delay) => Some(after + delay.0 / 1_000_000_000),
        }
    }

    /// The first time after `after` at which it is due, by UTC.
    pub fn next_in_utc(&self, after: i64) -> Option<i64> {
        self.next(after, &|_| 0)
    }
}
