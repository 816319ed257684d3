//! What happened in a run: curves, windows of requests, events, decisions, lifetimes.
//!
//! The world reports to a [`Recorder`]. It keeps series, or it adds up what the summary needs
//! ([`fold`]), so that memory does not grow with simulated time. Latency percentiles are kept as
//! histograms, so that it does not grow with requests either.

mod calls;
mod chunks;
mod correlator;
pub mod cost;
mod curve;
mod decisions;
mod episodes;
mod events;
pub mod fold;
mod hpas;
mod labels;
mod node_autoscaler;
mod packed;
mod per_load;
mod pods;
mod provenance;
mod queues;
mod recorder;
mod recording;
mod reporter;
mod request;
mod texts;
mod vpa;
mod windows;

pub use calls::{CallFailure, CallRecord, CallSample, CallTotals, Called};
pub use curve::{Along, Curve};
pub use decisions::{DecisionLog, DecisionRecord, MetricRecord};
pub use episodes::{BlockedRecord, Episodes, Progress, RolloutRecord, StruckRecord, WaitRecord};
pub use events::{Event, EventLog, EventRecord, Report};
pub use hpas::{ForecastRecord, HpaRecord, HpaSpecRecord, MetricWindow, Shown, SyncFailure};
pub use labels::{Labels, long_forms};
pub use node_autoscaler::{NodeAction, NodeAutoscalerRecord, NodeDecision, NodeWait};
pub use packed::{Differ, Packed, Unpacked};
pub use per_load::LoadCounts;
pub use provenance::{Provenance, SCHEMA, SourceText};
pub use queues::{ColdStarts, QueueFold, QueueRecord, QueueSample, QueueTotals};
pub use recorder::{Detail, Recorder};
pub use recording::{
    ActionRecord, Counts, FaultRecord, InterruptionRecord, LoadRecord, NodeRecord, Objective,
    PodRecord, Prices, Recording, Sample, ServiceRecord, WorkloadRecord,
};
pub use reporter::{KUBELET, SCHEDULER, TAINT_EVICTION, reporter};
pub use request::{NoRequests, Outcome, RequestSink};
pub use vpa::{
    Amounts, DisruptionKind, DisruptionRecord, HeldBy, VpaBand, VpaContainerRecord, VpaRecord,
    VpaRow,
};
pub use windows::{LatencyStats, Window};
