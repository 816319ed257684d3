//! Which aggregates there are: by container name and pod labels, with the pods whose usage
//! goes there and the checkpoints loaded.
//!
//! Follows `pkg/recommender/model/cluster.go` as far as one VPA sees it. Names are looked up
//! when pods come; samples find their aggregate by index.

use super::container_state::{Aggregate, Aggregation, ContainerState};
use crate::sim::{Arena, Key, SimDuration, SimTime};

/// How often expired aggregates are looked for (`AggregateContainerStateGCInterval`).
const GARBAGE_INTERVAL: SimDuration = SimDuration::from_secs(3600);

/// A set of pod labels, numbered by the caller: containers of pods with other labels are
/// aggregated apart, and together only for the recommendation.
pub type LabelSet = u32;

/// A pod known to a [`super::Recommender`].
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
pub(super) struct Group {
    pub(super) name: String,
    slots: Vec<Slot>,
    /// What checkpoints brought along.
    initial: Option<Aggregate>,
    /// All of it, as of the last merge.
    pub(super) merged: Aggregate,
    exists: bool,
}

/// The aggregate of one label set; absent after its removal.
#[derive(Debug, Clone)]
struct Slot {
    labels: LabelSet,
    aggregate: Option<Aggregate>,
}

/// All pods and aggregates of one VPA.
#[derive(Debug, Clone)]
pub(super) struct Model {
    config: Aggregation,
    groups: Vec<Group>,
    /// Groups by name.
    order: Vec<usize>,
    pods: Arena<Pod>,
    last_garbage_collection: Option<SimTime>,
}

impl Model {
    pub(super) fn new(config: Aggregation) -> Self {
        Self {
            config,
            groups: Vec::new(),
            order: Vec::new(),
            pods: Arena::default(),
            last_garbage_collection: None,
        }
    }

    pub(super) fn config(&self) -> &Aggregation {
        &self.config
    }

    pub(super) fn has_pods(&self) -> bool {
        !self.pods.is_empty()
    }

    pub(super) fn add_pod<'a>(
        &mut self,
        labels: LabelSet,
        containers: impl IntoIterator<Item = &'a str>,
        now: SimTime,
    ) -> PodKey {
        let containers = containers
            .into_iter()
            .map(|name| {
                let group = self.group(name);
                Container {
                    group,
                    slot: self.slot(group, labels, now),
                    state: ContainerState::default(),
                }
            })
            .collect();
        self.pods.insert(Pod { containers })
    }

    pub(super) fn relabel_pod(&mut self, pod: PodKey, labels: LabelSet, now: SimTime) -> bool {
        let Some(mut containers) = self
            .pods
            .get_mut(pod)
            .map(|pod| std::mem::take(&mut pod.containers))
        else {
            return false;
        };
        for container in &mut containers {
            container.slot = self.slot(container.group, labels, now);
        }
        if let Some(pod) = self.pods.get_mut(pod) {
            pod.containers = containers;
        }
        true
    }

    pub(super) fn remove_pod(&mut self, pod: PodKey) -> bool {
        self.pods.remove(pod).is_some()
    }

    /// Sets what a container's checkpoint brings along.
    pub(super) fn set_initial(&mut self, container_name: &str, aggregate: Aggregate) {
        let group = self.group(container_name);
        self.groups[group].initial = Some(aggregate);
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

    /// The place of a label set's aggregate, which exists from then on.
    fn slot(&mut self, group: usize, labels: LabelSet, now: SimTime) -> usize {
        let slots = &mut self.groups[group].slots;
        let known = slots.iter().position(|slot| slot.labels == labels);
        let place = known.unwrap_or_else(|| {
            slots.push(Slot {
                labels,
                aggregate: None,
            });
            slots.len() - 1
        });
        let aggregate = &mut slots[place].aggregate;
        aggregate.get_or_insert_with(|| Aggregate::new(&self.config, now));
        place
    }

    /// Hands a sample's container and its aggregate to `f`; false if there is no such
    /// container.
    pub(super) fn with_container(
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
    pub(super) fn merge(&mut self) {
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
    pub(super) fn merged(&self) -> impl Iterator<Item = &Group> {
        let groups = self.order.iter().map(|&group| &self.groups[group]);
        groups.filter(|group| group.exists)
    }

    /// Takes the peaks of windows that have not ended out of the merged aggregates.
    pub(super) fn subtract_current_peaks(&mut self, now: SimTime) {
        for pod in self.pods.iter().map(|(_, pod)| pod) {
            for Container { group, slot, state } in &pod.containers {
                let group = &mut self.groups[*group];
                if group.slots[*slot].aggregate.is_some() {
                    state.subtract_current_peak(&mut group.merged, now);
                }
            }
        }
    }

    /// Removes aggregates without samples for too long, and empty ones without pods; at most
    /// once an hour.
    pub(super) fn collect_garbage(&mut self, now: SimTime) {
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
}
