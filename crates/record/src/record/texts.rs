//! Texts of a recording, one behind the other in long strings: a name or a sentence that was seen
//! lately is not kept again.

use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHasher};

use super::chunks::Chunks;

/// Texts that are remembered for being met again.
const REMEMBERED: usize = 4096;

/// A text among [`Texts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Text(pub(super) u32);

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

/// Bytes of a string that holds texts; the first one, and those with a text beyond that, differ.
const PAGE: usize = 1 << 18;

/// Many texts.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Texts {
    pages: Vec<String>,
    /// The page of each one, and where it begins and ends there.
    spans: Chunks<[u32; 3]>,
    recent: Recent,
}

impl Texts {
    /// Keeps a text, unless it was kept lately.
    pub(super) fn keep(&mut self, text: &str) -> Text {
        self.keep_joined("", text)
    }

    /// Keeps a text that is given in two parts, unless it was kept lately.
    pub(super) fn keep_joined(&mut self, head: &str, tail: &str) -> Text {
        let Self {
            pages,
            spans,
            recent,
        } = self;
        let is_it = |place: u32| found(pages, spans, place).strip_prefix(head) == Some(tail);
        let known = spans.len() as u32;
        let place = recent.place(&(head, tail), is_it, || known);
        if place == known {
            self.add(&[head, tail]);
        }
        Text(place)
    }

    /// Keeps a text that is not met again.
    pub(super) fn add(&mut self, parts: &[&str]) -> Text {
        let length = parts.iter().map(|part| part.len()).sum::<usize>();
        let has_room = |page: &String| page.len() + length <= PAGE;
        if !self.pages.last().is_some_and(has_room) {
            let is_first = self.pages.is_empty();
            let size = if is_first { 0 } else { PAGE.max(length) };
            self.pages.push(String::with_capacity(size));
        }
        let number = self.pages.len() - 1;
        let page = &mut self.pages[number];
        let from = page.len();
        for part in parts {
            page.push_str(part);
        }
        self.spans
            .push([number, from, page.len()].map(|value| value as u32));
        Text(self.spans.len() as u32 - 1)
    }

    /// The text.
    pub(super) fn get(&self, text: Text) -> &str {
        found(&self.pages, &self.spans, text.0)
    }
}

fn found<'a>(pages: &'a [String], spans: &Chunks<[u32; 3]>, place: u32) -> &'a str {
    let span = spans.at(place as usize);
    let text = span.and_then(|&[page, from, to]| {
        let page = pages.get(page as usize)?;
        page.get(from as usize..to as usize)
    });
    text.unwrap_or_default()
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
        assert_eq!(texts.spans.len(), 10_000 + 4);
    }
}
