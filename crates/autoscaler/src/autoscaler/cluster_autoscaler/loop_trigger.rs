//! When the next loop begins.
//!
//! Source: `loop/trigger.go`, `run` in `main.go`.

use super::options::Options;
use super::static_autoscaler::StaticAutoscaler;
use crate::sim::{SimDuration, SimTime};

/// A pod that became unschedulable longer ago than this starts no loop.
const MAX_POD_CHANGE_AGE: SimDuration = SimDuration::from_secs(10);

/// The latest begin of the loop after the one that began at `began` and ended at `ended`: at once
/// if it did something and `frequent-loops-enabled`, else after `scan-interval`.
pub fn next_loop(autoscaler: &StaticAutoscaler, began: SimTime, ended: SimTime) -> SimTime {
    let options = autoscaler.options();
    let did_something = autoscaler.last_scale_up() >= began || autoscaler.last_delete() >= began;
    if options.frequent_loops && did_something {
        ended
    } else {
        ended + options.scan_interval
    }
}

/// Whether a pod that has been unschedulable since `transition` starts a loop at `now`.
pub fn starts_loop(options: &Options, transition: SimTime, now: SimTime) -> bool {
    options.frequent_loops && transition + MAX_POD_CHANGE_AGE >= now
}
