//! The recommendation as it applies to one pod.
//!
//! Follows `cappingRecommendationProcessor.Apply` in `pkg/utils/vpa/capping.go`: the
//! LimitRange for pods, then per container the LimitRange for containers, the policy's
//! bounds and, where limits are left alone, the container's limit.

use super::UpstreamPanic;
use super::annotation::{Annotation, Remark};
use super::limit_range::{LimitRange, RequestBounds};
use super::pod_limit_range::{self, Amounts};
use crate::autoscaler::vpa::pod::{self, Container};
use crate::autoscaler::vpa::{
    ContainerPolicy, ControlledValues, Recommendation, Resources, VpaSpec, cap_to_max, cap_to_min,
};

/// The capped recommendation for one container of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CappedRecommendation {
    /// What requests should be.
    pub target: Resources,
    /// Requests below it are too small.
    pub lower_bound: Resources,
    /// Requests above it are too large.
    pub upper_bound: Resources,
    /// What was changed about the target.
    pub annotations: Vec<Annotation>,
}

/// Caps the VPA's recommendations for a pod with these containers: one place per
/// container, empty where nothing is recommended. Without a recommendation the LimitRange for pods
/// still applies, if the VPA has policies.
pub fn cap_for_pod(
    vpa: &VpaSpec,
    recommendations: Option<&[Recommendation]>,
    containers: &[Container<'_>],
    limit_range: &LimitRange,
) -> Result<Vec<Option<CappedRecommendation>>, UpstreamPanic> {
    if recommendations.is_none() && vpa.container_policies.is_empty() {
        return Ok(vec![None; containers.len()]);
    }
    let recommendations = recommendations.unwrap_or_default();
    let amounts = |container: &Container<'_>| {
        let found = pod::recommendation(recommendations, container.name)?;
        Some(Amounts {
            target: found.target,
            lower_bound: found.lower_bound,
            upper_bound: found.upper_bound,
        })
    };
    let mut recommended: Vec<Option<Amounts>> = containers.iter().map(amounts).collect();
    if let Some(item) = &limit_range.pod {
        pod_limit_range::apply(&mut recommended, containers, item)?;
    }
    let cap = |(amounts, container): (Option<Amounts>, &Container<'_>)| {
        Some(cap_container(vpa, amounts?, container, limit_range))
    };
    Ok(recommended.into_iter().zip(containers).map(cap).collect())
}

fn cap_container(
    vpa: &VpaSpec,
    amounts: Amounts,
    container: &Container<'_>,
    limit_range: &LimitRange,
) -> CappedRecommendation {
    let bounds = limit_range.container.as_ref();
    let bounds = bounds.map(|item| RequestBounds::new(container, item));
    let policy = vpa.policy(container.name);
    let hold_to_limit = vpa.controlled_values(container.name) == ControlledValues::RequestsOnly;
    let cap = |mut amounts: Resources, note: &mut dyn FnMut(Annotation)| {
        if let Some(bounds) = &bounds {
            bounds.apply(&mut amounts, &mut *note);
        }
        if let Some(policy) = policy {
            apply_policy(&mut amounts, policy, &mut *note);
        }
        if hold_to_limit {
            hold_to_limits(&mut amounts, &container.limits, note);
        }
        amounts
    };
    let mut annotations = Vec::new();
    CappedRecommendation {
        target: cap(amounts.target, &mut |annotation| {
            annotations.push(annotation);
        }),
        lower_bound: cap(amounts.lower_bound, &mut |_| {}),
        upper_bound: cap(amounts.upper_bound, &mut |_| {}),
        annotations,
    }
}

fn apply_policy(
    amounts: &mut Resources,
    policy: &ContainerPolicy,
    note: &mut dyn FnMut(Annotation),
) {
    for (resource, amount) in amounts.iter() {
        let (amount, raised) = cap_to_min(amount, resource, &policy.min_allowed);
        let (amount, lowered) = cap_to_max(amount, resource, &policy.max_allowed);
        *amounts.get_mut(resource) = Some(amount);
        for (changed, remark) in [(raised, Remark::MinAllowed), (lowered, Remark::MaxAllowed)] {
            if changed {
                note(Annotation { resource, remark });
            }
        }
    }
}

/// `capRecommendationToContainerLimit`; unlike other bounds a limit of zero counts.
fn hold_to_limits(amounts: &mut Resources, limits: &Resources, note: &mut dyn FnMut(Annotation)) {
    for (resource, limit) in limits.iter() {
        let place = amounts.get_mut(resource);
        if place.is_some_and(|amount| amount.milli_value() > limit.milli_value()) {
            *place = Some(limit);
            let remark = Remark::ContainerLimit;
            note(Annotation { resource, remark });
        }
    }
}
