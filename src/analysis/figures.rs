//! Figures of each HPA and of each service.

use std::sync::Arc;

use super::demand::demand;
use super::elasticity::{Elasticity, elasticity};
use super::flapping::{Flapping, ScaleEvent, flapping};
use super::slo::violates;
use super::stages::{ScalingStep, scaling_steps};
use super::steps::{self, integrate, seconds};
use crate::record::{HpaRecord, LatencyStats, Recording, Sample, ServiceRecord};
use crate::sim::SimTime;

/// Two reversals at most this far apart are a flap, in seconds.
pub const FLAP_WINDOW: f64 = 600.0;

/// Figures of an HPA and the workload that it scales, after the warm-up.
#[derive(Debug, Clone, PartialEq)]
pub struct HpaFigures {
    /// Namespace.
    pub namespace: Arc<str>,
    /// Name.
    pub name: String,
    /// What it is called where one name has to do.
    pub label: String,
    /// d(t), from the start.
    pub demand: Vec<(f64, f64)>,
    /// How well ready replicas follow the demand.
    pub elasticity: Elasticity,
    /// Of the numbers that the HPA wrote.
    pub flapping: Flapping,
    /// Steps up of the load.
    pub steps: Vec<ScalingStep>,
    /// Fewest ready replicas, time-weighted mean, most.
    pub ready: (f64, f64, f64),
    /// Percent of the time at `maxReplicas` with more demanded.
    pub saturated_pct: f64,
}

/// Figures of a service after the warm-up.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceFigures {
    /// Namespace.
    pub namespace: Arc<str>,
    /// Name.
    pub name: String,
    /// What it is called where one name has to do.
    pub label: String,
    /// Requests that arrived.
    pub requests: u64,
    /// Those that ended without success.
    pub failed: u64,
    /// Those that succeeded within the objective's latency.
    pub good: u64,
    /// Latencies.
    pub latency: LatencyStats,
    /// Windows with traffic that violate the objective, in percent.
    pub slo_violation_pct: f64,
    /// Mean CPU used, in cores.
    pub cpu_used: f64,
    /// CPU used over CPU requested by ready pods, in percent.
    pub cpu_utilization_pct: f64,
    /// Mean memory held, in GiB.
    pub memory_gib: f64,
    /// What ready pods request and do not use, and the other way round.
    pub slack: Slack,
}

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

    fn of(samples: &[&Sample], hours: f64) -> Self {
        let gib = f64::from(1 << 30);
        let mut made = Self::default();
        for sample in samples {
            let cores = (sample.cpu_requested - sample.cpu_used) * hours;
            let gib = (sample.memory_requested - sample.memory_used) / gib * hours;
            made.core_hours += cores.max(0.0);
            made.gib_hours += gib.max(0.0);
            made.short_core_hours += (-cores).max(0.0);
            made.short_gib_hours += (-gib).max(0.0);
        }
        made
    }
}

pub(super) fn hpa_figures(recording: &Recording, hpa: &HpaRecord, label: &str) -> HpaFigures {
    let (from, to) = (
        recording.warm_up.as_secs_f64(),
        recording.duration.as_secs_f64(),
    );
    let demand = demand(recording, hpa);
    let counts = &recording.workloads[hpa.workload].counts;
    let ready = steps::of(counts, |counts| f64::from(counts.ready));
    let inside: Vec<f64> = std::iter::once(steps::at(&ready, from))
        .chain(
            (ready.iter())
                .filter(|step| step.0 > from && step.0 < to)
                .map(|step| step.1),
        )
        .collect();
    let integral = integrate(&ready, &demand, from, to, |ready, _| ready);
    let most = f64::from(hpa.bounds.1);
    let saturated = integrate(&ready, &demand, from, to, |ready, demand| {
        if demand >= most && ready >= most {
            1.0
        } else {
            0.0
        }
    });
    HpaFigures {
        namespace: hpa.namespace.clone(),
        name: hpa.name.clone(),
        label: label.to_owned(),
        elasticity: elasticity(&ready, &demand, from, to, recording.step.as_secs_f64()),
        flapping: flapping(&scale_events(hpa, from), FLAP_WINDOW, to - from),
        steps: scaling_steps(recording, hpa, &demand),
        ready: (
            inside.iter().copied().fold(f64::INFINITY, f64::min),
            integral / (to - from),
            inside.iter().copied().fold(0.0, f64::max),
        ),
        saturated_pct: 100.0 * saturated / (to - from),
        demand,
    }
}

/// The changes of the desired number after the warm-up.
fn scale_events(hpa: &HpaRecord, from: f64) -> Vec<ScaleEvent> {
    hpa.desired
        .steps()
        .windows(2)
        .map(|pair| ScaleEvent {
            time: seconds(pair[1].0),
            from: i64::from(pair[0].1),
            to: i64::from(pair[1].1),
        })
        .filter(|event| event.time >= from)
        .collect()
}

pub(super) fn service_figures(
    recording: &Recording,
    service: &ServiceRecord,
    label: &str,
) -> ServiceFigures {
    let start = SimTime::ZERO + recording.warm_up;
    let limit = service
        .objective
        .latency
        .map(|limit| limit.as_secs_f64() * 1000.0);
    let (mut requests, mut failed, mut good) = (0, 0, 0);
    let (mut windows, mut violated) = (0u32, 0u32);
    for window in service
        .windows
        .iter()
        .filter(|window| window.start >= start)
    {
        let ended: u64 = window.ended.iter().sum();
        requests += window.issued;
        failed += window.failed();
        good += window.good;
        if ended > 0 {
            windows += 1;
            let percentile = (window.latency.count > 0).then_some(window.latency.slo_ms);
            let missed = violates(percentile, limit.unwrap_or(f64::INFINITY));
            violated += u32::from(missed);
        }
    }
    let samples: Vec<_> = service
        .samples
        .iter()
        .filter(|sample| sample.time > start)
        .collect();
    let count = samples.len().max(1) as f64;
    let total =
        |value: &dyn Fn(&Sample) -> f64| samples.iter().map(|sample| value(sample)).sum::<f64>();
    let (used, requested) = (
        total(&|sample| sample.cpu_used),
        total(&|sample| sample.cpu_requested),
    );
    ServiceFigures {
        namespace: service.namespace.clone(),
        name: service.name.clone(),
        label: label.to_owned(),
        requests,
        failed,
        good,
        latency: service.latency,
        slo_violation_pct: percent(f64::from(violated), f64::from(windows)),
        cpu_used: used / count,
        cpu_utilization_pct: 100.0 * used / requested,
        memory_gib: total(&|sample| sample.memory_used) / count / f64::from(1 << 30),
        slack: Slack::of(&samples, recording.step.as_secs_f64() / 3600.0),
    }
}

pub(super) fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 {
        100.0 * part / whole
    } else {
        0.0
    }
}

impl ServiceFigures {
    /// 100 × failed / all.
    pub fn error_rate_pct(&self) -> f64 {
        percent(self.failed as f64, self.requests as f64)
    }
}
