//! The recommender: samples in, recommendations out.
//!
//! A [`ClusterState`] holds what upstream keeps of pods and of the VPAs that select them, and
//! computes recommendations VPA by VPA ([`ClusterState::recommend`]). A [`Recommender`] is one
//! with a single VPA that selects all pods. Time comes in with every call, and nothing else
//! does. Follows `pkg/recommender/model` and `pkg/recommender/routines`.

mod aggregates;
mod aggregation;
mod amount;
mod checkpoint;
mod cluster_state;
mod conditions;
mod container_state;
mod estimator;
mod go_math;
mod histogram;
pub mod history;
mod post_process;
mod usage_summary;
mod vpa;
mod vpas;

pub use checkpoint::{Checkpoint, CheckpointError, HistogramCheckpoint};
pub use cluster_state::{ClusterState, LabelSet, Pod, PodKey, VpaKey};
pub use conditions::{Condition, ConditionType};
pub use estimator::{Bounds, Estimate};
pub use usage_summary::{HistogramSummary, UsageSummary};
pub use vpa::{Status, Vpa};

use super::{FeatureGates, Recommendation, RecommenderFlags, VpaSpec, WallClock};
use crate::sim::SimTime;
use crate::units::{Bytes, Millicores};

/// The recommender's memory of one VPA and the pods that it selects.
#[derive(Debug, Clone)]
pub struct Recommender {
    cluster: ClusterState,
    vpa: VpaKey,
}

impl Recommender {
    /// A recommender without history, its feature gates at their defaults.
    pub fn new(vpa: VpaSpec, flags: RecommenderFlags, clock: WallClock) -> Self {
        let mut cluster = ClusterState::new(flags, FeatureGates::default(), clock);
        Self {
            vpa: cluster.add_vpa(vpa, Status::default(), |_| true),
            cluster,
        }
    }

    fn vpa(&self) -> &Vpa {
        let vpa = self.cluster.vpa(self.vpa);
        vpa.expect("the VPA is there from the beginning to the end")
    }

    /// The VPA.
    pub fn spec(&self) -> &VpaSpec {
        self.vpa().spec()
    }

    /// Takes over a changed VPA; history stays.
    pub fn set_spec(&mut self, vpa: VpaSpec) {
        self.cluster.set_vpa_spec(self.vpa, vpa);
    }

    /// As [`ClusterState::add_pod`].
    pub fn add_pod<'a>(
        &mut self,
        labels: LabelSet,
        containers: impl IntoIterator<Item = &'a str>,
        now: SimTime,
    ) -> PodKey {
        self.cluster.add_pod(labels, [self.vpa], containers, now)
    }

    /// As [`ClusterState::add_container`].
    pub fn add_container(&mut self, pod: PodKey, name: &str, now: SimTime) -> Option<usize> {
        self.cluster.add_container(pod, name, now)
    }

    /// As [`ClusterState::relabel_pod`].
    pub fn relabel_pod(&mut self, pod: PodKey, labels: LabelSet, now: SimTime) -> bool {
        self.cluster.relabel_pod(pod, labels, [self.vpa], now)
    }

    /// As [`ClusterState::remove_pod`].
    pub fn remove_pod(&mut self, pod: PodKey) -> bool {
        self.cluster.remove_pod(pod)
    }

    /// As [`ClusterState::add_cpu_sample`].
    pub fn add_cpu_sample(
        &mut self,
        pod: PodKey,
        container: usize,
        usage: Millicores,
        time: SimTime,
    ) -> bool {
        self.cluster.add_cpu_sample(pod, container, usage, time)
    }

    /// As [`ClusterState::add_memory_sample`].
    pub fn add_memory_sample(
        &mut self,
        pod: PodKey,
        container: usize,
        usage: Bytes,
        time: SimTime,
    ) -> bool {
        self.cluster.add_memory_sample(pod, container, usage, time)
    }

    /// As [`ClusterState::record_oom`].
    pub fn record_oom(
        &mut self,
        pod: PodKey,
        container: usize,
        requested: Bytes,
        time: SimTime,
    ) -> bool {
        self.cluster.record_oom(pod, container, requested, time)
    }

    /// As [`ClusterState::recommend`].
    pub fn recommend(&mut self, now: SimTime) -> &[Recommendation] {
        self.cluster.recommend(self.vpa, now)
    }

    /// As [`Vpa::estimates`].
    pub fn estimates(&self) -> &[Estimate] {
        self.vpa().estimates()
    }

    /// As [`Vpa::recommendations`].
    pub fn recommendations(&self) -> &[Recommendation] {
        self.vpa().recommendations()
    }

    /// As [`Vpa::conditions`].
    pub fn conditions(&self) -> &[Condition] {
        self.vpa().conditions()
    }

    /// As [`ClusterState::usage`].
    pub fn usage(&mut self) -> Vec<UsageSummary> {
        self.cluster.usage(self.vpa)
    }

    /// As [`ClusterState::checkpoints`].
    pub fn checkpoints(&mut self, now: SimTime) -> Vec<Checkpoint> {
        self.cluster.checkpoints(self.vpa, now)
    }

    /// As [`ClusterState::load_checkpoint`].
    pub fn load_checkpoint(
        &mut self,
        checkpoint: &Checkpoint,
        now: SimTime,
    ) -> Result<(), CheckpointError> {
        self.cluster.load_checkpoint(self.vpa, checkpoint, now)
    }

    /// As [`ClusterState::collect_garbage`].
    pub fn collect_garbage(&mut self, now: SimTime) {
        self.cluster.collect_garbage(now);
    }
}

#[cfg(test)]
mod tests;
