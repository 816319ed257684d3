//! The admission controller: what a new pod of a VPA's workload gets.
//!
//! Requests become the capped targets, limits follow in proportion or stay, and two
//! annotations tell what was done. Follows `pkg/admission-controller/resource/pod`
//! (`recommendation/recommendation_provider.go`, `patch/`). Which VPA a pod belongs to is
//! the caller's knowledge.

mod annotation;
mod boost;
mod capping;
mod limit_range;
mod patch;
mod pod_limit_range;
mod proportional;

pub use annotation::{Annotation, Remark};
pub use capping::{CappedRecommendation, cap_for_pod};
pub use limit_range::{LimitRange, LimitRangeItem};
pub use patch::{
    Admission, ContainerUpdate, admit, admit_with_boost, observed_containers,
    parse_observed_containers, startup_boost_annotation,
};

use super::pod::Container;
use super::{ControlledValues, Recommendation, Resource, Resources, UpdateMode, VpaSpec};

/// Upstream panics here: a LimitRange for pods makes it write to bounds or to a
/// recommendation that a container does not have, or a startup boost says nothing of CPU. The
/// webhook's call then fails, and with the default failure policy the pod is created unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a container lacks the recommendation, the bounds or the CPU boost that is read of it")]
pub struct UpstreamPanic;

/// Computes what every container of a pod is to have (`GetContainersResourcesForPod`).
///
/// Without a recommendation (`status.recommendation`, which may be there and empty) nothing is
/// looked at, not even LimitRanges. The VPA's update mode only matters in that `Off` makes limits
/// follow whatever the policies say of them; that nothing is applied in that mode is [`admit`]'s
/// part.
pub fn container_resources(
    vpa: &VpaSpec,
    recommendations: Option<&[Recommendation]>,
    containers: &[Container<'_>],
    limit_range: &LimitRange,
) -> Result<Vec<ContainerUpdate>, UpstreamPanic> {
    if recommendations.is_none() {
        return Ok(vec![ContainerUpdate::default(); containers.len()]);
    }
    let capped = cap_for_pod(vpa, recommendations, containers, limit_range)?;
    let default_limits = limit_range
        .container
        .map_or_else(Resources::default, |item| item.default);
    let update = |(capped, container): (Option<CappedRecommendation>, &Container<'_>)| {
        let Some(capped) = capped else {
            return ContainerUpdate::default();
        };
        let mut update = ContainerUpdate {
            requests: capped.target,
            limits: Resources::default(),
            annotations: capped.annotations,
        };
        let off = vpa.update_mode == UpdateMode::Off;
        let values = vpa.controlled_values(container.name);
        if off || values == ControlledValues::RequestsAndLimits {
            set_proportional_limits(&mut update, container, &default_limits);
        }
        update
    };
    Ok(capped.into_iter().zip(containers).map(update).collect())
}

/// Limits in the container's ratio to its requests; remarks only if there is any limit
/// (`GetProportionalLimit`).
fn set_proportional_limits(
    update: &mut ContainerUpdate,
    container: &Container<'_>,
    default_limits: &Resources,
) {
    let mut annotations = Vec::new();
    for resource in Resource::ALL {
        let (limit, remark) = proportional::limit(
            resource,
            container.limits.get(resource),
            container.requests.get(resource),
            update.requests.get(resource),
            default_limits.get(resource),
        );
        *update.limits.get_mut(resource) = limit;
        annotations.extend(remark.map(|remark| Annotation { resource, remark }));
    }
    if !update.limits.is_empty() {
        update.annotations.extend(annotations);
    }
}
