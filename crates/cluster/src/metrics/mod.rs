//! What controllers can see, and how late: cAdvisor's samples in the kubelet, metrics-server's
//! two points per container, and the custom and external metrics APIs.
//!
//! The chain has three clocks that know nothing of each other: each container's
//! housekeeping, metrics-server's scrape and the reader's own. [`Pipeline`] holds the first
//! two; it reads usage only through [`UsageSource`], so it can be driven by made-up usage.

mod custom;
mod kubelet;
mod pipeline;
pub mod server;
pub mod spec;

pub use custom::{CounterSample, CustomMetrics, SAMPLE_PERIOD};
pub use pipeline::{
    ContainerId, Line, MetricsEvent, MetricsNodeId, MetricsPodId, Pipeline, Source, Tracked,
    UsageSource,
};
