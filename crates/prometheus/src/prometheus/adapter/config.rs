//! The adapter's configuration file (`pkg/config`), as it stands in ConfigMaps.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// The whole file. Unknown keys are refused, as upstream's strict decoding does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Config {
    /// Metrics of Kubernetes objects: the custom metrics API.
    #[serde(deserialize_with = "or_default")]
    pub rules: Vec<Rule>,
    /// CPU and memory: the resource metrics API.
    pub resource_rules: Option<ResourceRules>,
    /// Metrics of nothing in the cluster: the external metrics API.
    #[serde(deserialize_with = "or_default")]
    pub external_rules: Vec<Rule>,
}

/// Which series become which metric, and by which query.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Rule {
    /// A selector of the series that the rule is for.
    #[serde(deserialize_with = "or_default")]
    pub series_query: String,
    /// Patterns that names must or must not match besides.
    #[serde(deserialize_with = "or_default")]
    pub series_filters: Vec<Filter>,
    /// Which labels name which objects.
    #[serde(deserialize_with = "or_default")]
    pub resources: ResourceMapping,
    /// What the metric is called.
    #[serde(deserialize_with = "or_default")]
    pub name: NameMapping,
    /// The query, a template between `<<` and `>>`.
    #[serde(deserialize_with = "or_default")]
    pub metrics_query: String,
}

/// A pattern for names: one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Filter {
    /// Names must match.
    #[serde(deserialize_with = "or_default")]
    pub is: String,
    /// Names must not match.
    #[serde(deserialize_with = "or_default")]
    pub is_not: String,
}

/// Which labels name which objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct ResourceMapping {
    /// A label's name from `.Group` and `.Resource`.
    #[serde(deserialize_with = "or_default")]
    pub template: String,
    /// Labels that the template is not asked for.
    #[serde(deserialize_with = "or_default")]
    pub overrides: BTreeMap<String, GroupResource>,
    /// Whether external metrics are asked for in the HPA's namespace; unset means yes.
    pub namespaced: Option<bool>,
}

/// A kind of object.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct GroupResource {
    /// Its API group, empty for the core.
    #[serde(deserialize_with = "or_default")]
    pub group: String,
    /// Its name, singular or plural.
    #[serde(deserialize_with = "or_default")]
    pub resource: String,
}

/// What a metric is called.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct NameMapping {
    /// A pattern of the series' name; empty is any.
    #[serde(deserialize_with = "or_default")]
    pub matches: String,
    /// The metric's name, with the pattern's groups as `$1` or `${1}`.
    #[serde(rename = "as", deserialize_with = "or_default")]
    pub name: String,
}

/// CPU and memory from Prometheus instead of metrics-server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct ResourceRules {
    /// CPU, in cores.
    #[serde(deserialize_with = "or_default")]
    pub cpu: ResourceRule,
    /// Memory, in bytes.
    #[serde(deserialize_with = "or_default")]
    pub memory: ResourceRule,
    /// The window that the API names, a duration as Prometheus writes it.
    #[serde(deserialize_with = "or_default")]
    pub window: String,
}

/// The queries of one resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct ResourceRule {
    /// Of containers, a template.
    #[serde(deserialize_with = "or_default")]
    pub container_query: String,
    /// Of nodes, a template.
    #[serde(deserialize_with = "or_default")]
    pub node_query: String,
    /// Which labels name pods, namespaces and nodes.
    #[serde(deserialize_with = "or_default")]
    pub resources: ResourceMapping,
    /// The label that names the container.
    #[serde(deserialize_with = "or_default")]
    pub container_label: String,
}

/// A key without a value is as good as none.
fn or_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(from).map(Option::unwrap_or_default)
}
