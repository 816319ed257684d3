//! Texts of a recording, one behind the other in long strings: a name or a sentence that was seen
//! lately is not kept again.

use super::chunks::Chunks;
use super::events::hash_of;

/// Texts that are remembered for being met again, at most.
const REMEMBERED: usize = 1 << 12;
/// No place.
const NONE: u32 = u32::MAX;

/// A text among [`Texts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Text(pub(super) u32);

/// The places of up to so many things, a power of two, that were met lately, by some bits of their
/// hashes: of two that share them the later.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Recent<const COUNT: usize>(Vec<u32>);

impl<const COUNT: usize> Recent<COUNT> {
    /// The place of a thing with this hash that is kept already, or of the one that `keep` adds.
    pub(super) fn place(
        &mut self,
        hash: u64,
        is_it: impl FnOnce(u32) -> bool,
        keep: impl FnOnce() -> u32,
    ) -> u32 {
        if self.0.is_empty() {
            self.0.resize(COUNT, NONE);
        }
        // The hasher ends by rotating to the left by 26 bits; its highest bits before are mixed best.
        let known = &mut self.0[(hash >> (26 - COUNT.ilog2())) as usize % COUNT];
        if *known == NONE || !is_it(*known) {
            *known = keep();
        }
        *known
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
    recent: Recent<REMEMBERED>,
}

impl Texts {
    /// Keeps a text, unless it was kept lately.
    pub(super) fn keep(&mut self, text: &str) -> Text {
        self.keep_joined("", text, hash_of(text))
    }

    /// Keeps a text that is given in two parts, the second with its hash, unless it was kept lately.
    pub(super) fn keep_joined(&mut self, head: &str, tail: &str, hash: u64) -> Text {
        let Self {
            pages,
            spans,
            recent,
        } = self;
        let is_it = |place: u32| {
            let found = found(pages, spans, place);
            found.len() == head.len() + tail.len() && found.strip_prefix(head) == Some(tail)
        };
        let known = spans.len() as u32;
        let place = recent.place(hash, is_it, || known);
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
        // Whether it was still known hangs on the hashes of those that came after it.
        let is_kept_anew = again != one;
        assert_eq!(texts.spans.len(), 10_003 + usize::from(is_kept_anew));
    }
}
