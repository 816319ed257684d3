//! What a run leaves behind of HPAs.

use std::sync::Arc;

use super::curve::Curve;
use crate::sim::{SimDuration, SimTime};

/// What the figures need of an HPA's spec.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HpaSpecRecord {
    /// From when on it holds.
    pub since: SimTime,
    /// Bounds of the replicas.
    pub bounds: (i32, i32),
    /// Target CPU utilization in percent, if it has one.
    pub cpu_target: Option<f64>,
    /// How far above and below its target a metric may be before it counts, as shares of the target.
    pub tolerance: (f64, f64),
    /// Targets of the metrics in their own unit.
    pub metric_targets: Vec<f64>,
    /// Requests per second and pod that it targets, if it scales on the rate of the requests to
    /// its own pods.
    pub rate_target: Option<f64>,
    /// How its other metrics show the load.
    pub shown: Shown,
}

/// How metrics show a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shown {
    /// From a change of the load until they show all of it: their windows and delays.
    pub after: SimDuration,
    /// Whether one that takes this time is a mean over pods: then it shows other pods as late.
    pub of_pods: bool,
}

/// What is known of an HPA.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HpaRecord {
    /// Namespace.
    pub namespace: Arc<str>,
    /// Name.
    pub name: String,
    /// The scaled workload.
    pub workload: usize,
    /// How many of its pods the nodes could hold that there are at most, if there were no others; none
    /// where there may be any number.
    pub holdable: Option<i64>,
    /// Bounds of the replicas.
    pub bounds: (i32, i32),
    /// Target CPU utilization in percent, if it has one.
    pub cpu_target: Option<f64>,
    /// `spec.replicas` of the scale as the HPA leaves it.
    pub desired: Curve<i32>,
    /// Measured values per metric, from each sync on, in the unit of the target.
    pub metric_values: Vec<Curve<f64>>,
    /// Replicas that the metrics ask for at each sync, before rounding and tolerance; only where
    /// nothing else tells the demand.
    pub asked: Curve<f64>,
    /// Labels of the metrics.
    pub metric_names: Vec<String>,
    /// Targets of the metrics in their own unit.
    pub metric_targets: Vec<f64>,
    /// How far above its target a metric may be before it counts, as a share of the target.
    pub tolerance: f64,
    /// How far below its target a metric may be before it counts, as a share of the target.
    pub tolerance_down: f64,
    /// When the load that it scales by steps up, ascending: when that begins, and when the load has
    /// come to its new height.
    pub load_steps: Vec<(SimTime, SimTime)>,
    /// Syncs after the warm-up.
    pub syncs: u64,
    /// Why syncs after the warm-up failed, in the order of their first occurrence.
    pub failures: Vec<SyncFailure>,
    /// The specs that it has had, oldest first; what stands above is the last one's.
    pub specs: Vec<HpaSpecRecord>,
    /// Those of its metrics that are made of samples over a window.
    pub windows: Vec<MetricWindow>,
    /// How good the models beside it were, in their order.
    pub forecasts: Vec<ForecastRecord>,
    /// Syncs with models after the warm-up, and those in which they decided.
    pub predicted: (u64, u64),
}

impl HpaRecord {
    /// `maxReplicas` at a time.
    pub fn most_at(&self, time: SimTime) -> i32 {
        let mut begun = self.specs.iter().rev();
        let spec = begun.find(|spec| spec.since <= time);
        spec.map_or(self.bounds.1, |spec| spec.bounds.1)
    }

    /// `maxReplicas` in words: "of 4", or "(4 at first, 20 at the end)".
    pub fn max_replicas(&self) -> String {
        let last = self.bounds.1;
        let first = self.specs.first().map_or(last, |spec| spec.bounds.1);
        if self.specs.iter().all(|spec| spec.bounds.1 == last) {
            format!("of {last}")
        } else {
            format!("({first} at first, {last} at the end)")
        }
    }
}

/// How good a model beside an HPA was, after the warm-up.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ForecastRecord {
    /// What its columns and figures begin with: `model.` and its name.
    pub model: String,
    /// Forecasts that were compared with what the HPA then calculated.
    pub count: usize,
    /// Mean absolute error, in replicas.
    pub mae: f64,
    /// Mean absolute error in percent of what came, counted as at least 1.
    pub mape_pct: f64,
    /// Mean absolute error in percent of the mean of both.
    pub smape_pct: f64,
    /// Mean absolute error over that of the forecast that each value comes again a season later;
    /// not a number if that one makes no error.
    pub mase: f64,
    /// Forecasts that were as high as what came, or higher, in percent.
    pub coverage_pct: f64,
}

/// A metric that is made of samples over a window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MetricWindow {
    /// Label of the metric.
    pub metric: String,
    /// PromQL's function of the samples in the window.
    pub function: &'static str,
    /// Length of the window.
    pub window: SimDuration,
    /// From one sample of a series to the next.
    pub interval: SimDuration,
}

/// Why syncs of an HPA failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncFailure {
    /// The reason of the condition that does not hold.
    pub reason: &'static str,
    /// Its message, as of the last such sync.
    pub message: String,
    /// How many syncs failed so.
    pub count: u64,
}
