//! The choice among some of the nodes that fit: in a large cluster a search is content with fewer
//! than all (`findNodesThatPassFilters`).
//!
//! Upstream's sixteen workers look at nodes side by side, so that which ones come first there is
//! partly chance; here it is the order of the node tree.

use super::super::images::Wanted;
use super::super::node_tree::Order;
use super::super::score::Spread;
use super::{Class, Scratch, SpreadScores, SpreadZone, WithPods};

/// Where a search begins, and with how many nodes it is content; what it finds on them.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Window<'a> {
    /// All nodes.
    pub order: &'a Order,
    /// The place at which it begins.
    pub start: usize,
    /// So many nodes that fit.
    pub enough: usize,
    /// The pod's images.
    pub images: &'a Wanted<'a>,
}

impl Class {
    /// Whether it knows the places of this order.
    pub(in super::super) fn follows(&self, order: &Order) -> bool {
        self.places.version == order.version()
    }

    /// The order of nodes is this from now on.
    pub(in super::super) fn follow(&mut self, order: &Order) {
        self.places.version = order.version();
        self.places.clear(order.nodes().len());
        for slot in 0..self.nodes.len() {
            self.note(slot, order);
        }
    }

    /// It is not told of nodes by their places for a while.
    pub(in super::super) fn lose_order(&mut self) {
        self.places.version = 0;
    }

    /// A node may fit, or no longer.
    pub(in super::super) fn note(&mut self, slot: usize, order: &Order) {
        if let Some(place) = order.place(slot) {
            let view = self.nodes[slot];
            self.places
                .set(place, view.score.map(|score| (view.zone, score)));
        }
    }

    /// The slot of the best of the nodes that a search finds, and where the next one begins: as
    /// upstream's it is over when it comes upon a node more than it needs. Otherwise as
    /// [`Self::best`].
    pub(in super::super) fn best_of_some(
        &self,
        window: Window<'_>,
        matching: Option<&[(u32, u32)]>,
        tie_breaker: f64,
        scratch: &mut Scratch,
    ) -> Option<(usize, usize)> {
        let (found, next) = self
            .places
            .stretch(window.start, window.enough, &mut scratch.stretch);
        let next = next.unwrap_or(window.start);
        scratch.with_pods.clear();
        let spread =
            matching.map(|matching| self.spread_of_some(matching, window.order, found, scratch));
        if !window.images.is_empty() {
            self.look_at_each(window, scratch);
        }
        let Scratch {
            zones,
            scores,
            ties,
            with_pods,
            stretch,
            buckets,
            ..
        } = scratch;
        let mut of_spread = SpreadScores::new(spread, zones, scores);
        let mut best = i64::MIN;
        ties.clear();
        for node in &*with_pods {
            let slot = node.slot as usize;
            let total = i64::from(node.score)
                + window.images.score(slot)
                + of_spread.of(node.zone as usize, node.count);
            if total > best {
                best = total;
                ties.clear();
            }
            if total == best {
                ties.push(node.slot);
            }
        }
        buckets.clear();
        for (place, zone) in self.places.zones.iter().enumerate() {
            let mut scores = zone.by_score.iter().rev();
            let Some((&score, _)) = scores.find(|(_, (_, bits))| bits.meets(stretch)) else {
                continue;
            };
            let total = i64::from(score) + of_spread.of(place, 0);
            if total > best {
                best = total;
                ties.clear();
                buckets.clear();
            }
            if total == best {
                buckets.push((place, score));
            }
        }
        for (place, score) in &*buckets {
            let (_, bits) = &self.places.zones[*place].by_score[score];
            let nodes = window.order.nodes();
            bits.each_shared(stretch, |place| ties.push(nodes[place].slot() as u32));
        }
        if ties.is_empty() {
            return None;
        }
        let number = (tie_breaker * ties.len() as f64) as usize;
        let (_, slot, _) = ties.select_nth_unstable(number);
        Some((*slot as usize, next))
    }

    /// Nodes that differ in more than their scores are looked at one by one, as those with pods are.
    fn look_at_each(&self, window: Window<'_>, scratch: &mut Scratch) {
        let Scratch {
            with_pods, stretch, ..
        } = scratch;
        let nodes = window.order.nodes();
        for zone in &self.places.zones {
            zone.all.each_shared(stretch, |place| {
                let slot = nodes[place].slot() as u32;
                let view = self.view(slot);
                with_pods.extend(view.score.map(|score| WithPods {
                    slot,
                    zone: view.zone,
                    score,
                    count: 0,
                }));
            });
        }
        stretch.clear(0);
    }

    /// What spreading makes of so many nodes found. Those with pods of the workload are put aside.
    fn spread_of_some(
        &self,
        matching: &[(u32, u32)],
        order: &Order,
        found: usize,
        scratch: &mut Scratch,
    ) -> Spread {
        let Scratch {
            zones,
            with_pods,
            stretch,
            ..
        } = scratch;
        zones.clear();
        zones.resize(self.zones.len(), SpreadZone::default());
        for &(slot, count) in matching {
            let view = self.view(slot);
            if !view.selected {
                continue;
            }
            let zone = &mut zones[view.zone as usize];
            zone.matching += count;
            let place = order.place(slot as usize);
            if let Some(score) = view.score
                && place.is_some_and(|place| stretch.take(place))
            {
                zone.include(count);
                with_pods.push(WithPods {
                    slot,
                    zone: view.zone,
                    score,
                    count,
                });
            }
        }
        for (zone, places) in zones.iter_mut().zip(&self.places.zones) {
            let others = places.all.shared(stretch);
            if others > 0 {
                zone.include(0);
                zone.candidates += others - 1;
            }
        }
        let domains = zones.iter().filter(|zone| zone.candidates > 0).count();
        let mut spread = Spread::new(found, domains);
        for (place, zone) in zones.iter().enumerate() {
            if zone.candidates > 0 {
                for count in [zone.least, zone.most] {
                    spread.include(count, (place > 0).then_some(zone.matching));
                }
            }
        }
        spread
    }
}
