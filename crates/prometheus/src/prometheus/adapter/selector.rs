//! What an HPA's metric selector becomes in a query (`pkg/naming/metrics_query.go`).

use std::collections::BTreeMap;

use crate::prometheus::labels::quoted;

/// How a requirement compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `=`, also what `matchLabels` means.
    Equals,
    /// `!=`.
    NotEquals,
    /// `in`.
    In,
    /// `notin`.
    NotIn,
    /// The label alone.
    Exists,
    /// `!` before the label.
    DoesNotExist,
    /// `>`.
    GreaterThan,
    /// `<`.
    LessThan,
}

/// One requirement of a label selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The label's name.
    pub key: String,
    /// How it compares.
    pub operator: Operator,
    /// With what, sorted.
    pub values: Vec<String>,
}

impl Requirement {
    /// `key=value`.
    pub fn equals(key: &str, value: &str) -> Self {
        Self {
            key: key.to_owned(),
            operator: Operator::Equals,
            values: vec![value.to_owned()],
        }
    }
}

/// Matchers of a query, and the values by label that a template may ask for.
pub(super) type Matchers = (Vec<String>, BTreeMap<String, String>);

/// The matchers of all requirements, or why there are none.
pub(super) fn matchers(requirements: &[Requirement]) -> Result<Matchers, String> {
    let mut expressions = Vec::new();
    let mut by_name = BTreeMap::new();
    for requirement in requirements {
        if requirement.key.is_empty() {
            return Err("label not specified".to_owned());
        }
        let joined = requirement.values.join("|");
        let sign = sign(requirement.operator, requirement.values.len())?;
        expressions.push(matcher(&requirement.key, sign, &joined));
        by_name.insert(requirement.key.clone(), joined);
    }
    Ok((expressions, by_name))
}

/// A matcher as it stands in a query.
pub(super) fn matcher(label: &str, sign: &str, value: &str) -> String {
    format!("{label}{sign}{}", quoted(value))
}

fn sign(operator: Operator, values: usize) -> Result<&'static str, String> {
    use Operator::{DoesNotExist, Equals, Exists, In, NotEquals, NotIn};
    Ok(match (operator, values) {
        (Operator::GreaterThan | Operator::LessThan, _) => {
            return Err("operator not supported by prometheus".to_owned());
        }
        (Exists, 0) | (NotEquals, 1) => "!=",
        (DoesNotExist, 0) | (Equals, 1) => "=",
        (_, 0) => return Err("operator requires values".to_owned()),
        (Exists | DoesNotExist, _) => {
            return Err("operator does not support values".to_owned());
        }
        (Equals | In, _) => "=~",
        (NotEquals | NotIn, _) => "!~",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(operator: Operator, values: &[&str]) -> Result<String, String> {
        let requirement = Requirement {
            key: "queue".to_owned(),
            operator,
            values: values.iter().map(|&value| value.to_owned()).collect(),
        };
        matchers(&[requirement]).map(|(expressions, _)| expressions.join(","))
    }

    #[test]
    fn each_operator_has_its_matcher() {
        for (operator, values, expected) in [
            (Operator::Equals, &["a"][..], "queue=\"a\""),
            (Operator::Equals, &["a", "b"], "queue=~\"a|b\""),
            (Operator::NotEquals, &["a"], "queue!=\"a\""),
            (Operator::NotEquals, &["a", "b"], "queue!~\"a|b\""),
            (Operator::In, &["a"], "queue=~\"a\""),
            (Operator::In, &["a", "b"], "queue=~\"a|b\""),
            (Operator::NotIn, &["a"], "queue!~\"a\""),
            (Operator::Exists, &[], "queue!=\"\""),
            (Operator::DoesNotExist, &[], "queue=\"\""),
        ] {
            assert_eq!(made(operator, values).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_prometheus_cannot_ask_is_refused() {
        for (operator, values, expected) in [
            (
                Operator::GreaterThan,
                &["1"][..],
                "operator not supported by prometheus",
            ),
            (Operator::In, &[], "operator requires values"),
            (Operator::Exists, &["a"], "operator does not support values"),
        ] {
            assert_eq!(made(operator, values), Err(expected.to_owned()));
        }
    }
}
