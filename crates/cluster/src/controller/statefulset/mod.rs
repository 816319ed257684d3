//! The StatefulSet controller of Kubernetes 1.36, decision for decision.
//!
//! [`sync()`] looks at one [`StatefulSet`], its ControllerRevisions and its pods and answers with
//! the writes and events of one sync of upstream (`pkg/controller/statefulset`,
//! `stateful_set_control.go`). Under OrderedReady a sync creates or deletes at most one pod;
//! under Parallel it creates and deletes all that are due, while a roll-out still replaces one
//! at a time, or, behind the gate MaxUnavailableStatefulSet, as many as `maxUnavailable` lets be
//! unavailable. [`rollout_undo`] is what `kubectl rollout undo` does with the revisions.
//!
//! What wakes upstream's controller: any change of the StatefulSet or of a pod that it owns, and
//! [`SyncResult::requeue_after`].
//!
//! Left out: PersistentVolumeClaims.

pub mod adapter;
mod outcome;
mod process;
mod revision;
mod spec;
mod status;
mod sync;
mod undo;
mod view;

pub use super::event::{Event, EventType};
pub use outcome::{Step, SyncResult};
pub use spec::{StatefulSetSpec, StatefulSetSpecInput, UpdateStrategy, UpdateStrategyType};
pub use status::StatefulSetStatus;
pub use sync::sync;
pub use undo::{Undo, UndoError, rollout_undo, undo_to};
pub use view::{ControllerRevision, Pod, PodPhase, RevisionKey, StatefulSet};
