//! A long list that is never moved as it grows: what it takes is what is in it.

/// Things in a chunk.
const SIZE: usize = 4096;

/// A list in chunks of one size.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chunks<T>(Vec<Vec<T>>);

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Chunks<T> {
    /// Adds a thing at the end.
    pub(super) fn push(&mut self, thing: T) {
        match self.0.last_mut() {
            Some(last) if last.len() < SIZE => last.push(thing),
            // The first grows as it needs to: most lists are short.
            None => self.0.push(vec![thing]),
            Some(_) => {
                let mut chunk = Vec::with_capacity(SIZE);
                chunk.push(thing);
                self.0.push(chunk);
            }
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        let full = self.0.len().saturating_sub(1) * SIZE;
        full + self.0.last().map_or(0, Vec::len)
    }

    /// The thing at a place that there is.
    pub(super) fn at(&self, place: usize) -> Option<&T> {
        self.0.get(place / SIZE)?.get(place % SIZE)
    }

    /// The thing at a place that there is, to be changed.
    pub(super) fn at_mut(&mut self, place: usize) -> Option<&mut T> {
        self.0.get_mut(place / SIZE)?.get_mut(place % SIZE)
    }

    /// Those from a place on, in order.
    #[cfg(test)]
    pub(super) fn since(&self, place: usize) -> impl Iterator<Item = &T> {
        let chunks = self.0.get(place / SIZE..).unwrap_or_default();
        let skipped = place % SIZE;
        let first = chunks.first().and_then(|chunk| chunk.get(skipped..));
        let others = chunks.get(1..).unwrap_or_default();
        first
            .unwrap_or_default()
            .iter()
            .chain(others.iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_found_by_their_places() {
        let mut chunks = Chunks::default();
        for count in 0..3 * SIZE + 5 {
            assert_eq!(chunks.len(), count);
            chunks.push(count);
        }
        let all: Vec<usize> = chunks.since(0).copied().collect();
        assert_eq!(all, (0..3 * SIZE + 5).collect::<Vec<_>>());
        for place in [0, SIZE - 1, SIZE, 2 * SIZE + 7] {
            assert_eq!(chunks.at(place), Some(&place));
            assert_eq!(chunks.since(place).next(), Some(&place));
        }
        assert_eq!(chunks.at(chunks.len()), None);
        assert_eq!(chunks.since(chunks.len() + SIZE).count(), 0);
    }
}
