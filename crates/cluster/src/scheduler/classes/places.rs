//! The nodes that fit, as sets of places in the order of the node tree: one bit each, by zone and
//! score.
//!
//! A search that ends early takes a stretch of them, and asks which of a zone and a score are in it,
//! 64 nodes at a time.

use std::collections::BTreeMap;

/// Some places.
#[derive(Debug, Clone, Default)]
pub(super) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// None, of so many.
    pub(super) fn clear(&mut self, places: usize) {
        self.words.clear();
        self.words.resize(places.div_ceil(64), 0);
    }

    fn insert(&mut self, place: usize) {
        self.words[place / 64] |= 1 << (place % 64);
    }

    fn remove(&mut self, place: usize) {
        self.words[place / 64] &= !(1 << (place % 64));
    }

    /// Takes a place out; whether it was there.
    pub(super) fn take(&mut self, place: usize) -> bool {
        let word = self.words.get_mut(place / 64);
        let bit = 1 << (place % 64);
        word.is_some_and(|word| {
            let was_there = *word & bit != 0;
            *word &= !bit;
            was_there
        })
    }

    /// What both have, 64 places each.
    fn both<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = u64> + 'a {
        let words = self.words.iter().zip(&other.words);
        words.map(|(one, other)| one & other)
    }

    /// How many both have.
    pub(super) fn shared(&self, other: &Self) -> u32 {
        let words = self.both(other).filter(|word| *word != 0);
        words.map(u64::count_ones).sum()
    }

    /// Whether both have one.
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.both(other).any(|word| word != 0)
    }

    /// The places that both have, ascending.
    pub(super) fn each_shared(&self, other: &Self, mut found: impl FnMut(usize)) {
        for (number, mut word) in self.both(other).enumerate() {
            while word != 0 {
                found(number * 64 + word.trailing_zeros() as usize);
                word &= word - 1;
            }
        }
    }
}

/// Those of a zone.
#[derive(Debug, Clone, Default)]
pub(super) struct ZonePlaces {
    pub(super) all: Bits,
    /// How many have each score, and which; of scores that some have.
    pub(super) by_score: BTreeMap<i32, (u32, Bits)>,
}

/// The places whose nodes fit.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    all: Bits,
    pub(super) zones: Vec<ZonePlaces>,
    /// The zone and the score of each that fits.
    seen: Vec<Option<(u32, i32)>>,
    /// Sets of no place, to be used again.
    spare: Vec<Bits>,
    /// The order's count of changes for which they hold.
    pub(super) version: u64,
}

impl Places {
    /// None, of so many.
    pub(super) fn clear(&mut self, places: usize) {
        self.all.clear(places);
        self.zones.clear();
        self.spare.clear();
        self.seen.clear();
        self.seen.resize(places, None);
    }

    /// The node of a place is of this zone and has this score; none if it does not fit.
    pub(super) fn set(&mut self, place: usize, now: Option<(u32, i32)>) {
        let before = std::mem::replace(&mut self.seen[place], now);
        if before == now {
            return;
        }
        if let Some((zone, score)) = before {
            self.all.remove(place);
            let zone = &mut self.zones[zone as usize];
            zone.all.remove(place);
            if let Some((count, bits)) = zone.by_score.get_mut(&score) {
                bits.remove(place);
                *count -= 1;
                if *count == 0 {
                    self.spare
                        .extend(zone.by_score.remove(&score).map(|one| one.1));
                }
            }
        }
        if let Some((zone, score)) = now {
            let places = self.seen.len();
            self.all.insert(place);
            while self.zones.len() <= zone as usize {
                let mut made = ZonePlaces::default();
                made.all.clear(places);
                self.zones.push(made);
            }
            let zone = &mut self.zones[zone as usize];
            zone.all.insert(place);
            let (count, bits) = zone.by_score.entry(score).or_insert_with(|| {
                let made = self.spare.pop().unwrap_or_else(|| {
                    let mut made = Bits::default();
                    made.clear(places);
                    made
                });
                (0, made)
            });
            bits.insert(place);
            *count += 1;
        }
    }

    /// The first `most` from a place on, those before it behind the others: written into `stretch`;
    /// how many they are, and the one that would be next.
    pub(super) fn stretch(
        &self,
        start: usize,
        most: usize,
        stretch: &mut Bits,
    ) -> (usize, Option<usize>) {
        stretch.clear(self.seen.len());
        let words = &self.all.words;
        let (at, mask) = (start / 64, u64::MAX << (start % 64));
        let mut left = most;
        for (turn, number) in (at..words.len()).chain(0..=at).enumerate() {
            let mut word = words.get(number).copied().unwrap_or_default();
            if number == at {
                word &= if turn == 0 { mask } else { !mask };
            }
            if word == 0 {
                continue;
            }
            let mut rest = word;
            let count = word.count_ones() as usize;
            if count <= left {
                (left, rest) = (left - count, 0);
            } else {
                for _ in 0..std::mem::take(&mut left) {
                    rest &= rest - 1;
                }
            }
            stretch.words[number] |= word & !rest;
            if rest != 0 {
                return (most, Some(number * 64 + rest.trailing_zeros() as usize));
            }
        }
        (most - left, None)
    }
}
