//! Where in a query's text something stands. The parser does not say, so it is asked: the first
//! token with which no beginning of a query can be continued is the wrong one.

use super::plan::ParseError;

/// A token's place: its first byte and the byte after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Token {
    start: usize,
    end: usize,
}

/// Words, numbers, strings and signs; what is between them is not needed.
fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            b' ' | b'\t' | b'\n' | b'\r' => {
                at += 1;
                continue;
            }
            b'#' => {
                at += text[at..].find('\n').unwrap_or(text.len() - at);
                continue;
            }
            quote @ (b'"' | b'\'' | b'`') => {
                at += 1;
                while at < bytes.len() && bytes[at] != quote {
                    at += if bytes[at] == b'\\' && quote != b'`' {
                        2
                    } else {
                        1
                    };
                }
                at = (at + 1).min(bytes.len());
            }
            c if is_word(c) => {
                while at < bytes.len() && (is_word(bytes[at]) || bytes[at] == b'.') {
                    at += 1;
                }
            }
            c => {
                let two = matches!(c, b'=' | b'!' | b'<' | b'>')
                    && bytes.get(at + 1).is_some_and(|next| b"=~".contains(next));
                at += if two { 2 } else { 1 };
                while !text.is_char_boundary(at) {
                    at += 1;
                }
            }
        }
        while !text.is_char_boundary(at) {
            at += 1;
        }
        found.push(Token { start, end: at });
    }
    found
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte == b':' || byte.is_ascii_alphanumeric()
}

/// The column, in characters from 1, of a byte.
fn column(text: &str, byte: usize) -> usize {
    text[..byte].chars().count() + 1
}

fn place_of_word(text: &str, word: &str) -> Option<usize> {
    tokens(text)
        .into_iter()
        .find(|token| text[token.start..token.end].eq_ignore_ascii_case(word))
        .map(|token| token.start)
}

/// Whether a word stands in the text, outside of strings.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    place_of_word(text, word).is_some()
}

/// The column of the first such word outside of strings, 1 if there is none.
pub(super) fn of_word(text: &str, word: &str) -> usize {
    column(text, place_of_word(text, word).unwrap_or(0))
}

/// The column of a number of seconds too large for a duration, at which the parser would give up.
pub(super) fn of_endless_duration(text: &str) -> Option<usize> {
    let places = tokens(text);
    let word = |index: usize| places.get(index).map_or("", |at| &text[at.start..at.end]);
    (1..places.len())
        .find(|&index| {
            let before = match word(index - 1) {
                "-" | "+" if index > 1 => word(index - 2),
                before => before,
            };
            let takes_duration = before.eq_ignore_ascii_case("offset") || "[:".contains(before);
            let seconds = word(index).parse::<f64>();
            // The largest duration of Go, some 292 years.
            takes_duration && seconds.is_ok_and(|seconds| seconds.is_nan() || seconds >= 9.2e9)
        })
        .map(|index| column(text, places[index].start))
}

/// What may follow the beginning of a query; one of them does if it is right so far.
const CONTINUATIONS: [&str; 12] = [
    "", "x", " x", "(x)", "(x[5m])", "5m]", "=\"x\"}", "\"x\"}", "}", "()", " (x) x", "5m:1m]",
];

/// The parser's message with its column.
pub(super) fn of_failure(text: &str, message: String) -> ParseError {
    let places = tokens(text);
    let named = match message.strip_prefix("illegal regex for ") {
        Some(pattern) => places
            .iter()
            .find(|token| text[token.start..token.end].contains(pattern))
            .map(|token| token.start),
        None => quoted_word(&message).and_then(|word| place_of_word(text, word)),
    };
    let at = named.unwrap_or_else(|| {
        let wrong = places
            .iter()
            .find(|token| !can_go_on(&text[..token.end], &message));
        wrong.map_or(text.len(), |token| token.start)
    });
    let message = if message.starts_with("invalid promql query") {
        match places.iter().find(|token| token.start == at) {
            Some(token) => format!("unexpected {:?}", &text[token.start..token.end]),
            None => "unexpected end of input".to_owned(),
        }
    } else {
        message
    };
    ParseError::new(column(text, at), message)
}

/// A word that the message names in quotes.
fn quoted_word(message: &str) -> Option<&str> {
    let mut parts = message.split('\'');
    parts.next()?;
    let word = parts.next()?;
    (!word.is_empty() && word.bytes().all(is_word)).then_some(word)
}

/// Whether some continuation of this beginning is a query, or fails in another way.
fn can_go_on(beginning: &str, message: &str) -> bool {
    let closers = open_brackets(beginning);
    CONTINUATIONS.iter().any(|more| {
        [closers.as_str(), closers.get(1..).unwrap_or("")]
            .iter()
            .any(
                |close| match promql_parser::parser::parse(&format!("{beginning}{more}{close}")) {
                    Ok(_) => true,
                    Err(other) => other != message && !other.starts_with("invalid promql query"),
                },
            )
    })
}

/// What closes the brackets that are open at the end.
fn open_brackets(text: &str) -> String {
    let mut open = Vec::new();
    for token in tokens(text) {
        match &text[token.start..token.end] {
            "(" => open.push(')'),
            "[" => open.push(']'),
            "{" => open.push('}'),
            ")" | "]" | "}" => {
                open.pop();
            }
            _ => {}
        }
    }
    open.into_iter().rev().collect()
}
