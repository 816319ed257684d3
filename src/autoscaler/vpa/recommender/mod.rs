//! The recommender for one VPA: samples in, recommendations out.
//!
//! Follows `pkg/recommender/model/vpa.go` and `pkg/recommender/routines`. One
//! [`Recommender`] holds what upstream keeps of the pods that one VPA matches; pods matched
//! by several VPAs are fed to each. A pass over a recommender is [`Recommender::recommend`];
//! time comes in with every call, and nothing else does.

mod amount;
mod checkpoint;
mod conditions;
mod container_state;
mod estimator;
mod go_math;
mod histogram;
pub mod history;
mod model;
mod post_process;
mod usage_summary;

pub use checkpoint::{Checkpoint, CheckpointError, HistogramCheckpoint};
pub use conditions::{Condition, ConditionType};
pub use estimator::{Bounds, Estimate};
pub use model::{LabelSet, Pod, PodKey};
pub use usage_summary::{HistogramSummary, UsageSummary};

use super::{ContainerScalingMode, Recommendation, RecommenderFlags, VpaSpec, WallClock};
use crate::sim::SimTime;
use crate::units::{Bytes, Millicores};
use conditions::Conditions;
use container_state::Aggregation;
use estimator::Estimator;
use model::{Group, Model};

/// The recommender's memory of one VPA.
#[derive(Debug, Clone)]
pub struct Recommender {
    vpa: VpaSpec,
    flags: RecommenderFlags,
    estimator: Estimator,
    model: Model,
    estimates: Vec<Estimate>,
    recommendations: Vec<Recommendation>,
    conditions: Conditions,
}

impl Recommender {
    /// A recommender without history.
    pub fn new(vpa: VpaSpec, flags: RecommenderFlags, clock: WallClock) -> Self {
        Self {
            model: Model::new(Aggregation::new(&flags, clock)),
            estimator: Estimator::new(&flags),
            vpa,
            flags,
            estimates: Vec::new(),
            recommendations: Vec::new(),
            conditions: Conditions::default(),
        }
    }

    /// The VPA.
    pub fn spec(&self) -> &VpaSpec {
        &self.vpa
    }

    /// Takes over a changed VPA; history stays.
    pub fn set_spec(&mut self, vpa: VpaSpec) {
        self.vpa = vpa;
    }

    /// Takes in a pod that the VPA matches. Its containers are addressed by their place in
    /// `containers` from then on.
    pub fn add_pod<'a>(
        &mut self,
        labels: LabelSet,
        containers: impl IntoIterator<Item = &'a str>,
        now: SimTime,
    ) -> PodKey {
        self.model.add_pod(labels, containers, now)
    }

    /// Takes note of a pod's new labels: further usage counts with them. False if the pod is
    /// not known.
    pub fn relabel_pod(&mut self, pod: PodKey, labels: LabelSet, now: SimTime) -> bool {
        self.model.relabel_pod(pod, labels, now)
    }

    /// Forgets a pod, but not its usage; false if it is not known.
    pub fn remove_pod(&mut self, pod: PodKey) -> bool {
        self.model.remove_pod(pod)
    }

    /// Adds the CPU usage of a pod's container, measured from `time` on; false if it was
    /// discarded: the pod is not known or the sample not younger than the last one.
    pub fn add_cpu_sample(
        &mut self,
        pod: PodKey,
        container: usize,
        usage: Millicores,
        time: SimTime,
    ) -> bool {
        self.model
            .with_container(pod, container, time, |state, aggregate, _| {
                state.add_cpu_sample(aggregate, usage.0, time)
            })
    }

    /// Adds the memory usage of a pod's container, measured from `time` on; false if it was
    /// discarded: the pod is not known or the sample older than the last one.
    pub fn add_memory_sample(
        &mut self,
        pod: PodKey,
        container: usize,
        usage: Bytes,
        time: SimTime,
    ) -> bool {
        self.model
            .with_container(pod, container, time, |state, aggregate, config| {
                state.add_memory_sample(aggregate, config, usage.0, time)
            })
    }

    /// Takes note that a pod's container was killed for lack of memory while it requested
    /// `requested`; false if the pod is not known or the kill too long ago.
    pub fn record_oom(
        &mut self,
        pod: PodKey,
        container: usize,
        requested: Bytes,
        time: SimTime,
    ) -> bool {
        self.model
            .with_container(pod, container, time, |state, aggregate, config| {
                state.record_oom(aggregate, config, requested.0, time)
            })
    }

    /// Computes the recommendations, by container name, and the conditions.
    pub fn recommend(&mut self, now: SimTime) -> &[Recommendation] {
        self.model.merge();
        self.estimate();
        self.recommendations =
            post_process::recommendations(&self.estimates, &self.vpa, &self.flags);
        let has_recommendation = !self.recommendations.is_empty();
        self.conditions
            .update(self.model.has_pods(), has_recommendation, now);
        &self.recommendations
    }

    /// The estimates behind the last recommendations, before rounding and bounds.
    pub fn estimates(&self) -> &[Estimate] {
        &self.estimates
    }

    /// The last recommendations, as the VPA's status shows them.
    pub fn recommendations(&self) -> &[Recommendation] {
        &self.recommendations
    }

    /// The conditions of the VPA's status.
    pub fn conditions(&self) -> &[Condition] {
        self.conditions.all()
    }

    /// What is known of all containers, by name, the current windows included.
    pub fn usage(&mut self) -> Vec<UsageSummary> {
        self.model.merge();
        self.model
            .merged()
            .map(|group| UsageSummary::new(&group.name, &group.merged))
            .collect()
    }

    /// Checkpoints of all containers, by name. The current window's memory peaks are not in
    /// them, because the window begins anew after a restart.
    pub fn checkpoints(&mut self, now: SimTime) -> Vec<Checkpoint> {
        self.model.merge();
        self.model.subtract_current_peaks(now);
        self.model
            .merged()
            .map(|group| Checkpoint::save(&group.name, &group.merged))
            .collect()
    }

    /// Loads a container's checkpoint in place of an earlier one. An error leaves all as it
    /// was.
    pub fn load_checkpoint(
        &mut self,
        checkpoint: &Checkpoint,
        now: SimTime,
    ) -> Result<(), CheckpointError> {
        let aggregate = checkpoint.load(self.model.config(), now)?;
        self.model
            .set_initial(&checkpoint.container_name, aggregate);
        Ok(())
    }

    /// Removes aggregates without samples for too long, and empty ones without pods; at most
    /// once an hour.
    pub fn collect_garbage(&mut self, now: SimTime) {
        self.model.collect_garbage(now);
    }

    fn estimate(&mut self) {
        // Containers without a sample take part: they get their share of the pod's minimum.
        let groups = self
            .model
            .merged()
            .filter(|group| self.vpa.mode(&group.name) != ContainerScalingMode::Off);
        let groups: Vec<&Group> = groups.collect();
        self.estimates = groups
            .iter()
            .map(|Group { name, merged, .. }| {
                let controlled = self.vpa.controlled_resources(name);
                self.estimator
                    .estimate(name, merged, controlled, groups.len())
            })
            .collect();
    }
}

#[cfg(test)]
mod tests;
