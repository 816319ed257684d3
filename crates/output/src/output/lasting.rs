//! Texts that stay where they are while a table is written: the cell of one that comes again is known
//! by its address.

use std::io::Write;

use super::rows::Rows;

/// Texts that are remembered.
const REMEMBERED: usize = 1 << 10;

/// So many texts beside each other that were written lately; of two that share a place, the later. Their
/// cells are kept from the second time on: many texts come once.
pub(super) struct Lasting<'a, const TEXTS: usize>(Vec<([&'a str; TEXTS], Vec<u8>)>);

impl<const TEXTS: usize> Default for Lasting<'_, TEXTS> {
    fn default() -> Self {
        Self(vec![([""; TEXTS], Vec::new()); REMEMBERED])
    }
}

impl<'a, const TEXTS: usize> Lasting<'a, TEXTS> {
    /// Writes the cells of texts.
    pub(super) fn write(&mut self, rows: &mut Rows<impl Write>, texts: [&'a str; TEXTS]) {
        let (known, cells) = &mut self.0[slot(&texts)];
        let is_known = (known.iter().zip(texts)).all(|(known, text)| std::ptr::eq(*known, text));
        if is_known && !cells.is_empty() {
            rows.again(cells);
            return;
        }
        let place = rows.place();
        for text in texts {
            rows.text(text);
        }
        if is_known {
            cells.extend_from_slice(rows.since(place));
        } else {
            *known = texts;
            cells.clear();
        }
    }
}

/// The first bits of a product of the addresses: all of theirs are in them.
fn slot(texts: &[&str]) -> usize {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mixed = texts.iter().fold(0, |mixed: u64, text| {
        (mixed ^ text.as_ptr().addr() as u64).wrapping_mul(FACTOR)
    });
    (mixed >> (u64::BITS - REMEMBERED.ilog2())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_written_as_if_each_were_the_first() {
        let texts: Vec<String> = (0..200).map(|one| format!("{one},\"{one}\"")).collect();
        let (mut ours, mut plain) = (Vec::new(), Vec::new());
        let (mut known, mut all) = (Lasting::default(), Rows::headless(&mut ours));
        let mut one_by_one = Rows::headless(&mut plain);
        for place in (0..200).chain(50..60).chain(50..60) {
            let text = &texts[place];
            for part in [text, &text[..1], &text[1..], ""] {
                known.write(&mut all, [part, text]);
                one_by_one.text(part);
                one_by_one.text(text);
            }
        }
        all.finish().unwrap();
        one_by_one.finish().unwrap();
        assert_eq!(ours, plain);
    }
}
