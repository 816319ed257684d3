//! The scheduler's scores of a node, 0 to 100 each, as upstream's default plugins give them.

use indexmap::IndexSet;

use crate::api::{Amounts, Kind};

/// Weights of the default profile for the scores below.
pub const WEIGHT_SPREAD: i64 = 2;

/// Whether the default constraints spread pods of this kind of workload: those that a ReplicaSet
/// or a StatefulSet owns.
pub(super) fn spreads_by_default(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Job | Kind::CronJob | Kind::ScaledJob | Kind::Pod
    )
}

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

/// NodeResourcesFit with MostAllocated, which packs: the fuller, the better.
pub fn most_allocated(allocatable: Amounts, requested: Amounts) -> i64 {
    let score = |capacity: i64, requested: i64| {
        if capacity == 0 {
            0
        } else {
            requested.min(capacity) * 100 / capacity
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

/// From which sum of its images' scores on ImageLocality counts for a node, and up to which per
/// container (`minThreshold`, `maxContainerThreshold`).
const IMAGES: [i64; 2] = [23 << 20, 1000 << 20];

/// ImageLocality's score of an image that a node has, before all that it has are added up: its
/// size by the share of the nodes that have it (`scaledImageScore`).
pub fn scaled_image_score(size: i64, on_nodes: usize, nodes: usize) -> i64 {
    (size as f64 * (on_nodes as f64 / nodes as f64)) as i64
}

/// ImageLocality: the more of what a pod's containers, init containers included, need is there, the
/// better (`calculatePriority`).
pub fn image_locality(sum: i64, containers: usize) -> i64 {
    let [least, of_container] = IMAGES;
    let most = of_container * containers as i64;
    let sum = if sum < least { least } else { sum.min(most) };
    100 * (sum - least) / (most - least)
}

/// A node as PodTopologySpread sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpreadNode {
    /// Pods on it that the pod's own controller owns, without those being deleted.
    pub matching: u32,
    /// The number of its zone ([`zone_numbers`]); `None` if it has no such label.
    pub zone: Option<usize>,
    /// Whether the pod fits. Other nodes only add to the counts of their zones.
    pub is_candidate: bool,
}

/// Numbers zone labels from 0 in order of appearance; no number where the label is empty.
pub fn zone_numbers<'a>(labels: impl IntoIterator<Item = &'a str>) -> Vec<Option<usize>> {
    let mut known: IndexSet<&str> = IndexSet::new();
    let number = |label: &'a str| (!label.is_empty()).then(|| known.insert_full(label).0);
    labels.into_iter().map(number).collect()
}

/// PodTopologySpread with the system defaults (hostname skew 3, zone skew 5): what it makes of
/// one candidate among others.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    per_node: f64,
    per_zone: f64,
    /// The least and the greatest of the scores before normalisation.
    range: Option<(i64, i64)>,
}

impl Spread {
    /// With so many candidates, in so many zones.
    pub fn new(candidates: usize, zones: usize) -> Self {
        let weight = |domains: usize| (domains as f64 + 2.0).ln();
        Self {
            per_node: weight(candidates),
            per_zone: weight(zones),
            range: None,
        }
    }

    /// The score before normalisation of a node with so many pods of the same owner, and so many
    /// in its zone if it has one.
    fn raw(&self, on_node: u32, in_zone: Option<u32>) -> i64 {
        let term = |count: u32, weight: f64, skew: f64| f64::from(count) * weight + (skew - 1.0);
        let mut score = term(on_node, self.per_node, 3.0);
        if let Some(count) = in_zone {
            score += term(count, self.per_zone, 5.0);
        }
        score.round() as i64
    }

    /// One of the candidates is such a node.
    pub fn include(&mut self, on_node: u32, in_zone: Option<u32>) {
        let raw = self.raw(on_node, in_zone);
        let (least, most) = self.range.unwrap_or((raw, raw));
        self.range = Some((least.min(raw), most.max(raw)));
    }

    /// The score of such a node: the fewer pods, the better.
    pub fn score(&self, on_node: u32, in_zone: Option<u32>) -> i64 {
        match self.range.unwrap_or_default() {
            (_, 0) => 100,
            (min, max) => 100 * (max + min - self.raw(on_node, in_zone)) / max,
        }
    }
}

/// The same for all nodes at once, before normalisation: one score per candidate, in order.
pub fn spread_raw(nodes: &[SpreadNode]) -> Vec<i64> {
    let candidates = || nodes.iter().filter(|node| node.is_candidate);
    // Nodes without the label share one empty zone, which counts as a zone.
    let place = |node: &SpreadNode| node.zone.map_or(0, |number| number + 1);
    let mut zones = vec![(false, 0); nodes.iter().map(place).max().map_or(0, |last| last + 1)];
    for node in nodes {
        let (has_candidate, count) = &mut zones[place(node)];
        *has_candidate |= node.is_candidate;
        *count += node.matching;
    }
    let domains = zones.iter().filter(|zone| zone.0).count();
    let spread = Spread::new(candidates().count(), domains);
    candidates()
        .map(|node| spread.raw(node.matching, node.zone.map(|_| zones[place(node)].1)))
        .collect()
}

/// PodTopologySpread's normalisation over the candidates: the fewer, the better.
pub fn spread_normalized(raw: &[i64]) -> Vec<i64> {
    let max = raw.iter().copied().max().unwrap_or(0);
    let min = raw.iter().copied().min().unwrap_or(0);
    let normalized = |raw: &i64| match max {
        0 => 100,
        max => 100 * (max + min - raw) / max,
    };
    raw.iter().map(normalized).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_that_do_not_fit_add_to_the_counts_of_their_zones() {
        let node = |matching, zone, is_candidate| SpreadNode {
            matching,
            zone,
            is_candidate,
        };
        let full = [
            node(9, Some(0), false),
            node(0, Some(0), true),
            node(0, Some(1), true),
        ];
        let scores = spread_normalized(&spread_raw(&full));
        assert!(scores[0] < scores[1], "{scores:?}");
        let nodes = [
            node(0, Some(0), true),
            node(0, Some(1), true),
            node(5, Some(2), false),
        ];
        assert_eq!(spread_normalized(&spread_raw(&nodes)), [100, 100]);
    }

    #[test]
    fn zones_are_numbered_in_order_and_no_label_is_no_zone() {
        let numbers = zone_numbers(["b", "", "a", "b"]);
        assert_eq!(numbers, [Some(0), None, Some(1), Some(0)]);
    }
}
