//! What kubelets say when their nodes are cordoned or uncordoned (`kubelet_node_status.go`).

use super::{Event, Kubelet};
use crate::api::{Context, NodeId, ObjectId};
use crate::sim::{SimDuration, SimTime};

/// From one status of a node to the next (`nodeStatusUpdateFrequency`).
const PERIOD: SimDuration = SimDuration::from_secs(10);

/// When a kubelet posts its node's status next, after so long at least: once a period, at a moment
/// that hangs on the node's name.
pub(super) fn next_status(name: &str, now: SimTime) -> SimTime {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let phase = (hash % PERIOD.0.unsigned_abs()) as i64;
    let waits = (phase - now.0).rem_euclid(PERIOD.0);
    now + SimDuration(waits)
}

impl Kubelet {
    /// A node has changed: its kubelet notices a cordon with its next status.
    pub(super) fn note_cordon(&mut self, id: NodeId, context: &mut Context<'_, Event>) {
        let Some(node) = context.store.find_node(id) else {
            return;
        };
        if node.unschedulable != self.unschedulable.contains(&id) {
            let at = next_status(node.name(), context.now);
            context.at(at, Event::PostSchedulable(id));
        }
    }

    /// A node's status is posted.
    pub(super) fn post_schedulable(&mut self, id: NodeId, context: &mut Context<'_, Event>) {
        let Some(node) = context.store.find_node(id) else {
            return;
        };
        let changed = node.unschedulable != self.unschedulable.contains(&id);
        if !changed || self.silent.contains_key(&id) {
            return;
        }
        let state = if node.unschedulable {
            self.unschedulable.insert(id);
            "NodeNotSchedulable"
        } else {
            self.unschedulable.remove(&id);
            "NodeSchedulable"
        };
        let name = node.name();
        let message = || format!("Node {name} status is now: {state}");
        context.events.normal(ObjectId::Node(id), state, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_posted_once_a_period_at_the_nodes_own_moment() {
        let (first, other) = (SimTime::from_secs(3), SimTime::from_secs(47));
        let waits = |name, now| next_status(name, now) - now;
        for name in ["general-1", "general-2"] {
            assert!(waits(name, first) < PERIOD && waits(name, other) < PERIOD);
            let apart = next_status(name, other) - next_status(name, first);
            assert_eq!(apart % PERIOD, SimDuration::ZERO);
        }
        assert_ne!(
            next_status("general-1", first),
            next_status("general-2", first)
        );
    }
}
