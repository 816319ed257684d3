//! Parameters of the metrics pipeline, as the scenario states them.

use std::collections::BTreeMap;

use crate::sim::{Dist, SimDuration, SimTime};

/// Settings of cAdvisor and metrics-server; every default is upstream's.
#[derive(Debug, Clone, PartialEq)]
pub struct PipelineConfig {
    /// cAdvisor's housekeeping interval: samples are this far apart, plus the jitter.
    pub housekeeping_interval: SimDuration,
    /// Jitter factor: a gap is uniform on [interval, interval × (1 + factor)).
    pub housekeeping_jitter: f64,
    /// The ceiling that the interval of an idle container doubles up to.
    pub housekeeping_max: SimDuration,
    /// From container start to its first sample, in seconds.
    pub first_sample_delay: Dist,
    /// Containers are measured when they are scraped, and have started in a whole second:
    /// hollow nodes and KWOK.
    pub stats_on_request: bool,
    /// Every measurement is an event, also of containers whose usage is known beforehand. The
    /// numbers are the same; it is slower.
    pub housekeeping_events: bool,
    /// When the first scrapes begin; drawn if there is none.
    pub first_scrapes: Vec<SimTime>,
    /// metrics-server's `--metric-resolution`.
    pub metric_resolution: SimDuration,
    /// How old a container must be for a value from a single sample.
    pub fresh_min_age: SimDuration,
    /// Delay of each node's scrape: uniform up to this times the number of nodes …
    pub node_stagger: SimDuration,
    /// … but at most this.
    pub node_stagger_max: SimDuration,
}

impl Default for PipelineConfig {
    fn default() -> Self {
        Self {
            housekeeping_interval: SimDuration::from_secs(10),
            housekeeping_jitter: 1.0,
            housekeeping_max: SimDuration::from_secs(15),
            first_sample_delay: Dist::Uniform {
                low: 0.3,
                high: 1.0,
            },
            stats_on_request: false,
            housekeeping_events: false,
            first_scrapes: Vec::new(),
            metric_resolution: SimDuration::from_secs(15),
            fresh_min_age: SimDuration::from_secs(10),
            node_stagger: SimDuration::from_millis(8),
            node_stagger_max: SimDuration::from_secs(4),
        }
    }
}

/// A metric that the custom or external metrics API serves.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomMetricSpec {
    /// Name as HPAs ask for it.
    pub name: String,
    /// What it describes.
    pub of: MetricOf,
    /// Labels, matched by the HPA's metric selector.
    pub labels: BTreeMap<String, String>,
    /// Where the values come from.
    pub source: MetricSource,
    /// How old the newest value is when the API serves it.
    pub delay: SimDuration,
}

/// What a custom metric describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetricOf {
    /// Each pod of a workload (index in the scenario's workloads).
    Pods(usize),
    /// One object.
    Object {
        /// Kind.
        kind: String,
        /// Name.
        name: String,
    },
    /// Nothing in the cluster.
    External,
}

/// Where a custom metric's values come from.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricSource {
    /// Declared values: from each time on, this value (for Pods: of each pod).
    Series(Vec<(SimTime, f64)>),
    /// Measured on a service.
    Service {
        /// The service: its index in the scenario's services.
        service: usize,
        /// Which figure.
        counter: ServiceCounter,
        /// Window of the rate, for rates.
        window: SimDuration,
    },
    /// Read of a queue.
    Queue {
        /// The queue: its index in the scenario's queues.
        queue: usize,
        /// Which figure.
        counter: QueueCounter,
    },
}

/// Figures that exporters show of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueCounter {
    /// Messages that wait for a worker.
    Ready,
    /// Messages that workers hold unacknowledged.
    Unacked,
    /// Both.
    Messages,
    /// The lag of a topic's group.
    Lag,
    /// How long ago the message at the head was produced, in seconds.
    OldestSeconds,
}

impl QueueCounter {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Ready,
        Self::Unacked,
        Self::Messages,
        Self::Lag,
        Self::OldestSeconds,
    ];

    /// Its name in scenarios.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Unacked => "unacked",
            Self::Messages => "messages",
            Self::Lag => "lag",
            Self::OldestSeconds => "oldest_seconds",
        }
    }
}

/// Figures that a service's own instrumentation would export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceCounter {
    /// Requests answered per second over the window.
    RequestsPerSecond,
    /// Requests being served.
    InFlight,
    /// Requests waiting for a slot or, with a shared queue, in it.
    QueueDepth,
}
