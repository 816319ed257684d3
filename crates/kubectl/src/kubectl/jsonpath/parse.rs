//! Templates as they are read.

use serde_json::Value;

use super::{Comparison, Operand, Part, Step};

/// Longer tokens stand before those that they begin with.
const COMPARISONS: [(&str, Comparison); 6] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::Unequal),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PathError(String);

fn wrong<T>(message: impl Into<String>) -> Result<T, PathError> {
    Err(PathError(message.into()))
}

/// A template's parts.
pub(super) fn template(text: &str) -> Result<Vec<Part>, PathError> {
    let mut reader = Reader { rest: text };
    // The ranges that are open, each with what stands before it.
    let mut open: Vec<(Vec<Part>, Vec<Step>)> = Vec::new();
    let mut parts = Vec::new();
    while !reader.rest.is_empty() {
        let before = reader.until(|c| c == '{');
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        if !reader.takes("{") {
            continue;
        }
        reader.blanks();
        while !reader.takes("}") {
            if reader.rest.is_empty() {
                return wrong("unclosed action");
            }
            if reader.takes_word("range") {
                reader.blanks();
                let steps = reader.path()?;
                open.push((std::mem::take(&mut parts), steps));
            } else if reader.takes_word("end") {
                let Some((outer, steps)) = open.pop() else {
                    return wrong("not in range, nothing to end");
                };
                let inner = std::mem::replace(&mut parts, outer);
                parts.push(Part::Range(steps, inner));
            } else if reader.rest.starts_with(['"', '\'']) {
                parts.push(Part::Text(reader.quoted()?));
            } else {
                parts.push(Part::Path(reader.path()?));
            }
            reader.blanks();
        }
    }
    if !open.is_empty() {
        return wrong("unclosed range");
    }
    Ok(parts)
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn until(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let (found, rest) = self.rest.split_at(end);
        self.rest = rest;
        found
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn takes(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A word that a blank or the end of the expression follows.
    fn takes_word(&mut self, word: &str) -> bool {
        let follows = |rest: &str| rest.starts_with([' ', '\t', '\n', '}']);
        match self.rest.strip_prefix(word).filter(|rest| follows(rest)) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A text in quotes, with the escapes of Go.
    fn quoted(&mut self) -> Result<String, PathError> {
        let mut letters = self.rest.char_indices();
        let quote = letters.next().map(|(_, quote)| quote);
        let mut text = String::new();
        while let Some((at, c)) = letters.next() {
            if Some(c) == quote {
                self.rest = &self.rest[at + c.len_utf8()..];
                return Ok(text);
            }
            if c != '\\' {
                text.push(c);
                continue;
            }
            match letters.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, 'r')) => text.push('\r'),
                Some((_, other)) => text.push(other),
                None => break,
            }
        }
        wrong("unterminated quoted string")
    }

    fn path(&mut self) -> Result<Vec<Step>, PathError> {
        let mut steps = Vec::new();
        let begin = self.rest;
        if self.takes("$") {
            steps.push(Step::Root);
        } else {
            self.takes("@");
        }
        loop {
            if self.takes("..") {
                steps.push(Step::Descend);
                if !self.rest.starts_with('[') {
                    self.name(&mut steps)?;
                }
            } else if self.takes(".") {
                // `.` alone is the object itself.
                if !self.rest.is_empty() && !self.rest.starts_with(['}', ' ', '[']) {
                    self.name(&mut steps)?;
                }
            } else if self.takes("[") {
                steps.push(self.bracket()?);
            } else if self.rest == begin {
                let what: String = self.rest.chars().take(1).collect();
                return wrong(format!("unrecognized character in action: {what:?}"));
            } else {
                return Ok(steps);
            }
        }
    }

    /// A field's name; a backslash keeps the dot after it.
    fn name(&mut self, steps: &mut Vec<Step>) -> Result<(), PathError> {
        if self.takes("*") {
            steps.push(Step::All);
            return Ok(());
        }
        let mut name = String::new();
        let mut letters = self.rest.char_indices();
        let mut end = self.rest.len();
        while let Some((at, c)) = letters.next() {
            match c {
                '\\' => name.extend(letters.next().map(|(_, kept)| kept)),
                '.' | '[' | ']' | '{' | '}' | '(' | ')' | '=' | '!' | '<' | '>' | ',' | '"'
                | '\'' => {
                    end = at;
                    break;
                }
                c if c.is_whitespace() => {
                    end = at;
                    break;
                }
                c => name.push(c),
            }
        }
        self.rest = &self.rest[end..];
        if name.is_empty() {
            return wrong("a field's name is missing");
        }
        steps.push(Step::Field(name));
        Ok(())
    }

    /// What stands in brackets, to the closing one.
    fn bracket(&mut self) -> Result<Step, PathError> {
        self.blanks();
        if self.takes("?(") {
            return self.filter();
        }
        let mut all = Vec::new();
        loop {
            self.blanks();
            all.push(self.index()?);
            self.blanks();
            if self.takes("]") {
                break;
            }
            if !self.takes(",") {
                return wrong("unterminated array");
            }
        }
        match (all.pop(), all.is_empty()) {
            (Some(step), true) => Ok(step),
            (last, _) => {
                all.extend(last);
                Ok(Step::Union(
                    all.into_iter().map(|step| vec![step]).collect(),
                ))
            }
        }
    }

    fn index(&mut self) -> Result<Step, PathError> {
        if self.takes("*") {
            return Ok(Step::All);
        }
        if self.rest.starts_with(['"', '\'']) {
            return self.quoted().map(Step::Field);
        }
        if !self.rest.contains(']') {
            return wrong("unterminated array");
        }
        let text = self.until(|c| matches!(c, ']' | ',')).trim();
        let number = |text: &str| match text.trim() {
            "" => Ok(None),
            text => match text.parse::<i64>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => wrong(format!("invalid array index {text}")),
            },
        };
        let parts: Vec<&str> = text.split(':').collect();
        match *parts.as_slice() {
            [one] => match number(one)? {
                // The last one ends where the list does.
                Some(-1) => Ok(Step::Slice(Some(-1), None, 1)),
                Some(at) => Ok(Step::Slice(Some(at), Some(at + 1), 1)),
                None => wrong(format!("invalid array index {text}")),
            },
            [from, to] => Ok(Step::Slice(number(from)?, number(to)?, 1)),
            [from, to, stride] => match number(stride)?.unwrap_or(1) {
                stride @ 1.. => Ok(Step::Slice(number(from)?, number(to)?, stride)),
                _ => wrong("step must be > 0"),
            },
            _ => wrong(format!("invalid array index {text}")),
        }
    }

    fn filter(&mut self) -> Result<Step, PathError> {
        self.blanks();
        let left = self.operand()?;
        self.blanks();
        let found = COMPARISONS.iter().find(|(token, _)| self.takes(token));
        let compared = match found {
            None => None,
            Some((_, comparison)) => {
                self.blanks();
                Some((*comparison, self.operand()?))
            }
        };
        self.blanks();
        if !self.takes(")") {
            return wrong("unterminated filter");
        }
        self.blanks();
        if !self.takes("]") {
            return wrong("unterminated array");
        }
        Ok(Step::Filter(left, compared))
    }

    fn operand(&mut self) -> Result<Operand, PathError> {
        if self.rest.starts_with(['"', '\'']) {
            return self
                .quoted()
                .map(|text| Operand::Literal(Value::String(text)));
        }
        if self.rest.starts_with(['@', '$', '.']) {
            return self.path().map(Operand::Path);
        }
        let word = self.until(|c| c.is_whitespace() || matches!(c, ')' | '=' | '!' | '<' | '>'));
        match serde_json::from_str::<Value>(word) {
            Ok(literal @ (Value::Bool(_) | Value::Number(_))) => Ok(Operand::Literal(literal)),
            _ => wrong(format!("unrecognized filter operand {word}")),
        }
    }
}
