//! The Deployment controller of Kubernetes 1.36, decision for decision.
//!
//! [`sync()`] looks at one [`Deployment`] and its [`ReplicaSet`]s and answers with the writes and
//! events of one sync of upstream, in upstream's order (`pkg/controller/deployment`). A sync
//! takes at most one kind of step; the change that its writes make wakes the controller for the
//! next one. [`rollout_undo`] is what `kubectl rollout undo` does with the same views.
//!
//! Upstream writes a Deployment's status with the version it has read. A second write in one
//! sync therefore fails with a conflict, and the sync is tried again: that is why a roll-out
//! takes the number of syncs it takes, and it is reproduced.
//!
//! What wakes upstream's controller: any change of the Deployment or of a ReplicaSet that it owns,
//! [`SyncResult::requeue`], and under Recreate the end of its last pod.

pub mod adapter;
mod condition;
mod fenceposts;
mod history;
mod only_set;
mod outcome;
mod progress;
mod recreate;
mod revision;
mod rolling;
mod scale;
mod spec;
mod status;
mod sync;
#[cfg(test)]
mod tests;
mod undo;
mod view;

pub use super::event::{Event, EventType};
pub use condition::{Condition, ConditionStatus, ConditionType, reason};
pub use fenceposts::{IntOrPercent, new_rs_new_replicas, resolve_fenceposts};
pub use outcome::{NewReplicaSet, Requeue, Step, SyncResult};
pub use revision::{creation_failed, hash_collision, is_copied_annotation, replica_set_name};
pub use scale::replica_set_proportion;
pub use spec::{DeploymentSpec, DeploymentSpecInput, RollingUpdate, Strategy, StrategyType};
pub use status::DeploymentStatus;
pub use sync::sync;
pub use undo::{Undo, UndoError, rollout_undo};
pub use view::{Deployment, ReplicaSet, ReplicaSetStatus};
