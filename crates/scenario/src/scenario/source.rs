//! Files to texts, and TOML to a tree with places. YAML is in `yaml.rs`.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostics, SourceFile};
use super::node::{KeyNode, Node, Span, Value};

/// Larger scenarios, manifests and traces are refused: none is that large, a wrong path may be.
pub const LARGEST_FILE: u64 = 16 << 20;

/// Where files come from.
pub trait FileProvider {
    /// The bytes of a file. Of one that has more than `limit`, no more than `limit` + 1 are
    /// read: that many say that it is too large.
    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, String>;

    /// Paths that match a glob pattern, sorted.
    fn glob(&self, pattern: &str) -> Result<Vec<String>, String>;
}

/// Files in memory, by path: for programs that embed the simulator.
#[derive(Debug, Clone, Default)]
pub struct InMemory(BTreeMap<String, String>);

impl InMemory {
    /// These files.
    pub fn new<const N: usize>(files: [(&str, &str); N]) -> Self {
        let owned = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
        Self(BTreeMap::from(owned))
    }
}

impl FileProvider for InMemory {
    fn read(&self, path: &str, _limit: u64) -> Result<Vec<u8>, String> {
        let text = self.0.get(path).ok_or("no such file")?;
        Ok(text.as_bytes().to_vec())
    }

    /// A pattern is a path here.
    fn glob(&self, pattern: &str) -> Result<Vec<String>, String> {
        let found = self.0.contains_key(pattern).then(|| pattern.to_owned());
        Ok(found.into_iter().collect())
    }
}

/// The files of another provider, and one that is nowhere but in memory.
pub struct Overlay<'a> {
    below: &'a dyn FileProvider,
    path: &'a str,
    text: &'a str,
}

impl<'a> Overlay<'a> {
    /// The files below, with this one.
    pub fn new(below: &'a dyn FileProvider, path: &'a str, text: &'a str) -> Self {
        Self { below, path, text }
    }
}

impl FileProvider for Overlay<'_> {
    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, String> {
        if path == self.path {
            return Ok(self.text.as_bytes().to_vec());
        }
        self.below.read(path, limit)
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, String> {
        self.below.glob(pattern)
    }
}

/// Reads a file's text and keeps it for messages; says what is wrong at `from` if it cannot.
pub(super) fn load(
    provider: &dyn FileProvider,
    path: &str,
    from: Option<Span>,
    diagnostics: &mut Diagnostics,
) -> Option<usize> {
    let bytes = bytes(provider, path, from, diagnostics)?;
    keep(path, &bytes, diagnostics)
}

/// The same for a manifest, which kubectl also reads as UTF-16 if it begins with a byte order
/// mark. What is no UTF-8 becomes U+FFFD, as with kubectl (`FileVisitor.Visit`), and is warned of.
pub(super) fn load_manifest(
    provider: &dyn FileProvider,
    path: &str,
    from: Option<Span>,
    diagnostics: &mut Diagnostics,
) -> Option<usize> {
    let bytes = bytes(provider, path, from, diagnostics)?;
    let file = diagnostics.files.len();
    let text = manifest_text(&bytes);
    let start = text.find(char::REPLACEMENT_CHARACTER);
    diagnostics.files.push(SourceFile {
        path: path.to_owned(),
        text: text.into(),
    });
    if let Some(start) = start.filter(|_| std::str::from_utf8(&bytes).is_err()) {
        let span = Span {
            file,
            start,
            end: start + char::REPLACEMENT_CHARACTER.len_utf8(),
        };
        let title = "the file is not UTF-8 text";
        diagnostics
            .warning(span, title, "read as U+FFFD, as kubectl does")
            .help = Some("save it as UTF-8".to_owned());
    }
    Some(file)
}

/// A manifest's bytes as text.
pub fn manifest_text(bytes: &[u8]) -> String {
    let utf16 = |of: fn([u8; 2]) -> u16| {
        let pairs = bytes[2..].chunks_exact(2);
        let is_whole = pairs.remainder().is_empty();
        let units = pairs.map(|pair| of([pair[0], pair[1]]));
        let mut text: String = char::decode_utf16(units)
            .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
        if !is_whole {
            text.push(char::REPLACEMENT_CHARACTER);
        }
        text
    };
    match bytes {
        [0xff, 0xfe, ..] => utf16(u16::from_le_bytes),
        [0xfe, 0xff, ..] => utf16(u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// A file's bytes, unless they are too many.
fn bytes(
    provider: &dyn FileProvider,
    path: &str,
    from: Option<Span>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<u8>> {
    let problem = match provider.read(path, LARGEST_FILE) {
        Err(reason) => format!("cannot read {path}: {reason}"),
        Ok(bytes) if bytes.len() as u64 > LARGEST_FILE => format!(
            "{path} is larger than {} MiB, which no scenario, manifest or trace is",
            LARGEST_FILE >> 20
        ),
        Ok(bytes) => return Some(bytes),
    };
    match from {
        Some(span) => diagnostics.error(span, problem, "named here"),
        None => diagnostics.general(problem),
    };
    None
}

/// Keeps a file's text, unless it is no text.
fn keep(path: &str, bytes: &[u8], diagnostics: &mut Diagnostics) -> Option<usize> {
    let file = diagnostics.files.len();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    diagnostics.files.push(SourceFile {
        path: path.to_owned(),
        text: String::from_utf8_lossy(bytes).into(),
    });
    let Err(error) = std::str::from_utf8(bytes) else {
        return Some(file);
    };
    let start = error.valid_up_to();
    let span = Span {
        file,
        start,
        end: start + char::REPLACEMENT_CHARACTER.len_utf8(),
    };
    let help = if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        "it looks like UTF-16: save it as UTF-8"
    } else {
        "save it as UTF-8"
    };
    let label = format!("byte 0x{:02x} is not valid UTF-8", bytes[start]);
    diagnostics
        .error(span, "the file is not UTF-8 text", label)
        .help = Some(help.to_owned());
    None
}

/// Parses a TOML file that was loaded: what could be read, and whether that is all of it.
pub(super) fn parse_toml(file: usize, diagnostics: &mut Diagnostics) -> (Node, bool) {
    let text = diagnostics.files[file].text.clone();
    let (table, errors) = DeTable::parse_recoverable(&text);
    for error in &errors {
        let range = error.span().unwrap_or(0..0);
        let span = Span {
            file,
            start: range.start,
            end: range.end,
        };
        diagnostics.error(span, "not valid TOML", error.message());
    }
    let node = toml_table(table.get_ref(), span_of(&table, file), file, diagnostics);
    (node, errors.is_empty())
}

/// Parses one value as TOML writes it, every part of it placed at `span`.
pub(super) fn parse_value(text: &str, span: Span) -> Option<Node> {
    let line = format!("v = {}", text.trim());
    let table = DeTable::parse(&line).ok()?;
    let mut problems = Diagnostics::default();
    let mut node = toml_table(table.get_ref(), span, span.file, &mut problems);
    let single = matches!(&node.value, Value::Table(entries) if entries.len() == 1);
    node.get_mut("v")
        .filter(|_| single && problems.list.is_empty())
        .map(|node| {
            node.place(span);
            node.clone()
        })
}

fn span_of<T>(spanned: &Spanned<T>, file: usize) -> Span {
    Span {
        file,
        start: spanned.span().start,
        end: spanned.span().end,
    }
}

fn toml_table(table: &DeTable<'_>, span: Span, file: usize, diagnostics: &mut Diagnostics) -> Node {
    let mut entries = Vec::new();
    for (key, value) in table {
        let name = KeyNode {
            span: span_of(key, file),
            name: key.get_ref().to_string(),
        };
        let node = toml_value(value, file, diagnostics);
        entries.push((name, node));
    }
    entries.sort_by_key(|(key, _)| key.span.start);
    Node {
        span,
        value: Value::Table(entries),
    }
}

fn toml_value(value: &Spanned<DeValue<'_>>, file: usize, diagnostics: &mut Diagnostics) -> Node {
    let span = span_of(value, file);
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            Value::Int(parsed.unwrap_or_else(|_| {
                diagnostics.error(span, "this number is too large", "does not fit 64 bits");
                0
            }))
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Datetime(time) => Value::Text(time.to_string()),
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|item| toml_value(item, file, diagnostics))
                .collect(),
        ),
        DeValue::Table(table) => return toml_table(table, span, file, diagnostics),
    };
    Node { span, value }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes(Vec<u8>);

    impl FileProvider for Bytes {
        fn read(&self, _: &str, _: u64) -> Result<Vec<u8>, String> {
            Ok(self.0.clone())
        }

        fn glob(&self, _: &str) -> Result<Vec<String>, String> {
            Ok(Vec::new())
        }
    }

    /// The text of a manifest, and what is told of it.
    fn manifest(bytes: &[u8]) -> (String, Diagnostics) {
        let mut diagnostics = Diagnostics::default();
        let file = load_manifest(&Bytes(bytes.to_vec()), "m.yaml", None, &mut diagnostics);
        let text = diagnostics.files[file.expect("a file")].text.to_string();
        (text, diagnostics)
    }

    #[test]
    fn manifests_may_be_utf_16() {
        let text = "kind: A\n---\nname: \u{1F600}\n";
        for (mark, of) in [
            ([0xff, 0xfe], u16::to_le_bytes as fn(u16) -> [u8; 2]),
            ([0xfe, 0xff], u16::to_be_bytes),
        ] {
            let units = text.encode_utf16().flat_map(of);
            let bytes: Vec<u8> = mark.into_iter().chain(units).collect();
            let (read, told) = manifest(&bytes);
            assert_eq!((read.as_str(), told.list.len()), (text, 0));
        }
        let (read, told) = manifest(b"\xff\xfea");
        assert_eq!((read.as_str(), told.list.len()), ("\u{fffd}", 1));
        assert_eq!(manifest(b"\xef\xbb\xbfa: b").0, "a: b");
    }

    #[test]
    fn what_is_no_utf_8_is_replaced_and_told() {
        let (read, told) = manifest(b"# f\xfcr\nkind: A\n");
        assert_eq!(read, "# f\u{fffd}r\nkind: A\n");
        assert!(!told.has_errors());
        let span = told.list[0].span.expect("a place");
        assert_eq!(&read[span.start..span.end], "\u{fffd}");
        // A scenario has to be UTF-8.
        let mut diagnostics = Diagnostics::default();
        let scenario = Bytes(b"# f\xfcr\n".to_vec());
        assert_eq!(load(&scenario, "s.toml", None, &mut diagnostics), None);
        assert!(diagnostics.has_errors());
    }
}
