//! The pod garbage collector: pods of nodes that are gone, and pods that are being deleted on nodes
//! out of service (`pkg/controller/podgc`, `gcOrphaned` and `gcTerminating`).

use crate::api::{
    Change, Context, Disruption, Kind, NodeId, OUT_OF_SERVICE, ObjectId, Pod, PodId, PodWrite,
    TaintEffect, What,
};
use crate::controller::pod_control::drop_pod;
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
    /// It looks at the pods of a node that is out of service.
    OutOfService(NodeId),
    /// It looks at a pod that named a node which was not there when it looked before.
    Homeless(PodId),
}

/// Its first look after a time.
fn look_after(time: SimTime) -> SimTime {
    SimTime((time.0.div_euclid(PERIOD.0) + 1) * PERIOD.0)
}

/// Wakes up for a node that is gone, or that is out of service from now on.
pub fn observe(change: Change, context: &mut Context<'_, Event>) {
    match (change.object, change.what) {
        (ObjectId::Node(node), What::Deleted) => {
            context.at(look_after(context.now) + QUARANTINE, Event::Collect(node));
        }
        (ObjectId::Pod(id), What::Created) if is_homeless(id, context) => {
            context.at(look_after(context.now) + QUARANTINE, Event::Homeless(id));
        }
        (ObjectId::Node(node), What::Spec) if is_out_of_service(node, context) => {
            context.at(look_after(context.now), Event::OutOfService(node));
        }
        _ => {}
    }
}

/// Whether a pod names a node that is not there.
fn is_homeless<E>(id: PodId, context: &Context<'_, E>) -> bool {
    let waits = |pod: &&Pod| pod.node.is_none() && !pod.removed;
    let named = |pod: &Pod| pod.template.node_name.as_deref().map(str::to_owned);
    let name = context.store.pod(id).filter(waits).and_then(named);
    name.is_some_and(|name| context.store.find(Kind::Node, "", &name).is_none())
}

/// Whether pods that are being deleted on a node are not waited for (`gcTerminating`).
fn is_out_of_service<E>(node: NodeId, context: &Context<'_, E>) -> bool {
    let node = context
        .store
        .find_node(node)
        .filter(|node| !node.is_ready());
    node.is_some_and(|node| {
        let effects = TaintEffect::ALL.into_iter();
        let mut effects = effects.filter(|effect| node.has_taint(OUT_OF_SERVICE, *effect));
        effects.next().is_some()
    })
}

/// The pods of a node that are ended when the collector looks; it looks again as long as the node
/// is out of service.
pub fn ended_by(event: Event, context: &mut Context<'_, Event>) -> Vec<PodId> {
    match event {
        Event::Collect(node) => pods_of(node, context),
        Event::OutOfService(node) if is_out_of_service(node, context) => {
            context.at(context.now + PERIOD, Event::OutOfService(node));
            let terminates = |id: &PodId| context.store.pod(*id).is_some_and(Pod::is_deleting);
            let mut pods = pods_of(node, context);
            pods.retain(terminates);
            pods
        }
        Event::Homeless(id) if is_homeless(id, context) => vec![id],
        Event::OutOfService(_) | Event::Homeless(_) => Vec::new(),
    }
}

/// The pods that are bound to a node.
pub fn pods_of<E>(node: NodeId, context: &Context<'_, E>) -> Vec<PodId> {
    let pods = context.store.pods();
    let on_it = pods.filter(|(_, pod)| pod.node == Some(node) && !pod.removed);
    on_it.map(|(id, _)| id).collect()
}

/// Ends pods that nobody else will end, and removes their objects at once.
pub fn collect<E>(event: Event, pods: Vec<PodId>, context: &mut Context<'_, E>) {
    for id in pods {
        let Some(pod) = context.store.pod(id) else {
            continue;
        };
        let ended = pod.has_ended();
        if !ended && !matches!(event, Event::OutOfService(_)) {
            context.write_pod(id, PodWrite::Disrupt(Disruption::PodGc));
        }
        drop_pod(id, context);
    }
}
