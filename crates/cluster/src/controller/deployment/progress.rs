//! The status in a roll-out, and whether the roll-out gets on (`progress.go`).

use super::condition::{self, Condition, ConditionStatus, ConditionType, reason};
use super::outcome::Requeue;
use super::status::{self, DeploymentStatus};
use super::sync::{Conflict, Sync};
use super::view::ReplicaSet;
use crate::sim::{SimDuration, SimTime};

impl<'a> Sync<'a> {
    /// Whether the status as it was read says that the roll-out is complete.
    pub(super) fn is_complete(&self) -> bool {
        let deployment = self.deployment;
        self.status
            .is_complete(&deployment.spec, deployment.generation)
    }

    /// Writes the status if it has changed, with progress and failures of pods; otherwise asks
    /// to be woken when the deadline for progress has passed (`syncRolloutStatus`).
    pub(super) fn sync_rollout_status(
        &mut self,
        all: &[ReplicaSet<'a>],
        new: Option<&ReplicaSet<'a>>,
    ) -> Result<(), Conflict> {
        let mut found = status::calculate(self.deployment, &self.status, all, new, self.now);
        self.estimate_progress(&mut found, new);
        match replica_failure(all, new) {
            Some(failure) => condition::set(&mut found.conditions, failure),
            None => condition::remove(&mut found.conditions, ConditionType::ReplicaFailure),
        }
        if found == self.status {
            self.requeue = self.requeue_stuck_deployment();
            return Ok(());
        }
        self.status = found;
        self.update_status()
    }

    fn estimate_progress(&self, found: &mut DeploymentStatus, new: Option<&ReplicaSet<'_>>) {
        let (deployment, spec) = (self.deployment, &self.deployment.spec);
        if !spec.has_progress_deadline() {
            condition::remove(&mut found.conditions, ConditionType::Progressing);
            return;
        }
        let current = self.status.condition(ConditionType::Progressing);
        // Once complete, what follows is not this roll-out any more.
        let was_complete =
            current.is_some_and(|current| current.reason == reason::NEW_REPLICA_SET_AVAILABLE);
        if was_complete && found.replicas == found.updated_replicas {
            return;
        }
        let progressing = |status, reason, what: &str| {
            let message = match new {
                Some(new) => format!("ReplicaSet \"{}\" {what}", new.name),
                None => format!("Deployment \"{}\" {what}", deployment.name),
            };
            Condition::new(
                ConditionType::Progressing,
                status,
                reason,
                message,
                self.now,
            )
        };
        if found.is_complete(spec, deployment.generation) {
            let done = progressing(
                ConditionStatus::True,
                reason::NEW_REPLICA_SET_AVAILABLE,
                "has successfully progressed.",
            );
            condition::set(&mut found.conditions, done);
        } else if found.is_further_than(&self.status) {
            let mut further = progressing(
                ConditionStatus::True,
                reason::REPLICA_SET_UPDATED,
                "is progressing.",
            );
            // Written anew with each progress: the deadline counts from its last update.
            if let Some(current) = current
                && current.status == ConditionStatus::True
            {
                further.last_transition = current.last_transition;
            }
            condition::remove(&mut found.conditions, ConditionType::Progressing);
            condition::set(&mut found.conditions, further);
        } else if self.is_timed_out(current) {
            let late = progressing(
                ConditionStatus::False,
                reason::PROGRESS_DEADLINE_EXCEEDED,
                "has timed out progressing.",
            );
            condition::set(&mut found.conditions, late);
        }
    }

    /// Whether the deadline has passed since the last progress (`DeploymentTimedOut`).
    fn is_timed_out(&self, current: Option<&Condition>) -> bool {
        current.is_some_and(|current| match current.reason.as_ref() {
            reason::NEW_REPLICA_SET_AVAILABLE => false,
            reason::PROGRESS_DEADLINE_EXCEEDED => true,
            _ => self.progress_deadline(current) < self.now,
        })
    }

    fn progress_deadline(&self, progressing: &Condition) -> SimTime {
        let seconds = self.deployment.spec.progress_deadline_seconds;
        progressing.last_update + SimDuration::from_secs(seconds.into())
    }

    /// When to look whether the roll-out is stuck (`requeueStuckDeployment`).
    fn requeue_stuck_deployment(&self) -> Requeue {
        let Some(current) = self.status.condition(ConditionType::Progressing) else {
            return Requeue::No;
        };
        if !self.deployment.spec.has_progress_deadline()
            || self.is_complete()
            || current.reason == reason::PROGRESS_DEADLINE_EXCEEDED
        {
            return Requeue::No;
        }
        let second = SimDuration::from_secs(1);
        let after = self.progress_deadline(current) - self.now;
        if after < second {
            return Requeue::RateLimited;
        }
        Requeue::After(after + second)
    }
}

/// The failure of the new ReplicaSet or, where it has none, the first one of the others
/// (`getReplicaFailures`).
fn replica_failure(all: &[ReplicaSet<'_>], new: Option<&ReplicaSet<'_>>) -> Option<Condition> {
    let failure = |set: &ReplicaSet<'_>| {
        set.status.replica_failure.map(|failure| Condition {
            kind: ConditionType::ReplicaFailure,
            last_update: failure.last_transition,
            ..failure.clone()
        })
    };
    new.and_then(failure)
        .or_else(|| all.iter().find_map(failure))
}
