//! A file's text, cut into documents as kubectl cuts it before a document is read.
//!
//! Upstream: `YAMLOrJSONDecoder` and `YAMLReader` of `k8s.io/apimachinery/pkg/util/yaml`.

use serde::de::IgnoredAny;

use super::tree::Problem;

/// The text of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// Where it begins in the file.
    pub start: usize,
    /// The text.
    pub text: &'a str,
    /// Whether it is JSON.
    pub json: bool,
}

/// Cuts a file into documents. A text that begins with `{` is a stream of JSON values, as far as
/// it is JSON; in YAML a line that begins with `---` is between two documents.
pub fn documents(text: &str) -> Vec<Result<Part<'_>, Problem>> {
    let mut parts = Vec::new();
    let mut begin = 0;
    if text.trim_start().starts_with('{') {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
        while let Some(Ok(_)) = values.next() {
            let end = values.byte_offset();
            parts.push(Ok(Part {
                start: begin,
                text: &text[begin..end],
                json: true,
            }));
            begin = end;
        }
        // White space up to the end of the line belongs to the JSON value.
        let rest = &text[begin..];
        let blank = rest.len() - rest.trim_start().len();
        begin += rest[..blank]
            .find('\n')
            .map_or(blank, |newline| newline + 1);
        if text[begin..].trim().is_empty() {
            return parts;
        }
    }
    yaml(text, begin, &mut parts);
    parts
}

fn yaml<'a>(text: &'a str, begin: usize, parts: &mut Vec<Result<Part<'a>, Problem>>) {
    let mut start = begin;
    let mut at = begin;
    for line in text[begin..].split_inclusive('\n') {
        if let Some(rest) = line.strip_prefix("---") {
            let words = rest.trim();
            if !words.is_empty() && !words.starts_with('#') {
                let from = at + 3 + (rest.len() - rest.trim_start().len());
                parts.push(Err(Problem {
                    start: from,
                    end: from + words.len(),
                    title: None,
                    label: format!("invalid Yaml document separator: {words}"),
                }));
            }
            push(text, start..at, parts);
            start = at + line.len();
        }
        at += line.len();
    }
    push(text, start..at, parts);
}

fn push<'a>(
    text: &'a str,
    range: std::ops::Range<usize>,
    parts: &mut Vec<Result<Part<'a>, Problem>>,
) {
    if !range.is_empty() {
        parts.push(Ok(Part {
            start: range.start,
            text: &text[range],
            json: false,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::documents;

    fn cut(text: &str) -> Vec<Result<&str, String>> {
        let parts = documents(text).into_iter();
        parts
            .map(|part| match part {
                Ok(part) => {
                    assert_eq!(&text[part.start..part.start + part.text.len()], part.text);
                    Ok(part.text)
                }
                Err(problem) => Err(text[problem.start..problem.end].to_owned()),
            })
            .collect()
    }

    #[test]
    fn lines_of_dashes_are_between_documents() {
        assert_eq!(cut(""), []);
        assert_eq!(cut("a: 1"), [Ok("a: 1")]);
        assert_eq!(
            cut("---\na: 1\n--- # x\n---\nb: 2\n"),
            [Ok("a: 1\n"), Ok("b: 2\n")]
        );
        assert_eq!(
            cut("a: 1\n---\tb: 2\nc: 3\n"),
            [Err("b: 2".to_owned()), Ok("a: 1\n"), Ok("c: 3\n")]
        );
        assert_eq!(cut("a: |\n  ---\n"), [Ok("a: |\n  ---\n")]);
    }

    #[test]
    fn json_values_follow_each_other() {
        assert_eq!(
            cut("{\"a\": 1}{}\n {}"),
            [Ok("{\"a\": 1}"), Ok("{}"), Ok("\n {}")]
        );
        assert_eq!(cut("{}\n---\na: 1\n"), [Ok("{}"), Ok("a: 1\n")]);
        assert_eq!(cut("{a: 1}\n"), [Ok("{a: 1}\n")]);
    }
}
