//! Label sets and matchers, as `model/labels` has them.

use std::fmt::{self, Write as _};
use std::mem;
use std::sync::Arc;

use super::re2::{self, Pattern};

/// The label that holds a series' name.
pub const METRIC_NAME: &str = "__name__";
/// The label that holds a classic histogram bucket's upper bound.
pub const BUCKET: &str = "le";

/// Labels that say what a metric is and that arithmetic takes away.
const METADATA: [&str; 3] = [METRIC_NAME, "__type__", "__unit__"];

/// One label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    /// Its name.
    pub name: Arc<str>,
    /// Its value, never empty.
    pub value: Arc<str>,
}

/// A set of labels, sorted by name; cheap to clone. A label without a value does not exist.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Arc<[Label]>);

impl Default for Labels {
    fn default() -> Self {
        Self(Arc::from([]))
    }
}

impl Labels {
    /// Labels from names and values in any order; of two of the same name the later one stays.
    pub fn new<N: Into<Arc<str>>, V: Into<Arc<str>>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut labels: Vec<Label> = Vec::new();
        for (name, value) in pairs {
            let (name, value) = (name.into(), value.into());
            labels.retain(|label| label.name != name);
            if !value.is_empty() {
                labels.push(Label { name, value });
            }
        }
        Self::sorted(labels)
    }

    fn sorted(mut labels: Vec<Label>) -> Self {
        labels.sort();
        Self(labels.into())
    }

    /// A label's value, empty where there is none.
    pub fn get(&self, name: &str) -> &str {
        self.find(name).map_or("", |label| &label.value)
    }

    fn find(&self, name: &str) -> Option<&Label> {
        let found = self.0.binary_search_by(|label| (*label.name).cmp(name));
        found.ok().map(|index| &self.0[index])
    }

    /// The labels by name.
    pub fn iter(&self) -> impl Iterator<Item = &Label> {
        self.0.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Only the labels of these names.
    #[must_use]
    pub fn keep(&self, names: &[impl AsRef<str>]) -> Self {
        self.filter(|name| names.iter().any(|kept| kept.as_ref() == name))
    }

    /// All but the labels of these names.
    #[must_use]
    pub fn drop(&self, names: &[impl AsRef<str>]) -> Self {
        self.filter(|name| names.iter().all(|dropped| dropped.as_ref() != name))
    }

    /// What is left where a value is no longer the named metric's.
    #[must_use]
    pub fn drop_metadata(&self) -> Self {
        self.drop(&METADATA)
    }

    fn filter(&self, kept: impl Fn(&str) -> bool) -> Self {
        if self.0.iter().all(|label| kept(&label.name)) {
            return self.clone();
        }
        Self(
            self.iter()
                .filter(|label| kept(&label.name))
                .cloned()
                .collect(),
        )
    }

    /// With this label set; an empty value takes it away.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        if value.is_empty() {
            return self.drop(&[name]);
        }
        if let Some(label) = self.find(name)
            && *label.value == *value
        {
            return self.clone();
        }
        let mut labels: Vec<Label> = self.drop(&[name]).0.to_vec();
        labels.push(Label {
            name: name.into(),
            value: value.into(),
        });
        Self::sorted(labels)
    }
}

impl fmt::Display for Labels {
    /// As errors show them: `{__name__="up", job="api"}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, label) in self.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            if is_name(&label.name) {
                write!(f, "{comma}{}={}", label.name, quoted(&label.value))?;
            } else {
                write!(f, "{comma}{}={}", quoted(&label.name), quoted(&label.value))?;
            }
        }
        f.write_str("}")
    }
}

/// Whether a label's name needs no quotes.
pub fn is_name(name: &str) -> bool {
    name.bytes().enumerate().all(|(index, byte)| {
        byte == b'_' || byte.is_ascii_alphabetic() || index > 0 && byte.is_ascii_digit()
    }) && !name.is_empty()
}

/// A text in Go's double quotes.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if c.is_control() && (c as u32) < 0x80 => {
                let _ = write!(quoted, "\\x{:02x}", c as u32);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// How a matcher compares.
#[derive(Debug, Clone)]
enum Comparison {
    Equal,
    NotEqual,
    Matches(Pattern),
    MatchesNot(Pattern),
}

/// What a selector asks of one label; a missing label is an empty value.
#[derive(Debug, Clone)]
pub struct Matcher {
    /// The label's name.
    pub name: String,
    /// The value or the pattern as written.
    pub value: String,
    comparison: Comparison,
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        let kind = |one: &Self| mem::discriminant(&one.comparison);
        self.name == other.name && self.value == other.value && kind(self) == kind(other)
    }
}

impl Matcher {
    /// `name="value"`.
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::of(name, value, Comparison::Equal)
    }

    /// `name!="value"`.
    pub fn not_equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::of(name, value, Comparison::NotEqual)
    }

    /// `name=~"pattern"`; the pattern covers the whole value.
    pub fn matching(name: impl Into<String>, pattern: &str) -> Result<Self, re2::BadPattern> {
        Ok(Self::of_pattern(
            name,
            pattern,
            Pattern::anchored(pattern)?,
            true,
        ))
    }

    /// `name!~"pattern"`.
    pub fn matching_not(name: impl Into<String>, pattern: &str) -> Result<Self, re2::BadPattern> {
        Ok(Self::of_pattern(
            name,
            pattern,
            Pattern::anchored(pattern)?,
            false,
        ))
    }

    /// A pattern that was compiled, which the value has to match or must not.
    pub fn of_pattern(
        name: impl Into<String>,
        text: &str,
        pattern: Pattern,
        matches: bool,
    ) -> Self {
        let comparison = if matches {
            Comparison::Matches(pattern)
        } else {
            Comparison::MatchesNot(pattern)
        };
        Self::of(name, text, comparison)
    }

    fn of(name: impl Into<String>, value: impl Into<String>, comparison: Comparison) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            comparison,
        }
    }

    /// Whether it asks for this one value.
    pub fn is_equal(&self) -> bool {
        matches!(self.comparison, Comparison::Equal)
    }

    /// Whether a series with these labels is selected.
    pub fn selects(&self, labels: &Labels) -> bool {
        self.accepts(labels.get(&self.name))
    }

    /// Whether a value is one that it asks for.
    pub fn accepts(&self, value: &str) -> bool {
        match &self.comparison {
            Comparison::Equal => self.value == value,
            Comparison::NotEqual => self.value != value,
            Comparison::Matches(pattern) => pattern.is_match(value),
            Comparison::MatchesNot(pattern) => !pattern.is_match(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_values_are_no_labels_and_names_are_sorted() {
        let labels = Labels::new([("job", "api"), ("pod", ""), ("__name__", "up")]);
        assert_eq!(labels.to_string(), r#"{__name__="up", job="api"}"#);
        assert_eq!(labels.get("pod"), "");
        assert_eq!(labels.with("job", "").to_string(), r#"{__name__="up"}"#);
        assert_eq!(labels.drop_metadata().to_string(), r#"{job="api"}"#);
        assert_eq!(labels.keep(&["job", "x"]), labels.drop_metadata());
    }

    #[test]
    fn matchers_take_a_missing_label_as_empty_and_patterns_cover_the_whole_value() {
        let labels = Labels::new([("job", "api"), ("text", "a\nb")]);
        let yes = |matcher: Matcher| assert!(matcher.selects(&labels), "{matcher:?}");
        let no = |matcher: Matcher| assert!(!matcher.selects(&labels), "{matcher:?}");
        yes(Matcher::equal("pod", ""));
        no(Matcher::not_equal("pod", ""));
        yes(Matcher::matching("job", "a.*|b").unwrap());
        no(Matcher::matching("job", "ap").unwrap());
        yes(Matcher::matching("text", "a.b").unwrap());
        yes(Matcher::matching("pod", ".*").unwrap());
        no(Matcher::matching("pod", ".+").unwrap());
        yes(Matcher::matching_not("job", "ap").unwrap());
        assert!(Matcher::matching("job", "(").is_err());
    }

    #[test]
    fn values_are_quoted_as_go_quotes_them() {
        assert_eq!(quoted("a\"b\\c\nd\u{1}é"), "\"a\\\"b\\\\c\\nd\\x01é\"");
    }
}
