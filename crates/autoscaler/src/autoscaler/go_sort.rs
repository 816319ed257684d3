//! Go's sort that keeps no order among equals, for the order that it gives them.
//!
//! Upstream sorts pods with `slices.SortFunc`. Where many are equally urgent, who goes first
//! is the algorithm's choice, and the algorithm leaves nothing to chance: even the numbers
//! that shuffle a bad range come from its length. Follows `pdqsortCmpFunc` in Go's
//! `src/slices/zsortanyfunc.go` (a pattern-defeating quicksort) move by move, with the shifts
//! that those numbers have had since Go 1.24.

/// Up to this length elements are inserted one by one, which keeps equals in order.
const MAX_INSERTION: usize = 12;
/// From this length on the pivot is a median of medians, and nearly sorted ranges are mended.
const LONG: usize = 50;
/// Comparisons of a median of medians: if all ask for a swap, the range descends.
const ALL_SWAPS: u32 = 12;
/// Pairs out of order up to which a range counts as nearly sorted.
const MAX_MENDED: u32 = 5;

/// Sorts as Go does; `less` tells whether its first argument has to come before the second.
pub(super) fn sort_by<T>(data: &mut [T], less: impl Fn(&T, &T) -> bool) {
    let end = data.len();
    Sorter { data, less }.sort(0, end, usize::BITS - end.leading_zeros());
}

/// What the choice of a pivot saw of the order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hint {
    Unknown,
    Increasing,
    Decreasing,
}

/// The whole data: a range looks at its neighbour on the left.
struct Sorter<'d, T, L> {
    data: &'d mut [T],
    less: L,
}

impl<T, L: Fn(&T, &T) -> bool> Sorter<'_, T, L> {
    fn less(&self, one: usize, other: usize) -> bool {
        (self.less)(&self.data[one], &self.data[other])
    }

    /// Sorts `start..end`; after `bad_splits` lopsided partitions by a heap.
    fn sort(&mut self, mut start: usize, mut end: usize, mut bad_splits: u32) {
        let (mut balanced, mut partitioned) = (true, true);
        loop {
            let length = end - start;
            if length <= MAX_INSERTION {
                return self.insert(start, end);
            }
            if bad_splits == 0 {
                return self.heap_sort(start, end);
            }
            if !balanced {
                self.scatter(start, end);
                bad_splits -= 1;
            }
            let (mut pivot, mut hint) = self.choose_pivot(start, end);
            if hint == Hint::Decreasing {
                self.data[start..end].reverse();
                pivot = end - 1 - (pivot - start);
                hint = Hint::Increasing;
            }
            let looks_sorted = balanced && partitioned && hint == Hint::Increasing;
            if looks_sorted && self.mend(start, end) {
                return;
            }
            // Nothing here is less than the neighbour on the left: if the pivot is not more
            // either, its equals are in place together.
            if start > 0 && !self.less(start - 1, pivot) {
                start = self.gather_equals(start, end, pivot);
                continue;
            }
            let (middle, was_partitioned) = self.partition(start, end, pivot);
            partitioned = was_partitioned;
            let (left, right) = (middle - start, end - middle);
            balanced = left.min(right) >= length / 8;
            if left < right {
                self.sort(start, middle, bad_splits);
                start = middle + 1;
            } else {
                self.sort(middle + 1, end, bad_splits);
                end = middle;
            }
        }
    }

    fn insert(&mut self, start: usize, end: usize) {
        for next in start + 1..end {
            self.sink(next, start);
        }
    }

    /// Moves an element to the left while it is less than its neighbour.
    fn sink(&mut self, mut place: usize, start: usize) {
        while place > start && self.less(place, place - 1) {
            self.data.swap(place, place - 1);
            place -= 1;
        }
    }

    fn heap_sort(&mut self, start: usize, end: usize) {
        let length = end - start;
        for root in (0..=(length - 1) / 2).rev() {
            self.sift_down(start, root, length);
        }
        for last in (0..length).rev() {
            self.data.swap(start, start + last);
            self.sift_down(start, 0, last);
        }
    }

    fn sift_down(&mut self, start: usize, mut root: usize, length: usize) {
        loop {
            let mut child = 2 * root + 1;
            if child >= length {
                return;
            }
            if child + 1 < length && self.less(start + child, start + child + 1) {
                child += 1;
            }
            if !self.less(start + root, start + child) {
                return;
            }
            self.data.swap(start + root, start + child);
            root = child;
        }
    }

    /// Splits into what is less than the pivot and the rest; the pivot's place between, and
    /// whether they were split already.
    fn partition(&mut self, start: usize, end: usize, pivot: usize) -> (usize, bool) {
        self.data.swap(start, pivot);
        let (mut left, mut right) = (start + 1, end - 1);
        let mut swapped = false;
        loop {
            while left <= right && self.less(left, start) {
                left += 1;
            }
            while left <= right && !self.less(right, start) {
                right -= 1;
            }
            if left > right {
                break;
            }
            self.data.swap(left, right);
            swapped = true;
            left += 1;
            right -= 1;
        }
        self.data.swap(right, start);
        (right, !swapped)
    }

    /// Moves the pivot's equals to the front of a range in which nothing is less; the place
    /// behind them.
    fn gather_equals(&mut self, start: usize, end: usize, pivot: usize) -> usize {
        self.data.swap(start, pivot);
        let (mut left, mut right) = (start + 1, end - 1);
        loop {
            while left <= right && !self.less(start, left) {
                left += 1;
            }
            while left <= right && self.less(start, right) {
                right -= 1;
            }
            if left > right {
                return left;
            }
            self.data.swap(left, right);
            left += 1;
            right -= 1;
        }
    }

    /// Sorts a range with few pairs out of order; false if there are too many, or if the range
    /// is too short to be worth it.
    fn mend(&mut self, start: usize, end: usize) -> bool {
        let mut place = start + 1;
        for _ in 0..MAX_MENDED {
            while place < end && !self.less(place, place - 1) {
                place += 1;
            }
            if place == end {
                return true;
            }
            if end - start < LONG {
                return false;
            }
            self.data.swap(place, place - 1);
            if place - start >= 2 {
                self.sink(place - 1, 0);
            }
            if end - place >= 2 {
                let mut right = place + 1;
                while right < end && self.less(right, right - 1) {
                    self.data.swap(right, right - 1);
                    right += 1;
                }
            }
        }
        false
    }

    /// Swaps three elements in the middle with others, chosen by the length.
    fn scatter(&mut self, start: usize, end: usize) {
        let length = end - start;
        let mask = (length + 1).next_power_of_two() - 1;
        let mut random = length as u64;
        let middle = start + length / 4 * 2;
        for place in middle - 1..=middle + 1 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let mut other = random as usize & mask;
            if other >= length {
                other -= length;
            }
            self.data.swap(place, start + other);
        }
    }

    /// A median of three, of long ranges of three medians.
    fn choose_pivot(&self, start: usize, end: usize) -> (usize, Hint) {
        let length = end - start;
        let quarter = length / 4;
        let mut places = [1, 2, 3].map(|place| start + quarter * place);
        let mut swaps = 0;
        if length >= LONG {
            places = places.map(|middle| self.median([middle - 1, middle, middle + 1], &mut swaps));
        }
        let pivot = self.median(places, &mut swaps);
        let hint = match swaps {
            0 => Hint::Increasing,
            ALL_SWAPS => Hint::Decreasing,
            _ => Hint::Unknown,
        };
        (pivot, hint)
    }

    fn median(&self, [mut a, mut b, mut c]: [usize; 3], swaps: &mut u32) -> usize {
        let mut order = |one: &mut usize, other: &mut usize| {
            if self.less(*other, *one) {
                *swaps += 1;
                std::mem::swap(one, other);
            }
        };
        order(&mut a, &mut b);
        order(&mut b, &mut c);
        order(&mut a, &mut b);
        b
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The numbers of elements with these keys, sorted by key.
    fn order(keys: &[u32]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..keys.len()).collect();
        sort_by(&mut order, |one, other| keys[*one] < keys[*other]);
        order
    }

    #[test]
    fn a_dozen_keeps_its_order_and_more_need_not() {
        let keys =
            |length: usize| -> Vec<u32> { (0..length).map(|i| (i as u32 + 1) % 2).collect() };
        let stable = |length: usize| {
            let mut order: Vec<usize> = (0..length).collect();
            order.sort_by_key(|i| keys(length)[*i]);
            order
        };
        assert_eq!(order(&keys(12)), stable(12));
        assert_ne!(order(&keys(40)), stable(40));
    }

    #[test]
    fn what_is_sorted_stays_and_what_descends_turns_around() {
        let equal = order(&[7; 200]);
        assert_eq!(equal, (0..200).collect::<Vec<_>>());
        let descending: Vec<u32> = (0..100).rev().collect();
        assert_eq!(order(&descending), (0..100).rev().collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn everything_comes_out_once_and_in_order(keys in prop::collection::vec(0..9u32, 0..400)) {
            let order = order(&keys);
            prop_assert!(order.is_sorted_by_key(|place| keys[*place]));
            let mut all = order;
            all.sort_unstable();
            prop_assert_eq!(all, (0..keys.len()).collect::<Vec<_>>());
        }

        #[test]
        fn patterns_that_split_badly_are_sorted_too(length in 100..400usize, period in 2..40usize) {
            let keys: Vec<u32> = (0..length).map(|i| ((i * i) % period) as u32).collect();
            prop_assert!(order(&keys).is_sorted_by_key(|place| keys[*place]));
        }
    }
}
