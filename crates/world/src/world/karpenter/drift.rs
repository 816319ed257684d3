//! Nodes that are not what their NodePool and NodeClass say any more: condition Drifted.
//!
//! Upstream: `pkg/controllers/nodeclaim/disruption/drift.go`, which is woken by changes of NodePools and
//! NodeClasses; `pkg/cloudprovider/drift.go` of the AWS provider. What selectors of subnets, security groups and
//! images come to is not known: with other terms images are others, subnets and groups are the same.

use std::sync::Arc;

use super::Karpenter;
use super::claims::{Claim, MadeOf};
use crate::autoscaler::karpenter::Requirements;
use crate::autoscaler::karpenter::disruption::{DriftReason, drift};
use crate::autoscaler::karpenter::schedule::Node;
use crate::cluster::spec::NodeGroupSpec;
use crate::scenario::model::KarpenterSpec;
use crate::sim::SimTime;
use crate::world::Simulation;

/// What the nodes of a NodePool are made of now.
pub(super) fn made_of(spec: &KarpenterSpec, pool: usize) -> MadeOf {
    let class = spec.class(pool);
    MadeOf {
        template: spec.pools[pool].template_key.clone(),
        class: class.map_or_else(String::new, |class| class.key.clone()),
        images: class.map_or_else(String::new, |class| class.images.clone()),
    }
}

/// Why a machine has drifted, if it has.
fn reason(
    spec: &KarpenterSpec,
    claim: &Claim,
    group: &NodeGroupSpec,
    now: SimTime,
) -> Option<&'static str> {
    let labels = group.labels.iter();
    let labels = labels.map(|(key, value)| (key.as_str(), value.as_str()));
    let launch = &spec.launches[claim.launch];
    let node = Node {
        labels: Requirements::of_labels(labels),
        instance_type: launch.instance_type.clone(),
        zone: launch.zone.clone(),
        spot: launch.spot,
        created: claim.created,
        template_key: Some(claim.made_of.template.clone()),
        ..Node::default()
    };
    let (pool, types) = (&spec.pools[claim.pool], &spec.types[claim.pool]);
    match drift(pool, types, &node, now) {
        Some(DriftReason::NodePoolDrifted) => return Some("NodePoolDrifted"),
        Some(DriftReason::RequirementsDrifted) => return Some("RequirementsDrifted"),
        // Types do not go from the market, unless their NodeClass has gone: then nothing can be said.
        Some(DriftReason::InstanceTypeNotFound) | None => {}
    }
    let class = spec.class(claim.pool)?;
    if class.key != claim.made_of.class {
        return Some("NodeClassDrift");
    }
    (class.images != claim.made_of.images).then_some("AMIDrift")
}

impl Simulation<'_> {
    /// A NodePool or a NodeClass has changed: nodes drift, or do not any more.
    pub(super) fn look_for_drift(&self, karpenter: &mut Karpenter, now: SimTime) {
        let spec = Arc::clone(&karpenter.spec);
        for (id, claim) in &mut karpenter.claims {
            if claim.deleting.is_some() {
                continue;
            }
            let group = self.cloud.spec(self.cloud.instance(*id).group);
            let since = claim.drifted.map_or(now, |(since, _)| since);
            claim.drifted = reason(&spec, claim, group, now).map(|why| (since, why));
        }
    }
}
