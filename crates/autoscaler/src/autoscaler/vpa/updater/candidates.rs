//! Which pods are to be updated, and in which order.
//!
//! Follows `AddPod` and `GetSortedPods` in
//! `pkg/updater/priority/update_priority_calculator.go` and
//! `scaling_direction_pod_eviction_admission.go`.

use super::held::Held;
use super::in_place::InfeasibleAttempts;
use super::priority::Priority;
use super::{Pod, View};
use crate::autoscaler::go_sort;
use crate::autoscaler::vpa::admission::{self, CappedRecommendation, UpstreamPanic};
use crate::autoscaler::vpa::{
    ChangeRequirement, ContainerScalingMode, EvictionRequirement, FeatureGates, Recommendation,
    Resource, Resources, UpdateMode, UpdaterFlags,
};
use crate::sim::{SimDuration, SimTime};
use crate::units::Quantity;

/// A pod accepted for an update.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The pod's place in the view.
    pub pod: usize,
    /// Its urgency.
    pub priority: Priority,
    /// The recommendation as it applies to the pod, one place per container.
    recommended: Vec<Option<CappedRecommendation>>,
}

/// Judges those of a view's pods that may be disrupted.
pub(super) struct Selection<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) flags: &'a UpdaterFlags,
    pub(super) gates: FeatureGates,
    pub(super) infeasible: &'a InfeasibleAttempts,
    pub(super) now: SimTime,
}

impl Selection<'_> {
    /// The accepted ones of `pods`, the most urgent first; the others go to `held`.
    pub(super) fn choose(
        &self,
        pods: impl IntoIterator<Item = usize>,
        held: &mut Vec<(usize, Held)>,
    ) -> Result<Vec<Candidate>, UpstreamPanic> {
        let mut candidates = Vec::new();
        for pod in pods {
            match self.accept(pod)? {
                Ok(candidate) => candidates.push(candidate),
                Err(reason) => held.push((pod, reason)),
            }
        }
        go_sort::sort_by(&mut candidates, |one, other| {
            one.priority.most_urgent_first(&other.priority).is_lt()
        });
        candidates.retain(|candidate| {
            let requirements = &self.view.vpa.eviction_requirements;
            let pod = &self.view.pods[candidate.pod];
            let admitted = admits(requirements, pod, &candidate.recommended);
            if !admitted {
                held.push((candidate.pod, Held::EvictionRequirements));
            }
            admitted
        });
        Ok(candidates)
    }

    fn accept(&self, index: usize) -> Result<Result<Candidate, Held>, UpstreamPanic> {
        let View { vpa, pods, .. } = self.view;
        let pod = &pods[index];
        let recommended = capped(self.view, pod)?;
        if vpa.update_mode == UpdateMode::InPlace {
            let is_lower = |attempt: &[Recommendation]| has_lower(attempt, pod, &recommended);
            if self.infeasible.rules_out(pod, is_lower) {
                return Ok(Err(Held::Infeasible));
            }
        }
        let priority = Priority::of(pod, &recommended);
        Ok(self.judge(pod, priority).map(|()| Candidate {
            pod: index,
            priority,
            recommended,
        }))
    }

    /// Pods are updated if a request is out of bounds, soon after an OOM kill,
    /// or, once they are old, for any difference that is large enough.
    fn judge(&self, pod: &Pod<'_>, priority: Priority) -> Result<(), Held> {
        let quick_oom = self.has_quick_oom(pod);
        let differs = priority.resource_diff != 0.0;
        if quick_oom && !differs {
            return Err(Held::AtTarget);
        }
        if priority.outside_recommended_range || quick_oom {
            return Ok(());
        }
        let is_old = self.is_old(pod);
        if is_old && priority.resource_diff >= self.flags.pod_update_threshold {
            return Ok(());
        }
        Err(if self.view.recommendations.is_none_or(<[_]>::is_empty) {
            Held::NoRecommendation
        } else if !differs {
            Held::AtTarget
        } else if is_old || priority.resource_diff < self.flags.pod_update_threshold {
            Held::SmallDifference
        } else {
            Held::Young
        })
    }

    fn is_old(&self, pod: &Pod<'_>) -> bool {
        let threshold = self
            .flags
            .in_recommendation_bounds_eviction_lifetime_threshold;
        pod.start_time
            .is_some_and(|start| self.now >= start + threshold)
    }

    /// True if a container that the VPA scales was OOM-killed shortly after
    /// it had started.
    fn has_quick_oom(&self, pod: &Pod<'_>) -> bool {
        let threshold = self.evict_after_oom_threshold();
        pod.last_terminations.iter().any(|termination| {
            termination.oom_killed
                && pod.observes(termination.container)
                && self.view.vpa.mode(termination.container) != ContainerScalingMode::Off
                && termination.finished.since(termination.started) < threshold
        })
    }

    /// The VPA's own threshold, or the flag's (`getEvictOOMThreshold`).
    fn evict_after_oom_threshold(&self) -> SimDuration {
        let own = self.view.vpa.evict_after_oom_seconds;
        let own = own.filter(|_| self.gates.per_vpa_config);
        own.map_or(self.flags.evict_after_oom_threshold, |seconds| {
            SimDuration::from_secs(seconds.into())
        })
    }
}

/// The view's recommendations, capped for one of its pods.
pub(super) fn capped(
    view: &View<'_>,
    pod: &Pod<'_>,
) -> Result<Vec<Option<CappedRecommendation>>, UpstreamPanic> {
    admission::cap_for_pod(
        view.vpa,
        view.recommendations,
        pod.containers,
        view.limit_range,
    )
}

/// True if a target is lower now than in an earlier attempt.
fn has_lower(
    attempt: &[Recommendation],
    pod: &Pod<'_>,
    recommended: &[Option<CappedRecommendation>],
) -> bool {
    pod.containers
        .iter()
        .zip(recommended)
        .any(|(container, now)| {
            let before = attempt
                .iter()
                .rfind(|before| before.container_name == container.name);
            let (Some(now), Some(before)) = (now, before) else {
                return false;
            };
            let lower = |(resource, now)| {
                before
                    .target
                    .get(resource)
                    .is_some_and(|before| now < before)
            };
            now.target.iter().any(lower)
        })
}

/// True if a container with a recommendation misses a request or meets all requirements.
fn admits(
    requirements: &[EvictionRequirement],
    pod: &Pod<'_>,
    recommended: &[Option<CappedRecommendation>],
) -> bool {
    pod.containers
        .iter()
        .zip(recommended)
        .any(|(container, recommended)| {
            let Some(recommended) = recommended else {
                return false;
            };
            let requests = &container.requests;
            let all_set = requests.cpu.is_some() && requests.memory.is_some();
            let met = |requirement: &EvictionRequirement| {
                is_met(*requirement, requests, &recommended.target)
            };
            !all_set || requirements.iter().all(met)
        })
}

/// True if one of the requirement's resources changes in its direction.
fn is_met(requirement: EvictionRequirement, requests: &Resources, target: &Resources) -> bool {
    let milli =
        |amounts: &Resources, resource| amounts.get(resource).map_or(0, Quantity::milli_value);
    Resource::ALL.into_iter().any(|resource| {
        let (request, target) = (milli(requests, resource), milli(target, resource));
        requirement.resources.contains(resource)
            && match requirement.change_requirement {
                ChangeRequirement::TargetHigherThanRequests => target > request,
                ChangeRequirement::TargetLowerThanRequests => target < request,
            }
    })
}
