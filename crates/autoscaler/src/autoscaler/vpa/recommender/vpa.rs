//! One VPA as the recommender knows it: the aggregates that it selects, by container name, and
//! its status.
//!
//! Follows `pkg/recommender/model/vpa.go` and `processVPAUpdate` of
//! `pkg/recommender/routines/recommender.go`.

use std::sync::Arc;

use super::aggregates::{Aggregates, SlotKey};
use super::checkpoint::Checkpoint;
use super::conditions::{Condition, Conditions};
use super::container_state::{Aggregate, ContainerState};
use super::estimator::{Estimate, Estimator};
use super::post_process;
use super::usage_summary::UsageSummary;
use crate::autoscaler::vpa::{ContainerScalingMode, Recommendation, RecommenderFlags, VpaSpec};
use crate::sim::SimTime;

/// What the recommender writes into a VPA's status.
#[derive(Debug, Clone, Default)]
pub struct Status {
    recommendations: Option<Vec<Recommendation>>,
    conditions: Conditions,
}

impl Status {
    /// `recommendation`: absent before the first pass, then perhaps empty.
    pub fn recommendations(&self) -> Option<&[Recommendation]> {
        self.recommendations.as_deref()
    }
}

/// A VPA known to a [`super::ClusterState`].
#[derive(Debug, Clone)]
pub struct Vpa {
    pub(super) spec: VpaSpec,
    /// Pods that it selects.
    pub(super) pods: usize,
    /// By name.
    containers: Vec<Container>,
    estimates: Vec<Estimate>,
    status: Status,
}

/// Everything about containers of one name.
#[derive(Debug, Clone)]
struct Container {
    name: Arc<str>,
    slots: Vec<SlotKey>,
    /// What a checkpoint brought along.
    initial: Option<Aggregate>,
    /// All of it, as of the last merge.
    merged: Aggregate,
    exists: bool,
}

impl Vpa {
    pub(super) fn new(spec: VpaSpec, status: Status) -> Self {
        Self {
            spec,
            pods: 0,
            containers: Vec::new(),
            estimates: Vec::new(),
            status,
        }
    }

    /// What users wrote.
    pub fn spec(&self) -> &VpaSpec {
        &self.spec
    }

    /// The estimates behind the last recommendations, before rounding and bounds.
    pub fn estimates(&self) -> &[Estimate] {
        &self.estimates
    }

    /// The last recommendations, as the VPA's status shows them.
    pub fn recommendations(&self) -> &[Recommendation] {
        self.status.recommendations().unwrap_or_default()
    }

    /// The conditions of the VPA's status.
    pub fn conditions(&self) -> &[Condition] {
        self.status.conditions.all()
    }

    /// Its status.
    pub fn status(&self) -> &Status {
        &self.status
    }

    pub(super) fn into_status(self) -> Status {
        self.status
    }

    /// The slots that it selects.
    pub(super) fn slots(&self) -> impl Iterator<Item = SlotKey> {
        let containers = self.containers.iter();
        containers.flat_map(|container| container.slots.iter().copied())
    }

    fn container(&mut self, name: &Arc<str>, aggregates: &Aggregates) -> &mut Container {
        let place = self
            .containers
            .binary_search_by(|container| container.name.cmp(name));
        let place = place.unwrap_or_else(|place| {
            let container = Container {
                name: Arc::clone(name),
                slots: Vec::new(),
                initial: None,
                merged: Aggregate::new(&aggregates.config, aggregates.now),
                exists: false,
            };
            self.containers.insert(place, container);
            place
        });
        &mut self.containers[place]
    }

    /// Uses the aggregate of a slot from now on (`UseAggregationIfMatching`).
    pub(super) fn link(&mut self, name: &Arc<str>, slot: SlotKey, aggregates: &Aggregates) {
        self.container(name, aggregates).slots.push(slot);
    }

    /// Forgets slots that are gone.
    pub(super) fn unlink(&mut self, is_gone: impl Fn(SlotKey) -> bool) {
        self.containers.retain_mut(|container| {
            container.slots.retain(|slot| !is_gone(*slot));
            !container.slots.is_empty() || container.initial.is_some()
        });
    }

    /// Sets what a container's checkpoint brings along (`setVpaCheckpoint`).
    pub(super) fn set_initial(
        &mut self,
        container_name: &str,
        initial: Aggregate,
        aggregates: &Aggregates,
    ) {
        self.container(&container_name.into(), aggregates).initial = Some(initial);
    }

    /// Merges the aggregates of each container and its checkpoint
    /// (`AggregateStateByContainerName`).
    pub(super) fn merge(&mut self, aggregates: &mut Aggregates) {
        for container in &mut self.containers {
            container.merged.clear();
            container.exists = false;
            for slot in &container.slots {
                if let Some(state) = aggregates.existing(*slot) {
                    container.merged.merge(state);
                    container.exists = true;
                }
            }
            if let Some(initial) = &mut container.initial {
                container.merged.merge(initial);
                container.exists = true;
            }
        }
    }

    /// The containers that had anything to merge, by name.
    fn merged(&self) -> impl Iterator<Item = &Container> {
        self.containers.iter().filter(|container| container.exists)
    }

    /// Computes the recommendations and the conditions from what was merged.
    pub(super) fn recommend(
        &mut self,
        estimator: &Estimator,
        flags: &RecommenderFlags,
        now: SimTime,
    ) {
        // Containers without a sample take part: they get their share of the pod's minimum.
        let scaled =
            |container: &&Container| self.spec.mode(&container.name) != ContainerScalingMode::Off;
        let containers: Vec<&Container> = self.merged().filter(scaled).collect();
        let estimate = |container: &&Container| {
            let controlled = self.spec.controlled_resources(&container.name);
            let (name, merged) = (&container.name, &container.merged);
            estimator.estimate(name, merged, controlled, containers.len())
        };
        self.estimates = containers.iter().map(estimate).collect();
        let made = post_process::recommendations(&self.estimates, &self.spec, flags);
        let conditions = &mut self.status.conditions;
        conditions.update(self.pods > 0, !made.is_empty(), now);
        self.status.recommendations = Some(made);
    }

    pub(super) fn set_unsupported(&mut self, reason: Option<String>, now: SimTime) {
        self.status.conditions.set_unsupported(reason, now);
    }

    /// Takes the peak of a window that has not ended out of what was merged.
    pub(super) fn subtract_current_peak(
        &mut self,
        name: &str,
        container: &ContainerState,
        now: SimTime,
    ) {
        let place = self
            .containers
            .binary_search_by(|container| (*container.name).cmp(name));
        if let Ok(place) = place {
            container.subtract_current_peak(&mut self.containers[place].merged, now);
        }
    }

    /// What was merged, to look at.
    pub(super) fn usage(&self) -> Vec<UsageSummary> {
        let summary = |container: &Container| UsageSummary::new(&container.name, &container.merged);
        self.merged().map(summary).collect()
    }

    /// What was merged, to keep.
    pub(super) fn checkpoints(&self) -> Vec<Checkpoint> {
        let save = |container: &Container| Checkpoint::save(&container.name, &container.merged);
        self.merged().map(save).collect()
    }
}
