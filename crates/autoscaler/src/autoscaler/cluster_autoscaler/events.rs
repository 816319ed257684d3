//! Kubernetes events that the autoscaler records.

use super::model::{NodeId, PodId};
use crate::sim::SimTime;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Involved {
    /// ConfigMap `cluster-autoscaler-status`.
    Status,
    /// ConfigMap `cluster-autoscaler-priority-expander`.
    Priorities,
    /// A node.
    Node(NodeId),
    /// A pod.
    Pod(PodId),
}

/// `Normal` or `Warning`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// All is well.
    Normal,
    /// Something is not.
    Warning,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: SimTime,
    /// `Normal` or `Warning`.
    pub kind: EventKind,
    /// CamelCase reason.
    pub reason: &'static str,
    /// What it is about.
    pub involved: Involved,
    /// The text.
    pub message: String,
}

/// Collects events.
#[derive(Debug, Default)]
pub struct Events(pub Vec<Event>);

impl Events {
    /// Records a `Normal` event.
    pub fn normal(
        &mut self,
        at: SimTime,
        reason: &'static str,
        involved: Involved,
        message: impl Into<String>,
    ) {
        self.push(at, EventKind::Normal, reason, involved, message.into());
    }

    /// Records a `Warning`.
    pub fn warning(
        &mut self,
        at: SimTime,
        reason: &'static str,
        involved: Involved,
        message: impl Into<String>,
    ) {
        self.push(at, EventKind::Warning, reason, involved, message.into());
    }

    fn push(
        &mut self,
        at: SimTime,
        kind: EventKind,
        reason: &'static str,
        involved: Involved,
        message: String,
    ) {
        self.0.push(Event {
            at,
            kind,
            reason,
            involved,
            message,
        });
    }
}
