//! The tokens of a query's text.

/// A token's place: its first byte and the byte after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Words, numbers, strings and signs; what is between them is not needed.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let (mut at, mut in_brackets) = (0, false);
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
            quote @ (b'"' | b'\'' | b'`') => at = after_string(bytes, at, quote),
            b'0'..=b'9' | b'.' if bytes[at].is_ascii_digit() || starts_number(bytes, at + 1) => {
                at = after_number(bytes, at);
            }
            b':' if in_brackets => at += 1,
            c if is_word(c) => {
                while at < bytes.len() && is_word(bytes[at]) && !(in_brackets && bytes[at] == b':')
                {
                    at += 1;
                }
            }
            c => {
                in_brackets = c == b'[' || in_brackets && c != b']';
                let two = matches!(c, b'=' | b'!' | b'<' | b'>')
                    && bytes.get(at + 1).is_some_and(|next| b"=~".contains(next));
                at += if two { 2 } else { 1 };
            }
        }
        while !text.is_char_boundary(at) {
            at += 1;
        }
        found.push(Token { start, end: at });
    }
    found
}

pub(super) fn is_word(byte: u8) -> bool {
    byte == b'_' || byte == b':' || byte.is_ascii_alphanumeric()
}

fn starts_number(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(u8::is_ascii_digit)
}

fn after_string(bytes: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != quote {
        let escapes = bytes[at] == b'\\' && quote != b'`';
        at += if escapes { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// The end of a number or a duration, the exponent with its sign included.
fn after_number(bytes: &[u8], start: usize) -> usize {
    let is_hexadecimal = bytes[start..].len() > 1 && bytes[start + 1].eq_ignore_ascii_case(&b'x');
    let mut at = start;
    while at < bytes.len() {
        let is_exponent =
            at > start && bytes[at - 1].eq_ignore_ascii_case(&b'e') && !is_hexadecimal;
        let is_sign =
            matches!(bytes[at], b'+' | b'-') && is_exponent && starts_number(bytes, at + 1);
        let is_part = bytes[at] == b'.' || bytes[at] != b':' && is_word(bytes[at]);
        if !is_part && !is_sign {
            break;
        }
        at += 1;
    }
    at
}
