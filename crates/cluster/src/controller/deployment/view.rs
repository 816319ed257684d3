//! What the controller sees of the objects.

use std::cmp::Ordering;

use super::condition::Condition;
use super::spec::DeploymentSpec;
use super::status::DeploymentStatus;
use crate::sim::SimTime;

/// A Deployment.
#[derive(Debug, Clone, Copy)]
pub struct Deployment<'a> {
    /// `metadata.name`.
    pub name: &'a str,
    /// `metadata.generation`: counts the changes of the spec.
    pub generation: i64,
    /// Whether it has a deletion timestamp.
    pub deleting: bool,
    /// The hash of its template and collision count, the end of the new ReplicaSet's name
    /// (`controller.ComputeHash`, which need not be reproduced: it has to differ where
    /// templates differ).
    pub template_hash: &'a str,
    /// The annotation `deployment.kubernetes.io/revision`.
    pub revision: Option<i64>,
    /// `spec`.
    pub spec: DeploymentSpec,
    /// `status`.
    pub status: &'a DeploymentStatus,
}

/// A ReplicaSet that the Deployment owns.
#[derive(Debug, Clone, Copy)]
pub struct ReplicaSet<'a> {
    /// What the caller calls it; steps name it by this.
    pub key: usize,
    /// `metadata.name`.
    pub name: &'a str,
    /// `metadata.creationTimestamp`, which counts in whole seconds.
    pub created: SimTime,
    /// Whether it has a deletion timestamp.
    pub deleting: bool,
    /// Whether its template equals the Deployment's, but for the hash (`EqualIgnoreHash`).
    pub has_deployments_template: bool,
    /// Whether it carries each annotation of the Deployment that
    /// [`is_copied_annotation`](super::is_copied_annotation), with the same value.
    pub has_deployments_annotations: bool,
    /// The annotation `deployment.kubernetes.io/revision`.
    pub revision: Option<i64>,
    /// The annotation `deployment.kubernetes.io/revision-history`: earlier revisions, separated
    /// by commas; empty if there is none.
    pub revision_history: &'a str,
    /// The annotation `deployment.kubernetes.io/desired-replicas`.
    pub desired_replicas: Option<i32>,
    /// The annotation `deployment.kubernetes.io/max-replicas`.
    pub max_replicas: Option<i32>,
    /// `spec.replicas`.
    pub replicas: i32,
    /// `spec.minReadySeconds`.
    pub min_ready_seconds: i32,
    /// Pods it owns in a phase other than Succeeded and Failed, those being deleted included.
    /// Only Recreate asks.
    pub unfinished_pods: i32,
    /// `status`.
    pub status: ReplicaSetStatus<'a>,
}

/// `status` of a ReplicaSet.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReplicaSetStatus<'a> {
    /// `observedGeneration` is 0: no controller has seen it yet.
    pub never_observed: bool,
    /// `observedGeneration` is less than `metadata.generation`.
    pub behind_spec: bool,
    /// `replicas`, without pods that are being deleted.
    pub replicas: i32,
    /// `readyReplicas`.
    pub ready_replicas: i32,
    /// `availableReplicas`: ready for `minReadySeconds`.
    pub available_replicas: i32,
    /// `terminatingReplicas`; `None` if not reported.
    pub terminating_replicas: Option<i32>,
    /// The condition ReplicaFailure.
    pub replica_failure: Option<&'a Condition>,
}

impl ReplicaSet<'_> {
    /// Whether it is to have pods (`FilterActiveReplicaSets`).
    pub(super) fn is_active(&self) -> bool {
        self.replicas > 0
    }
}

/// Older before newer, then by name (`ReplicaSetsByCreationTimestamp`).
pub(super) fn by_creation(one: &ReplicaSet<'_>, other: &ReplicaSet<'_>) -> Ordering {
    let created = |set: &ReplicaSet<'_>| set.created.truncate_to_second();
    created(one)
        .cmp(&created(other))
        .then_with(|| one.name.cmp(other.name))
}

/// The oldest ReplicaSet with the Deployment's template (`FindNewReplicaSet`), and all others
/// from old to new (`FindOldReplicaSets`).
pub(super) fn split<'a>(sets: &[ReplicaSet<'a>]) -> (Option<ReplicaSet<'a>>, Vec<ReplicaSet<'a>>) {
    let mut old = sets.to_vec();
    old.sort_by(by_creation);
    let place = old.iter().position(|set| set.has_deployments_template);
    (place.map(|place| old.remove(place)), old)
}

/// The old ReplicaSets, then the new one.
pub(super) fn joined<'a>(
    old: &[ReplicaSet<'a>],
    new: Option<&ReplicaSet<'a>>,
) -> Vec<ReplicaSet<'a>> {
    old.iter().chain(new).copied().collect()
}

/// Pods in the specs of all (`GetReplicaCountForReplicaSets`).
pub(super) fn replica_count(sets: &[ReplicaSet<'_>]) -> i32 {
    sets.iter().map(|set| set.replicas).sum()
}

/// Available pods of all (`GetAvailableReplicaCountForReplicaSets`).
pub(super) fn available_count(sets: &[ReplicaSet<'_>]) -> i32 {
    sets.iter().map(|set| set.status.available_replicas).sum()
}

/// Pods of all that are not being deleted (`GetActualReplicaCountForReplicaSets`).
pub(super) fn actual_count(sets: &[ReplicaSet<'_>]) -> i32 {
    sets.iter().map(|set| set.status.replicas).sum()
}
