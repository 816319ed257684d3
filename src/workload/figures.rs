//! What is set and seen of one server from outside.

use crate::units::{Bytes, CpuTime, Millicores};

/// The limits under which a server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerLimits {
    /// The container's CPU limit; the node's capacity alone bounds it if absent.
    pub cpu_limit: Option<Millicores>,
    /// The cgroup's `cpu.weight`: its share of an oversubscribed node.
    pub cpu_weight: u32,
    /// The container's memory limit.
    pub memory_limit: Option<Bytes>,
}

/// What a server has used and holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// CPU time consumed since the container started.
    pub cpu: CpuTime,
    /// Memory held now.
    pub memory: Bytes,
    /// Requests in service.
    pub active: u32,
    /// Requests waiting for a slot.
    pub queued: u32,
}
