//! What a label may be: a set of values, or all but a set, within bounds.
//!
//! Upstream: `pkg/scheduling/requirement.go`.

use std::collections::BTreeSet;

/// `operator` of a requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
pub enum Operator {
    /// One of the values.
    In,
    /// None of the values.
    NotIn,
    /// Any value.
    Exists,
    /// No label.
    DoesNotExist,
    /// A larger number.
    Gt,
    /// A smaller number.
    Lt,
    /// This number or a larger one.
    Gte,
    /// This number or a smaller one.
    Lte,
}

/// The values that one label may have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Requirement {
    /// Whether `values` are those that it may not have.
    complement: bool,
    values: BTreeSet<String>,
    least: Option<i64>,
    most: Option<i64>,
    /// `minValues`: so many values have to stay possible.
    pub min_values: Option<usize>,
}

impl Requirement {
    /// A requirement of an operator and its values.
    pub fn new(operator: Operator, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let values: BTreeSet<String> = values.into_iter().map(Into::into).collect();
        let number = values.first().and_then(|value| value.parse::<i64>().ok());
        let number = number.unwrap_or_default();
        let open = Self {
            complement: true,
            ..Self::default()
        };
        match operator {
            Operator::In => Self {
                values,
                ..Self::default()
            },
            Operator::NotIn => Self { values, ..open },
            Operator::Exists => open,
            // Above the largest number there is none.
            Operator::Gt if number == i64::MAX => Self::default(),
            Operator::DoesNotExist => Self::default(),
            Operator::Gt => open.at_least(number + 1),
            Operator::Gte => open.at_least(number),
            Operator::Lt => open.at_most(number.saturating_sub(1)),
            Operator::Lte => open.at_most(number),
        }
    }

    /// One value only.
    pub fn value(value: impl Into<String>) -> Self {
        Self::new(Operator::In, [value])
    }

    /// Any value.
    pub fn any() -> Self {
        Self::new(Operator::Exists, [""; 0])
    }

    fn at_least(self, number: i64) -> Self {
        Self {
            least: Some(number),
            ..self
        }
    }

    fn at_most(self, number: i64) -> Self {
        Self {
            most: Some(number),
            ..self
        }
    }

    fn is_within_bounds(&self, value: &str) -> bool {
        if self.least.is_none() && self.most.is_none() {
            return true;
        }
        // What is not a whole number is outside of any bounds.
        value.parse::<i64>().is_ok_and(|number| {
            self.least.is_none_or(|least| number >= least)
                && self.most.is_none_or(|most| number <= most)
        })
    }

    /// Whether the label may have this value.
    pub fn has(&self, value: &str) -> bool {
        self.values.contains(value) != self.complement && self.is_within_bounds(value)
    }

    /// As an object states it: operators with their values (`NodeSelectorRequirements`).
    pub fn stated(&self) -> Vec<(&'static str, Vec<String>)> {
        let least = self.least.map(|number| ("Gte", vec![number.to_string()]));
        let most = self.most.map(|number| ("Lte", vec![number.to_string()]));
        let bounds: Vec<_> = least.into_iter().chain(most).collect();
        if !bounds.is_empty() {
            return bounds;
        }
        let operator = match (self.complement, self.values.is_empty()) {
            (true, false) => "NotIn",
            (true, true) => "Exists",
            (false, false) => "In",
            (false, true) => "DoesNotExist",
        };
        vec![(operator, self.values.iter().cloned().collect())]
    }

    /// The values, if they are listed.
    pub fn listed(&self) -> Option<&BTreeSet<String>> {
        (!self.complement).then_some(&self.values)
    }

    /// Whether the label may be missing: by `NotIn` and `DoesNotExist`.
    pub(super) fn allows_none(&self) -> bool {
        self.values.is_empty() != self.complement
    }

    /// What both allow.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let complement = self.complement && other.complement;
        let min_values = self.min_values.max(other.min_values);
        let bounds = Self {
            least: self.least.max(other.least),
            most: match (self.most, other.most) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
            ..Self::default()
        };
        if let (Some(least), Some(most)) = (bounds.least, bounds.most)
            && least > most
        {
            return Self {
                min_values,
                ..Self::default()
            };
        }
        let values: Box<dyn Iterator<Item = &String>> = match (self.complement, other.complement) {
            (true, true) => Box::new(self.values.union(&other.values)),
            (true, false) => Box::new(other.values.difference(&self.values)),
            (false, true) => Box::new(self.values.difference(&other.values)),
            (false, false) => Box::new(self.values.intersection(&other.values)),
        };
        let values = values.filter(|value| bounds.is_within_bounds(value));
        let values = values.cloned().collect();
        // Listed values need no bounds.
        let bounds = if complement { bounds } else { Self::default() };
        Self {
            complement,
            values,
            min_values,
            ..bounds
        }
    }

    /// Whether both allow some value.
    pub fn intersects(&self, other: &Self) -> bool {
        let both = self.intersection(other);
        both.complement || !both.values.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(operator: Operator, values: &[&str]) -> Requirement {
        Requirement::new(operator, values.iter().copied())
    }

    #[test]
    fn operators_allow_values() {
        use Operator::{DoesNotExist, Exists, Gt, Gte, In, Lt, Lte, NotIn};
        for (operator, values, allowed, refused) in [
            (In, &["a", "b"][..], "a", "c"),
            (NotIn, &["a"], "b", "a"),
            (Gt, &["4"], "5", "4"),
            (Gte, &["4"], "4", "3"),
            (Lt, &["4"], "3", "4"),
            (Lte, &["4"], "4", "5"),
            (Gt, &["4"], "10", "ten"),
        ] {
            assert!(of(operator, values).has(allowed), "{operator:?} {allowed}");
            assert!(!of(operator, values).has(refused), "{operator:?} {refused}");
        }
        assert!(of(Exists, &[]).has("anything"));
        assert!(!of(DoesNotExist, &[]).has("anything"));
        assert!(!of(Gt, &["9223372036854775807"]).has("9223372036854775807"));
    }

    #[test]
    fn requirements_are_stated_by_what_is_left_of_them() {
        use Operator::{DoesNotExist, Exists, Gt, In, Lt, NotIn};
        let told = |one: &Requirement| {
            let stated = one.stated().into_iter();
            let stated: Vec<String> = stated
                .map(|(operator, values)| format!("{operator} {}", values.join(",")))
                .collect();
            stated.join("; ")
        };
        for (operator, values, text) in [
            (In, &["b", "a"][..], "In a,b"),
            (NotIn, &["a"], "NotIn a"),
            (Exists, &[], "Exists "),
            (DoesNotExist, &[], "DoesNotExist "),
            (Gt, &["4"], "Gte 5"),
            (Lt, &["4"], "Lte 3"),
        ] {
            assert_eq!(told(&of(operator, values)), text);
        }
        let both = of(Gt, &["4"]).intersection(&of(Lt, &["9"]));
        assert_eq!(told(&both), "Gte 5; Lte 8");
    }

    #[test]
    fn intersections_are_what_both_allow() {
        use Operator::{Exists, Gt, In, Lt, NotIn};
        let sizes = of(In, &["2", "4", "8", "large"]);
        let some = sizes.intersection(&of(Gt, &["2"]));
        assert_eq!(some, of(In, &["4", "8"]));
        let range = of(Gt, &["2"]).intersection(&of(Lt, &["8"]));
        assert!(range.has("4") && !range.has("8") && !range.has("2"));
        assert!(range.intersects(&sizes));
        assert!(!of(Gt, &["8"]).intersects(&of(Lt, &["8"])));
        assert_eq!(
            of(NotIn, &["2"]).intersection(&of(NotIn, &["4"])),
            of(NotIn, &["2", "4"])
        );
        assert_eq!(
            of(NotIn, &["2"]).intersection(&of(In, &["2", "4"])),
            of(In, &["4"])
        );
        assert!(!of(In, &["2"]).intersects(&of(In, &["4"])));
        assert!(of(Exists, &[]).intersects(&of(NotIn, &["4"])));
        let mut flexible = of(In, &["a", "b"]);
        flexible.min_values = Some(2);
        assert_eq!(of(Exists, &[]).intersection(&flexible).min_values, Some(2));
    }
}
