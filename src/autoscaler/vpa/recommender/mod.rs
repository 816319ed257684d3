//! The recommender for one VPA: samples in, recommendations out.
//!
//! Follows `pkg/recommender/model/{cluster,vpa}.go` and `pkg/recommender/routines`. One
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
mod post_process;
mod usage_summary;

pub use checkpoint::{Checkpoint, CheckpointError, HistogramCheckpoint};
pub use conditions::{Condition, ConditionType};
pub use estimator::{Bounds, Estimate};
pub use usage_summary::{HistogramSummary, UsageSummary};

use super::{ContainerScalingMode, Recommendation, RecommenderFlags, VpaSpec, WallClock};
use crate::sim::{Arena, Key, SimDuration, SimTime};
use crate::units::{Bytes, Millicores};
use conditions::Conditions;
use container_state::{Aggregate, Aggregation, ContainerState};
use estimator::Estimator;

/// How often expired aggregates are looked for (`AggregateContainerStateGCInterval`).
const GARBAGE_INTERVAL: SimDuration = SimDuration::from_secs(3600);

/// A set of pod labels, numbered by the caller: containers of pods with other labels are
/// aggregated apart, and together only for the recommendation.
pub type LabelSet = u32;

/// A pod known to a [`Recommender`].
#[derive(Debug, Clone)]
pub struct Pod {
    containers: Vec<Container>,
}

/// Key of a pod.
pub type PodKey = Key<Pod>;

#[derive(Debug, Clone)]
struct Container {
    group: usize,
    slot: usize,
    state: ContainerState,
}

/// Everything about containers of one name.
#[derive(Debug, Clone)]
struct Group {
    name: String,
    slots: Vec<Slot>,
    /// What checkpoints brought along.
    initial: Option<Aggregate>,
    /// All of it, as of the last merge.
    merged: Aggregate,
    exists: bool,
}

/// The aggregate of one label set; absent after its removal.
#[derive(Debug, Clone)]
struct Slot {
    labels: LabelSet,
    aggregate: Option<Aggregate>,
}

/// The recommender's memory of one VPA.
#[derive(Debug, Clone)]
pub struct Recommender {
    vpa: VpaSpec,
    flags: RecommenderFlags,
    config: Aggregation,
    estimator: Estimator,
    groups: Vec<Group>,
    /// Groups by name.
    order: Vec<usize>,
    pods: Arena<Pod>,
    estimates: Vec<Estimate>,
    recommendations: Vec<Recommendation>,
    conditions: Conditions,
    last_garbage_collection: Option<SimTime>,
}

impl Recommender {
    /// A recommender without history.
    pub fn new(vpa: VpaSpec, flags: RecommenderFlags, clock: WallClock) -> Self {
        Self {
            config: Aggregation::new(&flags, clock),
            estimator: Estimator::new(&flags),
            vpa,
            flags,
            groups: Vec::new(),
            order: Vec::new(),
            pods: Arena::default(),
            estimates: Vec::new(),
            recommendations: Vec::new(),
            conditions: Conditions::default(),
            last_garbage_collection: None,
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
        let containers = containers
            .into_iter()
            .map(|name| {
                let group = self.group(name);
                let slot = self.slot(group, labels);
                self.groups[group].slots[slot]
                    .aggregate
                    .get_or_insert_with(|| Aggregate::new(&self.config, now));
                Container {
                    group,
                    slot,
                    state: ContainerState::default(),
                }
            })
            .collect();
        self.pods.insert(Pod { containers })
    }

    /// Forgets a pod, but not its usage; false if it is not known.
    pub fn remove_pod(&mut self, pod: PodKey) -> bool {
        self.pods.remove(pod).is_some()
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
        self.with_container(pod, container, time, |state, aggregate, _| {
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
        self.with_container(pod, container, time, |state, aggregate, config| {
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
        self.with_container(pod, container, time, |state, aggregate, config| {
            state.record_oom(aggregate, config, requested.0, time)
        })
    }

    /// Computes the recommendations, by container name, and the conditions.
    pub fn recommend(&mut self, now: SimTime) -> &[Recommendation] {
        self.merge();
        self.estimate();
        self.recommendations =
            post_process::recommendations(&self.estimates, &self.vpa, &self.flags);
        let has_recommendation = !self.recommendations.is_empty();
        self.conditions
            .update(!self.pods.is_empty(), has_recommendation, now);
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
        self.merge();
        self.merged()
            .map(|group| UsageSummary::new(&group.name, &group.merged))
            .collect()
    }

    /// Checkpoints of all containers, by name. The current window's memory peaks are not in
    /// them, because the window begins anew after a restart.
    pub fn checkpoints(&mut self, now: SimTime) -> Vec<Checkpoint> {
        self.merge();
        for pod in self.pods.iter().map(|(_, pod)| pod) {
            for Container { group, slot, state } in &pod.containers {
                let group = &mut self.groups[*group];
                if group.slots[*slot].aggregate.is_some() {
                    state.subtract_current_peak(&mut group.merged, now);
                }
            }
        }
        self.merged()
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
        let aggregate = checkpoint.load(&self.config, now)?;
        let group = self.group(&checkpoint.container_name);
        self.groups[group].initial = Some(aggregate);
        Ok(())
    }

    /// Removes aggregates without samples for too long, and empty ones without pods; at most
    /// once an hour.
    pub fn collect_garbage(&mut self, now: SimTime) {
        if self
            .last_garbage_collection
            .is_some_and(|last| now - last < GARBAGE_INTERVAL)
        {
            return;
        }
        self.last_garbage_collection = Some(now);
        let mut contributing: Vec<(usize, usize)> = self
            .pods
            .iter()
            .flat_map(|(_, pod)| pod.containers.iter().map(|c| (c.group, c.slot)))
            .collect();
        contributing.sort_unstable();
        for (group_index, group) in self.groups.iter_mut().enumerate() {
            for (slot_index, slot) in group.slots.iter_mut().enumerate() {
                let contributes = contributing
                    .binary_search(&(group_index, slot_index))
                    .is_ok();
                slot.aggregate.take_if(|aggregate| {
                    aggregate.is_empty() && !contributes || aggregate.is_expired(now, &self.config)
                });
            }
        }
    }

    fn group(&mut self, name: &str) -> usize {
        let place = self
            .order
            .binary_search_by(|&group| self.groups[group].name.as_str().cmp(name));
        let place = match place {
            Ok(place) => return self.order[place],
            Err(place) => place,
        };
        self.order.insert(place, self.groups.len());
        self.groups.push(Group {
            name: name.to_owned(),
            slots: Vec::new(),
            initial: None,
            merged: Aggregate::new(&self.config, SimTime::ZERO),
            exists: false,
        });
        self.groups.len() - 1
    }

    fn slot(&mut self, group: usize, labels: LabelSet) -> usize {
        let slots = &mut self.groups[group].slots;
        slots
            .iter()
            .position(|slot| slot.labels == labels)
            .unwrap_or_else(|| {
                slots.push(Slot {
                    labels,
                    aggregate: None,
                });
                slots.len() - 1
            })
    }

    fn with_container(
        &mut self,
        pod: PodKey,
        container: usize,
        now: SimTime,
        f: impl FnOnce(&mut ContainerState, &mut Aggregate, &Aggregation) -> bool,
    ) -> bool {
        let containers = self.pods.get_mut(pod).map(|pod| &mut pod.containers);
        let Some(container) = containers.and_then(|containers| containers.get_mut(container))
        else {
            return false;
        };
        let slot = &mut self.groups[container.group].slots[container.slot];
        // A sample brings back an aggregate that was removed.
        let aggregate = slot
            .aggregate
            .get_or_insert_with(|| Aggregate::new(&self.config, now));
        f(&mut container.state, aggregate, &self.config)
    }

    /// Merges each group's aggregates and its checkpoint (`AggregateStateByContainerName`).
    fn merge(&mut self) {
        for group in &mut self.groups {
            group.merged.clear();
            group.exists = false;
            let aggregates = group
                .slots
                .iter_mut()
                .filter_map(|slot| slot.aggregate.as_mut());
            for aggregate in aggregates.chain(&mut group.initial) {
                group.merged.merge(aggregate);
                group.exists = true;
            }
        }
    }

    /// The groups that had anything to merge, by name.
    fn merged(&self) -> impl Iterator<Item = &Group> {
        let groups = self.order.iter().map(|&group| &self.groups[group]);
        groups.filter(|group| group.exists)
    }

    fn estimate(&mut self) {
        let groups = self.merged().filter(|group| {
            !group.merged.is_empty() && self.vpa.mode(&group.name) != ContainerScalingMode::Off
        });
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
