//! The required node affinity of pods, as the scheduler's plugin NodeAffinity reads it.

/// How a requirement compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeOperator {
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

/// What a label of a node has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRequirement {
    /// The label's key.
    pub key: String,
    /// How it compares.
    pub operator: NodeOperator,
    /// With what.
    pub values: Vec<String>,
}

/// A term: all its requirements have to be met, and there has to be one.
pub type NodeTerm = Vec<NodeRequirement>;

impl NodeRequirement {
    fn is_met(&self, labels: &[(String, String)]) -> bool {
        let value = labels.iter().find(|(key, _)| *key == self.key);
        let value = value.map(|(_, value)| value.as_str());
        let is_listed = |value: &str| self.values.iter().any(|one| one == value);
        let limit = || self.values.first().and_then(|one| one.parse::<i64>().ok());
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match self.operator {
            NodeOperator::In => value.is_some_and(is_listed),
            NodeOperator::NotIn => !value.is_some_and(is_listed),
            NodeOperator::Exists => value.is_some(),
            NodeOperator::DoesNotExist => value.is_none(),
            NodeOperator::Gt => number().zip(limit()).is_some_and(|(a, b)| a > b),
            NodeOperator::Lt => number().zip(limit()).is_some_and(|(a, b)| a < b),
        }
    }
}

/// Whether one of the terms selects a node with these labels; without a list any node will do.
pub(super) fn allows(terms: Option<&[NodeTerm]>, labels: &[(String, String)]) -> bool {
    let selects = |term: &NodeTerm| !term.is_empty() && term.iter().all(|one| one.is_met(labels));
    terms.is_none_or(|terms| terms.iter().any(selects))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_term_with_all_its_requirements() {
        let labels = [("zone", "a"), ("cores", "8")];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let ask = |key: &str, operator, values: &[&str]| NodeRequirement {
            key: key.to_owned(),
            operator,
            values: values.iter().map(|one| (*one).to_owned()).collect(),
        };
        let zone_a = || ask("zone", NodeOperator::In, &["a", "b"]);
        let more = || ask("cores", NodeOperator::Gt, &["8"]);
        let without = || ask("gpu", NodeOperator::DoesNotExist, &[]);
        for (terms, expected) in [
            (None, true),
            (Some(vec![]), false),
            (Some(vec![vec![]]), false),
            (Some(vec![vec![zone_a(), without()]]), true),
            (Some(vec![vec![zone_a(), more()]]), false),
            (Some(vec![vec![more()], vec![zone_a()]]), true),
            (
                Some(vec![vec![ask("zone", NodeOperator::NotIn, &["a"])]]),
                false,
            ),
            (
                Some(vec![vec![ask("gpu", NodeOperator::NotIn, &["a"])]]),
                true,
            ),
            (
                Some(vec![vec![ask("cores", NodeOperator::Lt, &["9"])]]),
                true,
            ),
            (
                Some(vec![vec![ask("gpu", NodeOperator::Exists, &[])]]),
                false,
            ),
        ] {
            assert_eq!(allows(terms.as_deref(), &labels), expected, "{terms:?}");
        }
    }
}
