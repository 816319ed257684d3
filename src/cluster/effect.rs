//! What the rest of the world must know of what happened in the cluster.

use super::pod::PodId;
use crate::sim::SimTime;

/// A consequence outside the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterEffect {
    /// A pod object exists; its resources may still be changed.
    PodCreated(PodId),
    /// It was bound to a node.
    PodScheduled(PodId),
    /// A container runs.
    ContainerStarted {
        /// The pod.
        pod: PodId,
        /// Which container.
        container: u16,
        /// When it started; before the run for pods that were there at the start.
        at: SimTime,
    },
    /// The application in it has started up.
    AppStarted(PodId),
    /// Its Ready condition changed.
    ReadyChanged(PodId),
    /// kube-proxy sends it traffic from now on.
    EndpointAdded(PodId),
    /// kube-proxy sends it no more traffic.
    EndpointRemoved(PodId),
    /// It was deleted; its containers get SIGTERM now.
    Terminating(PodId),
    /// A container no longer runs.
    ContainerStopped {
        /// The pod.
        pod: PodId,
        /// Which container.
        container: u16,
    },
    /// A resize in place is in force.
    Resized(PodId),
    /// The pod object goes away after this.
    PodDeleted(PodId),
}

/// Severity of an object's event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// All is well.
    Normal,
    /// Something is wrong.
    Warning,
}

/// The object that an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectRef {
    /// A workload, by index.
    Workload(usize),
    /// A pod, by name.
    Pod {
        /// Its workload.
        workload: usize,
        /// Its name.
        name: String,
    },
}

/// An event as `kubectl get events` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectEvent {
    /// The object.
    pub object: ObjectRef,
    /// Severity.
    pub kind: EventKind,
    /// The reason, one word.
    pub reason: &'static str,
    /// The sentence.
    pub message: String,
}

/// Effects and events in order, until the owner takes them.
#[derive(Debug, Clone, Default)]
pub struct EffectLog {
    /// Effects in order.
    pub effects: Vec<ClusterEffect>,
    /// Events in order; only gathered when wanted.
    pub events: Vec<ObjectEvent>,
    /// Whether events are wanted: sweeps need none.
    pub wants_events: bool,
}

impl EffectLog {
    pub(super) fn push(&mut self, effect: ClusterEffect) {
        self.effects.push(effect);
    }

    pub(super) fn pod_event(
        &mut self,
        (workload, name): (usize, &str),
        kind: EventKind,
        reason: &'static str,
        message: impl FnOnce() -> String,
    ) {
        if self.wants_events {
            let object = ObjectRef::Pod {
                workload,
                name: name.to_owned(),
            };
            self.events.push(ObjectEvent {
                object,
                kind,
                reason,
                message: message(),
            });
        }
    }

    pub(super) fn workload_event(
        &mut self,
        workload: usize,
        reason: &'static str,
        message: impl FnOnce() -> String,
    ) {
        if self.wants_events {
            let object = ObjectRef::Workload(workload);
            self.events.push(ObjectEvent {
                object,
                kind: EventKind::Normal,
                reason,
                message: message(),
            });
        }
    }
}
