//! Whether a node has the resources that a pod requests: NodeResourcesFit.

use crate::api::{Amounts, PodAmounts};

/// What a node offers and has promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// For pods.
    pub allocatable: Amounts,
    /// Promised, by requests.
    pub requested: Amounts,
    /// Pods on it.
    pub pods: u32,
    /// Pods at most.
    pub max_pods: u32,
}

/// Resources of which a node has too little for a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Insufficient {
    /// It has as many pods as it may have.
    pub pods: bool,
    /// CPU.
    pub cpu: bool,
    /// Memory.
    pub memory: bool,
}

impl Insufficient {
    /// The reasons in upstream's order and words.
    pub fn reasons(self) -> impl Iterator<Item = &'static str> {
        [
            (self.pods, "Too many pods"),
            (self.cpu, "Insufficient cpu"),
            (self.memory, "Insufficient memory"),
        ]
        .into_iter()
        .filter_map(|(lacks, reason)| lacks.then_some(reason))
    }
}

/// Resources of which the node has too little for the pod. What the pod does not request is not looked at, even on
/// an overcommitted node.
pub fn insufficient_resources(room: Room, wanted: &PodAmounts) -> Insufficient {
    let over = |allocatable: i64, requested: i64, wanted: i64| {
        wanted > 0 && wanted > allocatable - requested
    };
    let Room {
        allocatable,
        requested,
        ..
    } = room;
    Insufficient {
        pods: room.pods >= room.max_pods,
        cpu: over(allocatable.cpu.0, requested.cpu.0, wanted.raw.cpu.0),
        memory: over(
            allocatable.memory.0,
            requested.memory.0,
            wanted.raw.memory.0,
        ),
    }
}
