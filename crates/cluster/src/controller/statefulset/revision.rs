//! The revisions of the template (`stateful_set_control.go`, `getStatefulSetRevisions`,
//! `truncateHistory`).

use super::outcome::Step;
use super::view::{ControllerRevision, Pod, RevisionKey, StatefulSet};

/// The two revisions that a roll-out lies between.
#[derive(Debug, Clone, Copy)]
pub(super) struct Revisions {
    /// What the last complete roll-out rolled out.
    pub(super) current: RevisionKey,
    /// The revision of the template.
    pub(super) update: RevisionKey,
}

/// From old to new (`SortControllerRevisions`).
pub(super) fn sorted(revisions: &[ControllerRevision]) -> Vec<ControllerRevision> {
    let mut sorted = revisions.to_vec();
    sorted.sort_by_key(|found| {
        (
            found.revision,
            found.created.truncate_to_second(),
            found.key,
        )
    });
    sorted
}

/// Finds both revisions; the template's is created, or made the newest again, if it is not.
/// `revisions` are ordered from old to new.
pub(super) fn find(
    set: &StatefulSet<'_>,
    revisions: &[ControllerRevision],
    steps: &mut Vec<Step>,
) -> Revisions {
    let newest = revisions.last();
    let next = newest.map_or(1, |newest| newest.revision + 1);
    let (key, revision) = (set.template, next);
    if newest.is_none_or(|newest| newest.key != key) {
        let is_known = revisions.iter().any(|found| found.key == key);
        steps.push(if is_known {
            Step::RenumberRevision { key, revision }
        } else {
            Step::CreateRevision { key, revision }
        });
    }
    let current = set.status.current_revision;
    let still_there = current.filter(|key| revisions.iter().any(|found| found.key == *key));
    Revisions {
        current: still_there.unwrap_or(key),
        update: key,
    }
}

/// Deletes the oldest revisions beyond the limit that neither a pod nor the status has.
pub(super) fn truncate_history(
    set: &StatefulSet<'_>,
    pods: &[Pod],
    revisions: &[ControllerRevision],
    live: &Revisions,
    steps: &mut Vec<Step>,
) {
    let is_live = |key: RevisionKey| {
        key == live.current || key == live.update || pods.iter().any(|pod| pod.revision == key)
    };
    let past: Vec<_> = revisions
        .iter()
        .filter(|found| !is_live(found.key))
        .collect();
    let Ok(limit) = usize::try_from(set.spec.revision_history_limit) else {
        return;
    };
    let excess = past.len().saturating_sub(limit);
    steps.extend(
        past[..excess]
            .iter()
            .map(|found| Step::DeleteRevision { key: found.key }),
    );
}
