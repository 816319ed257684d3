//! A few entries in order: quicker than a heap as long as they are few.

use super::processor_sharing::Entry;

/// So many entries at most; a power of two.
pub(super) const MOST: usize = 64;

/// Entries by their keys, those of one key in the order in which they came, in a ring.
#[derive(Debug, Clone)]
pub(super) struct Few {
    ring: [Entry; MOST],
    /// Where the first is, and how many there are.
    first: usize,
    length: usize,
    /// The key of the first; [`u64::MAX`] if there is none.
    least: u64,
}

impl Default for Few {
    fn default() -> Self {
        let none = Entry {
            key: u64::MAX,
            order: 0,
            slot: 0,
        };
        Self {
            ring: [none; MOST],
            first: 0,
            length: 0,
            least: u64::MAX,
        }
    }
}

impl Few {
    /// Holds these entries from now on, at most [`MOST`].
    pub(super) fn fill(&mut self, entries: &[Entry]) {
        (self.first, self.length) = (0, entries.len());
        let own = &mut self.ring[..entries.len()];
        own.copy_from_slice(entries);
        own.sort_unstable_by_key(|one| (one.key, one.order));
        self.least = own.first().map_or(u64::MAX, |first| first.key);
    }

    /// The key of the first; [`u64::MAX`] if there is none.
    #[inline]
    pub(super) fn least(&self) -> u64 {
        self.least
    }

    /// Takes out the first and returns its slot.
    #[inline]
    pub(super) fn pop(&mut self) -> u32 {
        let slot = self.ring[self.first % MOST].slot;
        self.first += 1;
        self.length -= 1;
        self.least = match self.length {
            0 => u64::MAX,
            _ => self.ring[self.first % MOST].key,
        };
        slot
    }

    /// Puts in an entry that comes after all others; there is room.
    #[inline]
    pub(super) fn push(&mut self, entry: Entry) {
        let mut place = self.first + self.length;
        while place > self.first {
            let before = self.ring[(place - 1) % MOST];
            if before.key <= entry.key {
                break;
            }
            self.ring[place % MOST] = before;
            place -= 1;
        }
        self.ring[place % MOST] = entry;
        self.length += 1;
        self.least = self.least.min(entry.key);
    }

    /// All of them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Entry> {
        let places = self.first..self.first + self.length;
        places.map(|place| self.ring[place % MOST])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BinaryHeap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Entries come out as from a heap.
        #[test]
        fn entries_come_in_the_order_of_a_heap(
            before in prop::collection::vec(0u64..20, 0..8),
            steps in prop::collection::vec((0u64..20, any::<bool>()), 0..200),
        ) {
            let entry = |(order, key)| Entry { key, order, slot: 1000 + order };
            let mut heap: BinaryHeap<Entry> = (0..).zip(before).map(entry).collect();
            let mut few = Few::default();
            few.fill(heap.as_slice());
            for (order, (key, takes)) in (100..).zip(steps) {
                if takes && let Some(first) = heap.pop() {
                    prop_assert_eq!(few.least(), first.key);
                    prop_assert_eq!(few.pop(), first.slot);
                } else if heap.len() < MOST {
                    few.push(entry((order, key)));
                    heap.push(entry((order, key)));
                }
                prop_assert_eq!(few.iter().count(), heap.len());
            }
            let mut left = heap.into_sorted_vec();
            left.reverse();
            prop_assert_eq!(few.iter().collect::<Vec<_>>(), left);
        }
    }
}
