//! What is kept of VerticalPodAutoscalers: a row per pass of the recommender, and what became
//! of pods because of their resources.

use std::sync::Arc;

use crate::sim::{SimDuration, SimTime};

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
    /// Why the updater left pods as they were, and how often: once a pass and pod.
    pub held: Vec<(HeldBy, u64)>,
    /// The same of the last quarter of the run.
    pub held_at_last: Vec<(HeldBy, u64)>,
    /// Evicted pods whose replacements came with the same resources.
    pub evictions_in_vain: u64,
    /// The VPA that set the resources of the last such replacement, if another one did.
    pub overruled_by: Option<usize>,
}

impl VpaRecord {
    /// Counts pods that were left as they were; `at_last` in the last quarter of the run.
    pub fn hold(&mut self, reason: HeldBy, pods: u64, at_last: bool) {
        let add = |held: &mut Vec<(HeldBy, u64)>| match held
            .iter_mut()
            .find(|(known, _)| *known == reason)
        {
            Some((_, count)) => *count += pods,
            None => held.push((reason, pods)),
        };
        add(&mut self.held);
        if at_last {
            add(&mut self.held_at_last);
        }
    }
}

/// Why the updater left a pod as it was, with the setting that was in force.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HeldBy {
    /// Mode `Off`.
    Off,
    /// Mode `Initial`.
    Initial,
    /// The mode's feature gate is off.
    Gate(&'static str),
    /// Another VPA controls the pods: its place among the VPAs.
    OtherVpa(usize),
    /// The updater did not run.
    UpdaterDown,
    /// The admission controller did not run.
    AdmissionControllerDown,
    /// The updater's flags leave its namespace out.
    Namespace,
    /// There was no recommendation yet.
    NoRecommendation,
    /// Fewer pods were alive than this.
    MinReplicas(i32),
    /// The controller was to have no pods.
    NoReplicas,
    /// As many pods were away as this part of them.
    Tolerance(f64),
    /// It had not started yet.
    Pending,
    /// A resize was under way or waited for room.
    ResizeUnderWay,
    /// Its node could not hold what was asked for.
    Infeasible,
    /// It had more CPU while it started.
    Boosted,
    /// It had what is recommended.
    AtTarget,
    /// It was resized, and its node had not carried that out.
    ResizeNotDone,
    /// It had as much of what is recommended as the LimitRange lets new pods have.
    LimitRange,
    /// It was within the bounds and younger than this.
    Young(SimDuration),
    /// It was within the bounds, and this close to the target.
    SmallDifference(f64),
    /// The change is none that `evictionRequirements` ask for.
    EvictionRequirements,
    /// So many evictions a second had used up the pass.
    RateLimit(f64),
    /// A PodDisruptionBudget refused.
    EvictionRefused,
    /// The API server refused the resize.
    ResizeRefused,
}

/// What is known of a container under a VPA.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VpaContainerRecord {
    /// Its name.
    pub name: String,
    /// One row per pass of the recommender, in order of time.
    pub rows: Vec<VpaRow>,
    /// Mean request in force when the run ended; where no container ran, of those that were to.
    pub at_end: Option<Amounts>,
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
    /// Its node ran out of memory, and the kubelet evicted it.
    NodePressure,
}

/// One disruption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DisruptionRecord {
    /// When.
    pub time: SimTime,
    /// The pod's workload.
    pub workload: usize,
    /// The VPA that did it; none of a kill.
    pub vpa: Option<usize>,
    /// What happened.
    pub kind: DisruptionKind,
}
