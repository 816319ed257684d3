//! All aggregates of the cluster, by container name and label set, shared by the VPAs that
//! select them.
//!
//! Follows `aggregateStateMap` of `pkg/recommender/model/cluster.go` and
//! `ContainerStateAggregatorProxy` of `aggregate_container_state.go`.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::aggregation::{Aggregation, Tuning};
use super::cluster_state::{LabelSet, VpaKey};
use super::container_state::Aggregate;
use crate::sim::{Arena, Key, SimTime};

/// Containers of one name in pods with one label set (`AggregateStateKey`), and their
/// aggregate; it is absent once collected as garbage, until a sample comes.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) name: Arc<str>,
    pub(super) labels: LabelSet,
    state: Option<Key<Aggregate>>,
    /// What an aggregate made here starts with: the policies of the VPAs that select it.
    pub(super) tuning: Tuning,
}

pub(super) type SlotKey = Key<Slot>;

/// What is known of a label set.
#[derive(Debug, Clone, Default)]
pub(super) struct Labelled {
    pub(super) selected_by: Vec<VpaKey>,
    pub(super) slots: Vec<SlotKey>,
    /// Pods that have these labels now.
    pub(super) pods: usize,
}

/// Where a container's samples go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Destination {
    /// By its name and its pod's labels of today.
    pub(super) slot: SlotKey,
    /// After a change of labels upstream holds on to the aggregate that the new labels had at
    /// that time, even when the slot has lost it or got another one since.
    pub(super) held: Option<Key<Aggregate>>,
}

/// The aggregates.
#[derive(Debug, Clone)]
pub(super) struct Aggregates {
    pub(super) config: Aggregation,
    states: Arena<Aggregate>,
    pub(super) slots: Arena<Slot>,
    pub(super) labels: FxHashMap<LabelSet, Labelled>,
    /// Collected as garbage, but perhaps still held by a relabelled container.
    orphans: Vec<Key<Aggregate>>,
    /// The latest instant heard of.
    pub(super) now: SimTime,
}

impl Aggregates {
    pub(super) fn new(config: Aggregation) -> Self {
        Self {
            config,
            states: Arena::default(),
            slots: Arena::default(),
            labels: FxHashMap::default(),
            orphans: Vec::new(),
            now: SimTime(i64::MIN),
        }
    }

    /// Sets the time at which aggregates are created.
    pub(super) fn tick(&mut self, now: SimTime) {
        self.now = self.now.max(now);
    }

    /// The slot of a container name, if pods with these labels have had one.
    pub(super) fn find(&self, name: &str, labels: LabelSet) -> Option<SlotKey> {
        let slots = &self.labels.get(&labels)?.slots;
        let named = |slot: &&SlotKey| self.slots.get(**slot).is_some_and(|s| &*s.name == name);
        slots.iter().find(named).copied()
    }

    /// Makes a slot, still without an aggregate.
    pub(super) fn insert(&mut self, name: Arc<str>, labels: LabelSet, tuning: Tuning) -> SlotKey {
        let slot = self.slots.insert(Slot {
            name,
            labels,
            state: None,
            tuning,
        });
        self.labels.entry(labels).or_default().slots.push(slot);
        slot
    }

    /// The slot's aggregate, which exists from then on
    /// (`findOrCreateAggregateContainerState`).
    pub(super) fn find_or_create(&mut self, slot: SlotKey) -> Option<Key<Aggregate>> {
        let slot = self.slots.get_mut(slot)?;
        let create = || {
            let mut aggregate = Aggregate::new(&self.config, self.now);
            aggregate.tuning = slot.tuning;
            self.states.insert(aggregate)
        };
        Some(*slot.state.get_or_insert_with(create))
    }

    /// The aggregate that a container's samples go to.
    pub(super) fn of(&mut self, destination: Destination) -> Option<&mut Aggregate> {
        let state = match destination.held {
            Some(held) => held,
            None => self.find_or_create(destination.slot)?,
        };
        self.states.get_mut(state)
    }

    /// The slot's aggregate, if there is one.
    pub(super) fn existing(&mut self, slot: SlotKey) -> Option<&mut Aggregate> {
        self.states.get_mut(self.slots.get(slot)?.state?)
    }

    /// True if the slot has an aggregate.
    pub(super) fn exists(&self, slot: SlotKey) -> bool {
        self.slots
            .get(slot)
            .is_some_and(|slot| slot.state.is_some())
    }

    /// Removes aggregates without samples for too long, and empty ones to which no container
    /// contributes (`garbageCollectAggregateCollectionStates`). Returns the slots that nobody
    /// needs any more, which are gone too.
    pub(super) fn collect_garbage(
        &mut self,
        now: SimTime,
        destinations: impl Iterator<Item = Destination>,
    ) -> FxHashSet<SlotKey> {
        let (mut contributing, mut held) = (FxHashSet::default(), FxHashSet::default());
        for destination in destinations {
            contributing.insert(destination.slot);
            held.extend(destination.held);
        }
        let mut unused = FxHashSet::default();
        let keys: Vec<SlotKey> = self.slots.iter().map(|(key, _)| key).collect();
        for key in keys {
            let contributes = contributing.contains(&key);
            let obsolete =
                |state: &mut Aggregate| state.is_empty() && !contributes || state.is_expired(now);
            if self.existing(key).is_some_and(obsolete)
                && let Some(slot) = self.slots.get_mut(key)
            {
                self.orphans.extend(slot.state.take());
            }
            if !contributes && !self.exists(key) {
                self.slots.remove(key);
                unused.insert(key);
            }
        }
        let states = &mut self.states;
        self.orphans.retain(|orphan| {
            let is_held = held.contains(orphan);
            if !is_held {
                states.remove(*orphan);
            }
            is_held
        });
        self.labels.retain(|_, labelled| {
            labelled.slots.retain(|slot| !unused.contains(slot));
            labelled.pods > 0 || !labelled.slots.is_empty()
        });
        unused
    }
}
