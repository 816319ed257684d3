//! A query as the parser is given it. What Prometheus reads otherwise than the parser is spelled so
//! that both mean the same: patterns, which it would compile itself, are replaced by numbers of a
//! list, signs before expressions are all minuses, durations of nothing and numbers with underscores
//! are plain numbers, and words that only the parser reserves have a prefix.

use super::literal::{duration, go_fixed, number};
use super::plan::ParseError;
use super::token::{Token, is_word, tokens};
use crate::prometheus::re2::Pattern;

/// What stands before a word that the parser reserves and Prometheus takes as a name.
const PREFIX: &str = "__nlsim_";
/// The longest duration of Go in nanoseconds, about 292 years.
const LONGEST: f64 = 9_223_372_036_854_775_808.0;
/// A pattern of a matcher, as written and compiled.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) text: String,
    pub(super) pattern: Pattern,
}

/// A query, its tokens and how the parser is given them.
#[derive(Debug)]
pub(super) struct Spelled<'a> {
    pub(super) text: &'a str,
    pub(super) tokens: Vec<Token>,
    /// What stands for each token, where it is not the token itself.
    instead: Vec<Option<String>>,
    pub(super) patterns: Vec<Written>,
    /// Whether signs of expressions, in their order, are pluses.
    pub(super) pluses: Vec<bool>,
    /// The first mistake that the parser would not see.
    mistake: Option<(usize, String)>,
}

impl<'a> Spelled<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let tokens = tokens(text);
        let mut spelled = Self {
            text,
            instead: vec![None; tokens.len()],
            tokens,
            patterns: Vec::new(),
            pluses: Vec::new(),
            mistake: None,
        };
        let mut brackets = Vec::new();
        for index in 0..spelled.tokens.len() {
            match spelled.word(index) {
                open @ ("(" | "[" | "{") => brackets.push(open),
                ")" | "]" | "}" => {
                    brackets.pop();
                }
                _ => spelled.spell(index, brackets.last().copied().unwrap_or("")),
            }
        }
        spelled
    }

    /// A token's text, empty beyond the last one.
    pub(super) fn word(&self, index: usize) -> &'a str {
        let text = self.text;
        self.tokens
            .get(index)
            .map_or("", |token| &text[token.start..token.end])
    }

    /// The text for the parser up to a token, this one included.
    pub(super) fn up_to(&self, last: usize) -> String {
        let (mut written, mut end) = (String::with_capacity(self.text.len()), 0);
        for (token, instead) in self.tokens.iter().zip(&self.instead).take(last + 1) {
            written.push_str(&self.text[end..token.start]);
            let own = &self.text[token.start..token.end];
            written.push_str(instead.as_deref().unwrap_or(own));
            end = token.end;
        }
        written
    }

    /// The whole text for the parser.
    pub(super) fn whole(&self) -> String {
        self.up_to(self.tokens.len())
    }

    /// The mistake that the parser does not see, if there is one.
    pub(super) fn mistake(&self) -> Option<ParseError> {
        let (at, message) = self.mistake.as_ref()?;
        Some(ParseError::at(self.text, *at, message.clone()))
    }

    fn wrong(&mut self, index: usize, message: impl Into<String>) {
        let at = self.tokens[index].start;
        self.mistake.get_or_insert((at, message.into()));
    }

    fn spell(&mut self, index: usize, bracket: &str) {
        let word = self.word(index);
        let before = index.checked_sub(1).map_or("", |before| self.word(before));
        match word.as_bytes().first().copied() {
            Some(b'"' | b'\'' | b'`') if matches!(before, "=~" | "!~") && bracket == "{" => {
                self.pattern(index);
            }
            _ if bracket == "{" => {}
            Some(b'+' | b'-') if self.is_sign(index) => {
                self.pluses.push(word == "+");
                self.instead[index] = Some("-".to_owned());
            }
            Some(b'.' | b'0'..=b'9') => self.number(index, bracket == "["),
            Some(first) if is_word(first) => self.name(index),
            _ => {}
        }
    }

    /// The pattern that a string holds, by its place in the list.
    fn pattern(&mut self, index: usize) {
        let Ok(promql_parser::parser::Expr::StringLiteral(text)) =
            promql_parser::parser::parse(self.word(index))
        else {
            return;
        };
        let place = self.patterns.len();
        // What it makes of nothing decides whether the selector selects everything.
        let mut takes_nothing = false;
        match Pattern::anchored(&text.val) {
            Ok(pattern) => {
                takes_nothing = pattern.is_match("");
                let text = text.val;
                self.patterns.push(Written { text, pattern });
            }
            Err(bad) => self.wrong(index.saturating_sub(2), bad.to_string()),
        }
        let or_nothing = if takes_nothing { "|" } else { "" };
        self.instead[index] = Some(format!("\"{place}{or_nothing}\""));
    }

    /// Whether a `+` or a `-` stands before an expression instead of between two.
    fn is_sign(&self, index: usize) -> bool {
        let Some(before) = index.checked_sub(1) else {
            return true;
        };
        match self.word(before) {
            "(" | "," | "+" | "-" | "*" | "/" | "%" | "^" | "==" | "!=" | "<" | ">" | "<="
            | ">=" => true,
            ")" => self.is_side(index),
            word => {
                let lower = word.to_ascii_lowercase();
                let is_operator = matches!(
                    &*lower,
                    "and" | "or" | "unless" | "atan2" | "bool" | "group_left" | "group_right"
                );
                is_operator && before > 0
            }
        }
    }

    /// Whether this follows `on (…)` and the like, which a side of an operator does.
    fn is_side(&self, index: usize) -> bool {
        let open = index.checked_sub(1).and_then(|before| self.opening(before));
        let word = open.and_then(|open| open.checked_sub(1));
        let lower = word.map_or("", |word| self.word(word)).to_ascii_lowercase();
        matches!(&*lower, "on" | "ignoring" | "group_left" | "group_right")
    }

    /// The bracket that this one closes.
    fn opening(&self, closing: usize) -> Option<usize> {
        let mut depth = 0usize;
        for index in (0..=closing).rev() {
            match self.word(index) {
                ")" | "]" | "}" => depth += 1,
                "(" | "[" | "{" => {
                    depth = depth.checked_sub(1)?;
                    if depth == 0 {
                        return Some(index);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// A number or a duration.
    fn number(&mut self, index: usize, in_brackets: bool) {
        let word = self.word(index);
        let (sign, before) = self.sign_and_before(index);
        let is_offset = before.eq_ignore_ascii_case("offset");
        let seconds = if let Some(number) = number(word) {
            if number.is_infinite() {
                let reason = format!("parsing {word:?}: value out of range");
                self.wrong(
                    index,
                    format!("error parsing number: strconv.ParseFloat: {reason}"),
                );
            }
            number
        } else {
            match duration(word) {
                None => return,
                Some(Err(message)) => return self.wrong(index, message),
                Some(Ok(millis)) => (millis / 1000) as f64 + (millis % 1000) as f64 / 1e3,
            }
        };
        if in_brackets && seconds <= 0.0 {
            self.wrong(index, "duration must be greater than 0");
        }
        if (in_brackets || is_offset) && seconds * 1e9 >= LONGEST {
            self.wrong(
                sign.filter(|_| is_offset).unwrap_or(index),
                "duration out of range",
            );
        }
        if before == "@" && seconds >= LONGEST {
            self.no_time(index, sign, seconds);
        }
        if self.mistake.is_some() {
            self.instead[index] = Some("1".to_owned());
            return;
        }
        let digits = word.bytes().all(|byte| byte.is_ascii_digit()) && !word.starts_with('0');
        let plain = if number(word).is_some() {
            digits
        } else {
            // The parser has no duration of nothing, and drops parts of 32 bits and more.
            seconds > 0.0
                && word
                    .split(|c: char| !c.is_ascii_digit())
                    .all(|part| part.len() < 10)
        };
        let after_sign = sign.is_some_and(|sign| self.is_sign(sign));
        if !plain || after_sign {
            let text = if plain {
                word.to_owned()
            } else {
                format!("{seconds}")
            };
            // The parser makes one number of a sign and a number, which brackets keep apart.
            self.instead[index] = Some(if after_sign {
                format!("({text})")
            } else {
                text
            });
        }
    }

    /// The sign before a number and what stands before both.
    fn sign_and_before(&self, index: usize) -> (Option<usize>, &'a str) {
        let sign = index.checked_sub(1);
        let sign = sign.filter(|&sign| matches!(self.word(sign), "+" | "-"));
        let before = sign.unwrap_or(index).checked_sub(1);
        (sign, before.map_or("", |before| self.word(before)))
    }

    /// A time that `@` does not take.
    fn no_time(&mut self, index: usize, sign: Option<usize>, seconds: f64) {
        let negative = sign.is_some_and(|sign| self.word(sign) == "-");
        let operand = self.operand(sign.unwrap_or(index) - 1);
        let seconds = go_fixed(if negative { -seconds } else { seconds });
        let message = format!("timestamp out of bounds for @ modifier: {seconds}");
        self.wrong(operand.start, message);
    }

    /// A number that is a word, a word that the parser reserves, or a modifier that is not enabled.
    fn name(&mut self, index: usize) {
        let lower = self.word(index).to_ascii_lowercase();
        if matches!(&*lower, "inf" | "nan") {
            let (sign, before) = self.sign_and_before(index);
            if before == "@" {
                let number = if lower == "inf" {
                    f64::INFINITY
                } else {
                    f64::NAN
                };
                self.no_time(index, sign, number);
            } else if sign.is_some_and(|sign| self.is_sign(sign)) {
                self.instead[index] = Some(format!("({lower})"));
            }
            return;
        }
        if !matches!(&*lower, "anchored" | "smoothed" | "step") {
            return;
        }
        let before = index.checked_sub(1).map_or("", |before| self.word(before));
        let first = before.bytes().next_back().unwrap_or(b'(');
        let closes = matches!(first, b')' | b']' | b'}') && !self.is_side(index);
        if (closes || is_word(first) && !is_keyword(before)) && lower != "step" {
            let operand = self.operand(index);
            let message = format!("{lower} modifier is experimental and not enabled");
            self.wrong(operand.start, message);
        }
        self.instead[index] = Some(format!("{PREFIX}{}", self.word(index)));
    }

    /// Where the operand begins that has such a modifier twice.
    pub(super) fn set_twice(&self, modifier: &str) -> Option<usize> {
        let mut indexes = 0..self.tokens.len();
        indexes.find_map(|index| {
            let operand = self
                .word(index)
                .eq_ignore_ascii_case(modifier)
                .then(|| self.operand(index))?;
            let twice = if modifier == "@" {
                operand.has_at
            } else {
                operand.has_offset
            };
            twice.then(|| self.tokens[operand.start].start)
        })
    }

    /// The last sign of an expression that begins before a byte.
    pub(super) fn sign_before(&self, byte: usize) -> Option<usize> {
        let mut indexes = 0..self.tokens.len();
        let found = indexes.rfind(|&index| {
            self.tokens[index].start <= byte
                && matches!(self.word(index), "+" | "-")
                && self.is_sign(index)
        });
        found.map(|index| self.tokens[index].start)
    }

    /// The selector or the like before a modifier, and what modifies it already.
    pub(super) fn operand(&self, modifier: usize) -> Operand {
        let mut operand = Operand {
            start: modifier,
            has_offset: false,
            has_at: false,
        };
        let mut end = modifier;
        while let Some(last) = end.checked_sub(1) {
            let mut begin = last;
            if matches!(self.word(last), ")" | "]" | "}") {
                begin = self.opening(last).unwrap_or(0);
            }
            let before = |index: usize| index.checked_sub(1).map_or("", |before| self.word(before));
            let signed = usize::from(matches!(before(begin), "+" | "-"));
            let keyword = before(begin - signed.min(begin));
            if keyword.eq_ignore_ascii_case("offset") || keyword == "@" {
                operand.has_offset |= keyword != "@";
                operand.has_at |= keyword == "@";
                end = begin - signed - 1;
                continue;
            }
            operand.start = begin;
            match self.word(begin) {
                "[" => end = begin,
                "(" | "{" => {
                    let named = before(begin).bytes().all(is_word) && !is_keyword(before(begin));
                    if named && begin > 0 && !before(begin).is_empty() {
                        operand.start = begin - 1;
                    }
                    // `@ start()`
                    let at = operand
                        .start
                        .checked_sub(1)
                        .filter(|&at| self.word(at) == "@");
                    let Some(at) = at.filter(|_| self.word(begin) == "(") else {
                        break;
                    };
                    operand.has_at = true;
                    end = at;
                }
                _ => break,
            }
        }
        operand
    }
}

/// What stands before a modifier.
#[derive(Debug)]
pub(super) struct Operand {
    /// Its first token.
    pub(super) start: usize,
    pub(super) has_offset: bool,
    pub(super) has_at: bool,
}

/// A name as it was written.
pub(super) fn unspelled(name: &str) -> &str {
    name.strip_prefix(PREFIX).unwrap_or(name)
}

/// Whether a word stands between expressions or before one.
fn is_keyword(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    matches!(
        &*lower,
        "and"
            | "or"
            | "unless"
            | "atan2"
            | "bool"
            | "on"
            | "ignoring"
            | "group_left"
            | "group_right"
            | "by"
            | "without"
            | "offset"
    )
}
