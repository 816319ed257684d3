//! What the triggers of KEDA's objects look at, where the scenario declares it.

use crate::autoscaler::keda::{Broker, Scaler};
use crate::kubectl::selector::LabelSelector;
use crate::metrics::spec::{CustomMetricSpec, MetricOf, MetricSource};
use crate::sim::SimDuration;
use crate::workload::queue::spec::{QueueKind, QueueSpec};

/// The simulated queue that a trigger looks at: the one of its name and kind.
pub fn queue_of(queues: &[QueueSpec], scaler: &Scaler) -> Option<usize> {
    let (broker, name) = scaler.queue()?;
    let is_of = |kind: QueueKind| match broker {
        Broker::RabbitMq => matches!(kind, QueueKind::RabbitMq),
        Broker::Redis => matches!(kind, QueueKind::Redis { .. }),
        Broker::Sqs => matches!(kind, QueueKind::Sqs { .. }),
        Broker::Kafka => matches!(kind, QueueKind::Kafka { .. }),
    };
    let mut all = queues.iter();
    all.position(|queue| queue.name == name && is_of(queue.kind))
}

/// What a trigger of type `kubernetes-workload` says of a selector that it cannot read when it is
/// built.
pub fn check_selector(selector: &str) -> Result<(), String> {
    const WHAT: &str = "error parsing kubernetes workload metadata: error parsing pod selector";
    let parsed = LabelSelector::parse(selector);
    parsed.map(|_| ()).map_err(|why| format!("{WHAT}: {why}"))
}

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
