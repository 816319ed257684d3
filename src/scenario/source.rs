//! Reading files into trees: TOML through `toml`, YAML through `saphyr`, both with places.

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostics, SourceFile};
use super::node::{KeyNode, Node, Span, Value};

/// Larger files are refused: no manifest is that large, and a wrong path may be.
pub const LARGEST_FILE: u64 = 8 << 20;

/// Where files come from.
pub trait FileProvider {
    /// The bytes of a file, at most `limit` of them plus one.
    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, String>;

    /// Paths that match a glob pattern, sorted.
    fn glob(&self, pattern: &str) -> Result<Vec<String>, String>;
}

/// Reads a file's text and keeps it for messages; says what is wrong at `from` if it cannot.
pub(super) fn load(
    provider: &dyn FileProvider,
    path: &str,
    from: Option<Span>,
    diagnostics: &mut Diagnostics,
) -> Option<usize> {
    let bytes = provider.read(path, LARGEST_FILE);
    let text = match bytes {
        Err(reason) => Err(format!("cannot read {path}: {reason}")),
        Ok(bytes) if bytes.len() as u64 > LARGEST_FILE => Err(format!(
            "{path} is larger than {} MiB, which no scenario or manifest is",
            LARGEST_FILE >> 20
        )),
        Ok(bytes) => String::from_utf8(bytes).map_err(|error| {
            format!(
                "{path} is not UTF-8 text: invalid byte at offset {}",
                error.utf8_error().valid_up_to()
            )
        }),
    };
    match text {
        Ok(text) => {
            diagnostics.files.push(SourceFile {
                path: path.to_owned(),
                text,
            });
            Some(diagnostics.files.len() - 1)
        }
        Err(title) => {
            match from {
                Some(span) => diagnostics.error(span, title, "named here"),
                None => diagnostics.general(title),
            };
            None
        }
    }
}

/// Parses a TOML file that was loaded.
pub(super) fn parse_toml(file: usize, diagnostics: &mut Diagnostics) -> Option<Node> {
    let text = diagnostics.files[file].text.clone();
    if text.trim().is_empty() {
        let help = "a scenario begins with `name = \"…\"`, `manifests = [\"…\"]` and a `[simulation]` table";
        diagnostics
            .error(
                Span {
                    file,
                    start: 0,
                    end: 0,
                },
                "the file is empty",
                "nothing here",
            )
            .help = Some(help.to_owned());
        return None;
    }
    let (table, errors) = DeTable::parse_recoverable(&text);
    for error in &errors {
        let range = error.span().unwrap_or(0..0);
        let span = Span {
            file,
            start: range.start,
            end: range.end,
        };
        diagnostics.error(span, format!("not valid TOML: {}", error.message()), "here");
    }
    errors
        .is_empty()
        .then(|| toml_table(table.get_ref(), span_of(&table, file), file, diagnostics))
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
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Int(number),
            Err(_) => {
                diagnostics.error(span, "this number is too large", "does not fit 64 bits");
                Value::Int(0)
            }
        },
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

/// Parses a YAML file that was loaded into its documents.
pub(super) fn parse_yaml(file: usize, diagnostics: &mut Diagnostics) -> Vec<Node> {
    let text = diagnostics.files[file].text.clone();
    // Markers count characters; messages need bytes.
    let mut offsets: Vec<usize> = text.char_indices().map(|(offset, _)| offset).collect();
    offsets.push(text.len());
    let byte = |index: usize| offsets.get(index).copied().unwrap_or(text.len());
    match MarkedYaml::load_from_str(&text) {
        Err(error) => {
            let at = byte(error.marker().index());
            let line = text[at..].lines().next().unwrap_or_default();
            let before = text[..at].lines().last().unwrap_or_default();
            let problem = diagnostics.error(
                Span {
                    file,
                    start: at,
                    end: at + 1,
                },
                format!("not valid YAML: {}", error.info()),
                "here",
            );
            if line.starts_with('\t')
                || before.ends_with('\t')
                || text.lines().any(|line| line.starts_with('\t'))
            {
                problem.help =
                    Some("YAML is indented with spaces; a tab is not allowed there".to_owned());
            }
            Vec::new()
        }
        Ok(documents) => {
            let nodes: Vec<Node> = documents
                .iter()
                .map(|document| yaml_node(document, file, &byte))
                .collect();
            let filled: Vec<Node> = nodes
                .into_iter()
                .filter(|node| node.value != Value::Null)
                .collect();
            if filled.is_empty() {
                let help = "a manifest has at least `apiVersion`, `kind` and `metadata`".to_owned();
                diagnostics
                    .error(
                        Span {
                            file,
                            start: 0,
                            end: 0,
                        },
                        "the file has no YAML document",
                        "nothing here",
                    )
                    .help = Some(help);
            }
            filled
        }
    }
}

fn yaml_node(yaml: &MarkedYaml<'_>, file: usize, byte: &impl Fn(usize) -> usize) -> Node {
    let span = Span {
        file,
        start: byte(yaml.span.start.index()),
        end: byte(yaml.span.end.index()),
    };
    let value = match &yaml.data {
        YamlData::Value(scalar) => match scalar {
            Scalar::Null => Value::Null,
            Scalar::Boolean(value) => Value::Bool(*value),
            Scalar::Integer(number) => Value::Int(*number),
            Scalar::FloatingPoint(number) => Value::Float(**number),
            Scalar::String(text) => Value::Text(text.to_string()),
        },
        YamlData::Representation(text, ..) => Value::Text(text.to_string()),
        YamlData::Sequence(items) => Value::List(
            items
                .iter()
                .map(|item| yaml_node(item, file, byte))
                .collect(),
        ),
        YamlData::Mapping(entries) => {
            let entry = |(key, value): (&MarkedYaml<'_>, &MarkedYaml<'_>)| {
                let key = yaml_node(key, file, byte);
                let name = match &key.value {
                    Value::Text(text) => text.clone(),
                    Value::Int(number) => number.to_string(),
                    Value::Bool(value) => value.to_string(),
                    other => other.kind().to_owned(),
                };
                (
                    KeyNode {
                        span: key.span,
                        name,
                    },
                    yaml_node(value, file, byte),
                )
            };
            Value::Table(entries.iter().map(entry).collect())
        }
        YamlData::Tagged(_, inner) => {
            return Node {
                span,
                ..yaml_node(inner, file, byte)
            };
        }
        YamlData::Alias(_) | YamlData::BadValue => Value::Null,
    };
    Node { span, value }
}
