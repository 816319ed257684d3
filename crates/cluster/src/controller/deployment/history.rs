//! How many old ReplicaSets are kept to go back to (`sync.go`, `cleanupDeployment`).

use super::outcome::Step;
use super::sync::Sync;
use super::view::{ReplicaSet, by_creation};

impl<'a> Sync<'a> {
    /// Deletes the oldest of the old ReplicaSets beyond `revisionHistoryLimit`. One that has pods,
    /// or whose status is behind, stays; no other is deleted in its place.
    pub(super) fn cleanup_deployment(&mut self, old: &[ReplicaSet<'a>]) {
        let spec = &self.deployment.spec;
        if !spec.has_revision_history_limit() {
            return;
        }
        let mut kept: Vec<_> = old.iter().filter(|set| !set.deleting).collect();
        let limit = usize::try_from(spec.revision_history_limit).unwrap_or(0);
        let excess = kept.len().saturating_sub(limit);
        if excess == 0 {
            return;
        }
        kept.sort_by(|one, other| {
            let revision = |set: &ReplicaSet<'_>| set.revision.unwrap_or(0);
            revision(one)
                .cmp(&revision(other))
                .then_with(|| by_creation(one, other))
        });
        for set in &kept[..excess] {
            if set.status.replicas == 0 && set.replicas == 0 && !set.status.behind_spec {
                self.push(Step::DeleteReplicaSet { key: set.key });
            }
        }
    }
}
