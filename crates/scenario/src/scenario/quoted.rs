//! From a place within a text to its place in the TOML file that quotes it.

use std::ops::Range;

use super::node::Span;

/// A text of a TOML file, as it is quoted there.
#[derive(Debug)]
pub(super) struct Quoted {
    span: Span,
    /// For each byte of the text, and its end, the byte of the file; empty if not known.
    places: Vec<usize>,
}

impl Quoted {
    /// The text that stands at `span` of a file, quotes included.
    pub(super) fn new(file: &str, span: Span, text: &str) -> Self {
        let source = file.get(span.start..span.end).unwrap_or_default();
        let mut places = decode(source)
            .filter(|(decoded, _)| decoded == text)
            .map(|(_, places)| places)
            .unwrap_or_default();
        if source == text {
            // Set from outside, without quotes.
            places = (0..=source.len()).collect();
        }
        for place in &mut places {
            *place += span.start;
        }
        Self { span, places }
    }

    /// Where the text stands.
    pub(super) fn whole(&self) -> Span {
        self.span
    }

    /// Where a part of the text stands; where the whole does, if that is not known.
    pub(super) fn at(&self, part: &Range<usize>) -> Span {
        match (self.places.get(part.start), self.places.get(part.end)) {
            (Some(&start), Some(&end)) => Span {
                start,
                end: end.max(start),
                ..self.span
            },
            _ => self.span,
        }
    }
}

/// Takes a TOML string apart: the text, and the place of each of its bytes in the source.
fn decode(source: &str) -> Option<(String, Vec<usize>)> {
    let (quotes, literal) = [("'''", true), ("\"\"\"", false), ("'", true), ("\"", false)]
        .into_iter()
        .find(|(quotes, _)| source.starts_with(quotes))?;
    let inner = source.strip_prefix(quotes)?.strip_suffix(quotes)?;
    let end = quotes.len() + inner.len();
    let mut at = quotes.len();
    if quotes.len() == 3 {
        // A line end right behind the quotes is not part of the text.
        let line_end = ["\n", "\r\n"]
            .into_iter()
            .find(|one| inner.starts_with(one));
        at += line_end.map_or(0, str::len);
    }
    let (mut text, mut places) = (String::new(), Vec::new());
    while at < end {
        let rest = &source[at..end];
        let (decoded, length) = if literal || !rest.starts_with('\\') {
            let c = rest.chars().next()?;
            (Some(c), c.len_utf8())
        } else {
            escape(rest)?
        };
        if let Some(c) = decoded {
            places.extend(std::iter::repeat_n(at, c.len_utf8()));
            text.push(c);
        }
        at += length;
    }
    places.push(end);
    Some((text, places))
}

/// An escape: what it stands for, if anything, and its length.
fn escape(rest: &str) -> Option<(Option<char>, usize)> {
    let kind = rest.chars().nth(1)?;
    let code = |digits: usize| {
        let code = u32::from_str_radix(rest.get(2..2 + digits)?, 16).ok()?;
        Some((Some(char::from_u32(code)?), 2 + digits))
    };
    Some(match kind {
        'b' => (Some('\u{8}'), 2),
        't' => (Some('\t'), 2),
        'n' => (Some('\n'), 2),
        'f' => (Some('\u{c}'), 2),
        'r' => (Some('\r'), 2),
        'e' => (Some('\u{1b}'), 2),
        '"' | '\\' => (Some(kind), 2),
        'x' => return code(2),
        'u' => return code(4),
        'U' => return code(8),
        // A backslash at a line's end takes the blanks of the next lines away.
        _ if kind.is_whitespace() => {
            let tail = rest[1..].trim_start();
            (None, rest.len() - tail.len())
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::diagnostic::{Diagnostics, SourceFile};
    use crate::scenario::node::Node;
    use crate::scenario::source::parse_toml;

    /// What the part of a text that reads `part` is in the file.
    fn found(toml: &str, part: &str) -> String {
        let mut diagnostics = Diagnostics::default();
        diagnostics.files.push(SourceFile {
            path: "s.toml".to_owned(),
            text: toml.into(),
        });
        let (node, _) = parse_toml(0, &mut diagnostics);
        let value = node.get("v").expect("a value");
        let text = value.text().expect("a text");
        let start = text.find(part).expect("the part");
        let quoted = Quoted::new(toml, value.span, text);
        let span = quoted.at(&(start..start + part.len()));
        assert!(Node::text(value).is_some());
        toml[span.start..span.end].to_owned()
    }

    #[test]
    fn parts_are_found_in_every_sort_of_string() {
        assert_eq!(found("v = 'a deploy/x b'", "deploy/x"), "deploy/x");
        assert_eq!(found("v = \"a \\\"q\\\" \\u00e9 xy\"", "xy"), "xy");
        assert_eq!(found("v = \"a \\\"q\\\" z\"", "\"q\""), "\\\"q\\\"");
        assert_eq!(found("v = \"\"\"\nab \\\n   cd\n\"\"\"", "cd"), "cd");
        assert_eq!(found("v = '''\nab\n  cd'''", "cd"), "cd");
        assert_eq!(found("v = '''ab'''", "ab"), "ab");
        assert_eq!(found("v = \"é ü\"", "ü"), "ü");
    }
}
