//! `replacements`: values of fields copied to fields of other objects.
//!
//! Upstream: kustomize's `api/filters/replacement`, paths as `kyaml/yaml/match.go` follows them.
//! Fields within a text of JSON or YAML are not reached.

use regex_lite::Regex;

use super::resource::{Id, Resource, entry};
use super::select::Target;
use super::{Builder, Written};
use crate::scenario::node::{KeyNode, Node, Span, Value};

const NAME: &str = "metadata.name";
const NOTHING: &str = "nothing is selected by this source";

/// `options` of a source or a target.
struct Options<'a> {
    delimiter: &'a str,
    index: i64,
    create: bool,
}

impl<'a> Options<'a> {
    fn of(node: &'a Node) -> Self {
        let get = |key: &str| node.get("options").and_then(|options| options.get(key));
        let int = |node: &Node| match node.value {
            Value::Int(index) => Some(index),
            _ => None,
        };
        Self {
            delimiter: get("delimiter").and_then(Node::text).unwrap_or_default(),
            index: get("index").and_then(int).unwrap_or(0),
            create: get("create").is_some_and(|one| one.value == Value::Bool(true)),
        }
    }
}

/// What is wrong with a replacement, and where.
type Problem = (Span, String);

impl Builder<'_, '_> {
    /// `replacements`, inline or in files, one after the other.
    pub(super) fn replacements(&mut self, written: &Written<'_>, resources: &mut [Resource]) {
        for one in written.items("replacements") {
            let in_file = one.get("path").and_then(Node::text);
            let all = match in_file {
                Some(path) => {
                    let path = super::join(written.folder, path);
                    let documents = self.documents(&path, one.span);
                    let mut all = Vec::new();
                    for document in documents {
                        match document.value {
                            Value::List(items) => all.extend(items),
                            _ => all.push(document),
                        }
                    }
                    all
                }
                None => vec![one.clone()],
            };
            for one in &all {
                match replace(one, written, resources) {
                    Ok(()) => {}
                    Err((span, title)) if title == NOTHING && is_generated(one, written) => {
                        let title = "this source is generated of files, which are not read here";
                        self.refuse(span, title, "this replacement", written.folder);
                    }
                    Err((span, title)) => self.wrong(span, title, "this replacement"),
                }
            }
        }
    }
}

/// One replacement.
fn replace(node: &Node, written: &Written<'_>, resources: &mut [Resource]) -> Result<(), Problem> {
    let place = node.span.first();
    let value = match (node.get("source"), node.get("sourceValue")) {
        (Some(source), None) => sourced(source, written, resources)?,
        (None, Some(value)) => value.clone(),
        _ => return Err((place, "a replacement has one source".to_owned())),
    };
    let targets = node.get("targets").map_or(&[][..], Node::items);
    if targets.is_empty() {
        return Err((place, "a replacement has targets".to_owned()));
    }
    for target in targets {
        let read = |node| Target::read(node).map_err(|(node, why)| (node.span, why));
        let Some(select) = target.get("select") else {
            let title = "a target must specify resources to select".to_owned();
            return Err((target.span.first(), title));
        };
        let select = read(select)?;
        let rejected = target.get("reject").map_or(&[][..], Node::items);
        let rejected: Vec<Target> = rejected.iter().map(read).collect::<Result<_, _>>()?;
        let options = Options::of(target);
        for resource in &mut *resources {
            if !select.selects(resource) || rejected.iter().any(|one| one.selects(resource)) {
                continue;
            }
            let paths = target.get("fieldPaths").map_or(&[][..], Node::items);
            let paths = paths.iter().filter_map(|one| Some((one.text()?, one.span)));
            let name = (NAME, target.span.first());
            let none = target.get("fieldPaths").is_none().then_some(name);
            for (path, span) in paths.chain(none) {
                let steps = split(path);
                let mut set = |field: &mut Node| put(field, &value, &options);
                let found = visit(&mut resource.node, &steps, options.create, &mut set);
                if found.map_err(|why| (span, why))? == 0 {
                    let or_create = if options.create { " or create" } else { "" };
                    let title =
                        format!("unable to find{or_create} field \"{path}\" in replacement target");
                    return Err((span, title));
                }
            }
        }
    }
    Ok(())
}

/// The value that a `source` names.
fn sourced(source: &Node, written: &Written<'_>, resources: &[Resource]) -> Result<Node, Problem> {
    let text = |key: &str| source.get(key).and_then(Node::text).unwrap_or_default();
    let place = source.span.first();
    let is_meant = |id: &Id| {
        let fits = |key: &str, value: &str| text(key).is_empty() || text(key) == value;
        fits("group", id.group())
            && fits("version", id.bare_version())
            && fits("kind", &id.kind)
            && fits("name", &id.name)
            && fits("namespace", &id.namespace)
    };
    let path = source.get("fieldPath").and_then(Node::text).unwrap_or(NAME);
    let mut found = resources.iter().filter(|one| one.is_called(is_meant));
    let value = match (found.next(), found.next()) {
        (Some(one), None) => lookup(&one.node, &split(path)).cloned(),
        (None, _) => match literal(text("kind"), text("name"), path, written) {
            Some(value) => Some(Node {
                span: place,
                value: Value::Text(value),
            }),
            None => return Err((place, NOTHING.to_owned())),
        },
        (Some(_), Some(_)) => return Err((place, "multiple matches for this source".to_owned())),
    };
    let Some(value) = value.filter(|node| node.value != Value::Null) else {
        return Err((
            place,
            format!("fieldPath `{path}` is missing for replacement source"),
        ));
    };
    let options = Options::of(source);
    if options.delimiter.is_empty() {
        return Ok(value);
    }
    let Some(whole) = value.scalar_text() else {
        let title = "delimiter option can only be used with scalar nodes".to_owned();
        return Err((place, title));
    };
    let part = usize::try_from(options.index).ok();
    let part = part.and_then(|index| whole.split(options.delimiter).nth(index));
    let Some(part) = part else {
        let index = options.index;
        return Err((
            place,
            format!("options.index {index} is out of bounds for value {whole}"),
        ));
    };
    Ok(Node {
        value: Value::Text(part.to_owned()),
        ..value
    })
}

/// Whether a replacement's source is a ConfigMap or a Secret that the kustomization generates.
fn is_generated(replacement: &Node, written: &Written<'_>) -> bool {
    let Some(source) = replacement.get("source") else {
        return false;
    };
    let text = |node: &Node, key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
    let generators = match text(source, "kind").as_deref() {
        Some("ConfigMap") => written.items("configMapGenerator"),
        Some("Secret") => written.items("secretGenerator"),
        _ => return false,
    };
    let name = text(source, "name");
    generators.iter().any(|one| text(one, "name") == name)
}

/// `data.KEY` of a ConfigMap that is generated of literals.
fn literal(kind: &str, name: &str, path: &str, written: &Written<'_>) -> Option<String> {
    let key = path.strip_prefix("data.").filter(|_| kind == "ConfigMap")?;
    let generators = written.items("configMapGenerator").iter();
    let mut own = generators.filter(|one| one.get("name").and_then(Node::text) == Some(name));
    let literals = own.next()?.get("literals")?.items();
    let mut pairs = literals
        .iter()
        .filter_map(|one| one.text()?.split_once('='));
    let (_, value) = pairs.find(|(own, _)| *own == key)?;
    let bare = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    Some(bare('"').or(bare('\'')).unwrap_or(value).to_owned())
}

/// The parts of a path: dots within brackets and behind a backslash do not part.
fn split(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in path.strip_prefix('.').unwrap_or(path).split('.') {
        match parts.last_mut() {
            Some(last) if last.ends_with('\\') => {
                last.pop();
                *last = format!("{last}.{part}");
            }
            Some(last) if last.starts_with('[') && !last.ends_with(']') => {
                *last = format!("{last}.{part}");
            }
            _ => parts.push(part.to_owned()),
        }
    }
    for part in &mut parts {
        if part.starts_with('[') && part.contains('.') && !part.contains('=') {
            *part = part.trim_matches(['[', ']']).to_owned();
        }
    }
    parts
}

/// `[field=value]`: the field and what its value matches; no field for items that are values.
fn item_of(part: &str) -> Option<(&str, &str)> {
    let inner = part.strip_prefix('[')?.strip_suffix(']')?;
    inner.split_once('=')
}

/// The field at a path.
fn lookup<'a>(node: &'a Node, path: &[String]) -> Option<&'a Node> {
    path.iter().try_fold(node, |node, part| {
        if let Ok(index) = part.parse::<usize>() {
            return node.items().get(index);
        }
        match item_of(part) {
            Some((field, value)) => node.items().iter().find(|item| {
                let own = if field.is_empty() {
                    Some(*item)
                } else {
                    item.get(field)
                };
                own.and_then(Node::scalar_text).as_deref() == Some(value)
            }),
            None => node.get(part),
        }
    })
}

/// Does something with each field at a path, which are made if they may be; tells how many there are.
fn visit(
    node: &mut Node,
    path: &[String],
    create: bool,
    set: &mut dyn FnMut(&mut Node) -> Result<(), String>,
) -> Result<usize, String> {
    let Some((part, rest)) = path.split_first() else {
        return set(node).map(|()| 1);
    };
    let span = node.span.first();
    let empty = || Node {
        span,
        value: Value::Null,
    };
    let index = part.parse::<usize>().ok();
    let item = item_of(part);
    if index.is_none() && item.is_none() && part != "*" {
        if !create && node.get(part).is_none() {
            return Ok(0);
        }
        let Some(field) = entry(node, part, span) else {
            return Ok(0);
        };
        return visit(field, rest, create, set);
    }
    if create && node.value == Value::Null {
        node.value = Value::List(Vec::new());
    }
    let Value::List(items) = &mut node.value else {
        return Ok(0);
    };
    if let Some(index) = index {
        if create && index == items.len() {
            items.push(empty());
        }
        let count = items.len();
        let item = items
            .get_mut(index)
            .ok_or_else(|| format!("index {index} specified but only {count} elements found"))?;
        return visit(item, rest, create, set);
    }
    let mut found = 0;
    let Some((field, value)) = item else {
        for item in items {
            found += visit(item, rest, create, set)?;
        }
        return Ok(found);
    };
    let regex = Regex::new(value).map_err(|error| error.to_string())?;
    let is_meant = |item: &Node| {
        let own = if field.is_empty() {
            Some(item)
        } else {
            item.get(field)
        };
        let text = own.and_then(Node::scalar_text);
        text.is_some_and(|text| regex.is_match(&text))
    };
    if create && !items.iter().any(is_meant) {
        let mut made = empty();
        let text = Value::Text(value.to_owned());
        made.value = if field.is_empty() {
            text
        } else {
            let name = field.to_owned();
            Value::Table(vec![(KeyNode { span, name }, Node { span, value: text })])
        };
        items.push(made);
    }
    for item in items.iter_mut().filter(|item| is_meant(item)) {
        found += visit(item, rest, create, set)?;
    }
    Ok(found)
}

/// Puts a value into a field: a scalar keeps its type where the value can have it.
fn put(field: &mut Node, value: &Node, options: &Options<'_>) -> Result<(), String> {
    let Some(mut text) = value.scalar_text() else {
        field.clone_from(value);
        return Ok(());
    };
    let is_table = matches!(field.value, Value::Table(_) | Value::List(_));
    if !options.delimiter.is_empty() {
        if is_table {
            return Err("delimiter option can only be used with scalar nodes".to_owned());
        }
        let whole = match field.value {
            Value::Null => String::new(),
            _ => field.scalar_text().unwrap_or_default(),
        };
        let mut parts: Vec<&str> = whole.split(options.delimiter).collect();
        match usize::try_from(options.index) {
            Err(_) => parts.insert(0, &text),
            Ok(index) if index < parts.len() => parts[index] = &text,
            Ok(_) => parts.push(&text),
        }
        text = parts.join(options.delimiter);
    }
    field.span = value.span;
    field.value = match field.value {
        Value::Text(_) => Value::Text(text),
        _ => plain(text),
    };
    Ok(())
}

/// What a scalar without quotes is read as.
fn plain(text: String) -> Value {
    if let Ok(number) = text.parse() {
        return Value::Int(number);
    }
    match text.as_str() {
        "" | "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ if text.starts_with(|one: char| one.is_ascii_digit() || "+-.".contains(one)) => {
            text.parse().map_or(Value::Text(text), Value::Float)
        }
        _ => Value::Text(text),
    }
}

#[cfg(test)]
mod tests;
