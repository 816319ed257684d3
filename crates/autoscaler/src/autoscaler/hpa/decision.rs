//! What a reconcile did, and how the number came about.

use crate::autoscaler::predictive::Prediction;
use std::borrow::Cow;

use super::conditions::Limit;
use super::spec::{ObjectReference, Resource};
use crate::autoscaler::label_selector::LabelSelector;

/// Severity of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventType {
    /// All is well.
    Normal,
    /// Something is wrong.
    Warning,
}

/// A Kubernetes event on the HPA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Severity.
    pub kind: EventType,
    /// The reason, one word.
    pub reason: &'static str,
    /// The sentence.
    pub message: String,
}

/// An entry of `status.currentMetrics`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CurrentMetric {
    /// The metric failed.
    Empty,
    /// Usage of all containers.
    Resource {
        /// Which resource.
        resource: Resource,
        /// Percent of the request, for utilization targets.
        utilization: Option<i32>,
        /// Average in thousandths.
        average: i64,
    },
    /// Usage of one container.
    ContainerResource {
        /// Which resource.
        resource: Resource,
        /// Which container.
        container: String,
        /// Percent of the request, for utilization targets.
        utilization: Option<i32>,
        /// Average in thousandths.
        average: i64,
    },
    /// A Pods metric.
    Pods {
        /// Name.
        name: String,
        /// Its selector, which the status repeats.
        selector: Option<LabelSelector>,
        /// Average in thousandths.
        average: i64,
    },
    /// An Object metric.
    Object {
        /// Name.
        name: String,
        /// Its selector, which the status repeats.
        selector: Option<LabelSelector>,
        /// The object, which the status repeats.
        object: ObjectReference,
        /// Value in thousandths, for value targets.
        value: Option<i64>,
        /// Average in thousandths, for average targets.
        average: Option<i64>,
    },
    /// An External metric.
    External {
        /// Name.
        name: String,
        /// Its selector, which the status repeats.
        selector: Option<LabelSelector>,
        /// Value in thousandths, for value targets.
        value: Option<i64>,
        /// Average in thousandths, for average targets.
        average: Option<i64>,
    },
}

/// How many pods take part in a calculation, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PodCounts {
    /// Count with their value.
    pub ready: u32,
    /// Not trusted yet: taken for 0 where the target would grow, left out otherwise.
    pub unready: u32,
    /// Without a value: taken for 0 where the target would grow, for a full request (or
    /// the target) where it would shrink.
    pub missing: u32,
    /// Deleting or failed.
    pub ignored: u32,
}

/// How a metric came to its proposal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calculation {
    /// Usage over target.
    pub ratio: f64,
    /// The same with unready and missing pods filled in, where that was done.
    pub adjusted_ratio: Option<f64>,
    /// The pods, for metrics of pods.
    pub pods: Option<PodCounts>,
}

/// One metric's part in a decision.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricDecision {
    /// The number it proposes, or why it proposes none.
    pub proposal: Result<i32, String>,
    /// Its name in messages; empty if it failed.
    pub name: Cow<'static, str>,
    /// Its value, as the status shows it.
    pub current: CurrentMetric,
    /// How it came to its proposal, if it made one.
    pub calculation: Option<Calculation>,
}

/// The number before and after each correction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Steps {
    /// The scale's `spec.replicas`.
    pub current: i32,
    /// The largest proposal, if metrics were evaluated.
    pub raw: Option<i32>,
    /// After the stabilization windows.
    pub stabilized: Option<i32>,
    /// After rate limits, minimum and maximum.
    pub limited: Option<i32>,
    /// What held the number back, if anything did.
    pub limit: Option<Limit>,
    /// What the HPA wants in the end.
    pub desired: i32,
}

/// What a reconcile did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// Replicas written to the scale.
    pub write: Option<i32>,
    /// Events in order.
    pub events: Vec<Event>,
    /// Each metric's part, in the order of the spec.
    pub metrics: Vec<MetricDecision>,
    /// The winning metric's name.
    pub metric_name: Option<Cow<'static, str>>,
    /// What the models said, if there are any.
    pub prediction: Option<Prediction>,
    /// The number before and after each correction.
    pub steps: Steps,
    /// Why the number changed, as the event says it.
    pub reason: String,
    /// The error that the reconcile returns.
    pub error: Option<String>,
    /// Whether the status changed, so that it is written.
    pub status_changed: bool,
}

impl Decision {
    pub(super) fn warn(&mut self, reason: &'static str, message: &str) {
        self.events.push(Event {
            kind: EventType::Warning,
            reason,
            message: message.to_owned(),
        });
    }

    pub(super) fn inform(&mut self, reason: &'static str, message: String) {
        self.events.push(Event {
            kind: EventType::Normal,
            reason,
            message,
        });
    }
}
