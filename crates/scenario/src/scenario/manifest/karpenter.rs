//! NodePool (karpenter.sh/v1) and EC2NodeClass (karpenter.k8s.aws/v1).
//!
//! Both are custom resources: the types here find unknown fields and wrong types, the core's own
//! readers make what Karpenter works with and refuse what its lists of words do not have.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::objects::Manifests;
use super::{Context, group, typed, version_and_kind};
use crate::autoscaler::karpenter::{NodeClass, NodePool, NodePoolError, Requirements};
use crate::scenario::node::Node;
use crate::scenario::object::to_json;

const NODE_POOL: &str = "NodePool";
const NODE_CLASS: &str = "EC2NodeClass";
const V1: [(&str, &str); 2] = [
    (NODE_POOL, "karpenter.sh/v1"),
    (NODE_CLASS, "karpenter.k8s.aws/v1"),
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object<Spec> {
    #[serde(rename = "apiVersion")]
    _api_version: Option<IgnoredAny>,
    #[serde(rename = "kind")]
    _kind: Option<IgnoredAny>,
    #[serde(default)]
    metadata: ObjectMeta,
    spec: Spec,
    #[serde(rename = "status")]
    _status: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PoolSpec {
    template: Template,
    #[serde(rename = "disruption")]
    _disruption: Option<Disruption>,
    #[serde(rename = "limits")]
    _limits: Option<IgnoredAny>,
    #[serde(rename = "weight")]
    _weight: Option<i32>,
    #[serde(rename = "replicas")]
    _replicas: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Template {
    #[serde(rename = "metadata")]
    _metadata: Option<TemplateMetadata>,
    spec: TemplateSpec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TemplateMetadata {
    #[serde(rename = "labels")]
    _labels: Option<BTreeMap<String, String>>,
    #[serde(rename = "annotations")]
    _annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TemplateSpec {
    #[serde(rename = "taints")]
    _taints: Option<Vec<TaintSpec>>,
    #[serde(rename = "startupTaints")]
    _startup_taints: Option<Vec<TaintSpec>>,
    #[serde(rename = "requirements")]
    _requirements: Option<Vec<RequirementSpec>>,
    node_class_ref: NodeClassRef,
    #[serde(rename = "terminationGracePeriod")]
    _termination_grace_period: Option<String>,
    #[serde(rename = "expireAfter")]
    _expire_after: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TaintSpec {
    #[serde(rename = "key")]
    _key: String,
    #[serde(rename = "value")]
    _value: Option<String>,
    #[serde(rename = "effect")]
    _effect: String,
    #[serde(rename = "timeAdded")]
    _time_added: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequirementSpec {
    #[serde(rename = "key")]
    _key: String,
    #[serde(rename = "operator")]
    _operator: String,
    #[serde(rename = "values")]
    _values: Option<Vec<String>>,
    #[serde(rename = "minValues")]
    _min_values: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeClassRef {
    #[serde(rename = "group")]
    _group: String,
    kind: String,
    #[serde(rename = "name")]
    _name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Disruption {
    #[serde(rename = "consolidateAfter")]
    _consolidate_after: Option<String>,
    #[serde(rename = "consolidationPolicy")]
    _consolidation_policy: Option<String>,
    #[serde(rename = "budgets")]
    _budgets: Option<Vec<BudgetSpec>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BudgetSpec {
    #[serde(rename = "reasons")]
    _reasons: Option<Vec<String>>,
    #[serde(rename = "nodes")]
    _nodes: Option<String>,
    #[serde(rename = "schedule")]
    _schedule: Option<String>,
    #[serde(rename = "duration")]
    _duration: Option<String>,
}

macro_rules! read_over {
    ($(#[$meta:meta])* $name:ident { $($key:literal $field:ident: $type:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Deserialize)]
        struct $name {
            $(#[serde(rename = $key)] $field: Option<$type>),*
        }
    };
}

read_over!(ClassSpec {
    "amiFamily" _a: IgnoredAny,
    "amiSelectorTerms" _b: IgnoredAny,
    "associatePublicIPAddress" _c: IgnoredAny,
    "blockDeviceMappings" _d: IgnoredAny,
    "capacityReservationSelectorTerms" _e: IgnoredAny,
    "context" _f: IgnoredAny,
    "detailedMonitoring" _g: IgnoredAny,
    "instanceProfile" _h: IgnoredAny,
    "instanceStorePolicy" _i: IgnoredAny,
    "ipPrefixCount" _j: IgnoredAny,
    "kubelet" _k: Kubelet,
    "metadataOptions" _l: IgnoredAny,
    "networkInterfaces" _m: IgnoredAny,
    "placementGroupSelector" _n: IgnoredAny,
    "role" _o: IgnoredAny,
    "securityGroupSelectorTerms" _p: IgnoredAny,
    "subnetSelectorTerms" _q: IgnoredAny,
    "tags" _r: IgnoredAny,
    "userData" _s: IgnoredAny,
});

read_over!(Kubelet {
    "clusterDNS" _a: IgnoredAny,
    "maxPods" _b: u32,
    "podsPerCore" _c: u32,
    "systemReserved" _d: IgnoredAny,
    "kubeReserved" _e: IgnoredAny,
    "evictionHard" _f: BTreeMap<String, String>,
    "evictionSoft" _g: BTreeMap<String, String>,
    "evictionSoftGracePeriod" _h: BTreeMap<String, String>,
    "evictionMaxPodGracePeriod" _i: i64,
    "imageGCHighThresholdPercent" _j: i64,
    "imageGCLowThresholdPercent" _k: i64,
    "cpuCFSQuota" _l: bool,
});

/// Whether a document is of Karpenter's, whatever its version.
pub(super) fn is_one(document: &Node) -> bool {
    let (version, kind) = version_and_kind(document);
    let own = |(name, right): &(&str, &str)| *name == kind && group(right) == group(version);
    V1.iter().any(own)
}

/// Reads it.
pub(super) fn read(index: usize, context: &mut Context<'_>, manifests: &mut Manifests) {
    let (version, kind) = version_and_kind(context.document);
    if let Some((_, right)) = V1.iter().find(|(name, _)| *name == kind)
        && *right != version
    {
        let message = format!("{kind} has no apiVersion {version}");
        let help = format!("write `apiVersion: {right}`");
        context.error("apiVersion", message, Some(&help));
        return;
    }
    if let Ok(Some(written)) = super::read_document(context) {
        manifests.add(index, written);
    }
}

pub(super) fn node_pool(context: &mut Context<'_>) -> Option<NodePool> {
    let object: Object<PoolSpec> = typed::read(context)?;
    context.identity(object.metadata);
    let template = &object.spec.template.spec;
    if template.node_class_ref.kind != NODE_CLASS {
        let title = "machines are those that an EC2NodeClass makes, whatever class this is";
        let help = "`[[instance_type]]` and `instance-types` of `[controllers.karpenter]` say which machines there are";
        context.warning("spec.template.spec.nodeClassRef.kind", title, help);
    }
    let json = to_json(context.document);
    let requirements = &json["spec"]["template"]["spec"]["requirements"];
    match NodePool::read(&json) {
        Ok(pool) => Some(pool),
        Err(error) => {
            let path = match &error {
                NodePoolError::Limits(_) => "spec.limits",
                NodePoolError::Duration { field, .. } if *field == "consolidateAfter" => {
                    "spec.disruption.consolidateAfter"
                }
                NodePoolError::Duration { field, .. } if *field == "expireAfter" => {
                    "spec.template.spec.expireAfter"
                }
                NodePoolError::Duration { .. } => "spec.template.spec.terminationGracePeriod",
                NodePoolError::Budget(_) => "spec.disruption.budgets",
                NodePoolError::Malformed(_) if Requirements::read(requirements).is_err() => {
                    "spec.template.spec.requirements"
                }
                NodePoolError::Malformed(_) | NodePoolError::Invalid(_) => "spec",
            };
            context.error(path, format!("this NodePool does not read: {error}"), None);
            None
        }
    }
}

pub(super) fn node_class(context: &mut Context<'_>) -> Option<NodeClass> {
    let object: Object<ClassSpec> = typed::read(context)?;
    let ClassSpec { .. } = object.spec;
    context.identity(object.metadata);
    match NodeClass::read(&to_json(context.document)) {
        Ok(class) => Some(class),
        Err(error) => {
            let title = format!("this EC2NodeClass does not read: {error}");
            context.error("spec.kubelet", title, None);
            None
        }
    }
}
