//! NodePools, read from their JSON.
//!
//! Upstream: `pkg/apis/v1/nodepool.go` with the defaults and rules of its markers.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::budget::{Budget, BudgetError, Reason, Window};
use super::requirements::{NODE_POOL, Requirements};
use super::resources::Resources;
use super::taints::Taint;
use crate::sim::{DurationError, SimDuration};
use crate::units::QuantityError;

/// `expireAfter` of a template that states none.
const EXPIRE_AFTER: &str = "720h";
/// For what never happens.
const NEVER: &str = "Never";

/// Which nodes consolidation may disrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum ConsolidationPolicy {
    /// Empty ones.
    WhenEmpty,
    /// Empty ones and those whose pods fit elsewhere.
    #[default]
    WhenEmptyOrUnderutilized,
    /// The same, where the saving is worth the disruption.
    Balanced,
}

/// A NodePool.
#[derive(Debug, Clone, PartialEq)]
pub struct NodePool {
    /// Name.
    pub name: String,
    /// `weight`: pools of a larger one are tried first.
    pub weight: i32,
    /// `limits`.
    pub limits: Resources,
    /// `replicas`: the number of nodes of a static pool.
    pub replicas: Option<i64>,
    /// What its nodes' labels are.
    pub requirements: Requirements,
    /// `requirements` as they stand in its template.
    pub stated: Requirements,
    /// `taints` of its nodes.
    pub taints: Vec<Taint>,
    /// `startupTaints` of its nodes: pods are placed as if they were off already.
    pub startup_taints: Vec<Taint>,
    /// Name of its NodeClass.
    pub node_class: String,
    /// `expireAfter`; `None` for never.
    pub expire_after: Option<SimDuration>,
    /// `terminationGracePeriod`.
    pub termination_grace_period: Option<SimDuration>,
    /// `consolidationPolicy`.
    pub consolidation_policy: ConsolidationPolicy,
    /// `consolidateAfter`; `None` for never.
    pub consolidate_after: Option<SimDuration>,
    /// `budgets`.
    pub budgets: Vec<Budget>,
    /// Everything of the template whose change makes nodes drift: all but its requirements.
    pub template_key: String,
}

/// Why a NodePool cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum NodePoolError {
    /// A field is missing, unknown or of another type.
    #[error("{0}")]
    Malformed(#[from] serde_json::Error),
    /// A limit is not a quantity.
    #[error("limits: {0}")]
    Limits(#[from] QuantityError),
    /// A duration does not read.
    #[error("{field}: {source}")]
    Duration {
        /// Which field.
        field: &'static str,
        /// What is wrong.
        source: DurationError,
    },
    /// A budget does not read.
    #[error("budgets: {0}")]
    Budget(#[from] BudgetError),
    /// A rule of the object is broken.
    #[error("{0}")]
    Invalid(&'static str),
}

#[derive(Deserialize)]
struct ObjectJson {
    metadata: MetadataJson,
    spec: SpecJson,
}

#[derive(Deserialize, Default)]
struct MetadataJson {
    #[serde(default)]
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct SpecJson {
    template: Value,
    #[serde(default)]
    disruption: DisruptionJson,
    #[serde(default)]
    limits: Value,
    weight: Option<i32>,
    replicas: Option<i64>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct DisruptionJson {
    consolidate_after: Option<String>,
    #[serde(default)]
    consolidation_policy: ConsolidationPolicy,
    budgets: Option<Vec<BudgetJson>>,
}

#[derive(Deserialize)]
struct BudgetJson {
    reasons: Option<Vec<Reason>>,
    nodes: Option<String>,
    schedule: Option<String>,
    duration: Option<String>,
}

#[derive(Deserialize)]
struct TemplateJson {
    #[serde(default)]
    metadata: MetadataJson,
    spec: TemplateSpecJson,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TemplateSpecJson {
    #[serde(default)]
    taints: Vec<Taint>,
    #[serde(default)]
    startup_taints: Vec<Taint>,
    #[serde(default)]
    requirements: Value,
    node_class_ref: NodeClassRef,
    termination_grace_period: Option<String>,
    expire_after: Option<String>,
}

#[derive(Deserialize)]
struct NodeClassRef {
    #[serde(default)]
    group: String,
    #[serde(default)]
    kind: String,
    name: String,
}

impl NodePool {
    /// Reads a NodePool (`karpenter.sh/v1`).
    pub fn read(object: &Value) -> Result<Self, NodePoolError> {
        let ObjectJson { metadata, spec } = ObjectJson::deserialize(object)?;
        let template = TemplateJson::deserialize(&spec.template)?;
        let node_class = &template.spec.node_class_ref;
        let stated = Requirements::read(&template.spec.requirements)?;
        let mut requirements = stated.clone();
        let class_label = format!("{}/{}", node_class.group, node_class.kind.to_lowercase());
        let own = [
            (NODE_POOL, metadata.name.as_str()),
            (class_label.as_str(), node_class.name.as_str()),
            // What nodes have as soon as pods can be there.
            ("karpenter.sh/registered", "true"),
            ("karpenter.sh/initialized", "true"),
        ];
        let labels = template.metadata.labels.iter();
        let labels = labels.map(|(label, value)| (label.as_str(), value.as_str()));
        requirements.add_all(&Requirements::of_labels(labels.chain(own)));
        let limits = Resources::read(&spec.limits)?;
        check(&spec)?;
        let expire_after = template.spec.expire_after.as_deref();
        let budgets = match &spec.disruption.budgets {
            None => vec![Budget::default_of_pools()],
            Some(budgets) => budgets.iter().map(budget).collect::<Result<_, _>>()?,
        };
        Ok(Self {
            weight: spec.weight.unwrap_or_default(),
            limits,
            stated,
            replicas: spec.replicas,
            requirements,
            node_class: node_class.name.clone(),
            expire_after: nillable("expireAfter", expire_after.unwrap_or(EXPIRE_AFTER))?,
            termination_grace_period: match &template.spec.termination_grace_period {
                None => None,
                Some(period) => nillable("terminationGracePeriod", period)?,
            },
            consolidation_policy: spec.disruption.consolidation_policy,
            consolidate_after: match &spec.disruption.consolidate_after {
                None => Some(SimDuration::ZERO),
                Some(after) => nillable("consolidateAfter", after)?,
            },
            budgets,
            template_key: template_key(&spec.template),
            taints: template.spec.taints,
            startup_taints: template.spec.startup_taints,
            name: metadata.name,
        })
    }
}

fn check(spec: &SpecJson) -> Result<(), NodePoolError> {
    if spec.replicas.is_none() {
        return Ok(());
    }
    let other = spec.limits.as_object().into_iter().flatten();
    if other
        .filter(|(name, _)| *name != super::resources::NODES)
        .count()
        > 0
    {
        let rule = "only 'limits.nodes' is supported on static NodePools";
        return Err(NodePoolError::Invalid(rule));
    }
    if spec.weight.is_some() {
        let rule = "'weight' is not supported on static NodePools";
        return Err(NodePoolError::Invalid(rule));
    }
    Ok(())
}

fn budget(json: &BudgetJson) -> Result<Budget, BudgetError> {
    Ok(Budget {
        nodes: json.nodes.as_deref().unwrap_or("10%").parse()?,
        reasons: json.reasons.clone(),
        window: Window::read(json.schedule.as_deref(), json.duration.as_deref())?,
    })
}

/// A duration, or `Never`.
fn nillable(field: &'static str, text: &str) -> Result<Option<SimDuration>, NodePoolError> {
    if text == NEVER {
        return Ok(None);
    }
    let duration = text.parse();
    duration
        .map(Some)
        .map_err(|source| NodePoolError::Duration { field, source })
}

/// The template in a canonical form without what is not hashed upstream.
fn template_key(template: &Value) -> String {
    let mut template = template.clone();
    if let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut) {
        spec.remove("requirements");
    }
    canonical(&template).to_string()
}

/// A value with its fields sorted and its lists too, since their order does not count; what is
/// null is left out.
pub(super) fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let fields = map.iter().filter(|(_, value)| !value.is_null());
            let sorted: BTreeMap<&String, Value> = fields
                .map(|(name, value)| (name, canonical(value)))
                .collect();
            let fields = sorted
                .into_iter()
                .map(|(name, value)| (name.clone(), value));
            fields.collect::<serde_json::Map<_, _>>().into()
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(canonical).collect();
            items.sort_by_key(Value::to_string);
            items.into()
        }
        other => other.clone(),
    }
}

/// The order in which pools are tried: larger weights first, then later names.
pub fn order_by_weight(pools: &mut [&NodePool]) {
    pools.sort_by(|a, b| b.weight.cmp(&a.weight).then_with(|| b.name.cmp(&a.name)));
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::requirements::ON_DEMAND;
    use super::*;
    use serde_json::json;

    /// A pool of on-demand nodes with further fields of its spec.
    pub(in super::super) fn pool(name: &str, further: &Value) -> NodePool {
        let mut spec = json!({
            "template": {"spec": {
                "requirements": [{"key": "karpenter.sh/capacity-type", "operator": "In", "values": [ON_DEMAND]}],
                "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"},
            }},
            "disruption": {"budgets": [{"nodes": "100%"}]},
        });
        for (field, value) in further.as_object().into_iter().flatten() {
            spec[field] = value.clone();
        }
        NodePool::read(&json!({"metadata": {"name": name}, "spec": spec})).unwrap()
    }

    #[test]
    fn a_pool_has_upstreams_defaults() {
        let object = json!({"metadata": {"name": "default"}, "spec": {"template": {
            "metadata": {"labels": {"team": "red"}},
            "spec": {"nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "c"},
                "taints": [{"key": "team", "value": "red", "effect": "NoSchedule"}]},
        }}});
        let pool = NodePool::read(&object).unwrap();
        assert_eq!(pool.budgets, [Budget::default_of_pools()]);
        assert_eq!(
            pool.consolidation_policy,
            ConsolidationPolicy::WhenEmptyOrUnderutilized
        );
        assert_eq!(pool.consolidate_after, Some(SimDuration::ZERO));
        assert_eq!(pool.expire_after, Some(SimDuration::from_secs(720 * 3600)));
        assert_eq!(pool.termination_grace_period, None);
        assert!(pool.requirements.allow("team", "red") && !pool.requirements.allow("team", "blue"));
        let class = "karpenter.k8s.aws/ec2nodeclass";
        assert!(!pool.requirements.allow(class, "d"));
        assert_eq!(pool.taints.len(), 1);
    }

    #[test]
    fn what_never_happens_and_what_is_wrong() {
        let never = pool(
            "p",
            &json!({"disruption": {"consolidateAfter": "Never",
            "consolidationPolicy": "WhenEmpty"}}),
        );
        assert_eq!(never.consolidate_after, None);
        assert_eq!(never.consolidation_policy, ConsolidationPolicy::WhenEmpty);
        let error = |spec: Value| {
            let mut whole = json!({"template": {"spec": {"nodeClassRef": {"name": "c"}}}});
            for (field, value) in spec.as_object().unwrap() {
                whole[field] = value.clone();
            }
            let object = json!({"metadata": {"name": "p"}, "spec": whole});
            NodePool::read(&object).expect_err("wrong").to_string()
        };
        assert_eq!(
            error(json!({"disruption": {"budgets": [{"schedule": "@daily"}]}})),
            "budgets: 'schedule' must be set with 'duration'"
        );
        assert_eq!(
            error(json!({"replicas": 3, "limits": {"cpu": "4"}})),
            "only 'limits.nodes' is supported on static NodePools"
        );
        assert_eq!(
            error(json!({"replicas": 3, "weight": 4, "limits": {"nodes": "4"}})),
            "'weight' is not supported on static NodePools"
        );
        assert!(error(json!({"limits": {"cpu": "x"}})).starts_with("limits: "));
        let after = json!({"disruption": {"consolidateAfter": "soon"}});
        assert!(error(after).starts_with("consolidateAfter: "));
    }

    #[test]
    fn the_template_counts_without_its_requirements_and_order() {
        let key = |spec: Value| template_key(&json!({"spec": spec}));
        let first = key(json!({"a": 1, "b": [1, 2], "requirements": [1]}));
        assert_eq!(first, key(json!({"b": [2, 1], "a": 1, "c": null})));
        assert_ne!(first, key(json!({"a": 2, "b": [1, 2]})));
    }

    #[test]
    fn heavier_pools_come_first() {
        let pools = [("a", 0), ("b", 10), ("c", 0)].map(|(name, weight)| {
            let mut pool = pool(name, &json!({}));
            pool.weight = weight;
            pool
        });
        let mut order: Vec<&NodePool> = pools.iter().collect();
        order_by_weight(&mut order);
        let names: Vec<&str> = order.iter().map(|pool| pool.name.as_str()).collect();
        assert_eq!(names, ["b", "c", "a"]);
    }
}
