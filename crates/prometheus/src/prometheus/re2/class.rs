//! Classes of characters in Go's syntax, and in the crate's.

use std::fmt::Write as _;

use super::BadPattern;
use super::syntax::{bad, escaped};

/// A class in brackets in the crate's words, and what follows it.
pub(super) struct Class<'a> {
    pub(super) text: String,
    pub(super) rest: &'a str,
}

pub(super) fn class(whole: &str) -> Result<Class<'_>, BadPattern> {
    let mut rest = &whole[1..];
    let mut text = String::from("[");
    if let Some(negated) = rest.strip_prefix('^') {
        rest = negated;
        text.push('^');
    }
    let mut is_first = true;
    while is_first || !rest.starts_with(']') {
        is_first = false;
        if let Some((named, after)) = posix(rest)? {
            text.push_str(named);
            rest = after;
            continue;
        }
        if let Some((group, after)) = group(rest)? {
            text.push_str(&group);
            rest = after;
            continue;
        }
        let begin = rest;
        let (low, after) = class_character(rest, whole)?;
        rest = after;
        let mut high = low;
        if let Some(upper) = rest.strip_prefix('-')
            && !upper.is_empty()
            && !upper.starts_with(']')
        {
            (high, rest) = class_character(upper, whole)?;
            if high < low {
                let range = &begin[..begin.len() - rest.len()];
                return Err(bad("invalid character class range", range));
            }
        }
        push_range(&mut text, low, high);
    }
    text.push(']');
    Ok(Class {
        text,
        rest: &rest[1..],
    })
}

/// Writes a range without the codes that no text has.
fn push_range(text: &mut String, low: u32, high: u32) {
    let gap = 0xD800..=0xDFFF;
    let low = if gap.contains(&low) { 0xE000 } else { low };
    let high = if gap.contains(&high) { 0xD7FF } else { high };
    if low <= high {
        let _ = write!(text, "\\x{{{low:X}}}-\\x{{{high:X}}}");
    } else {
        text.push_str("[^\\x{0}-\\x{10FFFF}]");
    }
}

fn class_character<'a>(text: &'a str, whole: &str) -> Result<(u32, &'a str), BadPattern> {
    match text.chars().next() {
        None => Err(bad("missing closing ]", whole)),
        Some('\\') => escaped(text),
        Some(c) => Ok((c.into(), &text[c.len_utf8()..])),
    }
}

/// `[:alpha:]` and the like.
fn posix(text: &str) -> Result<Option<(&str, &str)>, BadPattern> {
    let Some(end) = text.strip_prefix("[:").and_then(|inside| inside.find(":]")) else {
        return Ok(None);
    };
    let (named, rest) = text.split_at(end + 4);
    let name = &named[2..end + 2];
    let known = [
        "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
        "space", "upper", "word", "xdigit",
    ];
    if known.contains(&name.strip_prefix('^').unwrap_or(name)) {
        Ok(Some((named, rest)))
    } else {
        Err(bad("invalid character class range", named))
    }
}

/// `\d`, `\S`, `\pL`, `\P{Greek}` and the like as a class.
pub(super) fn group(text: &str) -> Result<Option<(String, &str)>, BadPattern> {
    let perl = match text.as_bytes() {
        [b'\\', b'd', ..] => "[0-9]",
        [b'\\', b'D', ..] => "[^0-9]",
        [b'\\', b's', ..] => "[\\t\\n\\x0C\\r ]",
        [b'\\', b'S', ..] => "[^\\t\\n\\x0C\\r ]",
        [b'\\', b'w', ..] => "[0-9A-Za-z_]",
        [b'\\', b'W', ..] => "[^0-9A-Za-z_]",
        [b'\\', b'p' | b'P', _, ..] => {
            let (name, length) = if text[2..].starts_with('{') {
                let Some(end) = text.find('}') else {
                    return Err(bad("invalid character class range", text));
                };
                (&text[3..end], end + 1)
            } else {
                let letter = text[2..].chars().next().map_or(0, char::len_utf8);
                (&text[2..2 + letter], 2 + letter)
            };
            let (group, rest) = text.split_at(length);
            let negated = group.starts_with("\\P") != name.starts_with('^');
            let name = name.strip_prefix('^').unwrap_or(name);
            let letter = if negated { 'P' } else { 'p' };
            let group_there = format!("\\{letter}{{{name}}}");
            let is_word = |c: char| c.is_ascii_alphabetic() || " _-".contains(c);
            if !name.chars().all(is_word) || regex::Regex::new(&group_there).is_err() {
                return Err(bad("invalid character class range", group));
            }
            return Ok(Some((group_there, rest)));
        }
        _ => return Ok(None),
    };
    Ok(Some((perl.to_owned(), &text[2..])))
}
