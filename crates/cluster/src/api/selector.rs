//! Label selectors with expressions, as affinity terms and spread constraints have them
//! (`LabelSelectorAsSelector`, `NodeSelectorRequirementsAsSelector`).

use super::meta::{Labels, matches};

/// How a requirement compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelSelector {
    /// `matchLabels`.
    pub labels: Labels,
    /// `matchExpressions`.
    pub expressions: Vec<Requirement>,
}

impl LabelSelector {
    /// Whether it matches an object with these labels.
    pub fn matches(&self, labels: &Labels) -> bool {
        matches(&self.labels, labels) && self.expressions.iter().all(|one| one.matches(labels))
    }

    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.expressions.is_empty()
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
}
