//! Which nodes have changed, so that nobody has to look at all of them.

use super::Store;
use crate::api::index::WorkloadId;
use crate::api::meta::{Kind, ObjectId};
use crate::api::node::{NodeId, Readiness};
use crate::api::write::What;
use crate::sim::SimTime;

/// The nodes that have changed, in order; only the latest are kept.
#[derive(Debug, Clone, Default)]
pub(super) struct NodeChanges {
    /// Changes before the first that is kept.
    forgotten: u64,
    slots: Vec<u32>,
}

impl Store {
    /// Changes of nodes and of what they have promised, so far.
    pub fn node_changes(&self) -> u64 {
        self.node_changes.forgotten + self.node_changes.slots.len() as u64
    }

    /// The slots of the nodes that have changed since there were `seen` changes; `None` if that
    /// is so long ago that each may have.
    pub fn nodes_changed_since(&self, seen: u64) -> Option<&[u32]> {
        let NodeChanges { forgotten, slots } = &self.node_changes;
        slots.get(seen.checked_sub(*forgotten)? as usize..)
    }

    pub(super) fn write_readiness(
        &mut self,
        now: SimTime,
        id: NodeId,
        readiness: Readiness,
    ) -> ObjectId {
        if let Some(node) = self.nodes.get_mut(id) {
            if node.readiness != readiness {
                node.ready_transition = now;
            }
            node.readiness = readiness;
        }
        self.wrote(ObjectId::Node(id), false, What::Status)
    }

    pub(super) fn node_changed(&mut self, node: NodeId) {
        let changes = &mut self.node_changes;
        // As many as it takes to look at all nodes anyway.
        if changes.slots.len() > self.infos.len() + 64 {
            changes.forgotten += changes.slots.len() as u64;
            changes.slots.clear();
        }
        changes.slots.push(node.slot() as u32);
    }

    /// `spec.podCIDR` of a node.
    pub fn pod_range(&self, node: &str) -> Option<String> {
        match self.find(Kind::Node, "", node)? {
            ObjectId::Node(id) => self.addresses.range(id.slot()),
            _ => None,
        }
    }

    /// Slots of nodes, empty ones included.
    pub fn node_slots(&self) -> usize {
        self.infos.len()
    }

    /// The node in a slot.
    pub fn node_at(&self, slot: usize) -> Option<NodeId> {
        self.nodes.key_at(slot)
    }

    /// Pods of a workload on a node, without those being deleted.
    pub fn pods_on(&self, node: NodeId, workload: WorkloadId) -> u32 {
        let nodes = &self.workload(workload).nodes;
        let place = nodes.binary_search_by_key(&(node.slot() as u32), |(slot, _)| *slot);
        place.map_or(0, |place| nodes[place].1)
    }

    /// Counts a pod of a workload on a node, or no longer.
    pub(super) fn count_on(&mut self, node: NodeId, workload: WorkloadId, add: bool) {
        let nodes = &mut self.workloads[workload.index()].nodes;
        let slot = node.slot() as u32;
        match nodes.binary_search_by_key(&slot, |(slot, _)| *slot) {
            Ok(place) if add => nodes[place].1 += 1,
            Ok(place) => {
                nodes[place].1 -= 1;
                if nodes[place].1 == 0 {
                    nodes.remove(place);
                }
            }
            Err(place) if add => nodes.insert(place, (slot, 1)),
            Err(_) => {}
        }
    }
}
