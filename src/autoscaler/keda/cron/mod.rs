//! Cron schedules with time zones: robfig/cron 3.0.1 and Go's `time`.

mod schedule;
mod zone;

pub use schedule::Schedule;
pub use zone::Zone;
