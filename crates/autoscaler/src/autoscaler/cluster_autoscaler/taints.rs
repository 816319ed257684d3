//! Taints: those that the autoscaler sets, and those that a fresh node would not have.
//!
//! Source: `utils/taints/taints.go`.

/// Keeps new pods off a node that is being deleted.
pub const TO_BE_DELETED: &str = "ToBeDeletedByClusterAutoscaler";
/// Marks an unneeded node; the scheduler only prefers others.
pub const DELETION_CANDIDATE: &str = "DeletionCandidateOfClusterAutoscaler";

/// The state of a node for the moment, which no fresh node has.
const CONDITIONS: &[&str] = &[
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/unschedulable",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/network-unavailable",
    "node.kubernetes.io/pid-pressure",
    "node.cloudprovider.kubernetes.io/uninitialized",
    "node.cloudprovider.kubernetes.io/shutdown",
];

/// What a taint does to pods that do not tolerate it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// No new pods.
    NoSchedule,
    /// No new pods if there is another node.
    PreferNoSchedule,
    /// No new pods, and running ones are evicted.
    NoExecute,
}

/// A node's taint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Taint {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Its effect.
    pub effect: Effect,
}

/// The taints that a new node of the same group would have.
pub fn sanitize(taints: &[Taint]) -> Vec<Taint> {
    let transient =
        |key: &str| key == TO_BE_DELETED || key == DELETION_CANDIDATE || CONDITIONS.contains(&key);
    taints
        .iter()
        .filter(|taint| !transient(&taint.key))
        .cloned()
        .collect()
}
