//! What is kept of VerticalPodAutoscalers: a row per pass of the recommender, and what became
//! of pods because of their resources.

use std::sync::Arc;

use crate::sim::SimTime;

/// What is known of a VPA.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VpaRecord {
    /// `metadata.namespace`.
    pub namespace: Arc<str>,
    /// `metadata.name`.
    pub name: String,
    /// Its target workload.
    pub workload: usize,
    /// `updateMode` as the API spells it.
    pub mode: &'static str,
    /// The target's containers in the template's order.
    pub containers: Vec<VpaContainerRecord>,
    /// What the recommender knew at the end: VerticalPodAutoscalerCheckpoints, as the API
    /// server prints them.
    pub checkpoints: Vec<serde_json::Value>,
}

/// What is known of a container under a VPA.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VpaContainerRecord {
    /// Its name.
    pub name: String,
    /// One row per pass of the recommender, in order of time.
    pub rows: Vec<VpaRow>,
}

/// An amount of each resource: cores and bytes; `None` where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Amounts {
    /// CPU, in cores.
    pub cpu: Option<f64>,
    /// Memory, in bytes.
    pub memory: Option<f64>,
}

/// A recommendation, as the VPA's status shows it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct VpaBand {
    /// `lowerBound`.
    pub lower: Amounts,
    /// `target`.
    pub target: Amounts,
    /// `upperBound`.
    pub upper: Amounts,
    /// `uncappedTarget`.
    pub uncapped: Amounts,
}

/// A container after one pass of the recommender.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct VpaRow {
    /// When the pass was.
    pub time: SimTime,
    /// The recommendation, once there is one.
    pub recommendation: Option<VpaBand>,
    /// Running containers that the next amounts are over.
    pub running: u32,
    /// Mean request in force.
    pub request: Amounts,
    /// Mean limit in force.
    pub limit: Amounts,
    /// Median of the usage that metrics-server shows of the running containers.
    pub usage_p50: Amounts,
    /// 95th percentile of it.
    pub usage_p95: Amounts,
    /// Largest of it.
    pub usage_max: Amounts,
}

/// Evictions, resizes and OOM kills of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisruptionKind {
    /// It was evicted by the VPA updater.
    Eviction,
    /// The updater wanted to evict it and a PodDisruptionBudget was in the way.
    EvictionRefused,
    /// It was resized in place.
    Resize,
    /// A container of it went over its memory limit.
    OomKill,
}

/// One disruption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DisruptionRecord {
    /// When.
    pub time: SimTime,
    /// The pod's workload.
    pub workload: usize,
    /// What happened.
    pub kind: DisruptionKind,
}
