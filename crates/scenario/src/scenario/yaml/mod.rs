//! YAML into trees with places, as kubectl reads it: document by document, so that a mistake in
//! one leaves the others.

use super::diagnostic::Diagnostics;
use super::node::{KeyNode, Node, Span, Value};
use super::object::to_node;
use crate::kubectl::yaml::{self, Part, Problem};

/// The documents of a file, and whether all of them could be read.
pub(super) struct Parsed {
    pub(super) documents: Vec<Node>,
    pub(super) complete: bool,
}

/// Parses a file that was loaded.
pub(super) fn parse(file: usize, diagnostics: &mut Diagnostics) -> Parsed {
    let text = diagnostics.files[file].text.clone();
    let mut reader = Reader {
        file,
        text: &text,
        diagnostics,
        complete: true,
    };
    let mut documents = Vec::new();
    for part in yaml::documents(&text) {
        match part {
            Ok(part) => documents.extend(reader.document(part)),
            Err(problem) => reader.report(problem, 0),
        }
    }
    let complete = reader.complete;
    documents.retain(|document| document.value != Value::Null);
    if documents.is_empty() && complete {
        let title = if text.trim().is_empty() {
            "the file is empty"
        } else {
            "the file holds no object"
        };
        let help = "a manifest has at least `apiVersion`, `kind` and `metadata`";
        diagnostics
            .warning(Span::at(file, 0), title, "nothing here")
            .help = Some(help.to_owned());
    }
    Parsed {
        documents,
        complete,
    }
}

/// Help for a Helm template.
const TEMPLATE: &str =
    "this is a template: write what it makes to a file, for example with `helm template`";

/// What to do about a text whose variables are to be filled in.
pub(super) fn unfilled(text: &str) -> Option<&'static str> {
    if text.contains("{{") {
        return Some(TEMPLATE);
    }
    text.contains("${").then_some(
        "this is a variable: write what it stands for to a file, for example with `envsubst`",
    )
}

/// Help for the parser's errors.
const ADVICE: [(&str, &str); 6] = [
    (
        "mapping values are not allowed",
        "indent the key as its neighbours are; a string with `: ` in it needs quotes",
    ),
    (
        "did not find expected key",
        "indent the key as its neighbours are",
    ),
    (
        "could not find expected ':'",
        "a key is followed by `: `; a string of several lines needs `|`",
    ),
    (
        "found character that cannot start any token",
        "a string that begins with this character needs quotes",
    ),
    (
        "did not find expected alphabetic or numeric character",
        "a string that begins with `*` or `&` needs quotes",
    ),
    (
        "invalid Yaml document separator",
        "nothing but a comment stands behind `---`",
    ),
];

struct Reader<'a> {
    file: usize,
    text: &'a str,
    diagnostics: &'a mut Diagnostics,
    complete: bool,
}

impl Reader<'_> {
    fn span(&self, start: usize, end: usize) -> Span {
        Span {
            file: self.file,
            start,
            end,
        }
    }

    /// Reads a document; says what is wrong with it.
    fn document(&mut self, part: Part<'_>) -> Option<Node> {
        let document = match yaml::parse(part.text) {
            Ok(document) => document,
            Err(problem) => {
                // What YAML refuses of JSON, such as escaped surrogates.
                let value = part.json.then(|| serde_json::from_str(part.text).ok());
                if let Some(value) = value.flatten() {
                    let mut node = to_node(&value);
                    node.place(self.span(part.start, part.start + part.text.len()));
                    return Some(node);
                }
                self.report(problem, part.start);
                return None;
            }
        };
        for key in &document.doubles {
            let title = format!("the key `{}` stands twice: the last one counts", key.name);
            let span = self.span(part.start + key.start, part.start + key.end);
            self.diagnostics
                .warning(
                    span,
                    title,
                    "it is there already, further up; kubectl says nothing",
                )
                .help = Some("keep one of them".to_owned());
        }
        if let Some(rest) = document.rest {
            let rest = self.span(part.start + rest, part.start + rest);
            let title = "kubectl does not read what follows here";
            let help = "begin another document with a line `---`";
            self.diagnostics
                .warning(rest, title, "the document ends before")
                .help = Some(help.to_owned());
        }
        document.root.map(|root| self.node(root, part.start))
    }

    fn node(&self, node: yaml::Node, offset: usize) -> Node {
        let value = match node.value {
            yaml::Value::Null => Value::Null,
            yaml::Value::Bool(flag) => Value::Bool(flag),
            yaml::Value::Int(number) => Value::Int(number),
            yaml::Value::Float(number) => Value::Float(number),
            yaml::Value::Text(text) => Value::Text(text),
            yaml::Value::List(items) => {
                let items = items.into_iter();
                Value::List(items.map(|item| self.node(item, offset)).collect())
            }
            yaml::Value::Table(entries) => {
                let entries = entries.into_iter().map(|(key, node)| {
                    let key = KeyNode {
                        span: self.span(offset + key.start, offset + key.end),
                        name: key.name,
                    };
                    (key, self.node(node, offset))
                });
                Value::Table(entries.collect())
            }
        };
        Node {
            span: self.span(offset + node.start, offset + node.end),
            value,
        }
    }

    fn report(&mut self, problem: Problem, offset: usize) {
        self.complete = false;
        let span = self.span(offset + problem.start, offset + problem.end);
        let (text, diagnostics) = (self.text, &mut *self.diagnostics);
        let at = span.start.min(text.len());
        let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let before = text[..line_start.saturating_sub(1)]
            .rfind('\n')
            .map_or(0, |newline| newline + 1);
        let after = text[at..].find('\n').map(|newline| at + newline + 1);
        // The parser stops at a tab, or in the line before or after it.
        let lines = [Some(line_start), after, Some(before)];
        let tab = lines.into_iter().flatten().find_map(|start| {
            let line = text[start..].lines().next().unwrap_or_default();
            let indent = line.len() - line.trim_start().len();
            line[..indent].find('\t').map(|place| start + place)
        });
        if let Some(tab) = tab {
            let span = Span {
                file: self.file,
                start: tab,
                end: tab + 1,
            };
            let title = "not valid YAML: a tab in the indentation";
            diagnostics.error(span, title, "this is a tab").help =
                Some("YAML is indented with spaces only".to_owned());
            return;
        }
        let line = text[line_start..].lines().next().unwrap_or_default();
        let known = ADVICE.iter().find(|(part, _)| problem.label.contains(part));
        let advice = unfilled(line).or(known.map(|(_, advice)| *advice));
        let title = problem.title.unwrap_or("not valid YAML");
        diagnostics.error(span, title, problem.label).help = advice.map(str::to_owned);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubectl::yaml::DEEPEST;
    use crate::scenario::diagnostic::SourceFile;

    fn read(text: &str) -> (Parsed, Diagnostics) {
        let mut diagnostics = Diagnostics::default();
        diagnostics.files.push(SourceFile {
            path: "x.yaml".to_owned(),
            text: text.into(),
        });
        let parsed = parse(0, &mut diagnostics);
        (parsed, diagnostics)
    }

    fn value<'a>(parsed: &'a Parsed, path: &str) -> &'a Value {
        let mut node = &parsed.documents[0];
        for step in crate::scenario::node::parse_path(path) {
            node = node.child(&step).expect("the path exists");
        }
        &node.value
    }

    #[test]
    fn aliases_and_merge_keys_are_resolved() {
        let (parsed, diagnostics) = read("a: &a {x: 1, z: 2}\nb: *a\nc:\n  <<: *a\n  z: 3\n");
        assert_eq!(diagnostics.list, []);
        assert_eq!(value(&parsed, "b.x"), &Value::Int(1));
        assert_eq!(value(&parsed, "c.x"), &Value::Int(1));
        assert_eq!(value(&parsed, "c.z"), &Value::Int(3));
    }

    #[test]
    fn a_thousandfold_of_aliases_is_refused() {
        let mut text = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n".to_owned();
        for level in 1..12 {
            let alias = format!("*a{}", level - 1);
            let list = vec![alias; 10].join(", ");
            text.extend([format!("a{level}: &a{level} [{list}]\n")]);
        }
        let (parsed, diagnostics) = read(&text);
        assert!(!parsed.complete);
        let title = "the aliases of this document stand for too much";
        assert_eq!(diagnostics.list[0].title, title);
    }

    #[test]
    fn an_alias_within_itself_is_refused() {
        let (parsed, diagnostics) = read("a: &a [*a]\n");
        assert!(!parsed.complete && diagnostics.has_errors());
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(read(&nested(DEEPEST)).1.list, []);
        let (parsed, diagnostics) = read(&nested(DEEPEST + 1));
        assert!(!parsed.complete);
        assert_eq!(diagnostics.list[0].title, "this is nested too deep");
        assert!(read(&"[".repeat(200_000)).1.has_errors());
        assert!(read(&"- ".repeat(200_000)).1.has_errors());
    }

    #[test]
    fn places_count_bytes_also_behind_wide_characters() {
        let (parsed, _) = read("é: \"ü\"\nkind: Ä\n");
        let Value::Table(entries) = &parsed.documents[0].value else {
            panic!("a table")
        };
        let (key, kind) = &entries[1];
        assert_eq!((key.span.start, key.span.end), (9, 13));
        assert_eq!((kind.span.start, kind.span.end), (15, 17));
    }

    #[test]
    fn a_mistake_in_one_document_leaves_the_others() {
        let (parsed, diagnostics) = read("a: [1\n---\nb: 2\n---\nc: }\n---\nd: 4\n");
        assert_eq!(diagnostics.list.len(), 2, "{diagnostics:?}");
        assert_eq!(parsed.documents.len(), 2);
        assert_eq!(
            parsed.documents[1].get("d").map(|node| &node.value),
            Some(&Value::Int(4))
        );
    }
}
