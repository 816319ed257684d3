//! What is set and seen of one server from outside.

use super::latency::LatencyHistogram;
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
    /// The class of service of its pod.
    pub tier: Tier,
}

/// A class of service: whom a pod's cgroup lies beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Guaranteed pods, side by side with the groups of the others.
    Guaranteed,
    /// Burstable pods, as one group that weighs as what they request together; this one requests so much.
    Burstable(Millicores),
    /// Pods without requests, as one group of the least weight.
    BestEffort,
}

impl Default for Tier {
    fn default() -> Self {
        Self::Burstable(Millicores(0))
    }
}

/// The weight of the cgroup of pods that request so much together.
pub type GroupWeight = fn(Millicores) -> u32;

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

/// Counters of one server or of a whole service, for custom metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Requests in service.
    pub active: u32,
    /// Requests waiting for a slot, those in a shared queue included.
    pub queued: u32,
    /// Requests served since the start; a service's count keeps those of servers that are gone.
    pub answered: u64,
}

impl Counters {
    /// Requests that are in the pod or pods: in service or waiting.
    pub fn in_flight(&self) -> u32 {
        self.active + self.queued
    }
}

/// What a server's own instrumentation counts since its application started.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Instruments<'a> {
    /// Requests in service.
    pub active: u32,
    /// Requests waiting for a slot.
    pub queued: u32,
    /// Requests served.
    pub answered: u64,
    /// Requests that its time limit ended.
    pub timed_out: u64,
    /// Requests answered with 503: turned away by a full backlog, or failed with a call of theirs.
    pub rejected: u64,
    /// Requests answered with 429: beyond its rate limit.
    pub limited: u64,
    /// How long those took that were served, if the service keeps it.
    pub latency: Option<&'a LatencyHistogram>,
}

/// Where CPU time went since the start, in 1/1024 ns of one core, over all servers that are
/// or were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuLedger {
    /// Given to requests.
    pub served: u128,
    /// Demanded by requests whose CPU work was done.
    pub completed: u128,
    /// Received by requests still on the CPU, or taken off it by a kill or a time limit.
    pub partial: u128,
    /// Given to background work.
    pub background: u128,
}

impl CpuLedger {
    /// Core-seconds of one of the figures.
    pub fn core_seconds(figure: u128) -> f64 {
        figure as f64 / 1024.0 / 1e9
    }
}

impl std::ops::AddAssign for CpuLedger {
    fn add_assign(&mut self, other: Self) {
        self.served += other.served;
        self.completed += other.completed;
        self.partial += other.partial;
        self.background += other.background;
    }
}
