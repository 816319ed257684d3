//! The pod garbage collector: pods of nodes that are gone (`pkg/controller/podgc`,
//! `gcOrphaned`).

use crate::api::{Change, Context, NodeId, ObjectId, PodId, PodPhase, PodWrite, What, Write};
use crate::sim::{SimDuration, SimTime};

/// From one look to the next (`gcCheckPeriod`).
const PERIOD: SimDuration = SimDuration::from_secs(20);
/// How long a node has to be gone (`quarantineTime`).
const QUARANTINE: SimDuration = SimDuration::from_secs(40);

/// What the collector waits for.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// It looks at the pods of a node that was gone when it looked before.
    Collect(NodeId),
}

/// Wakes up for a node that is gone.
pub fn observe(change: Change, context: &mut Context<'_, Event>) {
    if let (ObjectId::Node(node), What::Deleted) = (change.object, change.what) {
        let looks = context.now.0.div_euclid(PERIOD.0) + 1;
        let next = SimTime(looks * PERIOD.0);
        context.at(next + QUARANTINE, Event::Collect(node));
    }
}

/// The pods that are bound to a node.
pub fn pods_of<E>(node: NodeId, context: &Context<'_, E>) -> Vec<PodId> {
    let pods = context.store.pods();
    let on_it = pods.filter(|(_, pod)| pod.node == Some(node) && !pod.removed);
    on_it.map(|(id, _)| id).collect()
}

/// Ends pods whose node is gone, and removes their objects at once.
pub fn collect<E>(node: NodeId, context: &mut Context<'_, E>) {
    for id in pods_of(node, context) {
        let Some(pod) = context.store.pod(id) else {
            continue;
        };
        let (deleting, ended) = (pod.is_deleting(), pod.has_ended());
        let deadline = context.now;
        if !deleting {
            context.write_pod(id, PodWrite::Delete { deadline });
        }
        if !ended {
            context.write_pod(id, PodWrite::End(PodPhase::Failed));
        }
        context.commit(Write::RemovePod(id));
    }
}
