//! Taints: those that the autoscaler sets, and those that a fresh node would not have.
//!
//! Source: `utils/taints/taints.go`.

use super::options::Options;

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
    "cloud.google.com/impending-node-termination",
    "NodeWithImpairedVolumes",
];

/// Taints of these prefixes are startup taints, whatever the flags say.
const STARTUP_PREFIXES: [&str; 2] = [
    "ignore-taint.cluster-autoscaler.kubernetes.io/",
    "startup-taint.cluster-autoscaler.kubernetes.io/",
];
/// The same for status taints.
const STATUS_PREFIX: &str = "status-taint.cluster-autoscaler.kubernetes.io/";

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

/// Whether a taint is there only until a node has started: a node that has it counts as not ready.
pub fn is_startup(key: &str, options: &Options) -> bool {
    let named = options.startup_taints.iter().chain(&options.ignore_taints);
    let prefixes = STARTUP_PREFIXES.into_iter();
    let stated = options.startup_taint_prefixes.iter().map(String::as_str);
    named.into_iter().any(|one| one == key)
        || prefixes.chain(stated).any(|prefix| key.starts_with(prefix))
}

/// Whether a taint tells of the state of a node for the moment.
fn is_status(key: &str, options: &Options) -> bool {
    options.status_taints.iter().any(|one| one == key) || key.starts_with(STATUS_PREFIX)
}

/// The taints that a new node of the same group would have.
pub fn sanitize(taints: &[Taint], options: &Options) -> Vec<Taint> {
    let transient = |key: &str| {
        key == TO_BE_DELETED
            || key == DELETION_CANDIDATE
            || CONDITIONS.contains(&key)
            || is_startup(key, options)
            || is_status(key, options)
    };
    taints
        .iter()
        .filter(|taint| !transient(&taint.key))
        .cloned()
        .collect()
}
