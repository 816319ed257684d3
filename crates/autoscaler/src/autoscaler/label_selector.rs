//! Label selectors with expressions, as workloads, budgets, metrics, affinity terms and spread
//! constraints have them (`LabelSelectorAsSelector`, `NodeSelectorRequirementsAsSelector`).

use std::collections::BTreeMap;
use std::fmt;

/// Label keys and values in key order.
type Labels = BTreeMap<String, String>;

/// How a requirement compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operator {
    /// The value is one of these.
    In,
    /// The value is none of these, or there is none.
    NotIn,
    /// There is a value.
    Exists,
    /// There is none.
    DoesNotExist,
    /// The value is a greater number.
    Gt,
    /// The value is a smaller number.
    Lt,
}

impl Operator {
    /// The operators of label selectors, then those that only node selectors have.
    pub const ALL: [Self; 6] = [
        Self::In,
        Self::NotIn,
        Self::Exists,
        Self::DoesNotExist,
        Self::Gt,
        Self::Lt,
    ];

    /// As Kubernetes writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::In => "In",
            Self::NotIn => "NotIn",
            Self::Exists => "Exists",
            Self::DoesNotExist => "DoesNotExist",
            Self::Gt => "Gt",
            Self::Lt => "Lt",
        }
    }
}

/// An item of `matchExpressions`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requirement {
    /// `key`.
    pub key: String,
    /// `operator`.
    pub operator: Operator,
    /// `values`.
    pub values: Vec<String>,
}

impl Requirement {
    /// Whether a value, or that there is none, satisfies it.
    pub fn admits(&self, value: Option<&str>) -> bool {
        let is_listed = |value: &str| self.values.iter().any(|one| one == value);
        let limit = || self.values.first().and_then(|one| one.parse::<i64>().ok());
        let number = |value: Option<&str>| value.and_then(|value| value.parse::<i64>().ok());
        match self.operator {
            Operator::In => value.is_some_and(is_listed),
            Operator::NotIn => !value.is_some_and(is_listed),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::Gt => number(value).zip(limit()).is_some_and(|(a, b)| a > b),
            Operator::Lt => number(value).zip(limit()).is_some_and(|(a, b)| a < b),
        }
    }

    /// Whether an object with these labels satisfies it.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.admits(labels.get(&self.key).map(String::as_str))
    }
}

/// A label selector. An empty one matches everything.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct LabelSelector {
    /// `matchLabels`.
    pub labels: Labels,
    /// `matchExpressions`.
    pub expressions: Vec<Requirement>,
}

impl LabelSelector {
    /// Whether it matches an object with these labels.
    pub fn matches(&self, labels: &Labels) -> bool {
        let mut wanted = self.labels.iter();
        wanted.all(|(key, value)| labels.get(key) == Some(value))
            && self.expressions.iter().all(|one| one.matches(labels))
    }

    /// A selector that is null: it matches nothing.
    pub fn nothing() -> Self {
        let never = Requirement {
            key: String::new(),
            operator: Operator::In,
            values: Vec::new(),
        };
        Self {
            labels: Labels::new(),
            expressions: vec![never],
        }
    }

    /// Whether it is null.
    pub fn is_nothing(&self) -> bool {
        *self == Self::nothing()
    }

    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.expressions.is_empty()
    }
}

impl From<Labels> for LabelSelector {
    fn from(labels: Labels) -> Self {
        Self {
            labels,
            expressions: Vec::new(),
        }
    }
}

/// As kubectl writes a requirement: `app in (api,web)`, `!canary`.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        let mut values: Vec<&str> = self.values.iter().map(String::as_str).collect();
        values.sort_unstable();
        let values = values.join(",");
        match self.operator {
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
            Operator::Exists => f.write_str(key),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::Gt => write!(f, "{key}>{values}"),
            Operator::Lt => write!(f, "{key}<{values}"),
        }
    }
}

/// As a scale's `status.selector` has it, by key.
impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = self.labels.iter();
        let labels = labels.map(|(key, value)| (key.as_str(), format!("{key}={value}")));
        let expressions = self.expressions.iter();
        let expressions = expressions.map(|one| (one.key.as_str(), one.to_string()));
        let mut parts: Vec<(&str, String)> = labels.chain(expressions).collect();
        parts.sort_by_key(|(key, _)| *key);
        for (place, (_, part)) in parts.iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            write!(f, "{comma}{part}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operator_has_its_own_view_of_what_is_missing() {
        let labels = Labels::from([("size".to_owned(), "12".to_owned())]);
        for (key, operator, values, holds) in [
            ("size", Operator::In, vec!["3", "12"], true),
            ("size", Operator::In, vec!["3"], false),
            ("none", Operator::In, vec!["3"], false),
            ("size", Operator::NotIn, vec!["12"], false),
            ("none", Operator::NotIn, vec!["12"], true),
            ("size", Operator::Exists, vec![], true),
            ("none", Operator::Exists, vec![], false),
            ("none", Operator::DoesNotExist, vec![], true),
            ("size", Operator::DoesNotExist, vec![], false),
            ("size", Operator::Gt, vec!["11"], true),
            ("size", Operator::Gt, vec!["12"], false),
            ("size", Operator::Lt, vec!["13"], true),
            ("none", Operator::Lt, vec!["13"], false),
            ("size", Operator::Lt, vec!["many"], false),
        ] {
            let requirement = Requirement {
                key: key.to_owned(),
                operator,
                values: values.into_iter().map(str::to_owned).collect(),
            };
            assert_eq!(requirement.matches(&labels), holds, "{requirement:?}");
        }
    }

    fn requirement(key: &str, operator: Operator, values: &[&str]) -> Requirement {
        Requirement {
            key: key.to_owned(),
            operator,
            values: values.iter().map(|&value| value.to_owned()).collect(),
        }
    }

    #[test]
    fn labels_and_expressions_all_have_to_hold() {
        let labels = |pairs: &[(&str, &str)]| -> Labels {
            let pairs = pairs.iter();
            pairs
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect()
        };
        let mut selector = LabelSelector::from(labels(&[("tier", "web")]));
        assert!(selector.matches(&labels(&[("tier", "web")])));
        let app = requirement("app", Operator::In, &["b", "a"]);
        selector.expressions.push(app);
        assert!(!selector.matches(&labels(&[("tier", "web")])));
        assert!(selector.matches(&labels(&[("tier", "web"), ("app", "a")])));
        assert!(!selector.matches(&labels(&[("app", "a")])));
        assert!(LabelSelector::default().matches(&labels(&[])));
        assert!(!LabelSelector::nothing().matches(&labels(&[("", "")])));
        assert!(LabelSelector::nothing().is_nothing() && !selector.is_nothing());
    }

    #[test]
    fn selectors_read_as_kubectl_writes_them() {
        let selector = LabelSelector {
            labels: Labels::from([("b".to_owned(), "1".to_owned())]),
            expressions: vec![
                requirement("z", Operator::DoesNotExist, &[]),
                requirement("a", Operator::In, &["y", "x"]),
                requirement("c", Operator::NotIn, &["x"]),
                requirement("d", Operator::Exists, &[]),
            ],
        };
        let text = "a in (x,y),b=1,c notin (x),d,!z";
        assert_eq!(selector.to_string(), text);
        assert_eq!(LabelSelector::default().to_string(), "");
    }
}
