//! Where in a query's text something stands. The parser does not say, so it is asked: the first
//! token with which no beginning of a query can be continued is the wrong one.

use super::plan::ParseError;
use super::spelled::Spelled;
use super::token::{Token, is_word, tokens};

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

/// The first byte of the first such word outside of strings, 0 if there is none.
pub(super) fn of_word(text: &str, word: &str) -> usize {
    place_of_word(text, word).unwrap_or(0)
}

/// What may follow the beginning of a query; one of them does if it is right so far.
const CONTINUATIONS: [&str; 12] = [
    "", "x", " x", "(x)", "(x[5m])", "5m]", "=\"x\"}", "\"x\"}", "}", "()", " (x) x", "5m:1m]",
];

/// The parser's message with its place.
pub(super) fn of_failure(spelled: &Spelled, message: String) -> ParseError {
    let (text, places) = (spelled.text, &spelled.tokens);
    let named = match twice(&message) {
        Some(modifier) => spelled.set_twice(modifier),
        None => quoted_word(&message).and_then(|word| place_of_word(text, word)),
    };
    let mut at = named.unwrap_or_else(|| {
        let mut indexes = 0..places.len();
        let wrong = indexes.find(|&index| !can_go_on(&spelled.up_to(index), &message));
        wrong.map_or(text.len(), |index| places[index].start)
    });
    let message = if message.starts_with("invalid promql query") {
        match places.iter().find(|token| token.start == at) {
            Some(token) => format!("unexpected {:?}", &text[token.start..token.end]),
            None => "unexpected end of input".to_owned(),
        }
    } else if message.starts_with("vector selector must contain") {
        let begun = |token: &&Token| token.start <= at && text[token.start..].starts_with('{');
        let selector = places.iter().rev().find(begun);
        at = selector.map_or(at, |token| token.start);
        message
    } else if message.starts_with("unary expression only allowed") {
        at = spelled.sign_before(at).unwrap_or(at);
        let kind = if message.ends_with("string") {
            "string"
        } else {
            "range vector"
        };
        let allowed = "expressions of type scalar or instant vector";
        format!("unary expression only allowed on {allowed}, got {kind:?}")
    } else {
        message
    };
    ParseError::at(text, at, message)
}

/// The modifier that the message says is set twice.
fn twice(message: &str) -> Option<&str> {
    let modifier = message.strip_suffix(" may not be set multiple times")?;
    modifier.split(' ').next()
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
