//! Any object as the tree of its fields, as kubectl describes kinds of custom resource
//! definitions.
//!
//! Upstream: `genericDescriber`, `printUnstructuredContent`, `smartLabelFor`.

use serde_json::Value;

use super::writer::Writer;

/// What the lines before say, or nobody wants to read.
const LEFT_OUT: [&str; 5] = [
    ".metadata.managedFields",
    ".metadata.name",
    ".metadata.namespace",
    ".metadata.labels",
    ".metadata.annotations",
];
const ACRONYMS: [&str; 4] = ["API", "URL", "UID", "GUID"];

pub(super) fn describe(object: &Value, writer: &mut Writer) {
    writer.metadata(object);
    fields(object, 0, "", writer);
}

fn fields(object: &Value, level: usize, path: &str, writer: &mut Writer) {
    let mut fields: Vec<(&String, &Value)> = object.as_object().into_iter().flatten().collect();
    fields.sort_unstable_by_key(|(name, _)| *name);
    for (name, value) in fields {
        let path = format!("{path}.{name}");
        if LEFT_OUT.contains(&path.as_str()) {
            continue;
        }
        let label = label(name);
        match value {
            Value::Object(_) => {
                writer.write(level, &format!("{label}:\n"));
                self::fields(value, level + 1, &path, writer);
            }
            Value::Array(items) => {
                writer.write(level, &format!("{label}:\n"));
                for item in items {
                    if item.is_object() {
                        self::fields(item, level + 1, &path, writer);
                    } else {
                        writer.write(level + 1, &format!("{}\n", plain(item)));
                    }
                }
            }
            _ => writer.write(level, &format!("{label}:\t{}\n", plain(value))),
        }
    }
}

/// A value as Go's `%v` prints it.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            format!("[{}]", items.join(" "))
        }
        _ => value.to_string(),
    }
}

/// A field's name in words: `apiVersion` is `API Version`.
fn label(name: &str) -> String {
    if name.chars().any(|c| !c.is_alphabetic() && c != '-') {
        return name.to_owned();
    }
    let mut words = Vec::new();
    let mut parts = parts(name).into_iter().peekable();
    while let Some(part) = parts.next() {
        let is_upper = part.len() >= 2 && !part.chars().any(char::is_lowercase);
        // An acronym with a plural or a word in capitals behind it stays one word.
        let next = parts.next_if(|next| is_upper && next.starts_with(char::is_uppercase));
        words.push(match next {
            Some(next) => part + &next,
            None => part,
        });
    }
    let word = |word: String| {
        let upper = word.to_uppercase();
        if ACRONYMS.contains(&upper.as_str()) {
            return upper;
        }
        if word.chars().any(char::is_uppercase) {
            return word;
        }
        let mut letters = word.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        first.chain(letters).collect()
    };
    words.into_iter().map(word).collect::<Vec<_>>().join(" ")
}

/// The parts of a name in camel case, as fatih/camelcase splits it: letters of one case belong
/// together; before small letters, a capital goes with them.
fn parts(name: &str) -> Vec<String> {
    let class = |c: char| match c {
        _ if c.is_lowercase() => 1,
        _ if c.is_uppercase() => 2,
        _ => 3,
    };
    let mut parts: Vec<String> = Vec::new();
    let mut last = 0;
    for c in name.chars() {
        match parts.last_mut() {
            Some(part) if class(c) == last => part.push(c),
            _ => parts.push(c.to_string()),
        }
        last = class(c);
    }
    for at in 1..parts.len() {
        let capital = parts[at - 1].ends_with(char::is_uppercase);
        if capital
            && parts[at].starts_with(char::is_lowercase)
            && let Some(capital) = parts[at - 1].pop()
        {
            parts[at].insert(0, capital);
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_split_into_words() {
        for (name, label) in [
            ("apiVersion", "API Version"),
            ("uid", "UID"),
            ("cpu", "Cpu"),
            ("creationTimestamp", "Creation Timestamp"),
            ("lastTransitionTime", "Last Transition Time"),
            ("podUID", "Pod UID"),
            ("nvidia.com/gpu", "nvidia.com/gpu"),
            ("item2", "item2"),
            ("max-unavailable", "Max - Unavailable"),
            ("PDFLoader", "PDFLoader"),
            ("kubeAPIServer", "Kube APIServer"),
        ] {
            assert_eq!(super::label(name), label);
        }
    }

    #[test]
    fn values_are_gos() {
        assert_eq!(plain(&json!(null)), "<nil>");
        assert_eq!(plain(&json!([1, "a", [true]])), "[1 a [true]]");
        assert_eq!(plain(&json!(0.5)), "0.5");
    }
}
