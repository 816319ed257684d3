//! What a node has promised, as one search for a node sees it: pods may be taken off and put on.

use super::diagnosis::{Lack, Refusal};
use super::fit::{Room, insufficient_resources};
use crate::api::{Extended, HostPort, Node, NodeId, Placement, Pod, PodAmounts, Store};

/// What a node's pods have been promised.
#[derive(Debug, Clone)]
pub(super) struct Load<'a> {
    room: Room,
    /// Looked at only for pods that ask for any.
    extended: Extended,
    /// Likewise.
    ports: Vec<&'a HostPort>,
}

impl<'a> Load<'a> {
    /// Of a node as it is, as far as a pod of this placement asks.
    pub(super) fn of(
        id: NodeId,
        node: &Node,
        placement: Option<&Placement>,
        store: &'a Store,
    ) -> Self {
        let info = store.node_info(id);
        let mut load = Self {
            room: super::place::room(node, info),
            extended: Extended::new(),
            ports: Vec::new(),
        };
        let asks = |one: &&Placement| !one.extended.is_empty() || !one.host_ports.is_empty();
        if placement.is_some_and(|one| asks(&one)) {
            for (_, pod) in store.pods_of_node(id) {
                load.put_extras(pod);
            }
        }
        load
    }

    /// A pod more.
    pub(super) fn add(&mut self, pod: &'a Pod) {
        let amounts = pod.amounts();
        self.room.requested = self.room.requested + amounts.raw + pod.deferred();
        self.room.pods += 1;
        self.put_extras(pod);
    }

    /// A pod less.
    pub(super) fn remove(&mut self, pod: &Pod) {
        let amounts = pod.amounts();
        self.room.requested = self.room.requested - amounts.raw - pod.deferred();
        self.room.pods -= 1;
        let Some(placement) = &pod.template.placement else {
            return;
        };
        for (name, amount) in &placement.extended {
            if let Some(sum) = self.extended.get_mut(name) {
                *sum -= amount;
            }
        }
        for port in &placement.host_ports {
            if let Some(place) = self.ports.iter().position(|one| *one == port) {
                self.ports.remove(place);
            }
        }
    }

    fn put_extras(&mut self, pod: &'a Pod) {
        let Some(placement) = &pod.template.placement else {
            return;
        };
        for (name, amount) in &placement.extended {
            *self.extended.entry(name.clone()).or_default() += amount;
        }
        self.ports.extend(&placement.host_ports);
    }

    /// Whether NodePorts or NodeResourcesFit refuses the node for a pod.
    pub(super) fn refusal(
        &self,
        node: &Node,
        wanted: &PodAmounts,
        placement: Option<&Placement>,
    ) -> Option<Refusal> {
        let wants = placement.map(|one| one.host_ports.as_slice());
        let mut wants = wants.unwrap_or_default().iter();
        if wants.any(|port| self.ports.iter().any(|taken| taken.conflicts(port))) {
            return Some(Refusal::Ports);
        }
        let common = insufficient_resources(self.room, wanted);
        let mut lack = Lack {
            hopeless: is_hopeless(node, wanted),
            common,
            extended: 0,
        };
        let extended = placement.iter().flat_map(|one| &one.extended);
        for (place, (name, amount)) in extended.enumerate() {
            let has = node.extended.get(name).copied().unwrap_or_default();
            let used = self.extended.get(name).copied().unwrap_or_default();
            if *amount > has - used {
                lack.extended |= 1 << place.min(31);
                lack.hopeless |= *amount > has;
            }
        }
        let lacks = common.pods || common.cpu || common.memory || lack.extended != 0;
        lacks.then_some(Refusal::Fit(lack))
    }
}

/// Whether even an empty node has too little CPU or memory.
pub(super) fn is_hopeless(node: &Node, wanted: &PodAmounts) -> bool {
    wanted.raw.cpu > node.allocatable.cpu || wanted.raw.memory > node.allocatable.memory
}
