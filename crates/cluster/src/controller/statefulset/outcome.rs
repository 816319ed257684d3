//! What a sync answers with.

use super::super::event::Event;
use super::status::StatefulSetStatus;
use super::view::RevisionKey;
use crate::sim::SimDuration;

/// What one sync does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncResult {
    /// Writes and events in their order.
    pub steps: Vec<Step>,
    /// When to look again, if nothing changes before: a ready pod is then available.
    pub requeue_after: Option<SimDuration>,
}

impl SyncResult {
    /// The events among the steps.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.steps.iter().filter_map(|step| match step {
            Step::Event(event) => Some(event),
            _ => None,
        })
    }
}

/// One write, or one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Creates the ControllerRevision of the present template.
    CreateRevision {
        /// Its key: the StatefulSet's `template`.
        key: RevisionKey,
        /// `revision`.
        revision: i64,
    },
    /// Makes an existing ControllerRevision the newest, since the template went back to it.
    RenumberRevision {
        /// Its key.
        key: RevisionKey,
        /// `revision`.
        revision: i64,
    },
    /// Deletes a ControllerRevision beyond `revisionHistoryLimit`.
    DeleteRevision {
        /// Its key.
        key: RevisionKey,
    },
    /// Creates a pod.
    CreatePod {
        /// The number at the end of its name.
        ordinal: i32,
        /// The revision whose template it gets.
        revision: RevisionKey,
    },
    /// Deletes a pod.
    DeletePod {
        /// The caller's key.
        key: usize,
    },
    /// Writes the StatefulSet's status.
    UpdateStatus(StatefulSetStatus),
    /// Emits an event about the StatefulSet.
    Event(Event),
}
