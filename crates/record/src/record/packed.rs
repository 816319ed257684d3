//! Long lists of things that are much like the one before: kept is how they differ from it.

use crate::sim::SimTime;

/// Bytes of differences in a page.
const SIZE: usize = 1000;
const SECOND: i64 = 1_000_000_000;

/// Something that is kept as its difference from another one.
pub trait Differ: Clone {
    /// Writes how it differs from the one before it, in at least one byte.
    fn write(&self, before: &Self, to: &mut Vec<u8>);
    /// What differs so from the one before it; takes its bytes away.
    fn read(before: &Self, from: &mut &[u8]) -> Self;
}

/// Writes a number in as few bytes as it takes.
#[inline]
pub(super) fn put(to: &mut Vec<u8>, value: u64) {
    if value < 0x80 {
        to.push(value as u8);
    } else {
        put_long(to, value);
    }
}

fn put_long(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

/// Reads what [`put`] wrote.
#[inline]
pub(super) fn take(from: &mut &[u8]) -> u64 {
    if let [byte @ ..0x80, rest @ ..] = *from {
        *from = rest;
        return u64::from(*byte);
    }
    take_long(from)
}

fn take_long(from: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    while let [byte, rest @ ..] = *from {
        *from = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
    }
    value
}

/// Writes a number that may be negative; small ones of either sign are short.
pub(super) fn put_signed(to: &mut Vec<u8>, value: i64) {
    put(to, ((value << 1) ^ (value >> 63)) as u64);
}

/// Reads what [`put_signed`] wrote.
pub(super) fn take_signed(from: &mut &[u8]) -> i64 {
    let value = take(from);
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Many steps are whole seconds long.
impl Differ for SimTime {
    fn write(&self, before: &Self, to: &mut Vec<u8>) {
        let length = self.0.wrapping_sub(before.0);
        if length % SECOND == 0 {
            put_signed(to, length / SECOND * 2 + 1);
        } else {
            put_signed(to, length.wrapping_mul(2));
        }
    }

    fn read(before: &Self, from: &mut &[u8]) -> Self {
        let value = take_signed(from);
        let length = if value & 1 == 1 {
            (value >> 1).wrapping_mul(SECOND)
        } else {
            value >> 1
        };
        Self(before.0.wrapping_add(length))
    }
}

impl Differ for i32 {
    fn write(&self, before: &Self, to: &mut Vec<u8>) {
        put_signed(to, i64::from(*self) - i64::from(*before));
    }

    fn read(before: &Self, from: &mut &[u8]) -> Self {
        before.wrapping_add(take_signed(from) as i32)
    }
}

impl Differ for u32 {
    fn write(&self, before: &Self, to: &mut Vec<u8>) {
        put_signed(to, i64::from(*self) - i64::from(*before));
    }

    fn read(before: &Self, from: &mut &[u8]) -> Self {
        before.wrapping_add(take_signed(from) as u32)
    }
}

/// The last bytes of most numbers are zeros: they come first.
impl Differ for f64 {
    fn write(&self, before: &Self, to: &mut Vec<u8>) {
        put(to, (self.to_bits() ^ before.to_bits()).swap_bytes());
    }

    fn read(before: &Self, from: &mut &[u8]) -> Self {
        Self::from_bits(before.to_bits() ^ take(from).swap_bytes())
    }
}

/// Writes which of up to eight values differ, and how those do.
pub(super) fn write_changed<T: Differ + Alike, const COUNT: usize>(
    values: &[T; COUNT],
    before: &[T; COUNT],
    to: &mut Vec<u8>,
) {
    let mut which = 0;
    for (bit, (value, before)) in values.iter().zip(before).enumerate() {
        which |= u8::from(!value.is_alike(before)) << bit;
    }
    to.push(which);
    while let Some(value) = values.get(which.trailing_zeros() as usize) {
        value.write(&before[which.trailing_zeros() as usize], to);
        which &= which - 1;
    }
}

/// Reads what [`write_changed`] wrote.
pub(super) fn read_changed<T: Differ, const COUNT: usize>(
    mut values: [T; COUNT],
    from: &mut &[u8],
) -> [T; COUNT] {
    let [which, rest @ ..] = *from else {
        return values;
    };
    *from = rest;
    let mut which = *which;
    while let Some(value) = values.get_mut(which.trailing_zeros() as usize) {
        *value = T::read(value, from);
        which &= which - 1;
    }
    values
}

/// Values of which it can be told that they differ in nothing.
pub(super) trait Alike {
    fn is_alike(&self, other: &Self) -> bool;
}

impl Alike for u32 {
    fn is_alike(&self, other: &Self) -> bool {
        self == other
    }
}

impl Alike for f64 {
    fn is_alike(&self, other: &Self) -> bool {
        self.to_bits() == other.to_bits()
    }
}

impl<A: Differ, B: Differ> Differ for (A, B) {
    fn write(&self, before: &Self, to: &mut Vec<u8>) {
        self.0.write(&before.0, to);
        self.1.write(&before.1, to);
    }

    fn read(before: &Self, from: &mut &[u8]) -> Self {
        (A::read(&before.0, from), B::read(&before.1, from))
    }
}

/// Things one after the other: the first as it is, of the others how they differ.
#[derive(Debug, Clone, PartialEq)]
struct Page<T> {
    /// The place of the first one.
    from: usize,
    first: T,
    others: Vec<u8>,
}

/// A list of things, the last of which may still change.
#[derive(Debug, Clone, PartialEq)]
pub struct Packed<T> {
    pages: Vec<Page<T>>,
    /// The one before the last.
    before: Option<T>,
    last: Option<T>,
    count: usize,
}

impl<T> Default for Packed<T> {
    fn default() -> Self {
        Self {
            pages: Vec::new(),
            before: None,
            last: None,
            count: 0,
        }
    }
}

impl<T: Differ> Packed<T> {
    /// Adds a thing at the end.
    pub fn push(&mut self, thing: T) {
        self.count += 1;
        let Some(last) = self.last.replace(thing) else {
            return;
        };
        match (self.pages.last_mut(), &self.before) {
            (Some(page), Some(before)) if page.others.len() < SIZE => {
                last.write(before, &mut page.others);
            }
            // The first page grows as it needs to: most lists are short.
            (page, _) => {
                let room = if page.is_some() { SIZE + 64 } else { 0 };
                self.pages.push(Page {
                    from: self.count - 2,
                    first: last.clone(),
                    others: Vec::with_capacity(room),
                });
            }
        }
        self.before = Some(last);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The last one.
    pub fn last(&self) -> Option<&T> {
        self.last.as_ref()
    }

    pub(super) fn last_mut(&mut self) -> Option<&mut T> {
        self.last.as_mut()
    }

    /// All of them, in order.
    pub fn iter(&self) -> Unpacked<'_, T> {
        self.of_pages(0)
    }

    /// Those from a place on, in order.
    pub fn since(&self, place: usize) -> impl Iterator<Item = T> + '_ {
        let page = self.pages.partition_point(|page| page.from <= place);
        let page = page.saturating_sub(1);
        let from = self.pages.get(page).map_or(0, |page| page.from);
        self.of_pages(page).skip(place - from)
    }

    /// Some of those for which this holds, which come before the others: the last ones of them,
    /// and all others.
    pub(super) fn about(&self, is_before: impl Fn(&T) -> bool) -> Unpacked<'_, T> {
        let page = self.pages.partition_point(|page| is_before(&page.first));
        self.of_pages(page.saturating_sub(1))
    }

    fn of_pages(&self, from: usize) -> Unpacked<'_, T> {
        Unpacked {
            pages: self.pages.get(from..).unwrap_or_default(),
            open: None,
            last: self.last.as_ref(),
        }
    }
}

impl<'a, T: Differ> IntoIterator for &'a Packed<T> {
    type Item = T;
    type IntoIter = Unpacked<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Differ> FromIterator<T> for Packed<T> {
    fn from_iter<I: IntoIterator<Item = T>>(things: I) -> Self {
        let mut all = Self::default();
        for thing in things {
            all.push(thing);
        }
        all
    }
}

/// Goes through a list.
#[derive(Debug, Clone)]
pub struct Unpacked<'a, T> {
    pages: &'a [Page<T>],
    /// The last one of the page that is read, and what is left of it.
    open: Option<(T, &'a [u8])>,
    last: Option<&'a T>,
}

impl<T: Differ> Iterator for Unpacked<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if let Some((before, others)) = &mut self.open
            && !others.is_empty()
        {
            *before = T::read(before, others);
            return Some(before.clone());
        }
        if let [page, rest @ ..] = self.pages {
            self.pages = rest;
            self.open = Some((page.first.clone(), &page.others));
            return Some(page.first.clone());
        }
        self.last.take().cloned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn time() -> impl Strategy<Value = SimTime> {
        prop_oneof![
            (-100_000i64..100_000).prop_map(SimTime::from_secs),
            (-1i64 << 60..1 << 60).prop_map(SimTime),
        ]
    }

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![any::<f64>(), (0..100u32).prop_map(f64::from)]
    }

    proptest! {
        #[test]
        fn things_come_back_as_they_were_kept(
            things in prop::collection::vec((time(), (number(), any::<i32>())), 0..600),
            place in 0usize..700,
        ) {
            let bits = |one: (SimTime, (f64, i32))| (one.0, one.1.0.to_bits(), one.1.1);
            let all: Packed<_> = things.iter().copied().collect();
            let expected: Vec<_> = things.iter().copied().map(bits).collect();
            prop_assert_eq!(all.len(), things.len());
            prop_assert_eq!(all.iter().map(bits).collect::<Vec<_>>(), &expected[..]);
            let since: Vec<_> = all.since(place).map(bits).collect();
            prop_assert_eq!(since, expected.get(place..).unwrap_or_default());
        }

        #[test]
        fn those_about_a_value_begin_before_it(
            steps in prop::collection::vec(0u32..1000, 0..3000),
            value in 0u32..1_000_000,
        ) {
            let mut sum = 0;
            let things: Vec<u32> = (steps.iter()).map(|step| { sum += step; sum }).collect();
            let all: Packed<_> = things.iter().copied().collect();
            let found = all.about(|thing| *thing <= value).take_while(|thing| *thing <= value);
            let expected = things.iter().copied().rfind(|thing| *thing <= value);
            prop_assert_eq!(found.last(), expected);
        }
    }

    #[test]
    fn what_repeats_takes_a_byte() {
        let same = |second: i64| (SimTime::from_secs(15 * second), 0.8);
        let all: Packed<_> = (0..1000).map(same).collect();
        let bytes: usize = all.pages.iter().map(|page| page.others.len()).sum();
        assert_eq!((bytes, all.pages.len()), (2 * 997, 2));
    }
}
