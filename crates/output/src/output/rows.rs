//! Rows of CSV, written as they are formatted: no cell is a string of its own.
//!
//! Quotes stand where the `csv` crate puts them: around text with a comma, a quote or a line break.

use std::io::{self, Write};

use crate::sim::SimTime;

/// Bytes that are kept before they are handed on.
const KEPT: usize = 1 << 16;

/// A table that is being written.
pub struct Rows<W: Write> {
    out: W,
    line: Vec<u8>,
    is_begun: bool,
    /// The instant that was written last, and its cell: rows of one instant follow each other.
    instant: Option<SimTime>,
    instant_cell: Vec<u8>,
}

impl<W: Write> Rows<W> {
    /// A table with this header.
    pub fn new(out: W, header: &[String]) -> io::Result<Self> {
        let mut rows = Self::headless(out);
        for name in header {
            rows.text(name);
        }
        rows.end()?;
        Ok(rows)
    }

    /// A table whose header is written as a row.
    pub fn headless(out: W) -> Self {
        Self {
            out,
            line: Vec::with_capacity(KEPT + 1024),
            is_begun: false,
            instant: None,
            instant_cell: Vec::new(),
        }
    }

    /// Begins a cell.
    fn cell(&mut self) -> &mut Vec<u8> {
        if std::mem::replace(&mut self.is_begun, true) {
            self.line.push(b',');
        }
        &mut self.line
    }

    /// A text.
    pub fn text(&mut self, text: &str) {
        let cell = self.cell();
        if !has_special(text.as_bytes()) {
            cell.extend_from_slice(text.as_bytes());
            return;
        }
        cell.push(b'"');
        for (place, part) in text.split('"').enumerate() {
            if place > 0 {
                cell.extend_from_slice(b"\"\"");
            }
            cell.extend_from_slice(part.as_bytes());
        }
        cell.push(b'"');
    }

    /// A text in which nothing has to be quoted, as a number.
    pub fn plain(&mut self, text: &str) {
        self.cell().extend_from_slice(text.as_bytes());
    }

    /// Cells that are written already, of this row or of another; [`Self::since`] tells them.
    pub fn again(&mut self, cells: &[u8]) {
        self.cell().extend_from_slice(cells);
    }

    /// Where the next cell is going to stand; until the end of the row, [`Self::since`] takes it.
    pub fn place(&self) -> usize {
        self.line.len() + usize::from(self.is_begun)
    }

    /// The cells since a place in this row.
    pub fn since(&self, place: usize) -> &[u8] {
        self.line.get(place..).unwrap_or_default()
    }

    /// An empty cell.
    pub fn empty(&mut self) {
        self.cell();
    }

    /// `true` or `false`.
    pub fn bool(&mut self, value: bool) {
        self.text(if value { "true" } else { "false" });
    }

    /// A whole number.
    pub fn int(&mut self, value: impl Into<i64>) {
        let value = value.into();
        let cell = self.cell();
        if value < 0 {
            cell.push(b'-');
        }
        push_digits(cell, value.unsigned_abs());
    }

    /// A count.
    pub fn count(&mut self, value: u64) {
        push_digits(self.cell(), value);
    }

    /// A whole number that may be absent.
    pub fn optional(&mut self, value: Option<impl Into<i64>>) {
        match value {
            Some(value) => self.int(value),
            None => self.empty(),
        }
    }

    /// A number in a column of floating-point numbers: at most this many decimals, at least one;
    /// empty if it does not exist.
    pub fn float(&mut self, value: f64, decimals: usize) {
        push_number(self.cell(), value, decimals, true);
    }

    /// The whole number that is nearest; empty if it does not exist.
    pub fn rounded(&mut self, value: f64) {
        push_number(self.cell(), value, 0, false);
    }

    /// An instant in seconds, exact to the millisecond.
    pub fn seconds(&mut self, time: SimTime) {
        if self.instant != Some(time) {
            self.instant = Some(time);
            self.instant_cell.clear();
            push_seconds(&mut self.instant_cell, time);
        }
        if std::mem::replace(&mut self.is_begun, true) {
            self.line.push(b',');
        }
        self.line.extend_from_slice(&self.instant_cell);
    }

    /// An instant that may not have come.
    pub fn instant(&mut self, time: Option<SimTime>) {
        match time {
            Some(time) => self.seconds(time),
            None => self.empty(),
        }
    }

    /// Ends the row.
    pub fn end(&mut self) -> io::Result<()> {
        self.line.push(b'\n');
        self.is_begun = false;
        if self.line.len() >= KEPT {
            self.out.write_all(&self.line)?;
            self.line.clear();
        }
        Ok(())
    }

    /// Hands on what was written so far.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.line)?;
        self.line.clear();
        self.out.flush()
    }

    /// Hands on what is left.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()
    }
}

/// Whether a text has a byte that is put in quotes. Eight bytes are looked at together; the last
/// eight may be looked at twice.
fn has_special(text: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    let is_special = |byte: u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
    let Some(last) = text.last_chunk::<8>() else {
        return text.iter().any(|byte| is_special(*byte));
    };
    let (chunks, _) = text.as_chunks::<8>();
    let words = || {
        chunks
            .iter()
            .chain([last])
            .map(|one| u64::from_le_bytes(*one))
    };
    // The highest bit of a byte that is below another, if none before it was.
    let below = |word: u64, byte: u8| word.wrapping_sub(ONES * u64::from(byte)) & !word;
    let has = |bits: u64| bits & (ONES << 7) != 0;
    // Most names have none of the bytes among which all of these are.
    if !has(words().fold(0, |found, word| found | below(word, b'-'))) {
        return false;
    }
    has(words().fold(0, |found, word| {
        let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
        found | equal(b',') | equal(b'"') | equal(b'\n') | equal(b'\r')
    }))
}

/// An instant in seconds, exact to the millisecond.
fn push_seconds(cell: &mut Vec<u8>, time: SimTime) {
    const MILLI: i64 = 1_000_000;
    let (whole, part) = (time.0 / MILLI, time.0 % MILLI);
    // Half way between two, the digits of the number in seconds decide.
    if (0..1 << 50).contains(&time.0) && (part - MILLI / 2).abs() > 1 {
        let millis = whole as u64 + u64::from(part > MILLI / 2);
        push_digits(cell, millis / 1000);
        push_thousandths(cell, (millis % 1000) as usize);
    } else {
        push_number(cell, time.as_secs_f64(), 3, true);
    }
}

/// So many thousandths, without zeros at their end but for one decimal.
fn push_thousandths(cell: &mut Vec<u8>, count: usize) {
    let [second, third] = PAIRS[count % 100];
    let text = [b'.', b'0' + (count / 100) as u8, second, third];
    let length = match (second, third) {
        (b'0', b'0') => 2,
        (_, b'0') => 3,
        _ => 4,
    };
    cell.extend_from_slice(&text[..length]);
}

/// The digits of the numbers below a hundred.
static PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut value = 0;
    while value < 100 {
        pairs[value] = [b'0' + value as u8 / 10, b'0' + value as u8 % 10];
        value += 1;
    }
    pairs
};

fn push_digits(cell: &mut Vec<u8>, mut value: u64) {
    if value < 10 {
        cell.push(b'0' + value as u8);
        return;
    }
    if let Some(pair) = PAIRS.get(value as usize) {
        cell.extend_from_slice(pair);
        return;
    }
    let mut digits = [0; 20];
    let mut from = digits.len();
    while value >= 10 {
        from -= 2;
        digits[from..from + 2].copy_from_slice(&PAIRS[(value % 100) as usize]);
        value /= 100;
    }
    if value > 0 {
        from -= 1;
        digits[from] = b'0' + value as u8;
    }
    cell.extend_from_slice(&digits[from..]);
}

/// A number with at most this many decimals, without zeros at its end; with `.0` if it is whole and
/// has to be told from a whole number.
#[inline]
pub(super) fn push_number(cell: &mut Vec<u8>, value: f64, decimals: usize, is_float: bool) {
    const POWERS: [u64; 7] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000];
    if !value.is_finite() {
        return;
    }
    let decimals = decimals.min(POWERS.len() - 1);
    let power = POWERS[decimals];
    let scaled = value.abs() * power as f64;
    // The product is off by at most half a unit in its last place: where that decides which way to
    // round, the exact digits are asked for.
    if scaled < 1e15 {
        let below = scaled as u64;
        let part = scaled - below as f64;
        if (part - 0.5).abs() > scaled * f64::EPSILON {
            let whole = below + u64::from(part > 0.5);
            if value < 0.0 && whole > 0 {
                cell.push(b'-');
            }
            push_decimal(cell, whole, decimals, is_float);
            return;
        }
    }
    let text = super::number::exactly_rounded(value, decimals);
    cell.extend_from_slice(text.as_bytes());
    if is_float && !text.contains('.') {
        cell.extend_from_slice(b".0");
    }
}

/// A number that is given in units of its last decimal, without zeros at its end.
#[inline]
fn push_decimal(cell: &mut Vec<u8>, units: u64, decimals: usize, is_float: bool) {
    // By numbers that are known when this is compiled, none is divided by.
    let (whole, fraction) = match decimals {
        0 => (units, 0),
        2 => (units / 100, units % 100 * 10_000),
        3 => (units / 1000, units % 1000 * 1000),
        4 => (units / 10_000, units % 10_000 * 100),
        6 => (units / 1_000_000, units % 1_000_000),
        _ => {
            let power = 10u64.pow(decimals as u32);
            (units / power, units % power * (1_000_000 / power))
        }
    };
    let mut text = *b".000000";
    for (from, unit) in [(1, 10_000), (3, 100), (5, 1)] {
        let pair = fraction as u32 / unit % 100;
        text[from..from + 2].copy_from_slice(&PAIRS[pair as usize]);
    }
    let length = match text.iter().rposition(|digit| *digit > b'0') {
        Some(last) => last + 1,
        // Of a number that is to be told from a whole one, the first decimal stays.
        None => 2 * usize::from(is_float),
    };
    push_digits(cell, whole);
    cell.extend_from_slice(&text[..length]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::number;
    use super::*;

    fn written(value: f64, decimals: usize) -> String {
        let mut cell = Vec::new();
        push_number(&mut cell, value, decimals, true);
        String::from_utf8(cell).unwrap()
    }

    fn exact(value: f64, decimals: usize) -> String {
        let text = number::exactly_rounded(value, decimals);
        if text.contains('.') {
            text
        } else {
            text + ".0"
        }
    }

    #[test]
    fn numbers_that_lie_half_way_are_rounded_by_all_their_digits() {
        for (value, text) in [
            (0.0005, "0.001"),
            (0.125, "0.125"),
            (0.0625, "0.062"),
            (-0.0001, "0.0"),
        ] {
            assert_eq!(written(value, 3), text);
            assert_eq!(written(value, 3), exact(value, 3));
        }
        assert_eq!(written(2.5e20, 4), exact(2.5e20, 4));
        assert_eq!(written(f64::NAN, 4), "");
    }

    #[test]
    fn text_is_quoted_as_the_csv_crate_does_it() {
        let row = ["a,b", "say \"x\"", "", "two\nlines", "plain 'text'", "cr\r"];
        let mut ours = Vec::new();
        let header: Vec<String> = row.iter().map(|cell| (*cell).to_owned()).collect();
        Rows::new(&mut ours, &header).unwrap().finish().unwrap();
        let mut theirs = csv::Writer::from_writer(Vec::new());
        theirs.write_record(row).unwrap();
        assert_eq!(ours, theirs.into_inner().unwrap());
    }

    #[test]
    fn cells_are_written_again() {
        let mut out = Vec::new();
        let mut rows = Rows::headless(&mut out);
        rows.int(1);
        let place = rows.place();
        rows.text("a,b");
        rows.int(2);
        let cells = rows.since(place).to_vec();
        rows.end().unwrap();
        let place = rows.place();
        rows.again(&cells);
        assert_eq!(rows.since(place), cells);
        rows.int(3);
        rows.finish().unwrap();
        assert_eq!(out, b"1,\"a,b\",2\n\"a,b\",2,3");
    }

    fn second(time: i64) -> String {
        let mut out = Vec::new();
        let mut rows = Rows::headless(&mut out);
        rows.seconds(SimTime(time));
        rows.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn instants_are_written_as_their_numbers_in_seconds(
            time in prop_oneof![any::<i64>(), 0i64..1 << 50, (0i64..1 << 24, -2i64..3)
                .prop_map(|(half, more)| half * 500_000 + more)],
        ) {
            prop_assert_eq!(second(time), exact(SimTime(time).as_secs_f64(), 3));
        }

        #[test]
        fn whole_numbers_are_written_as_rust_formats_them(
            value in prop_oneof![any::<u64>(), 0u64..2000],
        ) {
            let mut cell = Vec::new();
            push_digits(&mut cell, value);
            prop_assert_eq!(String::from_utf8(cell).unwrap(), value.to_string());
        }

        #[test]
        fn every_byte_of_a_text_is_looked_at(text in "[a-z,\"\n\r\u{80}-\u{ff}+-]{0,30}") {
            let special = text.contains([',', '"', '\n', '\r']);
            prop_assert_eq!(has_special(text.as_bytes()), special);
        }

        #[test]
        fn numbers_are_written_as_rust_formats_them(
            value in prop_oneof![-1e6..1e6, 0.0..1.0, -1e18..1e18, (0u32..100_000).prop_map(|n| f64::from(n) / 8.0)],
            decimals in 0usize..7,
        ) {
            prop_assert_eq!(written(value, decimals), exact(value, decimals));
        }
    }
}
