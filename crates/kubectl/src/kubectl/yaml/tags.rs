//! Tags right before a comma (`[!mine, b]`), on which libyaml-safer 0.3 panics: they are blanked,
//! so that what they are put on is nothing. libyaml reads an empty text there.

use std::borrow::Cow;
use std::ops::Range;

use libyaml_safer::{EventData, Parser};

/// The text without such tags.
pub(super) fn without(text: &str) -> Cow<'_, str> {
    let found = candidates(text);
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let all = blanked(text, &found, |_| true);
    let scalars = scalars(&all);
    let is_tag = |place: usize| !scalars.iter().any(|scalar| scalar.contains(&place));
    Cow::Owned(blanked(text, &found, |one| is_tag(one.start)))
}

/// What may be such a tag, or a part of a text or comment.
fn candidates(text: &str) -> Vec<Range<usize>> {
    let found = text.match_indices('!').filter_map(|(start, _)| {
        let before = text[..start].chars().next_back();
        let begins = before.is_none_or(|c| c.is_whitespace() || "[{,:?".contains(c));
        let rest = &text[start..];
        let length = if rest.starts_with("!<") {
            rest.find('>')? + 1
        } else {
            rest.find(|c: char| c == ',' || c.is_whitespace())?
        };
        let is_one = begins && rest[length..].starts_with(',');
        is_one.then_some(start..start + length)
    });
    found.collect()
}

fn blanked(text: &str, places: &[Range<usize>], wanted: impl Fn(&Range<usize>) -> bool) -> String {
    let mut made = String::with_capacity(text.len());
    let mut at = 0;
    for place in places.iter().filter(|place| wanted(place)) {
        if place.start < at {
            continue;
        }
        made.push_str(&text[at..place.start]);
        made.extend(std::iter::repeat_n(' ', place.len()));
        at = place.end;
    }
    made.push_str(&text[at..]);
    made
}

/// The places of scalars, as far as the text can be read.
fn scalars(text: &str) -> Vec<Range<usize>> {
    let mut bytes = text.as_bytes();
    let mut parser = Parser::new();
    parser.set_input_string(&mut bytes);
    let mut places = Vec::new();
    while let Ok(event) = parser.parse() {
        match event.data {
            EventData::Scalar { .. } => {
                places.push(event.start_mark.index as usize..event.end_mark.index as usize);
            }
            EventData::StreamEnd => break,
            _ => {}
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::without;

    #[test]
    fn only_tags_are_blanked() {
        assert_eq!(without("a: [b, c]\n"), "a: [b, c]\n");
        assert_eq!(without("a: [!t, c]\n"), "a: [  , c]\n");
        assert_eq!(without("{é: !t,b: 1}\n"), "{é:   ,b: 1}\n");
        let verbatim = "[!<tag:yaml.org,2002:str> a]\n";
        assert_eq!(without(verbatim), verbatim);
        let texts = "a: |\n  x: [!t, c]\nb: \"!t, c\"\nc: go !t, c\n";
        assert_eq!(without(texts), texts);
    }
}
