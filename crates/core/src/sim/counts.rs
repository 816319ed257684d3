//! Counts of durations to three significant digits, cheap to add to.
//!
//! The places are those of an HDR histogram from 1 to an hour in microseconds. Only the counts are
//! kept, and only as far as they were needed; figures are read from the histogram that they fill.

use hdrhistogram::{Counter, Histogram};

/// Longest duration that is told apart from longer ones, in microseconds: an hour.
pub const LONGEST: u64 = 3_600_000_000;

/// Bits that are kept of a duration.
const BITS: u32 = 11;
/// Half of what the bits can hold: the distance of two powers of two in the places.
const HALF: usize = 1 << (BITS - 1);
/// Places that are looked at together.
const RUN: usize = 32;
/// Longer than what has a place.
const BEYOND: u64 = 1 << 32;

/// Durations in microseconds up to an hour, three significant digits.
pub fn histogram<C: Counter>() -> Histogram<C> {
    Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are valid constants")
}

/// Durations that are equal to three digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// The least of them, in microseconds.
    pub least: u64,
    /// The one in the middle.
    pub middle: u64,
    /// The greatest.
    pub most: u64,
    /// How often one of them came.
    pub count: u32,
}

/// How often which duration came.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    places: Vec<u32>,
    total: u64,
    beyond: Vec<u64>,
}

impl Counts {
    /// Counts a duration of so many microseconds.
    #[inline]
    pub fn add(&mut self, micros: u64) {
        self.add_at(place(micros), micros);
    }

    /// The same where its [`place`] is known.
    #[inline]
    pub fn add_at(&mut self, place: usize, micros: u64) {
        self.total += 1;
        if let Some(count) = self.places.get_mut(place)
            && *count < u32::MAX
        {
            *count += 1;
        } else {
            self.grow(place, micros);
        }
    }

    #[cold]
    fn grow(&mut self, place: usize, micros: u64) {
        if micros >= BEYOND || self.places.get(place) == Some(&u32::MAX) {
            self.beyond.push(micros);
            return;
        }
        let size = (place + 1).next_power_of_two().max(HALF);
        if self.places.len() < size {
            self.places.resize(size, 0);
        }
        self.places[place] += 1;
    }

    /// How many were counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Adds all of them to a histogram with the bounds of [`histogram`].
    pub fn fill<C: Counter>(&self, histogram: &mut Histogram<C>) {
        for (place, &count) in self.places.iter().enumerate() {
            if let Some(count) = C::from_u32(count).filter(|_| count > 0) {
                histogram.saturating_record_n(value(place), count);
            }
        }
        for &micros in &self.beyond {
            histogram.saturating_record(micros);
        }
    }

    /// The durations that came, in ascending order; nothing if the histogram with the bounds of
    /// [`histogram`] would hold some of them at less than they are.
    pub fn groups(&self) -> Option<impl Iterator<Item = Group>> {
        let beyond = self.places.get(place(LONGEST)..).unwrap_or_default();
        if !self.beyond.is_empty() || beyond.iter().any(|&count| count > 0) {
            return None;
        }
        // Most places are empty: look at many of them together.
        let runs = self.places.chunks(RUN).enumerate();
        let runs = runs.filter(|(_, run)| run.iter().fold(0, |any, count| any | count) > 0);
        let places = runs.flat_map(|(number, run)| (number * RUN..).zip(run));
        let counted = places.filter(|&(_, &count)| count > 0);
        Some(counted.map(|(place, &count)| {
            let (least, size) = (value(place), 1 << (place >> (BITS - 1)).saturating_sub(1));
            Group {
                least,
                middle: least + (size >> 1),
                most: least + size - 1,
                count,
            }
        }))
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.places.fill(0);
        self.beyond.clear();
        self.total = 0;
    }
}

/// The place of a duration of so many microseconds: its leading bits after its power of two.
#[inline]
pub fn place(micros: u64) -> usize {
    let shift = (64 - BITS) - (micros | (2 * HALF as u64 - 1)).leading_zeros();
    ((shift as usize) << (BITS - 1)) + (micros >> shift) as usize
}

/// The least duration of a place.
fn value(place: usize) -> u64 {
    let shift = (place >> (BITS - 1)).max(1) - 1;
    ((place - (shift << (BITS - 1))) as u64) << shift
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn counts_fill_a_histogram_as_its_own_records_do(
            values in prop::collection::vec((0u64..1 << 20, 0u32..20), 0..200),
        ) {
            let mut counts = Counts::default();
            let mut own: Histogram<u32> = histogram();
            for (value, shift) in values {
                counts.add(value << shift);
                own.saturating_record(value << shift);
            }
            let mut filled: Histogram<u32> = histogram();
            counts.fill(&mut filled);
            prop_assert_eq!(counts.total(), own.len());
            prop_assert_eq!((filled.min(), filled.max()), (own.min(), own.max()));
            prop_assert_eq!(filled.mean(), own.mean());
            for tenth in 0..=10 {
                let quantile = f64::from(tenth) / 10.0;
                prop_assert_eq!(
                    filled.value_at_quantile(quantile),
                    own.value_at_quantile(quantile)
                );
            }
        }
    }
}
