//! Go's syntax of patterns (`regexp/syntax`) in the `regex` crate's, and what Go refuses.

use super::BadPattern;

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
                '{' => match counts(before) {
                    Some((counts, after)) => self.repeat(before, after, Some(counts), repeated)?,
                    None => {
                        self.skip(1);
                        self.literal('{');
                    }
                },
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
        counts: Option<(u32, Option<u32>)>,
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
        self.out.push_str(until(before, rest));
        self.add(repeats);
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
        out.push_str(&format!("\\x{{{code:X}}}"));
    } else {
        out.push_str("[^\\x{0}-\\x{10FFFF}]");
    }
}

/// What repetition `{n}`, `{n,}` or `{n,m}` counts, and what follows; nothing of what is none.
#[expect(clippy::type_complexity, reason = "a pair and a rest")]
fn counts(text: &str) -> Option<((u32, Option<u32>), &str)> {
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

/// A class in brackets in the crate's words, and what follows it.
struct Class<'a> {
    text: String,
    rest: &'a str,
}

fn class(whole: &str) -> Result<Class<'_>, BadPattern> {
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
        text.push_str(&format!("\\x{{{low:X}}}-\\x{{{high:X}}}"));
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
fn group(text: &str) -> Result<Option<(String, &str)>, BadPattern> {
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

/// The character that a backslash and what follows it stand for.
fn escaped(text: &str) -> Result<(u32, &str), BadPattern> {
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
    match code {
        Some(code) => Ok((code, rest.as_str())),
        None => {
            let length = text.len() - rest.as_str().len();
            Err(bad("invalid escape sequence", &text[..length]))
        }
    }
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
