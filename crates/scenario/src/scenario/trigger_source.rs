//! What the triggers of KEDA's objects look at, where the scenario declares it.

use crate::metrics::spec::{CustomMetricSpec, MetricOf, MetricSource};
use crate::sim::SimDuration;

/// `[[trigger_source]]`: what the source of a trigger answers.
#[derive(Debug, Clone, PartialEq)]
pub struct TriggerSource {
    /// The trigger.
    pub of: TriggerRef,
    /// Where the numbers come from.
    pub source: MetricSource,
    /// How old the newest number is when the source answers.
    pub delay: SimDuration,
    /// What an external scaler says of its metric.
    pub external: ExternalScaler,
    /// Partitions of a Kafka topic, over which the lag is spread evenly.
    pub partitions: u32,
}

/// A trigger of a ScaledObject or of a ScaledJob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerRef {
    /// `ScaledObject` or `ScaledJob`.
    pub kind: &'static str,
    /// The object's namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// The trigger's place in `spec.triggers`.
    pub trigger: usize,
}

/// What an external scaler says of its metric.
#[derive(Debug, Clone, PartialEq)]
pub struct ExternalScaler {
    /// The metric's name.
    pub metric: String,
    /// What the metric is held to.
    pub target: f64,
    /// The scaler is active above this number.
    pub activation: f64,
}

impl TriggerSource {
    /// The same as a metric that no HPA can ask for.
    pub fn metric(&self) -> CustomMetricSpec {
        let TriggerRef {
            kind,
            namespace,
            name,
            trigger,
        } = &self.of;
        CustomMetricSpec {
            name: format!("{kind}/{namespace}/{name}/{trigger}"),
            of: MetricOf::External,
            labels: std::collections::BTreeMap::new(),
            source: self.source.clone(),
            delay: self.delay,
        }
    }
}
