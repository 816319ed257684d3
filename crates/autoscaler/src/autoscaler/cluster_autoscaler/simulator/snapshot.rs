//! Nodes with their pods, on which placements are tried and taken back.
//!
//! Source: `simulator/clustersnapshot`. A fork is a mark in a list of changes; a revert undoes
//! them back to the mark.

use std::ops::Range;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::predicates::{self, Reasons};
use crate::autoscaler::cluster_autoscaler::model::{ClassId, GroupId, NodeId, NodeShape, PodClass};
use crate::autoscaler::cluster_autoscaler::resources::Resources;

/// Which node of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SimNode {
    /// A registered one.
    Real(NodeId),
    /// One that is on its way: the group, its template's number, a number.
    Upcoming(GroupId, u64, u32),
    /// One that only an estimation knows.
    New,
}

/// A pod on a node of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Its place in the observation's pods; `None` for pods of a template.
    pub pod: Option<u32>,
    /// Its class.
    pub class: ClassId,
}

/// A node of a snapshot.
#[derive(Debug, Clone)]
pub struct NodeInfo {
    /// Which.
    pub node: SimNode,
    /// Its group.
    pub group: Option<GroupId>,
    /// Labels, taints, capacity.
    pub shape: Arc<NodeShape>,
    /// Cordoned.
    pub unschedulable: bool,
    /// Its pods.
    pub pods: Vec<Placed>,
    /// What they request, and how many they are.
    pub requested: Resources,
    /// Still in the snapshot.
    alive: bool,
}

impl NodeInfo {
    /// A node without pods.
    pub fn new(
        node: SimNode,
        group: Option<GroupId>,
        shape: Arc<NodeShape>,
        unschedulable: bool,
    ) -> Self {
        Self {
            node,
            group,
            shape,
            unschedulable,
            pods: Vec::new(),
            requested: Resources::default(),
            alive: true,
        }
    }

    /// Adds a pod without asking.
    pub fn add(&mut self, placed: Placed, classes: &[PodClass]) {
        self.requested.take(&classes[placed.class.index()].requests);
        self.pods.push(placed);
    }
}

#[derive(Debug)]
enum Change {
    PodAdded(usize),
    PodRemoved(usize, usize, Placed),
    NodeAdded,
    NodeRemoved(usize),
}

/// The nodes of a loop. A slot is a node's place; removed nodes keep theirs.
#[derive(Debug)]
pub struct Snapshot<'a> {
    classes: &'a [PodClass],
    slots: Vec<NodeInfo>,
    by_node: FxHashMap<SimNode, usize>,
    changes: Vec<Change>,
    marks: Vec<usize>,
    /// Where the last search succeeded; the next starts behind it.
    pub last_index: usize,
}

impl<'a> Snapshot<'a> {
    /// An empty snapshot.
    pub fn new(classes: &'a [PodClass], last_index: usize) -> Self {
        Self {
            classes,
            slots: Vec::new(),
            by_node: FxHashMap::default(),
            changes: Vec::new(),
            marks: Vec::new(),
            last_index,
        }
    }

    /// All classes of pods.
    pub fn classes(&self) -> &'a [PodClass] {
        self.classes
    }

    /// The slot of a registered node, if it is there.
    pub fn slot(&self, id: NodeId) -> Option<usize> {
        self.slot_of(SimNode::Real(id))
    }

    /// The slot of a node, if it is there.
    pub fn slot_of(&self, node: SimNode) -> Option<usize> {
        let slot = *self.by_node.get(&node)?;
        self.slots[slot].alive.then_some(slot)
    }

    /// A node.
    pub fn node(&self, slot: usize) -> &NodeInfo {
        &self.slots[slot]
    }

    /// The number of slots.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// The nodes that are there.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeInfo> {
        self.slots.iter().filter(|info| info.alive)
    }

    /// Adds a node; answers its slot.
    pub fn add_node(&mut self, info: NodeInfo) -> usize {
        if info.node != SimNode::New {
            self.by_node.insert(info.node, self.slots.len());
        }
        self.slots.push(info);
        self.record(Change::NodeAdded);
        self.slots.len() - 1
    }

    /// Removes a node.
    pub fn remove_node(&mut self, slot: usize) {
        self.slots[slot].alive = false;
        self.record(Change::NodeRemoved(slot));
    }

    /// Adds a pod without asking.
    pub fn add_pod(&mut self, slot: usize, placed: Placed) {
        self.slots[slot].add(placed, self.classes);
        self.record(Change::PodAdded(slot));
    }

    /// Removes a pod.
    pub fn remove_pod(&mut self, slot: usize, pod: u32) {
        let pods = &self.slots[slot].pods;
        let Some(place) = pods.iter().position(|placed| placed.pod == Some(pod)) else {
            return;
        };
        let placed = self.slots[slot].pods.remove(place);
        let requests = &self.classes[placed.class.index()].requests;
        self.slots[slot].requested.give_back(requests);
        self.record(Change::PodRemoved(slot, place, placed));
    }

    fn record(&mut self, change: Change) {
        if !self.marks.is_empty() {
            self.changes.push(change);
        }
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

    /// Takes the changes since the last fork back.
    pub fn revert(&mut self) {
        let mark = self.marks.pop().unwrap_or(0);
        while self.changes.len() > mark {
            match self.changes.pop() {
                Some(Change::PodAdded(slot)) => {
                    if let Some(placed) = self.slots[slot].pods.pop() {
                        let requests = &self.classes[placed.class.index()].requests;
                        self.slots[slot].requested.give_back(requests);
                    }
                }
                Some(Change::PodRemoved(slot, place, placed)) => {
                    let requests = &self.classes[placed.class.index()].requests;
                    self.slots[slot].requested.take(requests);
                    self.slots[slot].pods.insert(place, placed);
                }
                Some(Change::NodeAdded) => {
                    if let Some(info) = self.slots.pop() {
                        self.by_node.remove(&info.node);
                    }
                }
                Some(Change::NodeRemoved(slot)) => self.slots[slot].alive = true,
                None => break,
            }
        }
    }

    /// Whether a pod of this class passes all filters on a node.
    pub fn check(&self, class: ClassId, slot: usize) -> Result<(), Reasons> {
        predicates::check(self.classes, class, &self.slots[slot])
    }

    /// Places a pod on a node if the filters let it.
    pub fn schedule_on(&mut self, placed: Placed, slot: usize) -> Result<(), Reasons> {
        self.check(placed.class, slot)?;
        self.add_pod(slot, placed);
        Ok(())
    }

    /// Places a pod on the first acceptable node of a range that passes, in a circle that starts
    /// behind the last success.
    pub fn schedule_on_any(
        &mut self,
        placed: Placed,
        range: Range<usize>,
        acceptable: impl Fn(&NodeInfo) -> bool,
    ) -> Option<usize> {
        let (start, end) = (range.start, range.end);
        if start >= end {
            return None;
        }
        let total = self.slots.len();
        let first = (self.last_index + 1) % total;
        let first = if (start..end).contains(&first) {
            first
        } else {
            start
        };
        let found = (first..end).chain(start..first).find(|slot| {
            let info = &self.slots[*slot];
            info.alive
                && !info.unschedulable
                && acceptable(info)
                && predicates::fits(self.classes, placed.class, info)
        })?;
        self.last_index = found;
        self.add_pod(found, placed);
        Some(found)
    }
}
