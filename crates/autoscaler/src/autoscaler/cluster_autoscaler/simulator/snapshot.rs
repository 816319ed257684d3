//! Nodes with their pods, on which placements are tried and taken back.
//!
//! Source: `simulator/clustersnapshot`. A fork is a mark in a list of changes; a revert undoes
//! them back to the mark.

use std::ops::{Deref, DerefMut, Range};
use std::sync::Arc;

use super::domains::Refusal;
use super::nodes::Nodes;
use super::predicates::{self, Reasons};
use crate::autoscaler::cluster_autoscaler::model::{ClassId, GroupId, NodeId, NodeShape, PodClass};
use crate::autoscaler::cluster_autoscaler::resources::Resources;
use crate::sim::work;

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
    /// It is being deleted: topology spread does not count it.
    pub terminating: bool,
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
    pub(super) alive: bool,
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

    /// Removes a pod; answers where it was.
    pub(super) fn remove(&mut self, pod: u32, classes: &[PodClass]) -> Option<(usize, Placed)> {
        let place = self
            .pods
            .iter()
            .position(|placed| placed.pod == Some(pod))?;
        let placed = self.pods.remove(place);
        let requests = &classes[placed.class.index()].requests;
        self.requested.give_back(requests);
        Some((place, placed))
    }
}

/// The nodes of a loop. A slot is a node's place; removed nodes keep theirs.
#[derive(Debug)]
pub struct Snapshot<'a> {
    classes: &'a [PodClass],
    nodes: Nodes,
    /// Where the last search succeeded; the next starts behind it.
    pub last_index: usize,
}

impl Deref for Snapshot<'_> {
    type Target = Nodes;

    fn deref(&self) -> &Nodes {
        &self.nodes
    }
}

impl DerefMut for Snapshot<'_> {
    fn deref_mut(&mut self) -> &mut Nodes {
        &mut self.nodes
    }
}

impl<'a> Snapshot<'a> {
    /// An empty snapshot.
    pub fn new(classes: &'a [PodClass], last_index: usize) -> Self {
        Self::of(classes, Nodes::default(), last_index)
    }

    /// A snapshot of these nodes.
    pub const fn of(classes: &'a [PodClass], nodes: Nodes, last_index: usize) -> Self {
        Self {
            classes,
            nodes,
            last_index,
        }
    }

    /// The nodes as they are now.
    pub fn into_nodes(self) -> Nodes {
        self.nodes
    }

    /// All classes of pods.
    pub fn classes(&self) -> &'a [PodClass] {
        self.classes
    }

    /// Adds a node; answers its slot.
    pub fn add_node(&mut self, info: NodeInfo) -> usize {
        self.nodes.add_node(info, self.classes)
    }

    /// Removes a node.
    pub fn remove_node(&mut self, slot: usize) {
        self.nodes.remove_node(slot, self.classes);
    }

    /// Adds a pod without asking.
    pub fn add_pod(&mut self, slot: usize, placed: Placed) {
        self.nodes.add_pod(slot, placed, self.classes);
    }

    /// Removes a pod.
    pub fn remove_pod(&mut self, slot: usize, pod: u32) {
        self.nodes.remove_pod(slot, pod, self.classes);
    }

    /// Takes the changes since the last fork back.
    pub fn revert(&mut self) {
        self.nodes.revert(self.classes);
    }

    /// Whether a pod of this class passes all filters on a node.
    pub fn check(&mut self, class: ClassId, slot: usize) -> Result<(), Reasons> {
        work::count(1);
        predicates::check(self.classes, class, self.nodes.node(slot))?;
        let elsewhere = self.nodes.refused_elsewhere(class, slot, self.classes);
        // The first plugin that refuses names the reason: what is apart by host is of the last one.
        let refused = match elsewhere {
            None | Some(Refusal::AntiAffinity | Refusal::ExistingAntiAffinity) => {
                let here = predicates::repelled(self.classes, class, self.nodes.node(slot));
                here.into_iter().chain(elsewhere).min()
            }
            first => first,
        };
        refused.map_or(Ok(()), |refusal| Err(vec![refusal.words().to_owned()]))
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
        self.search(placed, range, |_, info| acceptable(info))
    }

    /// The same on any node but one.
    pub fn schedule_on_any_but(
        &mut self,
        placed: Placed,
        range: Range<usize>,
        but: usize,
    ) -> Option<usize> {
        self.search(placed, range, |slot, _| slot != but)
    }

    fn search(
        &mut self,
        placed: Placed,
        range: Range<usize>,
        acceptable: impl Fn(usize, &NodeInfo) -> bool,
    ) -> Option<usize> {
        let (start, end) = (range.start, range.end);
        if start >= end {
            return None;
        }
        let total = self.nodes.slots();
        let first = (self.last_index + 1) % total;
        let first = if (start..end).contains(&first) {
            first
        } else {
            start
        };
        let (classes, class) = (self.classes, placed.class);
        let nodes = &mut self.nodes;
        let found = (first..end).chain(start..first).find(|slot| {
            work::count(1);
            let info = nodes.node(*slot);
            info.alive
                && !info.unschedulable
                && acceptable(*slot, info)
                && predicates::fits(classes, class, info)
                && nodes.refused_elsewhere(class, *slot, classes).is_none()
        })?;
        self.last_index = found;
        self.add_pod(found, placed);
        Some(found)
    }
}
