//! cAdvisor in the kubelet: when a container is measured.
//!
//! Follows `manager/container.go` of cAdvisor (housekeeping with jitter) and the settings in
//! `pkg/kubelet/cadvisor`: gaps are uniform on [interval, interval × (1 + jitter)); the
//! interval of a container whose last two samples are identical doubles up to a ceiling.

use super::server::Point;
use super::spec::PipelineConfig;
use crate::sim::{SimDuration, SimTime, Stream};

/// One container's samples: the newest two, since a scrape may still need the older.
#[derive(Debug, Clone)]
pub(super) struct Samples {
    latest: Option<Point>,
    before: Option<Point>,
    interval: SimDuration,
}

impl Samples {
    pub(super) fn new(config: &PipelineConfig) -> Self {
        Self {
            latest: None,
            before: None,
            interval: config.housekeeping_interval,
        }
    }

    /// Takes a sample and returns the gap until the next.
    pub(super) fn take(
        &mut self,
        point: Point,
        config: &PipelineConfig,
        stream: &mut Stream,
    ) -> SimDuration {
        let idle = self
            .latest
            .is_some_and(|old| (old.cpu, old.memory) == (point.cpu, point.memory));
        self.interval = if idle {
            (self.interval * 2).min(config.housekeeping_max)
        } else {
            config.housekeeping_interval
        };
        self.before = self.latest.replace(point);
        jittered(self.interval, config.housekeeping_jitter, stream)
    }

    /// The newest sample taken at or before `time`.
    pub(super) fn at(&self, time: SimTime) -> Option<Point> {
        self.latest
            .filter(|point| point.timestamp <= time)
            .or(self.before.filter(|point| point.timestamp <= time))
    }
}

pub(super) fn jittered(interval: SimDuration, jitter: f64, stream: &mut Stream) -> SimDuration {
    interval + SimDuration((interval.0 as f64 * jitter * stream.unit()) as i64)
}
