//! The Deployment's status, from what its ReplicaSets report (`sync.go`, `calculateStatus`).

use super::condition::{self, Condition, ConditionStatus, ConditionType, reason};
use super::spec::DeploymentSpec;
use super::view::{Deployment, ReplicaSet, actual_count, available_count, replica_count};
use crate::sim::SimTime;

/// `status` of a Deployment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeploymentStatus {
    /// `observedGeneration`: the generation that the controller last acted on.
    pub observed_generation: i64,
    /// `replicas`: pods of all ReplicaSets that are not being deleted.
    pub replicas: i32,
    /// `updatedReplicas`: those of the new ReplicaSet.
    pub updated_replicas: i32,
    /// `readyReplicas`.
    pub ready_replicas: i32,
    /// `availableReplicas`: ready for `minReadySeconds`.
    pub available_replicas: i32,
    /// `unavailableReplicas`: those missing from the sizes of the ReplicaSets.
    pub unavailable_replicas: i32,
    /// `terminatingReplicas`; `None` while a ReplicaSet does not report its own.
    pub terminating_replicas: Option<i32>,
    /// `collisionCount`: names of ReplicaSets found taken.
    pub collision_count: Option<i32>,
    /// `conditions`, in upstream's order: what changed last is last.
    pub conditions: Vec<Condition>,
}

impl DeploymentStatus {
    /// The condition of a type (`GetDeploymentCondition`).
    pub fn condition(&self, kind: ConditionType) -> Option<&Condition> {
        condition::get(&self.conditions, kind)
    }

    /// Whether all pods are new and available and no others are left (`DeploymentComplete`).
    pub fn is_complete(&self, spec: &DeploymentSpec, generation: i64) -> bool {
        self.updated_replicas == spec.replicas
            && self.replicas == spec.replicas
            && self.available_replicas == spec.replicas
            && self.observed_generation >= generation
    }

    /// Whether this is further than an earlier status: more new, fewer old, more ready or more
    /// available pods (`DeploymentProgressing`).
    pub(super) fn is_further_than(&self, earlier: &Self) -> bool {
        let old = |status: &Self| status.replicas - status.updated_replicas;
        self.updated_replicas > earlier.updated_replicas
            || old(self) < old(earlier)
            || self.ready_replicas > earlier.ready_replicas
            || self.available_replicas > earlier.available_replicas
    }
}

/// The status after a look at all ReplicaSets; `current` is the one it replaces.
pub(super) fn calculate(
    deployment: &Deployment<'_>,
    current: &DeploymentStatus,
    all: &[ReplicaSet<'_>],
    new: Option<&ReplicaSet<'_>>,
    now: SimTime,
) -> DeploymentStatus {
    let available = available_count(all);
    let mut status = DeploymentStatus {
        observed_generation: deployment.generation,
        replicas: actual_count(all),
        updated_replicas: new.map_or(0, |set| set.status.replicas),
        ready_replicas: all.iter().map(|set| set.status.ready_replicas).sum(),
        available_replicas: available,
        // More may be available than the sizes say, while a ReplicaSet shrinks.
        unavailable_replicas: (replica_count(all) - available).max(0),
        terminating_replicas: terminating_count(all),
        collision_count: current.collision_count,
        conditions: current.conditions.clone(),
    };
    let spec = &deployment.spec;
    let enough = available >= spec.replicas - spec.max_unavailable();
    let (holds, reason, message) = if enough {
        (
            ConditionStatus::True,
            reason::MINIMUM_REPLICAS_AVAILABLE,
            "Deployment has minimum availability.",
        )
    } else {
        (
            ConditionStatus::False,
            reason::MINIMUM_REPLICAS_UNAVAILABLE,
            "Deployment does not have minimum availability.",
        )
    };
    let found = Condition::new(ConditionType::Available, holds, reason, message, now);
    condition::set(&mut status.conditions, found);
    status
}

/// Pods that are being deleted; `None` if a ReplicaSet that was synced does not tell
/// (`GetTerminatingReplicaCountForReplicaSets`).
fn terminating_count(all: &[ReplicaSet<'_>]) -> Option<i32> {
    all.iter()
        .map(|set| match set.status.terminating_replicas {
            None if set.status.never_observed => Some(0),
            reported => reported,
        })
        .sum()
}
