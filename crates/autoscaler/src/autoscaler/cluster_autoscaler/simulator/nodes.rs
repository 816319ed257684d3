//! Nodes by their places, and what has been tried on them.

use rustc_hash::FxHashMap;

use super::domains::{Domains, Refusal, concerns};
use super::snapshot::{NodeInfo, Placed, SimNode};
use crate::autoscaler::cluster_autoscaler::model::{ClassId, NodeId, PodClass};

/// What can be taken back.
#[derive(Debug)]
enum Change {
    PodAdded(usize),
    PodRemoved(usize, usize, Placed),
    NodeAdded,
    NodeRemoved(usize),
}

/// The nodes of a snapshot. A slot is a node's place; removed nodes keep theirs.
#[derive(Debug, Default)]
pub struct Nodes {
    pub(super) slots: Vec<NodeInfo>,
    /// By the number of a registered node: its slot and one, or 0.
    places: Vec<u32>,
    upcoming: FxHashMap<SimNode, usize>,
    alive: usize,
    changes: Vec<Change>,
    marks: Vec<usize>,
    /// What has been asked of pods by topology domain.
    domains: Domains,
}

impl Nodes {
    /// The slot of a registered node, whether it has been removed or not.
    pub fn place(&self, id: NodeId) -> Option<usize> {
        let place = *self.places.get(id.0 as usize)? as usize;
        place.checked_sub(1)
    }

    /// The slot of a registered node, if it is there.
    pub fn slot(&self, id: NodeId) -> Option<usize> {
        self.place(id).filter(|slot| self.slots[*slot].alive)
    }

    /// The slot of a node, if it is there.
    pub fn slot_of(&self, node: SimNode) -> Option<usize> {
        match node {
            SimNode::Real(id) => self.slot(id),
            SimNode::Upcoming(..) => {
                let slot = *self.upcoming.get(&node)?;
                self.slots[slot].alive.then_some(slot)
            }
            SimNode::New => None,
        }
    }

    /// A node.
    pub fn node(&self, slot: usize) -> &NodeInfo {
        &self.slots[slot]
    }

    /// The same, to be changed for good.
    pub(super) fn node_mut(&mut self, slot: usize) -> &mut NodeInfo {
        &mut self.slots[slot]
    }

    /// The number of slots.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// How many nodes are there.
    pub const fn count(&self) -> usize {
        self.alive
    }

    /// The nodes that are there.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeInfo> {
        self.slots.iter().filter(|info| info.alive)
    }

    /// Adds a node; answers its slot.
    pub(super) fn add_node(&mut self, info: NodeInfo, classes: &[PodClass]) -> usize {
        let slot = self.slots.len();
        self.domains.node(classes, (slot, &info), 1);
        match info.node {
            SimNode::Real(id) => self.set_place(id, slot as u32 + 1),
            SimNode::Upcoming(..) => {
                self.upcoming.insert(info.node, slot);
            }
            SimNode::New => {}
        }
        self.slots.push(info);
        self.alive += 1;
        self.record(Change::NodeAdded);
        slot
    }

    fn set_place(&mut self, id: NodeId, place: u32) {
        let index = id.0 as usize;
        if self.places.len() <= index {
            self.places.resize(index + 1, 0);
        }
        self.places[index] = place;
    }

    /// Removes a node.
    pub(super) fn remove_node(&mut self, slot: usize, classes: &[PodClass]) {
        self.domains.node(classes, (slot, &self.slots[slot]), -1);
        self.slots[slot].alive = false;
        self.alive -= 1;
        self.record(Change::NodeRemoved(slot));
    }

    /// Takes all nodes away for good.
    pub(super) fn take_all(&mut self) -> Vec<NodeInfo> {
        *self = Self {
            slots: std::mem::take(&mut self.slots),
            ..Self::default()
        };
        std::mem::take(&mut self.slots)
    }

    /// Why a pod is refused by what runs elsewhere, if it is. What it asks is counted now, if it
    /// has not been.
    pub(super) fn refused_elsewhere(
        &mut self,
        class: ClassId,
        slot: usize,
        classes: &[PodClass],
    ) -> Option<Refusal> {
        let pod = &classes[class.index()];
        if !concerns(pod) {
            return None;
        }
        let there = self.slots.iter().enumerate();
        let there = there.filter(|(_, info)| info.alive);
        self.domains.prepare(class, pod, there);
        self.domains.refusal(class, pod, slot, &self.slots[slot])
    }

    /// Forgets what has been asked of pods by topology domain.
    pub(super) fn forget_domains(&mut self) {
        self.domains.clear();
    }

    pub(super) fn add_pod(&mut self, slot: usize, placed: Placed, classes: &[PodClass]) {
        let on = (slot, &self.slots[slot]);
        self.domains.pod(classes, on, placed, 1);
        self.slots[slot].add(placed, classes);
        self.record(Change::PodAdded(slot));
    }

    pub(super) fn remove_pod(&mut self, slot: usize, pod: u32, classes: &[PodClass]) {
        if let Some((place, placed)) = self.slots[slot].remove(pod, classes) {
            let on = (slot, &self.slots[slot]);
            self.domains.pod(classes, on, placed, -1);
            self.record(Change::PodRemoved(slot, place, placed));
        }
    }

    fn record(&mut self, change: Change) {
        if !self.marks.is_empty() {
            self.changes.push(change);
        }
    }

    /// The slots on which something has been tried and not taken back.
    pub fn tried(&self) -> impl Iterator<Item = usize> {
        self.changes.iter().filter_map(|change| match change {
            Change::PodAdded(slot) | Change::PodRemoved(slot, ..) | Change::NodeRemoved(slot) => {
                Some(*slot)
            }
            Change::NodeAdded => None,
        })
    }

    /// From here on, changes can be taken back.
    pub fn fork(&mut self) {
        self.marks.push(self.changes.len());
    }

    /// Keeps the changes since the last fork.
    pub fn commit(&mut self) {
        self.marks.pop();
        if self.marks.is_empty() {
            self.changes.clear();
        }
    }

    pub(super) fn revert(&mut self, classes: &[PodClass]) {
        let mark = self.marks.pop().unwrap_or(0);
        while self.changes.len() > mark {
            match self.changes.pop() {
                Some(Change::PodAdded(slot)) => {
                    if let Some(placed) = self.slots[slot].pods.pop() {
                        let requests = &classes[placed.class.index()].requests;
                        self.slots[slot].requested.give_back(requests);
                        let on = (slot, &self.slots[slot]);
                        self.domains.pod(classes, on, placed, -1);
                    }
                }
                Some(Change::PodRemoved(slot, place, placed)) => {
                    let requests = &classes[placed.class.index()].requests;
                    self.slots[slot].requested.take(requests);
                    self.slots[slot].pods.insert(place, placed);
                    let on = (slot, &self.slots[slot]);
                    self.domains.pod(classes, on, placed, 1);
                }
                Some(Change::NodeAdded) => self.take_last(classes),
                Some(Change::NodeRemoved(slot)) => {
                    self.domains.node(classes, (slot, &self.slots[slot]), 1);
                    self.slots[slot].alive = true;
                    self.alive += 1;
                }
                None => break,
            }
        }
    }

    fn take_last(&mut self, classes: &[PodClass]) {
        let Some(info) = self.slots.pop() else { return };
        self.domains.node(classes, (self.slots.len(), &info), -1);
        self.alive -= 1;
        match info.node {
            SimNode::Real(id) => self.set_place(id, 0),
            SimNode::Upcoming(..) => {
                self.upcoming.remove(&info.node);
            }
            SimNode::New => {}
        }
    }
}
