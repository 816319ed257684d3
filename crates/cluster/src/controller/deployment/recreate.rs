//! Recreate: no new pod before the last old one has ended (`recreate.go`).

use super::sync::{Conflict, Sync};
use super::view::{ReplicaSet, actual_count, joined};

impl<'a> Sync<'a> {
    /// One step of a roll-out by Recreate (`rolloutRecreate`).
    pub(super) fn rollout_recreate(&mut self, sets: &[ReplicaSet<'a>]) -> Result<(), Conflict> {
        let (new, old) = self.all_replica_sets(sets)?;
        let mut has_scaled = false;
        for set in old.iter().filter(|set| set.is_active()) {
            has_scaled |= self.scale_replica_set(set, 0);
        }
        if has_scaled || old_pods_running(&old) {
            return self.sync_rollout_status(&joined(&old, new.as_ref()), new.as_ref());
        }
        let new = match new {
            Some(new) => new,
            None => self.create_new_replica_set(&old)?,
        };
        self.scale_replica_set(&new, self.deployment.spec.replicas);
        if self.is_complete() {
            self.cleanup_deployment(&old);
        }
        self.sync_rollout_status(&joined(&old, Some(&new)), Some(&new))
    }
}

/// Whether an old ReplicaSet has pods, or a pod of one has not ended yet (`oldPodsRunning`).
fn old_pods_running(old: &[ReplicaSet<'_>]) -> bool {
    actual_count(old) > 0 || old.iter().any(|set| set.unfinished_pods > 0)
}
