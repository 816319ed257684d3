//! The nodes as pods of one class see them: whether they fit and with what score, kept from one
//! placement to the next.
//!
//! Pods with the same requests, node selector and tolerations make up a class. A placement changes one node,
//! so a class looks only at those that have changed since its last pod, and holds the others in
//! buckets of equal scores. What spreading adds differs on the few nodes that have pods of the
//! same workload; all others of a zone are alike. The choice is the one that a pass over all
//! nodes makes, to the last tie.

mod places;
mod window;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::diagnosis::Diagnosis;
use super::score::{Spread, WEIGHT_SPREAD};
use crate::api::{Labels, PodAmounts, Toleration};
use places::{Bits, Places};
pub(super) use window::Window;

/// Classes that are remembered at most.
pub(super) const MOST_CLASSES: usize = 64;

/// What a node is to a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct View {
    /// Whether the node exists and the pods' node selector matches it.
    pub selected: bool,
    /// The score of its resources, if the pods fit.
    pub score: Option<i32>,
    /// The number of its zone plus 1; 0 without a zone.
    pub zone: u32,
    /// It fits, but has several taints that prefer other pods.
    pub several_taints: bool,
}

/// The nodes of a zone that fit.
#[derive(Debug, Clone, Default)]
struct Zone {
    candidates: u32,
    /// Slots by score, in order.
    by_score: BTreeMap<i32, Vec<u32>>,
}

/// Pods with equal requests and node selectors, and the nodes in their eyes.
#[derive(Debug, Clone)]
pub(super) struct Class {
    /// What each of the pods requests.
    pub wanted: PodAmounts,
    /// Their node selector.
    pub selector: Labels,
    /// Their tolerations.
    pub tolerations: Vec<Toleration>,
    /// The store's count of changes of nodes that this has seen.
    pub seen: u64,
    /// Why none fits, once that was asked for since then.
    pub unfit: Option<Arc<Diagnosis>>,
    /// By slot.
    nodes: Vec<View>,
    zones: Vec<Zone>,
    candidates: u32,
    /// Candidates with several taints that prefer other pods.
    several_taints: u32,
    /// Kept only where searches end early.
    places: Places,
}

/// Buffers of [`Class::best`].
#[derive(Debug, Clone, Default)]
pub(super) struct Scratch {
    /// Per zone, what spreading sees.
    zones: Vec<SpreadZone>,
    /// The candidates that have pods of the workload.
    with_pods: Vec<WithPods>,
    /// The weighted spread scores by zone and count; `None` if not asked for yet.
    scores: Vec<Option<i64>>,
    /// Best nodes that have pods of the workload.
    ties: Vec<u32>,
    /// Buckets whose other nodes are best too, by zone and score.
    buckets: Vec<(usize, i32)>,
    /// Nodes in those buckets that have pods of the workload and are not best.
    excluded: Vec<u32>,
    /// Where a search ends early: the nodes that it finds, by their places.
    stretch: Bits,
}

/// A candidate that has pods of the workload.
#[derive(Debug, Clone, Copy)]
struct WithPods {
    slot: u32,
    zone: u32,
    score: i32,
    count: u32,
}

/// What spreading sees of a zone.
#[derive(Debug, Clone, Copy, Default)]
struct SpreadZone {
    /// Pods of the workload in it.
    matching: u32,
    /// Candidates that have any, and the least and the most that one has.
    candidates: u32,
    least: u32,
    most: u32,
}

impl SpreadZone {
    /// A candidate with so many pods of the workload.
    fn include(&mut self, count: u32) {
        self.candidates += 1;
        self.most = self.most.max(count);
        self.least = if self.candidates == 1 {
            count
        } else {
            self.least.min(count)
        };
    }
}

/// Weighted scores of spreading, each worked out once.
struct SpreadScores<'a> {
    /// `None` where spreading does not concern the pod.
    spread: Option<Spread>,
    zones: &'a [SpreadZone],
    /// By zone and count.
    known: &'a mut Vec<Option<i64>>,
    stride: usize,
}

impl<'a> SpreadScores<'a> {
    fn new(
        spread: Option<Spread>,
        zones: &'a [SpreadZone],
        known: &'a mut Vec<Option<i64>>,
    ) -> Self {
        let stride = zones.iter().map(|zone| zone.most as usize + 1);
        let stride = stride.max().unwrap_or(1);
        known.clear();
        if spread.is_some() {
            known.resize(stride * zones.len(), None);
        }
        Self {
            spread,
            zones,
            known,
            stride,
        }
    }

    /// Of a node with so many pods of the workload, in a zone.
    fn of(&mut self, zone: usize, count: u32) -> i64 {
        let Some(spread) = &self.spread else { return 0 };
        let known = &mut self.known[zone * self.stride + count as usize];
        *known.get_or_insert_with(|| {
            let in_zone = (zone > 0).then(|| self.zones[zone].matching);
            WEIGHT_SPREAD * spread.score(count, in_zone)
        })
    }
}

impl Class {
    /// A class that has not seen any node.
    pub(super) fn new(wanted: PodAmounts, selector: Labels, tolerations: Vec<Toleration>) -> Self {
        Self {
            wanted,
            selector,
            tolerations,
            seen: 0,
            unfit: None,
            nodes: Vec::new(),
            zones: Vec::new(),
            candidates: 0,
            several_taints: 0,
            places: Places::default(),
        }
    }

    /// Whether a candidate has several taints that prefer other pods: scores are then no longer
    /// what each node is by itself.
    pub(super) fn has_several_taints(&self) -> bool {
        self.several_taints > 0
    }

    /// A node may have changed.
    pub(super) fn look(&mut self, slot: usize, view: View) {
        if self.nodes.len() <= slot {
            self.nodes.resize(slot + 1, View::default());
        }
        let before = std::mem::replace(&mut self.nodes[slot], view);
        if before == view {
            return;
        }
        self.several_taints += u32::from(view.several_taints);
        self.several_taints -= u32::from(before.several_taints);
        if let Some(score) = before.score {
            let zone = &mut self.zones[before.zone as usize];
            if let Some(bucket) = zone.by_score.get_mut(&score) {
                if let Ok(place) = bucket.binary_search(&(slot as u32)) {
                    bucket.remove(place);
                }
                if bucket.is_empty() {
                    zone.by_score.remove(&score);
                }
            }
            zone.candidates -= 1;
            self.candidates -= 1;
        }
        let place = view.zone as usize;
        if self.zones.len() <= place {
            self.zones.resize(place + 1, Zone::default());
        }
        if let Some(score) = view.score {
            let zone = &mut self.zones[place];
            let bucket = zone.by_score.entry(score).or_default();
            if let Err(place) = bucket.binary_search(&(slot as u32)) {
                bucket.insert(place, slot as u32);
            }
            zone.candidates += 1;
            self.candidates += 1;
        }
    }

    /// The slot of the best node for a pod; its tie-breaker in [0, 1) decides among equals.
    /// `matching` are the nodes with pods of its workload and how many, by slot; `None` where
    /// spreading does not concern it.
    pub(super) fn best(
        &self,
        matching: Option<&[(u32, u32)]>,
        tie_breaker: f64,
        scratch: &mut Scratch,
    ) -> Option<usize> {
        if self.candidates == 0 {
            return None;
        }
        scratch.with_pods.clear();
        let spread = matching.map(|matching| self.spread(matching, scratch));
        let Scratch {
            zones,
            with_pods,
            scores,
            ties,
            buckets,
            excluded,
            ..
        } = scratch;
        let is_spread = spread.is_some();
        let mut of_spread = SpreadScores::new(spread, zones, scores);
        ties.clear();
        buckets.clear();
        excluded.clear();
        let mut best = i64::MIN;
        let mut equals = 0;
        for node in &*with_pods {
            let total = i64::from(node.score) + of_spread.of(node.zone as usize, node.count);
            if total > best {
                best = total;
                ties.clear();
            }
            if total == best {
                ties.push(node.slot);
            }
        }
        equals += ties.len();
        for (place, zone) in self.zones.iter().enumerate() {
            if is_spread && zone.candidates == zones[place].candidates {
                continue;
            }
            let of_spread = of_spread.of(place, 0);
            for (&score, bucket) in zone.by_score.iter().rev() {
                let total = i64::from(score) + of_spread;
                if total < best {
                    break;
                }
                let is_here = |node: &&WithPods| node.score == score && node.zone as usize == place;
                let here = || with_pods.iter().filter(is_here).map(|node| node.slot);
                let others = bucket.len() - here().count();
                if others == 0 {
                    continue;
                }
                if total > best {
                    best = total;
                    equals = 0;
                    ties.clear();
                    buckets.clear();
                    excluded.clear();
                }
                equals += others;
                buckets.push((place, score));
                excluded.extend(here());
                break;
            }
        }
        Some(self.equal(scratch, (tie_breaker * equals as f64) as usize))
    }

    /// The slot of the best node of this number, in the order of slots.
    fn equal(&self, scratch: &mut Scratch, number: usize) -> usize {
        let Scratch {
            ties,
            buckets,
            excluded,
            ..
        } = scratch;
        if let ([], [], &[(zone, score)]) = (&ties[..], &excluded[..], &buckets[..]) {
            return self.zones[zone].by_score[&score][number] as usize;
        }
        excluded.sort_unstable();
        let up_to = |slots: &[u32], slot: u32| slots.partition_point(|other| *other <= slot);
        let buckets = buckets.iter();
        let buckets: Vec<&[u32]> = buckets
            .map(|(zone, score)| &self.zones[*zone].by_score[score][..])
            .collect();
        let equals_up_to = |slot: u32| {
            let all: usize = buckets.iter().map(|bucket| up_to(bucket, slot)).sum();
            all + up_to(ties, slot) - up_to(excluded, slot)
        };
        let (mut low, mut high) = (0, self.nodes.len() as u32);
        while low < high {
            let middle = u32::midpoint(low, high);
            if equals_up_to(middle) > number {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low as usize
    }

    fn view(&self, slot: u32) -> View {
        self.nodes.get(slot as usize).copied().unwrap_or_default()
    }

    /// What spreading makes of the candidates.
    fn spread(&self, matching: &[(u32, u32)], scratch: &mut Scratch) -> Spread {
        let zones = &mut scratch.zones;
        zones.clear();
        zones.resize(self.zones.len(), SpreadZone::default());
        for &(slot, count) in matching {
            let view = self.view(slot);
            if !view.selected {
                continue;
            }
            let zone = &mut zones[view.zone as usize];
            zone.matching += count;
            if let Some(score) = view.score {
                scratch.with_pods.push(WithPods {
                    slot,
                    zone: view.zone,
                    score,
                    count,
                });
                zone.include(count);
            }
        }
        let domains = self.zones.iter().filter(|zone| zone.candidates > 0).count();
        let mut spread = Spread::new(self.candidates as usize, domains);
        for (place, (zone, seen)) in self.zones.iter().zip(zones).enumerate() {
            let others = zone.candidates > seen.candidates;
            let extremes = [
                others.then_some(0),
                (seen.candidates > 0).then_some(seen.least),
                (seen.candidates > 0).then_some(seen.most),
            ];
            for count in extremes.into_iter().flatten() {
                spread.include(count, (place > 0).then_some(seen.matching));
            }
        }
        spread
    }
}
