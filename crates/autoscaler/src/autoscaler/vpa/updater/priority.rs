//! How urgently a pod needs an update.
//!
//! Follows `GetUpdatePriority` in `pkg/updater/priority/priority_processor.go` and the order
//! of `PodPriority` in `update_priority_calculator.go`.

use std::cmp::Ordering;

use super::Pod;
use crate::autoscaler::vpa::Resource;
use crate::autoscaler::vpa::admission::CappedRecommendation;

/// The urgency of a pod's update.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Priority {
    /// A container's request is outside the recommended range, or missing.
    pub outside_recommended_range: bool,
    /// A container needs more than it requests.
    pub scale_up: bool,
    /// Relative difference of requests and targets, each summed over the containers, and
    /// then over the resources.
    pub resource_diff: f64,
}

impl Priority {
    /// Judges a pod by its capped recommendation, one place per container. Containers that
    /// admission did not see do not count.
    pub fn of(pod: &Pod<'_>, recommended: &[Option<CappedRecommendation>]) -> Self {
        let mut priority = Self::default();
        let mut totals = [None; Resource::ALL.len()];
        for (container, recommended) in pod.containers.iter().zip(recommended) {
            let Some(recommended) = recommended else {
                continue;
            };
            if !pod.observes(container.name) {
                continue;
            }
            for (resource, target) in recommended.target.iter() {
                let target_milli = target.milli_value();
                let total: &mut (i64, i64) = totals[resource as usize].get_or_insert_default();
                total.1 = total.1.wrapping_add(target_milli);
                let Some(request) = container.requests.get(resource) else {
                    priority.scale_up = true;
                    priority.outside_recommended_range = true;
                    continue;
                };
                total.0 = total.0.wrapping_add(request.milli_value());
                priority.scale_up |= target_milli > request.milli_value();
                let below = recommended
                    .lower_bound
                    .get(resource)
                    .is_some_and(|bound| request < bound);
                let above = recommended
                    .upper_bound
                    .get(resource)
                    .is_some_and(|bound| request > bound);
                priority.outside_recommended_range |= below || above;
            }
        }
        for (request, target) in totals.into_iter().flatten() {
            let request = (request as f64).max(1.0);
            priority.resource_diff += (request - target as f64).abs() / request;
        }
        priority
    }

    /// Orders the more urgent one first: pods that need more, then larger differences.
    pub fn most_urgent_first(&self, other: &Self) -> Ordering {
        let by_diff = || other.resource_diff.total_cmp(&self.resource_diff);
        other.scale_up.cmp(&self.scale_up).then_with(by_diff)
    }
}
