//! A service: its requests by window, and what its pods used of what they requested.

use super::super::recording::{Objective, Sample, ServiceRecord};
use super::super::request::Outcome;
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
    /// Those of them that came beyond a rate limit.
    pub limited: u64,
    /// Those without an answer at the end of the run.
    pub unanswered: u64,
    /// Those of them that had waited for at least [`PATIENCE`].
    pub overdue: u64,
    /// Those that succeeded within the objective's latency.
    pub good: u64,
    /// Windows with traffic.
    pub windows: u32,
    /// Those that violate the objective: their percentile is above its limit, or nothing succeeded.
    pub violated: u32,
    /// Samples.
    pub samples: u64,
    /// Σ CPU that requests asked for, in cores.
    pub cpu_offered: f64,
    /// Requests in pods at the last sample: with a slot, and waiting for one.
    pub inside: (u32, u32),
    /// Most requests that waited for a slot, at a sample.
    pub most_queued: u32,
    /// Σ CPU used, in cores.
    pub cpu_used: f64,
    /// Σ CPU requested by ready pods, in cores.
    pub cpu_requested: f64,
    /// Σ memory held, in bytes.
    pub memory_used: f64,
    /// Requests against usage.
    pub slack: Slack,
    start: SimTime,
    end: SimTime,
    step: SimDuration,
    objective: Objective,
}

/// A request that has waited this long is not just one that the end of the run cut off.
pub const PATIENCE: SimDuration = SimDuration::from_secs(60);

impl ServiceFold {
    /// Figures over [start, end).
    pub(super) fn new(
        service: &ServiceRecord,
        (start, end): (SimTime, SimTime),
        step: SimDuration,
    ) -> Self {
        Self {
            start,
            end,
            step,
            objective: service.objective,
            ..Self::default()
        }
    }

    pub(super) fn window(&mut self, window: &Window) {
        if window.start < self.start {
            return;
        }
        self.requests += window.issued;
        self.failed += window.failed();
        self.limited += window.ended[Outcome::Limited429 as usize];
        self.good += window.good;
        let unanswered = window.unanswered();
        let over = window.start + self.step;
        self.unanswered += unanswered;
        if over + PATIENCE <= self.end {
            self.overdue += unanswered;
        }
        let is_late = self.is_late(window, unanswered);
        if window.issued > unanswered || is_late {
            let limit = self.objective.latency;
            let is_slow = |limit: SimDuration| window.latency.slo_ms > limit.as_secs_f64() * 1000.0;
            let violates = is_late || window.latency.count == 0 || limit.is_some_and(is_slow);
            self.windows += 1;
            self.violated += u32::from(violates);
        }
    }

    /// Whether so many requests of a window waited longer than the objective allows that its
    /// percentile is above the limit, whenever they are answered.
    fn is_late(&self, window: &Window, unanswered: u64) -> bool {
        let Objective {
            percentile,
            latency: Some(limit),
            ..
        } = self.objective
        else {
            return false;
        };
        let allowed = (1.0 - percentile / 100.0) * (window.latency.count + unanswered) as f64;
        unanswered as f64 > allowed && window.start + self.step + limit <= self.end
    }

    pub(super) fn sample(&mut self, sample: &Sample) {
        if sample.time <= self.start {
            return;
        }
        let hours = self.step.as_secs_f64() / 3600.0;
        let cores = (sample.cpu_requested - sample.cpu_used) * hours;
        let gib = (sample.memory_requested - sample.memory_used) / f64::from(1 << 30) * hours;
        self.samples += 1;
        self.cpu_offered += sample.cpu_offered;
        self.inside = (sample.in_service, sample.queued);
        self.most_queued = self.most_queued.max(sample.queued);
        self.cpu_used += sample.cpu_used;
        self.cpu_requested += sample.cpu_requested;
        self.memory_used += sample.memory_used;
        self.slack.core_hours += cores.max(0.0);
        self.slack.gib_hours += gib.max(0.0);
        self.slack.short_core_hours += (-cores).max(0.0);
        self.slack.short_gib_hours += (-gib).max(0.0);
    }
}
