//! The order in which a search that ends early looks at nodes: one of each zone in turn
//! (`backend/cache/node_tree.go`).

use crate::api::{Labels, NodeId};

/// Region and zone (`GetZoneKey`).
type Zone = (String, String);

/// Nodes by zone, both in the order of their coming.
#[derive(Debug, Clone, Default)]
pub(super) struct NodeTree {
    zones: Vec<(Zone, Vec<NodeId>)>,
    order: Vec<NodeId>,
    is_stale: bool,
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
        let zone = zone_of(labels);
        self.is_stale = true;
        match self.zones.iter_mut().find(|(known, _)| *known == zone) {
            Some((_, nodes)) => nodes.push(id),
            None => self.zones.push((zone, vec![id])),
        }
    }

    /// A node that had these labels is gone.
    pub(super) fn remove(&mut self, id: NodeId, labels: &Labels) {
        let zone = zone_of(labels);
        self.is_stale = true;
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

    /// All nodes.
    pub(super) fn order(&mut self) -> &[NodeId] {
        if self.is_stale {
            self.is_stale = false;
            self.order.clear();
            let longest = self.zones.iter().map(|(_, nodes)| nodes.len()).max();
            for place in 0..longest.unwrap_or_default() {
                let next = |(_, nodes): &(Zone, Vec<NodeId>)| nodes.get(place).copied();
                self.order.extend(self.zones.iter().filter_map(next));
            }
        }
        &self.order
    }
}
