//! Label and field selectors as typed: `app=web,tier!=cache,zone in (a,b),!canary`.
//!
//! Upstream: apimachinery's `pkg/labels/selector.go` and `pkg/fields/selector.go`.

use serde_json::Value;

/// One requirement of a label selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    /// `key=value`, `key==value` or `key in (a,b)`.
    In(String, Vec<String>),
    /// `key!=value` or `key notin (a,b)`: also met by objects without the label.
    NotIn(String, Vec<String>),
    /// `key`.
    Exists(String),
    /// `!key`.
    DoesNotExist(String),
}

/// A label selector: all its requirements have to be met.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelSelector(pub Vec<Requirement>);

/// A field selector: paths such as `spec.nodeName`, whether they have to be equal or not, and
/// the value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldSelector(pub Vec<(String, bool, String)>);

impl LabelSelector {
    /// Parses a selector; the error is what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut requirements = Vec::new();
        for part in split_outside_parentheses(text)? {
            if part.is_empty() {
                if text.trim().is_empty() {
                    continue;
                }
                return Err("a requirement between commas is empty".to_owned());
            }
            requirements.push(requirement(part)?);
        }
        Ok(Self(requirements))
    }

    /// Whether an object carries labels that meet it.
    pub fn matches(&self, object: &Value) -> bool {
        self.is_met(|key| object["metadata"]["labels"][key].as_str())
    }

    /// Whether labels meet it.
    pub fn matches_labels(&self, labels: &std::collections::BTreeMap<String, String>) -> bool {
        self.is_met(|key| labels.get(key).map(String::as_str))
    }

    fn is_met<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => {
                label(key).is_some_and(|has| values.iter().any(|value| value == has))
            }
            Requirement::NotIn(key, values) => {
                label(key).is_none_or(|has| values.iter().all(|value| value != has))
            }
            Requirement::Exists(key) => label(key).is_some(),
            Requirement::DoesNotExist(key) => label(key).is_none(),
        })
    }
}

impl FieldSelector {
    /// Parses a selector; the error is what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut requirements = Vec::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (path, equal, value) = if let Some((path, value)) = part.split_once("!=") {
                (path, false, value)
            } else if let Some((path, value)) = part.split_once("==") {
                (path, true, value)
            } else if let Some((path, value)) = part.split_once('=') {
                (path, true, value)
            } else {
                return Err(format!(
                    "invalid field selector {part:?}: write for example `spec.nodeName=node-1`"
                ));
            };
            requirements.push((path.to_owned(), equal, value.to_owned()));
        }
        Ok(Self(requirements))
    }

    /// Whether an object's fields meet it. A field that is missing counts as empty.
    pub fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|(path, equal, value)| {
            let found = path
                .split('.')
                .try_fold(object, |at, name| at.get(name))
                .map_or_else(String::new, |found| match found {
                    Value::String(text) => text.clone(),
                    Value::Null => String::new(),
                    other => other.to_string(),
                });
            (found == *value) == *equal
        })
    }
}

fn split_outside_parentheses(text: &str) -> Result<Vec<&str>, String> {
    let (mut parts, mut start, mut inside) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        match c {
            '(' => inside = true,
            ')' => inside = false,
            ',' if !inside => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    if inside {
        return Err("a parenthesis is not closed".to_owned());
    }
    parts.push(text[start..].trim());
    Ok(parts)
}

fn requirement(part: &str) -> Result<Requirement, String> {
    if let Some(key) = part.strip_prefix('!') {
        return Ok(Requirement::DoesNotExist(checked(key.trim())?));
    }
    if let Some(list) = part.strip_suffix(')') {
        let wrong = || format!("`{part}`: write for example `zone in (a,b)`");
        let (head, values) = list.split_once('(').ok_or_else(wrong)?;
        let values = values.split(',').map(|value| value.trim().to_owned());
        let mut head = head.split_whitespace();
        let (key, operator) = (head.next(), head.next());
        return match (key, operator, head.next()) {
            (Some(key), Some("in"), None) => Ok(Requirement::In(checked(key)?, values.collect())),
            (Some(key), Some("notin"), None) => {
                Ok(Requirement::NotIn(checked(key)?, values.collect()))
            }
            _ => Err(wrong()),
        };
    }
    for (operator, equal) in [("!=", false), ("==", true), ("=", true)] {
        if let Some((key, value)) = part.split_once(operator) {
            let (key, values) = (checked(key.trim())?, vec![value.trim().to_owned()]);
            return Ok(if equal {
                Requirement::In(key, values)
            } else {
                Requirement::NotIn(key, values)
            });
        }
    }
    checked(part).map(Requirement::Exists)
}

/// A label's key as apimachinery's `IsQualifiedName` has it.
fn checked(key: &str) -> Result<String, String> {
    if is_qualified_name(key) {
        Ok(key.to_owned())
    } else {
        Err(format!("`{key}` is not the key of a label"))
    }
}

/// Whether a text can be the key of a label, an annotation or a taint.
pub fn is_qualified_name(key: &str) -> bool {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let fits = |text: &str, longest: usize, also: &[char]| {
        let inner = |c: char| c.is_ascii_alphanumeric() || also.contains(&c);
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        text.len() <= longest
            && text.chars().all(inner)
            && ends(text.chars().next())
            && ends(text.chars().last())
    };
    fits(name, 63, &['-', '_', '.']) && prefix.is_none_or(|prefix| fits(prefix, 253, &['-', '.']))
}

/// Whether a text can be the value of a label.
pub fn is_label_value(value: &str) -> bool {
    value.is_empty() || (!value.contains('/') && is_qualified_name(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors_select() {
        let pod = json!({"metadata": {"labels": {"app": "web", "zone": "a"}},
            "spec": {"nodeName": "node-1"}});
        for (text, selected) in [
            ("app=web", true),
            ("app==web,zone=b", false),
            ("app in (web, api),zone notin (b)", true),
            ("app!=web", false),
            ("tier!=cache", true),
            ("tier", false),
            ("zone,!tier", true),
            ("", true),
        ] {
            let selector = LabelSelector::parse(text).expect("a selector");
            assert_eq!(selector.matches(&pod), selected, "{text}");
        }
        for (text, selected) in [
            ("spec.nodeName=node-1", true),
            ("spec.nodeName!=node-1", false),
            ("status.phase=Running", false),
            ("status.phase!=Running,spec.nodeName==node-1", true),
        ] {
            let selector = FieldSelector::parse(text).expect("a selector");
            assert_eq!(selector.matches(&pod), selected, "{text}");
        }
    }

    #[test]
    fn wrong_selectors_are_refused() {
        for text in [
            "app in (a,b",
            "app in a,b)",
            "a,,b",
            "app is (a)",
            "=x",
            "a b",
        ] {
            assert!(LabelSelector::parse(text).is_err(), "{text}");
        }
        assert!(FieldSelector::parse("spec.nodeName").is_err());
    }
}
