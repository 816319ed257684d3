//! How a text is written: plain where it would be read back as a text, else in quotes.
//!
//! Upstream: `sigs.k8s.io/yaml/goyaml.v2`, `resolve.go` (what a plain text would be read as),
//! `encode.go` `stringv`, `emitterc.go` `yaml_emitter_analyze_scalar`.

/// The form of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    /// `|`, line by line.
    Literal,
}

/// The form that a text is written in; keys stand on one line.
pub(super) fn style(text: &str, is_key: bool) -> Style {
    let allowed = Allowed::of(text);
    if text.contains('\n') && !is_key {
        return if allowed.block {
            Style::Literal
        } else {
            Style::Double
        };
    }
    if !is_read_as_text(text) {
        return Style::Double;
    }
    match allowed {
        Allowed { plain: true, .. } => Style::Plain,
        Allowed { single: true, .. } => Style::Single,
        _ => Style::Double,
    }
}

/// Whether a plain text would be read as a text, not as a number, a time or a word with a
/// meaning of its own.
fn is_read_as_text(text: &str) -> bool {
    let word = matches!(
        text,
        "" | "~"
            | "null"
            | "Null"
            | "NULL"
            | "<<"
            | "y"
            | "Y"
            | "yes"
            | "Yes"
            | "YES"
            | "true"
            | "True"
            | "TRUE"
            | "on"
            | "On"
            | "ON"
            | "n"
            | "N"
            | "no"
            | "No"
            | "NO"
            | "false"
            | "False"
            | "FALSE"
            | "off"
            | "Off"
            | "OFF"
            | ".nan"
            | ".NaN"
            | ".NAN"
            | ".inf"
            | ".Inf"
            | ".INF"
            | "+.inf"
            | "+.Inf"
            | "+.INF"
            | "-.inf"
            | "-.Inf"
            | "-.INF"
    );
    let begins = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    !word && !(begins && (is_number(text) || is_base_60(text) || is_time(text)))
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit());
    text.split_at(end.unwrap_or(text.len()))
}

/// `12`, `0x1f`, `0b1`, `1_000`, `.5`, `1e3`.
fn is_number(text: &str) -> bool {
    let plain = text.replace('_', "");
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(&plain);
    let lower = unsigned.to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(number) = lower.strip_prefix(prefix) {
            return !number.is_empty() && number.chars().all(|c| c.is_digit(radix));
        }
    }
    let (whole, rest) = digits(&lower);
    let (fraction, rest) = rest.strip_prefix('.').map_or(("", rest), digits);
    if whole.is_empty() && fraction.is_empty() {
        return false;
    }
    match rest.strip_prefix('e') {
        None => rest.is_empty(),
        Some(exponent) => {
            let (exponent, rest) = digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
            !exponent.is_empty() && rest.is_empty()
        }
    }
}

/// `12:30:45`, a number to base 60 in YAML 1.1.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = unsigned.split(':');
    let is_first = parts.next().is_some_and(|first| {
        first.starts_with(|c: char| c.is_ascii_digit())
            && first.chars().all(|c| c.is_ascii_digit() || c == '_')
    });
    let mut rest = parts.peekable();
    is_first
        && rest.peek().is_some()
        && rest.all(|part| {
            let part = part.split('.').next().unwrap_or_default();
            part.len() <= 2 && part.parse::<u8>().is_ok_and(|number| number < 60)
        })
}

/// A date, alone, with a time of day and a zone behind a `T`, or with a time of day alone behind a blank
/// (`allowedTimestampFormats`).
fn is_time(text: &str) -> bool {
    let at = text.find(['T', 't', ' ']);
    let (date, time) = at.map_or((text, None), |at| {
        (&text[..at], Some((&text[at..=at] != " ", &text[at + 1..])))
    });
    let parts: Vec<&str> = date.split('-').collect();
    let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let is_date = matches!(parts.as_slice(), [year, month, day]
        if year.len() == 4 && number(year)
            && month.len() <= 2 && number(month) && day.len() <= 2 && number(day));
    let is_clock = |clock: &str| {
        let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
        let parts: Vec<&str> = clock.split(':').collect();
        parts.len() == 3
            && parts.iter().all(|part| part.len() <= 2 && number(part))
            && number(fraction)
    };
    let is_zoned = |time: &str| {
        let zone = time.find(['Z', '+', '-']);
        let (clock, zone) = time.split_at(zone.unwrap_or(time.len()));
        let offset = zone
            .strip_prefix(['+', '-'])
            .and_then(|one| one.split_once(':'));
        let is_zone = |one: (&str, &str)| [one.0, one.1].iter().all(|p| p.len() == 2 && number(p));
        is_clock(clock) && (zone == "Z" || offset.is_some_and(is_zone))
    };
    is_date
        && match time {
            None => true,
            Some((true, time)) => is_zoned(time),
            Some((false, time)) => is_clock(time),
        }
}

/// The forms that a text can be written in.
#[derive(Debug, Clone, Copy)]
struct Allowed {
    plain: bool,
    single: bool,
    block: bool,
}

impl Allowed {
    fn of(text: &str) -> Self {
        let mut allowed = Self {
            plain: !text.starts_with("---") && !text.starts_with("..."),
            single: true,
            block: true,
        };
        let is_break = |c: char| matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let is_blank = |c: Option<char>| c.is_none_or(|c| c == ' ' || c == '\t' || is_break(c));
        let (mut before, mut chars) = (None, text.chars().peekable());
        while let Some(c) = chars.next() {
            let next = chars.peek().copied();
            let indicates = match before {
                None => "#,[]{}&*!|>'\"%@`".contains(c) || ("?:-".contains(c) && is_blank(next)),
                Some(before) => {
                    (c == ':' && is_blank(next)) || (c == '#' && is_blank(Some(before)))
                }
            };
            let at_end = before.is_none() || next.is_none();
            if indicates || is_break(c) || (c == ' ' && at_end) {
                allowed.plain = false;
            }
            if c == ' ' && next.is_none() {
                allowed.block = false;
            }
            if c == ' ' && before.is_some_and(is_break) {
                allowed.single = false;
            }
            let ends_blank = is_break(c) && before == Some(' ');
            if ends_blank || !(is_printable(c) || is_break(c)) {
                return Self {
                    plain: false,
                    single: false,
                    block: false,
                };
            }
            before = Some(c);
        }
        allowed
    }
}

/// Whether a character is written as it is.
pub(super) fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
        && c != '\u{feff}'
}

#[cfg(test)]
mod tests {
    use super::{Style, style};

    #[test]
    fn texts_are_quoted_where_they_would_be_read_as_something_else() {
        for (text, expected) in [
            ("web", Style::Plain),
            ("a b: c", Style::Single),
            ("a:b", Style::Plain),
            ("*/1 * * * *", Style::Single),
            ("{}", Style::Single),
            ("- a", Style::Single),
            ("-a", Style::Plain),
            ("# a", Style::Single),
            ("a #b", Style::Single),
            (" a", Style::Single),
            ("it's", Style::Plain),
            ("", Style::Double),
            ("true", Style::Double),
            ("no", Style::Double),
            ("null", Style::Double),
            ("12", Style::Double),
            ("0x1f", Style::Double),
            ("1e3", Style::Double),
            ("1_000", Style::Double),
            ("100m", Style::Plain),
            ("300Mi", Style::Plain),
            ("1.36.2", Style::Plain),
            ("12:30", Style::Double),
            ("2026-11-26", Style::Double),
            ("2026-11-26T11:43:06Z", Style::Double),
            ("2026-11-26T11:43:06.25+01:00", Style::Double),
            ("2026-11-26T11:43:06", Style::Plain),
            ("2026-11-26 11:43:06.5", Style::Double),
            ("2026-11-26 11:43:06.5 +0000 UTC", Style::Plain),
            ("2026-11", Style::Plain),
            ("a\nb", Style::Literal),
            ("a\tb", Style::Double),
            ("a \nb", Style::Double),
            ("50%", Style::Plain),
            ("<none>", Style::Plain),
        ] {
            assert_eq!(style(text, false), expected, "{text:?}");
        }
    }
}
