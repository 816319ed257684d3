//! What the recommender knows of the cluster: pods, their containers' usage, and the VPAs that
//! select them. It is fed once, however many VPAs look at the same pods.
//!
//! Follows `pkg/recommender/model/cluster.go`. Names are looked up when pods come; samples
//! find their aggregate by key.

use std::sync::Arc;

use super::aggregates::{Aggregates, Destination, Labelled, SlotKey};
use super::aggregation::Aggregation;
use super::container_state::ContainerState;
use super::estimator::Estimator;
use super::vpa::Vpa;
use crate::autoscaler::vpa::{FeatureGates, RecommenderFlags, WallClock};
use crate::sim::{Arena, Key, SimDuration, SimTime};
use crate::units::{Bytes, Millicores};

/// How often expired aggregates are looked for (`AggregateContainerStateGCInterval`).
const GARBAGE_INTERVAL: SimDuration = SimDuration::from_secs(3600);

/// A namespace and a set of pod labels, numbered by the caller: containers of pods with other
/// labels are aggregated apart, and together only for the recommendation.
pub type LabelSet = u32;

/// A pod known to a [`ClusterState`].
#[derive(Debug, Clone)]
pub struct Pod {
    pub(super) labels: LabelSet,
    pub(super) containers: Vec<Container>,
}

/// Key of a pod.
pub type PodKey = Key<Pod>;

/// Key of a VPA.
pub type VpaKey = Key<Vpa>;

#[derive(Debug, Clone)]
pub(super) struct Container {
    pub(super) name: Arc<str>,
    pub(super) destination: Destination,
    pub(super) state: ContainerState,
}

/// Pods, aggregates and VPAs of a cluster.
#[derive(Debug, Clone)]
pub struct ClusterState {
    pub(super) flags: RecommenderFlags,
    pub(super) gates: FeatureGates,
    pub(super) estimator: Estimator,
    pub(super) aggregates: Aggregates,
    pub(super) pods: Arena<Pod>,
    pub(super) vpas: Arena<Vpa>,
    last_garbage_collection: Option<SimTime>,
}

impl ClusterState {
    /// An empty cluster.
    pub fn new(flags: RecommenderFlags, gates: FeatureGates, clock: WallClock) -> Self {
        Self {
            estimator: Estimator::new(&flags),
            aggregates: Aggregates::new(Aggregation::new(&flags, clock)),
            flags,
            gates,
            pods: Arena::default(),
            vpas: Arena::default(),
            last_garbage_collection: None,
        }
    }

    /// Takes in a pod. `selected_by` names the VPAs that select its labels; it is heard only
    /// if no pod has had these labels before. The pod's containers are addressed by their
    /// place in `containers` from then on.
    pub fn add_pod<'a>(
        &mut self,
        labels: LabelSet,
        selected_by: impl IntoIterator<Item = VpaKey>,
        containers: impl IntoIterator<Item = &'a str>,
        now: SimTime,
    ) -> PodKey {
        self.aggregates.tick(now);
        self.add_labels(labels, selected_by);
        self.count_pod(labels, 1);
        let containers = containers
            .into_iter()
            .map(|name| self.new_container(name, labels))
            .collect();
        self.pods.insert(Pod { labels, containers })
    }

    /// Takes in one more container of a pod and returns its place; `None` if the pod is not
    /// known (`AddOrUpdateContainer`).
    pub fn add_container(&mut self, pod: PodKey, name: &str, now: SimTime) -> Option<usize> {
        self.aggregates.tick(now);
        let labels = self.pods.get(pod)?.labels;
        let container = self.new_container(name, labels);
        let containers = &mut self.pods.get_mut(pod)?.containers;
        containers.push(container);
        Some(containers.len() - 1)
    }

    /// Takes note of a pod's labels: if they are others, further usage counts with them
    /// (`AddOrUpdatePod`). False if the pod is not known.
    pub fn relabel_pod(
        &mut self,
        key: PodKey,
        labels: LabelSet,
        selected_by: impl IntoIterator<Item = VpaKey>,
        now: SimTime,
    ) -> bool {
        self.aggregates.tick(now);
        let Some(pod) = self.pods.get(key) else {
            return false;
        };
        if pod.labels == labels {
            return true;
        }
        let (old, mut containers) = (pod.labels, pod.containers.clone());
        self.add_labels(labels, selected_by);
        self.count_pod(old, -1);
        self.count_pod(labels, 1);
        for container in &mut containers {
            let slot = self.slot(&container.name, labels);
            container.destination = Destination {
                slot,
                held: self.aggregates.find_or_create(slot),
            };
        }
        if let Some(pod) = self.pods.get_mut(key) {
            *pod = Pod { labels, containers };
        }
        true
    }

    /// A pod has come in the place of one of the same name that is gone: upstream, which knows pods
    /// by their names, goes on with what it knew of that one's containers. `containers` are those
    /// of the new pod; others are remembered behind them.
    pub fn take_over_pod<'a>(
        &mut self,
        key: PodKey,
        labels: LabelSet,
        selected_by: impl IntoIterator<Item = VpaKey>,
        containers: impl IntoIterator<Item = &'a str>,
        now: SimTime,
    ) {
        self.relabel_pod(key, labels, selected_by, now);
        for (place, name) in containers.into_iter().enumerate() {
            let Some(pod) = self.pods.get(key) else {
                return;
            };
            let mut rest = pod.containers.iter().skip(place);
            let found = rest.position(|container| *container.name == *name);
            let found = found.map(|further| place + further);
            let found = found.or_else(|| self.add_container(key, name, now));
            if let (Some(found), Some(pod)) = (found, self.pods.get_mut(key)) {
                pod.containers[place..=found].rotate_right(1);
            }
        }
    }

    /// Forgets a pod, but not its usage; false if it is not known.
    pub fn remove_pod(&mut self, pod: PodKey) -> bool {
        let Some(pod) = self.pods.remove(pod) else {
            return false;
        };
        self.count_pod(pod.labels, -1);
        true
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
        let Some(container) = find(&mut self.pods, pod, container) else {
            return false;
        };
        // What is discarded makes no aggregate.
        container.state.accepts_cpu_sample(usage.0, time)
            && self
                .aggregates
                .of(container.destination)
                .is_some_and(|state| container.state.add_cpu_sample(state, usage.0, time))
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
        let Some(container) = find(&mut self.pods, pod, container) else {
            return false;
        };
        container.state.accepts_memory_sample(usage.0, time)
            && self
                .aggregates
                .of(container.destination)
                .is_some_and(|state| container.state.add_memory_sample(state, usage.0, time))
    }

    /// Takes note that a pod's container was OOM-killed while it requested
    /// `requested`; false if the pod is not known or the kill too long ago.
    pub fn record_oom(
        &mut self,
        pod: PodKey,
        container: usize,
        requested: Bytes,
        time: SimTime,
    ) -> bool {
        let Some(container) = find(&mut self.pods, pod, container) else {
            return false;
        };
        // Too old or not, the aggregate is asked for its interval and so exists.
        self.aggregates
            .of(container.destination)
            .is_some_and(|state| container.state.record_oom(state, requested.0, time))
    }

    /// Removes aggregates without samples for too long, and empty ones without pods; at most
    /// once an hour (`RateLimitedGarbageCollectAggregateCollectionStates`). All pods given
    /// count as active.
    pub fn collect_garbage(&mut self, now: SimTime) {
        self.aggregates.tick(now);
        if self
            .last_garbage_collection
            .is_some_and(|last| now - last < GARBAGE_INTERVAL)
        {
            return;
        }
        self.last_garbage_collection = Some(now);
        let containers = self.pods.iter().flat_map(|(_, pod)| &pod.containers);
        let destinations = containers.map(|container| container.destination);
        let gone = self.aggregates.collect_garbage(now, destinations);
        if !gone.is_empty() {
            for vpa in self.vpas.values_mut() {
                vpa.unlink(|slot| gone.contains(&slot));
            }
        }
    }

    /// How many label sets are remembered.
    #[cfg(test)]
    pub(super) fn label_sets(&self) -> usize {
        self.aggregates.labels.len()
    }

    fn add_labels(&mut self, labels: LabelSet, selected_by: impl IntoIterator<Item = VpaKey>) {
        let labelled = self.aggregates.labels.entry(labels);
        labelled.or_insert_with(|| Labelled {
            selected_by: selected_by.into_iter().collect(),
            ..Labelled::default()
        });
    }

    /// Counts pods that come or go.
    fn count_pod(&mut self, labels: LabelSet, change: isize) {
        if let Some(labelled) = self.aggregates.labels.get_mut(&labels) {
            labelled.pods = labelled.pods.saturating_add_signed(change);
            for vpa in &labelled.selected_by {
                if let Some(vpa) = self.vpas.get_mut(*vpa) {
                    vpa.pods = vpa.pods.saturating_add_signed(change);
                }
            }
        }
    }

    fn new_container(&mut self, name: &str, labels: LabelSet) -> Container {
        let slot = self.slot(name, labels);
        self.aggregates.find_or_create(slot);
        let known = self.aggregates.slots.get(slot);
        Container {
            name: known.map_or_else(|| name.into(), |slot| Arc::clone(&slot.name)),
            destination: Destination { slot, held: None },
            state: ContainerState::default(),
        }
    }

    /// The slot of a container name and label set, known to the VPAs that select it.
    fn slot(&mut self, name: &str, labels: LabelSet) -> SlotKey {
        if let Some(slot) = self.aggregates.find(name, labels) {
            return slot;
        }
        let tuning = self.aggregates.config.tuning;
        let slot = self.aggregates.insert(name.into(), labels, tuning);
        let labelled = self.aggregates.labels.get(&labels);
        let selected_by = labelled.map_or_else(Vec::new, |known| known.selected_by.clone());
        for vpa in selected_by {
            self.link(vpa, slot);
        }
        slot
    }
}

fn find(pods: &mut Arena<Pod>, pod: PodKey, container: usize) -> Option<&mut Container> {
    pods.get_mut(pod)?.containers.get_mut(container)
}
