//! A template's text in pieces, and what stands between delimiters in tokens.

/// What is wrong, with its place.
pub(super) type Wrong = (usize, String);

/// Between delimiters: a word and its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Word(String),
    Text(String),
    Number(i64),
    Sign(char),
    Declare,
}

/// A piece of the text: plain, or what stands between delimiters.
pub(super) enum Piece {
    Text(String),
    Action(Vec<(usize, Token)>, usize),
}

/// The pieces of a template.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, Wrong> {
    let mut pieces = Vec::new();
    let mut at = 0;
    let mut trim = false;
    loop {
        let open = text[at..].find("<<").map(|open| at + open);
        let mut plain = &text[at..open.unwrap_or(text.len())];
        if trim {
            plain = plain.trim_start();
        }
        let Some(open) = open else {
            pieces.push(Piece::Text(plain.to_owned()));
            return Ok(pieces);
        };
        let mut inside = open + 2;
        if text[inside..].starts_with('-') && text[inside + 1..].starts_with(char::is_whitespace) {
            inside += 1;
            plain = plain.trim_end();
        }
        pieces.push(Piece::Text(plain.to_owned()));
        let trimmed = inside > open + 2;
        let comment = if trimmed {
            text[inside..].trim_start()
        } else {
            &text[inside..]
        };
        if comment.starts_with("/*") {
            let close = text[inside..]
                .find("*/")
                .ok_or((open, "unclosed comment".to_owned()))?;
            let after = inside + close + 2;
            let rest = text[after..].trim_start();
            trim = rest.starts_with("->>");
            let delimiter = if trim { "->>" } else { ">>" };
            if !rest.starts_with(delimiter) {
                return Err((open, "comment ends before closing delimiter".to_owned()));
            }
            at = text.len() - rest.len() + delimiter.len();
            continue;
        }
        let (tokens, close, trims) = tokens(text, inside)?;
        trim = trims;
        pieces.push(Piece::Action(tokens, open));
        at = close;
    }
}

type Tokens = (Vec<(usize, Token)>, usize, bool);

/// The tokens up to the closing delimiter, the byte after it, and whether it trims.
fn tokens(text: &str, mut at: usize) -> Result<Tokens, Wrong> {
    let mut found = Vec::new();
    loop {
        let rest = &text[at..];
        let Some(c) = rest.chars().next() else {
            return Err((at, "unclosed action".to_owned()));
        };
        if rest.starts_with(">>") {
            return Ok((found, at + 2, false));
        }
        if c.is_whitespace() {
            if rest.trim_start().starts_with("->>") {
                let skipped = rest.len() - rest.trim_start().len();
                return Ok((found, at + skipped + 3, true));
            }
            at += c.len_utf8();
            continue;
        }
        let start = at;
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let token =
            match c {
                '"' => {
                    let end =
                        closing_quote(rest).ok_or((at, "unterminated quoted string".to_owned()))?;
                    at += end + 1;
                    Token::Text(unquoted(&rest[1..end]))
                }
                '`' => {
                    let end = rest[1..]
                        .find('`')
                        .ok_or((at, "unterminated raw quoted string".to_owned()))?;
                    at += end + 2;
                    Token::Text(rest[1..=end].to_owned())
                }
                ':' if rest.starts_with(":=") => {
                    at += 2;
                    Token::Declare
                }
                '.' | '$' => {
                    at += 1;
                    at += text[at..]
                        .find(|c: char| !word(c) && c != '.')
                        .unwrap_or(text.len() - at);
                    terminated(text, at)?;
                    Token::Word(text[start..at].to_owned())
                }
                c if c.is_ascii_digit() || c == '-' => {
                    at += 1;
                    at += text[at..]
                        .find(|c: char| !c.is_ascii_digit())
                        .unwrap_or(text.len() - at);
                    let number = text[start..at].parse();
                    Token::Number(number.map_err(|_| {
                        (start, format!("bad number syntax: {:?}", &text[start..at]))
                    })?)
                }
                c if word(c) => {
                    at += rest.find(|c: char| !word(c)).unwrap_or(rest.len());
                    terminated(text, at)?;
                    Token::Word(text[start..at].to_owned())
                }
                '(' | ')' | '|' | ',' => {
                    at += 1;
                    Token::Sign(c)
                }
                c => {
                    let message = format!("unexpected {:?} in operand", c.to_string());
                    return Err((at, message));
                }
            };
        found.push((start, token));
    }
}

/// A word ends at a space, a sign or the closing delimiter.
fn terminated(text: &str, at: usize) -> Result<(), Wrong> {
    let rest = &text[at..];
    match rest.chars().next() {
        Some(c) if !c.is_whitespace() && !".,|:()".contains(c) && !rest.starts_with(">>") => {
            Err((at, format!("bad character U+{:04X} '{c}'", c as u32)))
        }
        _ => Ok(()),
    }
}

/// The byte of the quote that closes the one at the beginning.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().skip(1).find_map(|(index, c)| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes.then_some(index)
    })
}

fn unquoted(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some(other) => out.push(other),
                None => {}
            },
            (c, false) => out.push(c),
        }
    }
    out
}
