//! `kubectl rollout undo` of a StatefulSet: which revision it goes back to
//! (`staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollback.go`).

use super::revision::sorted;
use super::view::{ControllerRevision, RevisionKey, StatefulSet};

/// What an undo does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undo {
    /// The StatefulSet gets the template of this revision; kubectl prints `rolled back`.
    RolledBack {
        /// Its key.
        key: RevisionKey,
    },
    /// Nothing, since the StatefulSet has the template; kubectl prints this.
    Skipped(String),
}

/// Why kubectl refuses an undo; it prints the sentence after `error: `.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UndoError {
    /// There is no such revision.
    #[error("unable to find specified revision {0} in history")]
    RevisionNotFound(i64),
    /// There is no revision but the present one.
    #[error("no last revision to roll back to")]
    NoHistory,
}

/// Undoes a roll-out: back to revision `to_revision`, or to the one before the last if it is 0.
pub fn rollout_undo(
    set: &StatefulSet<'_>,
    revisions: &[ControllerRevision],
    to_revision: i64,
) -> Result<Undo, UndoError> {
    undo_to(set.template, revisions, to_revision)
}

/// The same for any object with ControllerRevisions, by the key of its template.
pub fn undo_to(
    template: RevisionKey,
    revisions: &[ControllerRevision],
    to_revision: i64,
) -> Result<Undo, UndoError> {
    let history = sorted(revisions);
    let target = if to_revision == 0 {
        history.iter().nth_back(1).ok_or(UndoError::NoHistory)?
    } else {
        history
            .iter()
            .find(|found| to_revision > 0 && found.revision == to_revision)
            .ok_or(UndoError::RevisionNotFound(to_revision))?
    };
    if target.key == template {
        return Ok(Undo::Skipped(format!(
            "skipped rollback (current template already matches revision {to_revision})"
        )));
    }
    Ok(Undo::RolledBack { key: target.key })
}
