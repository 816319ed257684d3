//! Where the pipeline reads what containers use.

use super::Line;
use crate::sim::SimTime;
use crate::units::{Bytes, CpuTime};

/// Usage that the pipeline's owner knows.
pub trait UsageSource {
    /// CPU consumed by the container with this number since it was first measured from, and its
    /// working set, at a time that is not later than the current one. For one container the times
    /// ascend.
    fn usage(&mut self, owner: u64, time: SimTime) -> (CpuTime, Bytes);

    /// What the container with this number uses until its line ends, if it lies on one.
    fn line(&self, _owner: u64) -> Option<Line> {
        None
    }

    /// How many lines of this class have ended.
    fn epoch(&self, _class: u32) -> u32 {
        0
    }
}

/// The container that is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tracked {
    /// Where its usage is read.
    pub source: Source,
    /// Which container of its pod.
    pub container: u16,
}

/// Where a container's usage is read, by the numbers of the pipeline's owner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Source {
    /// The owner knows what it uses now: each measurement is an event.
    Live(u64),
    /// The owner knows what it used lately: it is measured, as of the time of each measurement,
    /// when a scrape reads it.
    Kept(u64),
    /// It uses this all the time.
    Steady {
        /// From when on its CPU is counted.
        since: SimTime,
        /// CPU, in cores.
        cores: f64,
        /// The working set.
        memory: Bytes,
    },
}

impl Source {
    /// CPU consumed and the working set at a time.
    pub(super) fn usage(&self, time: SimTime, owner: &mut impl UsageSource) -> (CpuTime, Bytes) {
        match *self {
            Self::Live(number) | Self::Kept(number) => owner.usage(number, time),
            Self::Steady {
                since,
                cores,
                memory,
            } => (CpuTime(((time - since).0 as f64 * cores) as i64), memory),
        }
    }
}
