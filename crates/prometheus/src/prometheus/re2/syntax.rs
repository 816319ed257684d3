//! Go's syntax of patterns (`regexp/syntax`) in the `regex` crate's, and what Go refuses.

use std::fmt::Write as _;

use super::BadPattern;
use super::class::{class, group};

/// A pattern of the crate that means the same. Its groups have no names, as Go lets two share one.
#[derive(Debug)]
pub(super) struct Translated {
    pub(super) pattern: String,
    /// The groups' names in order, the whole match first.
    pub(super) names: Vec<Option<String>>,
}

/// The greatest count of a repetition, those inside it multiplied.
const MOST_REPEATS: u32 = 1000;
/// How deep groups may be nested.
const DEEPEST: usize = 999;

/// Reads a pattern as `regexp.Compile` does.
pub(super) fn translate(pattern: &str) -> Result<Translated, BadPattern> {
    let mut reader = Reader {
        whole: pattern,
        rest: pattern,
        out: String::with_capacity(pattern.len()),
        names: vec![None],
        atom: None,
        repeats: 0,
        groups: Vec::new(),
        repeated: None,
        before_flags: None,
    };
    reader.read()?;
    Ok(Translated {
        pattern: reader.out,
        names: reader.names,
    })
}

pub(super) fn bad(reason: &str, pattern: &str) -> BadPattern {
    BadPattern {
        pattern: pattern.to_owned(),
        reason: reason.to_owned(),
    }
}

struct Reader<'a> {
    whole: &'a str,
    rest: &'a str,
    out: String,
    names: Vec<Option<String>>,
    /// What a repetition would repeat: how often it repeats things within itself.
    atom: Option<u32>,
    /// The most of the atoms so far of the innermost group.
    repeats: u32,
    /// That of the groups around it.
    groups: Vec<u32>,
    /// The text from the repetition that was read last on, if nothing followed it.
    repeated: Option<&'a str>,
    /// Where what was written ends but for flags: a repetition behind them repeats what is before.
    before_flags: Option<usize>,
}

impl<'a> Reader<'a> {
    fn read(&mut self) -> Result<(), BadPattern> {
        while let Some(c) = self.rest.chars().next() {
            let before = self.rest;
            let repeated = self.repeated.take();
            match c {
                '(' => self.open()?,
                ')' => self.close()?,
                '|' => {
                    self.skip(1);
                    self.out.push('|');
                    self.atom = None;
                    self.before_flags = None;
                }
                '^' | '$' | '.' => {
                    self.skip(1);
                    self.out.push(c);
                    self.add(0);
                }
                '[' => {
                    let class = class(before)?;
                    self.rest = class.rest;
                    self.out.push_str(&class.text);
                    self.add(0);
                }
                '*' | '+' | '?' => self.repeat(before, &before[1..], None, repeated)?,
                '{' => {
                    if let Some((counts, after)) = counts(before) {
                        self.repeat(before, after, Some(counts), repeated)?;
                    } else {
                        self.skip(1);
                        self.literal('{');
                    }
                }
                '\\' => self.backslash()?,
                _ => {
                    self.skip(c.len_utf8());
                    self.literal(c);
                }
            }
        }
        if self.groups.is_empty() {
            Ok(())
        } else {
            Err(bad("missing closing )", self.whole))
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    /// One more thing that may be repeated.
    fn add(&mut self, repeats: u32) {
        self.atom = Some(repeats);
        self.before_flags = None;
        self.repeats = self.repeats.max(repeats);
    }

    fn literal(&mut self, c: char) {
        self.out
            .push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
        self.add(0);
    }

    fn begin_group(&mut self, text: &str) -> Result<(), BadPattern> {
        if self.groups.len() >= DEEPEST {
            return Err(bad("expression nests too deeply", self.whole));
        }
        self.out.push_str(text);
        self.groups.push(self.repeats);
        self.repeats = 0;
        self.atom = None;
        self.before_flags = None;
        Ok(())
    }

    fn open(&mut self) -> Result<(), BadPattern> {
        let Some(inside) = self.rest.strip_prefix("(?") else {
            self.skip(1);
            self.names.push(None);
            return self.begin_group("(");
        };
        let named = ["P<", "<"]
            .iter()
            .find_map(|begin| inside.strip_prefix(begin).filter(|name| !name.is_empty()));
        if let Some(name) = named {
            let Some(end) = name.find('>') else {
                return Err(bad("invalid named capture", self.rest));
            };
            let length = self.rest.len() - name.len() + end + 1;
            let valid = |c: char| c == '_' || c.is_ascii_alphanumeric();
            if end == 0 || !name[..end].chars().all(valid) {
                return Err(bad("invalid named capture", &self.rest[..length]));
            }
            self.names.push(Some(name[..end].to_owned()));
            self.skip(length);
            return self.begin_group("(");
        }
        self.flags(inside)
    }

    /// `(?i)`, `(?i-s:` and the like.
    fn flags(&mut self, inside: &'a str) -> Result<(), BadPattern> {
        let (mut negative, mut has_flag) = (false, false);
        for (at, c) in inside.char_indices() {
            let after = at + c.len_utf8();
            match c {
                'i' | 'm' | 's' | 'U' => has_flag = true,
                '-' if !negative => (negative, has_flag) = (true, false),
                ':' | ')' if !negative || has_flag => {
                    let begun = self.rest;
                    self.rest = &inside[after..];
                    return match (c, at) {
                        (':', _) => self.begin_group(&begun[..2 + after]),
                        // The crate wants some flag where it sets any.
                        (_, 0) => Ok(()),
                        _ => {
                            self.before_flags.get_or_insert(self.out.len());
                            self.out.push_str(&begun[..2 + after]);
                            Ok(())
                        }
                    };
                }
                _ => return Err(self.no_flags(2 + after)),
            }
        }
        Err(self.no_flags(self.rest.len()))
    }

    fn no_flags(&self, length: usize) -> BadPattern {
        bad("invalid or unsupported Perl syntax", &self.rest[..length])
    }

    fn close(&mut self) -> Result<(), BadPattern> {
        let Some(outer) = self.groups.pop() else {
            return Err(bad("unexpected )", self.whole));
        };
        self.skip(1);
        self.out.push(')');
        let inner = self.repeats;
        self.repeats = outer;
        self.add(inner);
        Ok(())
    }

    /// `*`, `+`, `?` or counts, perhaps with a `?` behind.
    fn repeat(
        &mut self,
        before: &'a str,
        after: &'a str,
        counts: Option<Counts>,
        repeated: Option<&'a str>,
    ) -> Result<(), BadPattern> {
        let until = |from: &'a str, rest: &str| &from[..from.len() - rest.len()];
        let least_or_most = counts.map(|(least, most)| most.unwrap_or(least));
        if let Some((least, most)) = counts
            && (least > MOST_REPEATS
                || most.is_some_and(|most| most > MOST_REPEATS || most < least))
        {
            return Err(bad("invalid repeat count", until(before, after)));
        }
        let rest = after.strip_prefix('?').unwrap_or(after);
        if let Some(begun) = repeated {
            let both = until(begun, rest);
            return Err(bad("invalid nested repetition operator", both));
        }
        let Some(inside) = self.atom else {
            let operator = until(before, rest);
            return Err(bad("missing argument to repetition operator", operator));
        };
        let repeats = match least_or_most {
            None => inside,
            Some(0) => 0,
            Some(count) => count.saturating_mul(inside.max(1)),
        };
        if repeats > MOST_REPEATS {
            return Err(bad("invalid repeat count", until(before, rest)));
        }
        let operator = until(before, rest);
        let place = self.before_flags.unwrap_or(self.out.len());
        self.out.insert_str(place, operator);
        let flags = self.before_flags.map(|_| place + operator.len());
        self.add(repeats);
        self.before_flags = flags;
        self.rest = rest;
        self.repeated = Some(before);
        Ok(())
    }

    fn backslash(&mut self) -> Result<(), BadPattern> {
        match self.rest.as_bytes().get(1) {
            Some(b'A' | b'z') => {
                self.out.push_str(&self.rest[..2]);
                self.skip(2);
            }
            Some(letter @ (b'b' | b'B')) => {
                let boundary = if *letter == b'b' {
                    "(?-u:\\b)"
                } else {
                    "(?-u:\\B)"
                };
                self.out.push_str(boundary);
                self.skip(2);
            }
            Some(b'C') => return Err(bad("invalid escape sequence", "\\C")),
            Some(b'Q') => {
                let quoted = &self.rest[2..];
                let end = quoted.find("\\E");
                let text = &quoted[..end.unwrap_or(quoted.len())];
                self.out.push_str(&regex::escape(text));
                self.rest = end.map_or("", |end| &quoted[end + 2..]);
                if text.is_empty() {
                    return Ok(());
                }
            }
            _ => {
                if let Some((group, rest)) = group(self.rest)? {
                    self.out.push_str(&group);
                    self.rest = rest;
                } else {
                    let (c, rest) = escaped(self.rest)?;
                    self.rest = rest;
                    push_code(&mut self.out, c);
                }
            }
        }
        self.add(0);
        Ok(())
    }
}

/// Writes a character by its code; one that no text has matches nothing.
fn push_code(out: &mut String, code: u32) {
    if char::from_u32(code).is_some() {
        let _ = write!(out, "\\x{{{code:X}}}");
    } else {
        out.push_str("[^\\x{0}-\\x{10FFFF}]");
    }
}

/// The least and, where there is one, the most of a repetition.
type Counts = (u32, Option<u32>);

/// What repetition `{n}`, `{n,}` or `{n,m}` counts, and what follows; nothing of what is none.
fn counts(text: &str) -> Option<(Counts, &str)> {
    let (least, rest) = count(text.strip_prefix('{')?)?;
    let (most, rest) = match rest.strip_prefix(',') {
        None => (Some(least), rest),
        Some(rest) if rest.starts_with('}') => (None, rest),
        Some(rest) => {
            let (most, rest) = count(rest)?;
            (Some(most), rest)
        }
    };
    Some(((least, most), rest.strip_prefix('}')?))
}

/// A number without leading zeros.
fn count(text: &str) -> Option<(u32, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let digits = &text[..end];
    if digits.is_empty() || digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    Some((digits.parse().unwrap_or(u32::MAX), &text[end..]))
}

/// The character that a backslash and what follows it stand for.
pub(super) fn escaped(text: &str) -> Result<(u32, &str), BadPattern> {
    let mut rest = text[1..].chars();
    let Some(c) = rest.next() else {
        return Err(bad("trailing backslash at end of expression", ""));
    };
    let digit = |text: &str| text.chars().next().and_then(|c| c.to_digit(8));
    let code = match c {
        '0'..='7' => octal(c, &mut rest, digit),
        'x' => hexadecimal(&mut rest),
        'a' => Some(7),
        'f' => Some(12),
        'n' => Some(10),
        'r' => Some(13),
        't' => Some(9),
        'v' => Some(11),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => Some(c.into()),
        _ => None,
    };
    let length = text.len() - rest.as_str().len();
    let wrong = || bad("invalid escape sequence", &text[..length]);
    code.map(|code| (code, rest.as_str())).ok_or_else(wrong)
}

/// Up to three octal digits; one alone, but for 0, would name a group, which there is not.
fn octal(
    first: char,
    rest: &mut std::str::Chars<'_>,
    digit: impl Fn(&str) -> Option<u32>,
) -> Option<u32> {
    let mut code = first.to_digit(8)?;
    if code != 0 {
        digit(rest.as_str())?;
    }
    for _ in 0..2 {
        let Some(next) = digit(rest.as_str()) else {
            break;
        };
        code = code * 8 + next;
        rest.next();
    }
    Some(code)
}

/// Two hexadecimal digits, or any number of them in braces.
fn hexadecimal(rest: &mut std::str::Chars<'_>) -> Option<u32> {
    let first = rest.next()?;
    if first != '{' {
        let second = rest.next().and_then(|c| c.to_digit(16));
        return Some(first.to_digit(16)? * 16 + second?);
    }
    let mut code = None;
    loop {
        match rest.next()? {
            '}' => return code,
            c => {
                let next = code.unwrap_or(0) * 16 + c.to_digit(16)?;
                if next > 0x10_FFFF {
                    return None;
                }
                code = Some(next);
            }
        }
    }
}
