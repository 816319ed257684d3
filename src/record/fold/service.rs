//! A service: its requests by window, and what its pods used of what they requested.

use super::super::recording::{Objective, Sample, ServiceRecord};
use super::super::windows::Window;
use crate::sim::{SimDuration, SimTime};

/// Requests against usage, added up over time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Slack {
    /// Request minus usage of CPU where that is positive, in core-hours.
    pub core_hours: f64,
    /// The same of memory, in GiB-hours.
    pub gib_hours: f64,
    /// Usage minus request of CPU where that is positive, in core-hours.
    pub short_core_hours: f64,
    /// The same of memory, in GiB-hours.
    pub short_gib_hours: f64,
}

impl Slack {
    /// Names and values.
    pub fn named(&self) -> [(&'static str, f64); 4] {
        [
            ("slack_core_hours", self.core_hours),
            ("slack_gib_hours", self.gib_hours),
            ("shortfall_core_hours", self.short_core_hours),
            ("shortfall_gib_hours", self.short_gib_hours),
        ]
    }
}

/// What is known of a service after the warm-up, up to now.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ServiceFold {
    /// Requests that arrived.
    pub requests: u64,
    /// Those that ended without success.
    pub failed: u64,
    /// Those that succeeded within the objective's latency.
    pub good: u64,
    /// Windows with traffic.
    pub windows: u32,
    /// Those that violate the objective: their percentile is above its limit, or nothing succeeded.
    pub violated: u32,
    /// Samples.
    pub samples: u64,
    /// Σ CPU used, in cores.
    pub cpu_used: f64,
    /// Σ CPU requested by ready pods, in cores.
    pub cpu_requested: f64,
    /// Σ memory held, in bytes.
    pub memory_used: f64,
    /// Requests against usage.
    pub slack: Slack,
    start: SimTime,
    step: SimDuration,
    limit_ms: Option<f64>,
}

impl ServiceFold {
    pub(super) fn new(service: &ServiceRecord, start: SimTime, step: SimDuration) -> Self {
        let Objective { latency, .. } = service.objective;
        Self {
            start,
            step,
            limit_ms: latency.map(|limit| limit.as_secs_f64() * 1000.0),
            ..Self::default()
        }
    }

    pub(super) fn window(&mut self, window: &Window) {
        if window.start < self.start {
            return;
        }
        self.requests += window.issued;
        self.failed += window.failed();
        self.good += window.good;
        if window.ended.iter().sum::<u64>() > 0 {
            let is_slow = |limit| window.latency.slo_ms > limit;
            let violates = window.latency.count == 0 || self.limit_ms.is_some_and(is_slow);
            self.windows += 1;
            self.violated += u32::from(violates);
        }
    }

    pub(super) fn sample(&mut self, sample: &Sample) {
        if sample.time <= self.start {
            return;
        }
        let hours = self.step.as_secs_f64() / 3600.0;
        let cores = (sample.cpu_requested - sample.cpu_used) * hours;
        let gib = (sample.memory_requested - sample.memory_used) / f64::from(1 << 30) * hours;
        self.samples += 1;
        self.cpu_used += sample.cpu_used;
        self.cpu_requested += sample.cpu_requested;
        self.memory_used += sample.memory_used;
        self.slack.core_hours += cores.max(0.0);
        self.slack.gib_hours += gib.max(0.0);
        self.slack.short_core_hours += (-cores).max(0.0);
        self.slack.short_gib_hours += (-gib).max(0.0);
    }
}
