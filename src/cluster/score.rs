//! The scheduler's scores of a node, 0 to 100 each, as upstream's default plugins give them.

use crate::units::{Bytes, Millicores};

/// CPU and memory together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amounts {
    /// CPU.
    pub cpu: Millicores,
    /// Memory.
    pub memory: Bytes,
}

/// Weights of the default profile for the scores below.
pub const WEIGHT_SPREAD: i64 = 2;

/// NodeResourcesFit with LeastAllocated: the emptier, the better. `requested` includes the
/// pod and counts 100m and 200Mi where a container has no request.
pub fn least_allocated(allocatable: Amounts, requested: Amounts) -> i64 {
    let score = |capacity: i64, requested: i64| {
        if capacity == 0 || requested > capacity {
            0
        } else {
            (capacity - requested) * 100 / capacity
        }
    };
    i64::midpoint(
        score(allocatable.cpu.0, requested.cpu.0),
        score(allocatable.memory.0, requested.memory.0),
    )
}

/// NodeResourcesBalancedAllocation up to 1.35: the more alike the shares, the better.
pub fn balanced_allocation(allocatable: Amounts, requested: Amounts) -> i64 {
    let fraction = |capacity: i64, requested: i64| {
        if capacity == 0 {
            1.0
        } else {
            (requested as f64 / capacity as f64).min(1.0)
        }
    };
    let cpu = fraction(allocatable.cpu.0, requested.cpu.0);
    let memory = fraction(allocatable.memory.0, requested.memory.0);
    let deviation = ((cpu - memory) / 2.0).abs();
    ((1.0 - deviation) * 100.0) as i64
}

/// NodeResourcesBalancedAllocation since 1.36: what the pod changes.
pub fn balanced_change(allocatable: Amounts, before: Amounts, with_pod: Amounts) -> i64 {
    let change =
        balanced_allocation(allocatable, with_pod) - balanced_allocation(allocatable, before);
    // Go rounds the half towards zero, as `midpoint` does.
    50 + i64::midpoint(50, change)
}

/// A node's counts for PodTopologySpread: matching pods on it and in its zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpreadCounts {
    /// Matching pods on the node.
    pub on_node: u32,
    /// Matching pods in its zone; `None` if the node has no zone label.
    pub in_zone: Option<u32>,
}

/// PodTopologySpread with the system defaults (hostname skew 3, zone skew 5), before
/// normalisation.
pub fn spread_raw(counts: SpreadCounts, nodes: usize, zones: usize) -> i64 {
    let term = |count: u32, domains: usize, skew: f64| {
        f64::from(count) * (domains as f64 + 2.0).ln() + (skew - 1.0)
    };
    let mut score = term(counts.on_node, nodes, 3.0);
    if let Some(in_zone) = counts.in_zone {
        score += term(in_zone, zones, 5.0);
    }
    score.round() as i64
}

/// PodTopologySpread's normalisation over the candidates.
pub fn spread_normalized(raw: i64, min: i64, max: i64) -> i64 {
    if max == 0 {
        100
    } else {
        100 * (max + min - raw) / max
    }
}
