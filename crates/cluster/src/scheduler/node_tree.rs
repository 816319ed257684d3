//! The order in which a search that ends early looks at nodes: one of each zone in turn
//! (`backend/cache/node_tree.go`).

use crate::api::{Labels, NodeId, Store};

/// Region and zone (`GetZoneKey`).
type Zone = (String, String);

/// Nodes by zone, both in the order of their coming.
#[derive(Debug, Clone, Default)]
pub(super) struct NodeTree {
    zones: Vec<(Zone, Vec<NodeId>)>,
    /// The nodes that are in the tree, by slot.
    known: Vec<Option<NodeId>>,
    nodes: usize,
    order: Order,
    is_stale: bool,
}

/// All nodes in the order of the tree.
#[derive(Debug, Clone, Default)]
pub(super) struct Order {
    nodes: Vec<NodeId>,
    /// The place of each node, by slot.
    places: Vec<u32>,
    /// How often it has changed.
    version: u64,
}

impl Order {
    /// The nodes.
    pub(super) fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// The place of the node in a slot.
    pub(super) fn place(&self, slot: usize) -> Option<usize> {
        let place = *self.places.get(slot)? as usize;
        let is_there = self.nodes.get(place).is_some_and(|id| id.slot() == slot);
        is_there.then_some(place)
    }

    /// How often it has changed.
    pub(super) fn version(&self) -> u64 {
        self.version
    }
}

fn zone_of(labels: &Labels) -> Zone {
    let value = |name: &str| {
        let well_known = format!("topology.kubernetes.io/{name}");
        let beta = format!("failure-domain.beta.kubernetes.io/{name}");
        let found = labels.get(&well_known).or_else(|| labels.get(&beta));
        found.cloned().unwrap_or_default()
    };
    (value("region"), value("zone"))
}

impl NodeTree {
    /// A node has registered.
    pub(super) fn add(&mut self, id: NodeId, labels: &Labels) {
        if self.known.len() <= id.slot() {
            self.known.resize(id.slot() + 1, None);
        }
        let known = &mut self.known[id.slot()];
        if *known == Some(id) {
            return;
        }
        *known = Some(id);
        self.nodes += 1;
        self.is_stale = true;
        let zone = zone_of(labels);
        match self.zones.iter_mut().find(|(known, _)| *known == zone) {
            Some((_, nodes)) => nodes.push(id),
            None => self.zones.push((zone, vec![id])),
        }
    }

    /// A node that had these labels is gone.
    pub(super) fn remove(&mut self, id: NodeId, labels: &Labels) {
        let known = self.known.get_mut(id.slot());
        let Some(known) = known.filter(|known| **known == Some(id)) else {
            return;
        };
        *known = None;
        self.nodes -= 1;
        self.is_stale = true;
        let zone = zone_of(labels);
        if let Some((_, nodes)) = self.zones.iter_mut().find(|(known, _)| *known == zone) {
            nodes.retain(|other| *other != id);
        }
        self.zones.retain(|(_, nodes)| !nodes.is_empty());
    }

    /// The labels of a node are no longer these.
    pub(super) fn relabel(&mut self, id: NodeId, before: &Labels, now: &Labels) {
        if zone_of(before) != zone_of(now) {
            self.remove(id, before);
            self.add(id, now);
        }
    }

    /// Takes in nodes that the scheduler has not heard of: at the start of a run pods are placed
    /// before that.
    pub(super) fn catch_up(&mut self, store: &Store) {
        if self.nodes < store.node_count() {
            for (id, node) in store.nodes() {
                self.add(id, node.labels());
            }
        }
    }

    /// All nodes.
    pub(super) fn order(&mut self) -> &Order {
        if self.is_stale {
            self.is_stale = false;
            let order = &mut self.order;
            order.version += 1;
            order.nodes.clear();
            let longest = self.zones.iter().map(|(_, nodes)| nodes.len()).max();
            for place in 0..longest.unwrap_or_default() {
                let next = |(_, nodes): &(Zone, Vec<NodeId>)| nodes.get(place).copied();
                order.nodes.extend(self.zones.iter().filter_map(next));
            }
            order.places.resize(self.known.len(), 0);
            for (place, id) in order.nodes.iter().enumerate() {
                order.places[id.slot()] = place as u32;
            }
        }
        &self.order
    }
}
