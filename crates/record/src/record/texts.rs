//! Texts of a recording, one behind the other in one string: a name or a sentence that was seen
//! lately is not kept again.

use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHasher};

/// Texts that are remembered for being met again.
const REMEMBERED: usize = 4096;

/// A text among [`Texts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Text(u32);

/// What was met lately, by its hash.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Recent(FxHashMap<u64, u32>);

impl Recent {
    /// The place of a thing that is kept already, or of the one that `keep` adds.
    pub(super) fn place(
        &mut self,
        thing: &(impl Hash + ?Sized),
        is_it: impl FnOnce(u32) -> bool,
        keep: impl FnOnce() -> u32,
    ) -> u32 {
        let mut hasher = FxHasher::default();
        thing.hash(&mut hasher);
        let hash = hasher.finish();
        if let Some(&place) = self.0.get(&hash)
            && is_it(place)
        {
            return place;
        }
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        let place = keep();
        self.0.insert(hash, place);
        place
    }
}

/// Many texts.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Texts {
    all: String,
    /// Where each one ends.
    ends: Vec<usize>,
    recent: Recent,
}

impl Texts {
    /// Keeps a text, unless it was kept lately.
    pub(super) fn keep(&mut self, text: &str) -> Text {
        let Self { all, ends, recent } = self;
        let is_it = |place: u32| found(all, ends, place) == text;
        let known = ends.len() as u32;
        let place = recent.place(text, is_it, || known);
        if place == known {
            all.push_str(text);
            ends.push(all.len());
        }
        Text(place)
    }

    /// The text.
    pub(super) fn get(&self, text: Text) -> &str {
        found(&self.all, &self.ends, text.0)
    }
}

fn found<'a>(all: &'a str, ends: &[usize], place: u32) -> &'a str {
    let place = place as usize;
    let from = place.checked_sub(1).map_or(0, |before| ends[before]);
    ends.get(place).map_or("", |end| &all[from..*end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_was_seen_lately_is_kept_once() {
        let mut texts = Texts::default();
        let (one, two) = (texts.keep("Started"), texts.keep("Pulled"));
        assert_eq!(texts.keep("Started"), one);
        assert_eq!((texts.get(one), texts.get(two)), ("Started", "Pulled"));
        for number in 0..10_000 {
            texts.keep(&format!("Created pod {number}"));
        }
        let again = texts.keep("Started");
        assert_eq!(texts.get(again), "Started");
        assert_eq!(texts.keep(""), texts.keep(""));
        assert_eq!(texts.ends.len(), 10_000 + 4);
    }
}
