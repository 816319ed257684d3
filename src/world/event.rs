//! The enum of enums: every event names the subsystem that handles it.

use super::traffic::TrafficEvent;
use crate::cluster::ClusterEvent;
use crate::metrics::MetricsEvent;

/// Something is due.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// In the request engine.
    Traffic(TrafficEvent),
    /// In the cluster.
    Cluster(ClusterEvent),
    /// In the metrics pipeline.
    Metrics(MetricsEvent),
    /// The HPA of this index syncs.
    Hpa(u16),
    /// The VPA recommender makes a pass.
    VpaRecommender,
    /// The VPA updater makes a pass.
    VpaUpdater,
    /// The time series get a row.
    Sample,
    /// Service counters are read for custom metrics.
    Counters,
}

const _: () = assert!(size_of::<Event>() <= 16);

impl From<TrafficEvent> for Event {
    fn from(event: TrafficEvent) -> Self {
        Self::Traffic(event)
    }
}

impl From<ClusterEvent> for Event {
    fn from(event: ClusterEvent) -> Self {
        Self::Cluster(event)
    }
}

impl From<MetricsEvent> for Event {
    fn from(event: MetricsEvent) -> Self {
        Self::Metrics(event)
    }
}
