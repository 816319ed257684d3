//! `kubectl rollout undo` of a Deployment: which ReplicaSet's template it goes back to
//! (`staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollback.go`).

use super::view::{Deployment, ReplicaSet, joined, split};

/// What an undo does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undo {
    /// The Deployment gets the template of this ReplicaSet without the hash, and those of its
    /// annotations that [`is_copied_annotation`](super::is_copied_annotation) in place of its
    /// own such ones. kubectl prints `rolled back`.
    RolledBack {
        /// The caller's key.
        key: usize,
    },
    /// Nothing, since the Deployment has the template; kubectl prints this.
    Skipped(String),
}

/// Why kubectl refuses an undo; it prints the sentence after `error: `.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UndoError {
    /// No ReplicaSet has the revision.
    #[error("unable to find specified revision {0} in history")]
    RevisionNotFound(i64),
    /// There is no ReplicaSet but the current one.
    #[error("no rollout history found for deployment \"{0}\"")]
    NoHistory(String),
    /// The Deployment is paused.
    #[error(
        "you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' \
         and try again"
    )]
    Paused,
}

/// Undoes a roll-out: back to revision `to_revision`, or to the one before the last if it is 0.
pub fn rollout_undo(
    deployment: &Deployment<'_>,
    sets: &[ReplicaSet<'_>],
    to_revision: i64,
) -> Result<Undo, UndoError> {
    let (new, old) = split(sets);
    let all = joined(&old, new.as_ref());
    let target = if to_revision == 0 {
        let no_history = || UndoError::NoHistory(deployment.name.to_owned());
        second_latest(&all).ok_or_else(no_history)?
    } else {
        all.iter()
            .find(|set| to_revision > 0 && set.revision.unwrap_or(0) == to_revision)
            .ok_or(UndoError::RevisionNotFound(to_revision))?
    };
    if deployment.spec.paused {
        return Err(UndoError::Paused);
    }
    if target.has_deployments_template {
        return Ok(Undo::Skipped(format!(
            "skipped rollback (current template already matches revision {to_revision})"
        )));
    }
    Ok(Undo::RolledBack { key: target.key })
}

/// The ReplicaSet with the second highest revision; one without counts as 0.
fn second_latest<'s, 'a>(all: &'s [ReplicaSet<'a>]) -> Option<&'s ReplicaSet<'a>> {
    let mut latest: Option<(i64, &ReplicaSet<'a>)> = None;
    let mut previous: Option<(i64, &ReplicaSet<'a>)> = None;
    for set in all {
        let found = (set.revision.unwrap_or(0), set);
        if latest.is_none_or(|(revision, _)| revision < found.0) {
            previous = latest.replace(found);
        } else if previous.is_none_or(|(revision, _)| revision < found.0) {
            previous = Some(found);
        }
    }
    previous.map(|(_, set)| set)
}
