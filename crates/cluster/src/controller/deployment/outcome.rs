//! What a sync answers with.

use super::super::event::Event;
use super::status::DeploymentStatus;
use crate::sim::SimDuration;

/// What one sync does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncResult {
    /// Writes and events in their order. A write that fails ends the sync: what comes after it
    /// does not happen, and the sync is tried again.
    pub steps: Vec<Step>,
    /// When to look again, if nothing changes before.
    pub requeue: Requeue,
}

impl SyncResult {
    /// The events among the steps.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.steps.iter().filter_map(|step| match step {
            Step::Event(event) => Some(event),
            _ => None,
        })
    }

    /// The status that is written, if one is.
    pub fn status(&self) -> Option<&DeploymentStatus> {
        self.steps.iter().find_map(|step| match step {
            Step::UpdateStatus { status, .. } => Some(status),
            _ => None,
        })
    }
}

/// One write, or one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Creates the ReplicaSet of the Deployment's template.
    CreateReplicaSet(NewReplicaSet),
    /// Sets a ReplicaSet's size and its two annotations of sizes.
    ScaleReplicaSet {
        /// The caller's key.
        key: usize,
        /// `spec.replicas` as it is.
        from: i32,
        /// `spec.replicas` as it is to be; equal to `from` where only annotations change.
        to: i32,
        /// The annotation `deployment.kubernetes.io/desired-replicas`.
        desired_replicas: i32,
        /// The annotation `deployment.kubernetes.io/max-replicas`.
        max_replicas: i32,
    },
    /// Brings the new ReplicaSet's annotations and `minReadySeconds` up to the Deployment's; the
    /// Deployment's own annotations that
    /// [`is_copied_annotation`](super::is_copied_annotation) are copied.
    AnnotateReplicaSet {
        /// The caller's key.
        key: usize,
        /// The annotation `deployment.kubernetes.io/revision`.
        revision: i64,
        /// The annotation `deployment.kubernetes.io/revision-history`, if it changes.
        revision_history: Option<String>,
        /// `spec.minReadySeconds`.
        min_ready_seconds: i32,
    },
    /// Deletes a ReplicaSet beyond `revisionHistoryLimit`.
    DeleteReplicaSet {
        /// The caller's key.
        key: usize,
    },
    /// Writes the Deployment's status, and with it the annotation
    /// `deployment.kubernetes.io/revision`.
    UpdateStatus {
        /// The status.
        status: DeploymentStatus,
        /// The revision; `None` leaves the annotation out.
        revision: Option<i64>,
    },
    /// Emits an event about the Deployment.
    Event(Event),
}

/// A ReplicaSet that is to be created, with the Deployment's template, its annotations that
/// [`is_copied_annotation`](super::is_copied_annotation), and the Deployment as owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReplicaSet {
    /// `metadata.name`: the Deployment's, a dash and the hash of the template.
    pub name: String,
    /// `spec.replicas`.
    pub replicas: i32,
    /// `spec.minReadySeconds`.
    pub min_ready_seconds: i32,
    /// The annotation `deployment.kubernetes.io/revision`.
    pub revision: i64,
    /// The annotation `deployment.kubernetes.io/desired-replicas`.
    pub desired_replicas: i32,
    /// The annotation `deployment.kubernetes.io/max-replicas`.
    pub max_replicas: i32,
}

/// When to look again, if nothing changes before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Requeue {
    /// Not at all.
    #[default]
    No,
    /// After the queue's back-off for failed keys: a write met a conflict, or the deadline for
    /// progress is less than a second away.
    RateLimited,
    /// After this long: the deadline for progress will then have passed.
    After(SimDuration),
}
