//! Figures of each HPA and of each service.

use std::sync::Arc;

use crate::record::fold::{
    Elasticity, Flapping, HpaFolded, Latencies, ScalingStep, ServiceFold, Slack,
};
use crate::record::{HpaRecord, LatencyStats, ServiceRecord};

/// Figures of an HPA and the workload that it scales, after the warm-up.
#[derive(Debug, Clone, PartialEq)]
pub struct HpaFigures {
    /// Namespace.
    pub namespace: Arc<str>,
    /// Name.
    pub name: String,
    /// What it is called where one name has to do.
    pub label: String,
    /// How well ready replicas follow the demand.
    pub elasticity: Elasticity,
    /// Of the numbers that the HPA wrote.
    pub flapping: Flapping,
    /// Means over the steps up of the load.
    pub latencies: Latencies,
    /// The steps one by one, where the series were kept.
    pub steps: Vec<ScalingStep>,
    /// Replicas needed from each second on, where the series were kept.
    pub needed: Vec<(f64, f64)>,
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
    /// Those without an answer at the end of the run.
    pub unanswered: u64,
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

pub(super) fn hpa_figures(hpa: &HpaRecord, folded: &HpaFolded, label: &str) -> HpaFigures {
    let followed = folded.followed;
    HpaFigures {
        namespace: hpa.namespace.clone(),
        name: hpa.name.clone(),
        label: label.to_owned(),
        elasticity: followed.elasticity,
        flapping: folded.flapping,
        latencies: folded.latencies,
        steps: folded.steps.clone(),
        needed: folded.needed.clone(),
        ready: (followed.least, followed.mean, followed.most),
        saturated_pct: followed.saturated_pct,
    }
}

pub(super) fn service_figures(
    service: &ServiceRecord,
    folded: &ServiceFold,
    label: &str,
) -> ServiceFigures {
    let count = folded.samples.max(1) as f64;
    ServiceFigures {
        namespace: service.namespace.clone(),
        name: service.name.clone(),
        label: label.to_owned(),
        requests: folded.requests,
        failed: folded.failed,
        unanswered: folded.unanswered,
        good: folded.good,
        latency: service.latency,
        slo_violation_pct: percent(f64::from(folded.violated), f64::from(folded.windows)),
        cpu_used: folded.cpu_used / count,
        cpu_utilization_pct: 100.0 * folded.cpu_used / folded.cpu_requested,
        memory_gib: folded.memory_used / count / f64::from(1 << 30),
        slack: folded.slack,
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
