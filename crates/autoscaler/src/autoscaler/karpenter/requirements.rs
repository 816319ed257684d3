//! What all labels of a node may be.
//!
//! Upstream: `pkg/scheduling/requirements.go` and the labels of `pkg/apis/v1/labels.go`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::requirement::{Operator, Requirement};

/// The node's NodePool.
pub const NODE_POOL: &str = "karpenter.sh/nodepool";
/// `spot` or `on-demand`.
pub const CAPACITY_TYPE: &str = "karpenter.sh/capacity-type";
/// The node's zone.
pub const ZONE: &str = "topology.kubernetes.io/zone";
/// The node's instance type.
pub const INSTANCE_TYPE: &str = "node.kubernetes.io/instance-type";
/// `amd64` or `arm64`.
pub const ARCH: &str = "kubernetes.io/arch";
/// `linux` or `windows`.
pub const OS: &str = "kubernetes.io/os";
/// Of preemptible nodes.
pub const SPOT: &str = "spot";
/// Of all others.
pub const ON_DEMAND: &str = "on-demand";

/// Labels that a node gets by its instance type and offering, so that pods may ask for them
/// though a NodePool says nothing of them.
const WELL_KNOWN: [&str; 8] = [
    NODE_POOL,
    ZONE,
    "topology.kubernetes.io/region",
    INSTANCE_TYPE,
    ARCH,
    OS,
    CAPACITY_TYPE,
    "node.kubernetes.io/windows-build",
];

/// Those of AWS, which its provider adds.
const AWS: &str = "karpenter.k8s.aws/";

/// Older names of labels.
const ALIASES: [(&str, &str); 5] = [
    ("failure-domain.beta.kubernetes.io/zone", ZONE),
    (
        "failure-domain.beta.kubernetes.io/region",
        "topology.kubernetes.io/region",
    ),
    ("beta.kubernetes.io/arch", ARCH),
    ("beta.kubernetes.io/os", OS),
    ("beta.kubernetes.io/instance-type", INSTANCE_TYPE),
];

fn is_well_known(label: &str) -> bool {
    WELL_KNOWN.contains(&label) || label.starts_with(AWS)
}

fn normal(label: &str) -> &str {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == label);
    alias.map_or(label, |(_, normal)| normal)
}

/// Requirements by label.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Requirements(BTreeMap<String, Requirement>);

/// A requirement as an object states it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequirementJson {
    key: String,
    operator: Operator,
    #[serde(default)]
    values: Vec<String>,
    min_values: Option<usize>,
}

impl Requirements {
    /// Each label with its one value.
    pub fn of_labels<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut requirements = Self::default();
        for (label, value) in labels {
            requirements.add(label, Requirement::value(value));
        }
        requirements
    }

    /// A list of `{key, operator, values, minValues}`; none if it is missing.
    pub fn read(list: &Value) -> Result<Self, serde_json::Error> {
        let mut requirements = Self::default();
        for json in Option::<Vec<RequirementJson>>::deserialize(list)?.unwrap_or_default() {
            let mut requirement = Requirement::new(json.operator, json.values);
            requirement.min_values = json.min_values;
            requirements.add(&json.key, requirement);
        }
        Ok(requirements)
    }

    /// Narrows what a label may be.
    pub fn add(&mut self, label: &str, requirement: Requirement) {
        let label = normal(label);
        let narrowed = match self.0.get(label) {
            Some(existing) => requirement.intersection(existing),
            None => requirement,
        };
        self.0.insert(label.to_owned(), narrowed);
    }

    /// Narrows by all of others.
    pub fn add_all(&mut self, others: &Self) {
        for (label, requirement) in &others.0 {
            self.add(label, requirement.clone());
        }
    }

    /// Both together.
    #[must_use]
    pub fn with(&self, others: &Self) -> Self {
        let mut both = self.clone();
        both.add_all(others);
        both
    }

    /// Says nothing of a label any more.
    pub(super) fn forget(&mut self, label: &str) {
        self.0.remove(label);
    }

    /// What a label may be, if anything is said of it.
    pub fn get(&self, label: &str) -> Option<&Requirement> {
        self.0.get(normal(label))
    }

    /// Whether a label may have a value; one that nothing is said of may have any.
    pub fn allow(&self, label: &str, value: &str) -> bool {
        self.get(label)
            .is_none_or(|requirement| requirement.has(value))
    }

    /// Labels with their requirements.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Requirement)> {
        self.0
            .iter()
            .map(|(label, requirement)| (label.as_str(), requirement))
    }

    /// Whether `others` can be met by a node of these: a label that only they speak of is a
    /// contradiction, unless it may be missing or, for nodes that are yet to be made, is well
    /// known.
    pub fn are_compatible(&self, others: &Self, allow_well_known: bool) -> bool {
        let known = |label: &str, requirement: &Requirement| {
            self.0.contains_key(label)
                || requirement.allows_none()
                || allow_well_known && is_well_known(label)
        };
        others
            .iter()
            .all(|(label, requirement)| known(label, requirement))
            && self.intersect(others)
    }

    /// Whether every label that both speak of can have a value.
    pub fn intersect(&self, others: &Self) -> bool {
        others.iter().all(|(label, requirement)| {
            self.0.get(label).is_none_or(|existing| {
                existing.intersects(requirement)
                    || existing.allows_none() && requirement.allows_none()
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(list: &Value) -> Requirements {
        Requirements::read(list).unwrap()
    }

    #[test]
    fn requirements_of_one_label_narrow_each_other_by_any_of_its_names() {
        let read = read(&json!([
            {"key": "beta.kubernetes.io/arch", "operator": "In", "values": ["amd64", "arm64"]},
            {"key": ARCH, "operator": "NotIn", "values": ["arm64"], "minValues": 1},
        ]));
        let mut expected = Requirement::value("amd64");
        expected.min_values = Some(1);
        assert_eq!(read.get(ARCH), Some(&expected));
        assert!(read.allow(ARCH, "amd64") && !read.allow(ARCH, "arm64"));
        assert!(read.allow(ZONE, "a"));
    }

    #[test]
    fn unknown_labels_are_refused_unless_well_known_or_allowed_to_be_missing() {
        let node = Requirements::of_labels([("team", "red")]);
        let ask = |key: &str, operator: &str, values: &[&str]| {
            read(&json!([{"key": key, "operator": operator, "values": values}]))
        };
        for (asked, made, exists) in [
            (ask("team", "In", &["red", "blue"]), true, true),
            (ask("team", "In", &["blue"]), false, false),
            (ask("team", "DoesNotExist", &[]), false, false),
            (ask("disk", "In", &["ssd"]), false, false),
            (ask("disk", "Exists", &[]), false, false),
            (ask("disk", "NotIn", &["ssd"]), true, true),
            (ask("disk", "DoesNotExist", &[]), true, true),
            (ask(ZONE, "In", &["a"]), true, false),
            (
                ask("karpenter.k8s.aws/instance-cpu", "Gt", &["2"]),
                true,
                false,
            ),
        ] {
            assert_eq!(node.are_compatible(&asked, true), made, "{asked:?}");
            assert_eq!(node.are_compatible(&asked, false), exists, "{asked:?}");
        }
        let nothing = ask("gone", "DoesNotExist", &[]);
        assert!(nothing.intersect(&ask("gone", "NotIn", &["x"])));
    }
}
