//! The choice among some of the nodes that fit: in a large cluster a search is content with fewer
//! than all (`findNodesThatPassFilters`).
//!
//! Upstream's sixteen workers look at nodes side by side, so that which ones come first there is
//! partly chance; here it is the order of the node tree.

use super::super::images::Wanted;
use super::super::node_tree::Order;
use super::super::score::Spread;
use super::{Class, Scratch, SpreadScores, SpreadZone};

/// The places in the order of the node tree whose nodes fit, one bit each.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    words: Vec<u64>,
    /// The order's count of changes for which they hold.
    version: u64,
}

impl Places {
    fn set(&mut self, place: usize, fits: bool) {
        let bit = 1 << (place % 64);
        if fits {
            self.words[place / 64] |= bit;
        } else {
            self.words[place / 64] &= !bit;
        }
    }

    /// The first `most` from a place on, those before it behind the others, and the one that would be
    /// next.
    fn from(&self, start: usize, most: usize, mut found: impl FnMut(usize)) -> Option<usize> {
        let (at, mask) = (start / 64, u64::MAX << (start % 64));
        let mut left = most;
        for (turn, number) in (at..self.words.len()).chain(0..=at).enumerate() {
            let mut word = self.words.get(number).copied().unwrap_or_default();
            if number == at {
                word &= if turn == 0 { mask } else { !mask };
            }
            while word != 0 {
                let place = number * 64 + word.trailing_zeros() as usize;
                if left == 0 {
                    return Some(place);
                }
                found(place);
                left -= 1;
                word &= word - 1;
            }
        }
        None
    }
}

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
        self.places.words.clear();
        let words = order.nodes().len().div_ceil(64);
        self.places.words.resize(words, 0);
        for (slot, view) in self.nodes.iter().enumerate() {
            if let Some(place) = order.place(slot).filter(|_| view.score.is_some()) {
                self.places.set(place, true);
            }
        }
    }

    /// It is not told of nodes by their places for a while.
    pub(in super::super) fn lose_order(&mut self) {
        self.places.version = 0;
    }

    /// A node may fit, or no longer.
    pub(in super::super) fn note(&mut self, slot: usize, order: &Order) {
        if let Some(place) = order.place(slot) {
            self.places.set(place, self.nodes[slot].score.is_some());
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
        let nodes = window.order.nodes();
        let Scratch { found, .. } = scratch;
        found.clear();
        let find = |place: usize| found.push(nodes[place].slot() as u32);
        let next = self.places.from(window.start, window.enough, find);
        let next = next.unwrap_or(window.start);
        let spread = matching.map(|matching| self.spread_of_some(matching, scratch));
        let is_spread = spread.is_some();
        let Scratch {
            zones,
            scores,
            ties,
            found,
            counts,
            ..
        } = scratch;
        let mut of_spread = SpreadScores::new(spread, zones, scores);
        let mut best = i64::MIN;
        ties.clear();
        for &slot in &*found {
            let view = self.nodes[slot as usize];
            let mut total = i64::from(view.score.unwrap_or_default());
            total += window.images.score(slot as usize);
            if is_spread {
                total += of_spread.of(view.zone as usize, counts[slot as usize]);
            }
            if total > best {
                best = total;
                ties.clear();
            }
            if total == best {
                ties.push(slot);
            }
        }
        for (slot, _) in matching.unwrap_or_default() {
            if let Some(count) = counts.get_mut(*slot as usize) {
                *count = 0;
            }
        }
        let number = (tie_breaker * ties.len() as f64) as usize;
        if ties.is_empty() {
            return None;
        }
        let (_, slot, _) = ties.select_nth_unstable(number);
        Some((*slot as usize, next))
    }

    /// What spreading makes of the nodes found; how many pods each has is in the scratch then.
    fn spread_of_some(&self, matching: &[(u32, u32)], scratch: &mut Scratch) -> Spread {
        let Scratch {
            zones,
            found,
            counts,
            ..
        } = scratch;
        zones.clear();
        zones.resize(self.zones.len(), SpreadZone::default());
        if counts.len() < self.nodes.len() {
            counts.resize(self.nodes.len(), 0);
        }
        for &(slot, count) in matching {
            let view = self.view(slot);
            if view.selected {
                zones[view.zone as usize].matching += count;
                counts[slot as usize] = count;
            }
        }
        for &slot in &*found {
            let zone = self.nodes[slot as usize].zone;
            zones[zone as usize].include(counts[slot as usize]);
        }
        let domains = zones.iter().filter(|zone| zone.candidates > 0).count();
        let mut spread = Spread::new(found.len(), domains);
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
