//! What the recommender knows of a container's usage, to look at.

use super::container_state::Aggregate;
use super::histogram::Histogram;
use crate::sim::SimTime;

/// The usage of all containers of one name.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageSummary {
    /// The container.
    pub container_name: String,
    /// CPU samples.
    pub total_samples_count: i64,
    /// Start of the first CPU sample.
    pub first_sample_start: Option<SimTime>,
    /// Start of the last CPU sample.
    pub last_sample_start: Option<SimTime>,
    /// CPU usage in cores.
    pub cpu: HistogramSummary,
    /// Memory peaks in bytes.
    pub memory: HistogramSummary,
}

/// A histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramSummary {
    /// The instant at which a sample's weight counts as it is; absent before the first.
    pub reference: Option<SimTime>,
    /// The weight of all buckets.
    pub total: f64,
    /// Buckets and their weights, from the first to the last that is not empty.
    pub weights: Vec<(usize, f64)>,
}

impl UsageSummary {
    pub(super) fn new(container_name: &str, aggregate: &Aggregate) -> Self {
        Self {
            container_name: container_name.to_owned(),
            total_samples_count: aggregate.total_samples_count,
            first_sample_start: aggregate.first_sample_start,
            last_sample_start: aggregate.last_sample_start,
            cpu: HistogramSummary::new(&aggregate.cpu_usage),
            memory: HistogramSummary::new(&aggregate.memory_peaks),
        }
    }
}

impl HistogramSummary {
    fn new(histogram: &Histogram) -> Self {
        Self {
            reference: histogram.reference(),
            total: histogram.total(),
            weights: histogram.buckets().collect(),
        }
    }
}
