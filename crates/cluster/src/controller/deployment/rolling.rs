//! Rolling updates: the new ReplicaSet grows as far as the surge allows, or else the old ones
//! shrink as far as availability allows (`rolling.go`).

use super::fenceposts::new_rs_new_replicas;
use super::sync::{Conflict, Sync};
use super::view::{ReplicaSet, available_count, joined, replica_count};

impl<'a> Sync<'a> {
    /// One step of a rolling update (`rolloutRolling`).
    pub(super) fn rollout_rolling(&mut self, sets: &[ReplicaSet<'a>]) -> Result<(), Conflict> {
        let (new, old) = self.all_replica_sets(sets)?;
        let new = match new {
            Some(new) => new,
            None => self.create_new_replica_set(&old)?,
        };
        let all = joined(&old, Some(&new));
        let has_scaled = self.reconcile_new_replica_set(&all, &new)
            || self.reconcile_old_replica_sets(&all, &old, &new);
        if !has_scaled && self.is_complete() {
            self.cleanup_deployment(&old);
        }
        self.sync_rollout_status(&all, Some(&new))
    }

    fn reconcile_new_replica_set(&mut self, all: &[ReplicaSet<'a>], new: &ReplicaSet<'a>) -> bool {
        let spec = &self.deployment.spec;
        let size = if new.replicas >= spec.replicas {
            spec.replicas
        } else {
            new_rs_new_replicas(spec, replica_count(all), new.replicas)
        };
        self.scale_replica_set(new, size)
    }

    /// Shrinks old ReplicaSets: first by pods that are not available, since they would block the
    /// roll-out and nobody misses them, then by available ones.
    fn reconcile_old_replica_sets(
        &mut self,
        all: &[ReplicaSet<'a>],
        old: &[ReplicaSet<'a>],
        new: &ReplicaSet<'a>,
    ) -> bool {
        let spec = &self.deployment.spec;
        let mut active: Vec<_> = old.iter().filter(|set| set.is_active()).copied().collect();
        if active.is_empty() {
            return false;
        }
        let min_available = spec.replicas - spec.max_unavailable();
        let new_unavailable = new.replicas - new.status.available_replicas;
        let max_scaled_down = replica_count(all) - min_available - new_unavailable;
        if max_scaled_down <= 0 {
            return false;
        }
        let Some(cleaned_up) = self.cleanup_unhealthy_replicas(&mut active, max_scaled_down) else {
            return false;
        };
        let available = available_count(&active) + new.status.available_replicas;
        let scaled_down = self.scale_down_available(&active, available - min_available);
        cleaned_up + scaled_down > 0
    }

    /// Takes at most `limit` unavailable pods away, from the oldest ReplicaSet on; answers how
    /// many (`cleanupUnhealthyReplicas`).
    ///
    /// A ReplicaSet that has just shrunk still reports more available pods than it is to have.
    /// Upstream takes that for an invalid request and leaves the old ReplicaSets alone until
    /// the report has caught up (`None`); pods that are already going would be counted as
    /// available otherwise.
    fn cleanup_unhealthy_replicas(
        &mut self,
        old: &mut [ReplicaSet<'a>],
        limit: i32,
    ) -> Option<i32> {
        let mut total = 0;
        for set in old {
            if total >= limit {
                break;
            }
            let unavailable = set.replicas - set.status.available_replicas;
            if unavailable < 0 {
                return None;
            }
            let count = unavailable.min(limit - total);
            let size = set.replicas - count;
            self.scale_replica_set(set, size);
            set.replicas = size;
            total += count;
        }
        Some(total)
    }

    /// Takes at most `limit` pods away, from the oldest ReplicaSet on; answers how many
    /// (`scaleDownOldReplicaSetsForRollingUpdate`).
    fn scale_down_available(&mut self, old: &[ReplicaSet<'a>], limit: i32) -> i32 {
        let mut total = 0;
        for set in old {
            if total >= limit {
                break;
            }
            let count = set.replicas.min(limit - total);
            self.scale_replica_set(set, set.replicas - count);
            total += count;
        }
        total
    }
}
