//! Resizing running pods: whether now, later, never, or by eviction after all.
//!
//! Follows `pkg/updater/restriction/pods_inplace_restriction.go`.

use rustc_hash::FxHashMap;

use super::restriction::Restriction;
use super::{Pod, View};
use crate::autoscaler::vpa::{Recommendation, UpdateMode};
use crate::sim::{SimDuration, SimTime};

/// After this a deferred resize is given up (`DeferredResizeUpdateTimeout`).
pub const DEFERRED_RESIZE_TIMEOUT: SimDuration = SimDuration::from_secs(5 * 60);

/// After this a resize in progress is given up (`InProgressResizeUpdateTimeout`).
pub const RESIZE_IN_PROGRESS_TIMEOUT: SimDuration = SimDuration::from_secs(3600);

/// The state of a pod's resize, from its conditions `PodResizePending` and
/// `PodResizeInProgress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resize {
    /// Pending: the node has no room at the moment.
    Deferred,
    /// Pending: the node can never hold it.
    Infeasible,
    /// The kubelet is applying it.
    InProgress,
    /// The kubelet failed to apply it.
    Error,
    /// A condition with another reason.
    Unknown,
}

/// What to do about a pod in an in-place mode (`InPlaceDecision`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InPlaceDecision {
    /// Resize it now.
    Approved,
    /// Wait for a later pass.
    Deferred,
    /// Evict it.
    Evict,
    /// The node cannot hold what was asked for; ask again, and remember.
    Infeasible,
    /// As before, and nothing recommended is lower: leave the pod alone.
    InfeasibleCached,
}

/// Since when resizes have been seen under way.
///
/// As upstream's map it is never cleared: a later resize of a pod of the same name is
/// measured from the first one.
#[derive(Debug, Clone, Default)]
pub struct ResizeClock {
    first_seen: FxHashMap<String, SimTime>,
}

impl ResizeClock {
    /// True if the pod's resize has failed or taken too long (`CanEvictInPlacingPod`,
    /// without its regard to the group).
    pub(super) fn has_failed(&mut self, pod: &Pod<'_>, now: SimTime) -> bool {
        let Some(resize) = pod.resize else {
            return false;
        };
        let since = match self.first_seen.get(pod.name) {
            Some(since) => *since,
            None => *self.first_seen.entry(pod.name.to_owned()).or_insert(now),
        };
        match resize {
            Resize::Deferred => now.since(since) > DEFERRED_RESIZE_TIMEOUT,
            Resize::InProgress => now.since(since) > RESIZE_IN_PROGRESS_TIMEOUT,
            Resize::Infeasible | Resize::Error | Resize::Unknown => true,
        }
    }
}

/// The recommendations that nodes could not hold, by pod (mode `InPlace` only).
#[derive(Debug, Clone, Default)]
pub struct InfeasibleAttempts {
    by_pod: FxHashMap<u64, Vec<Recommendation>>,
}

impl InfeasibleAttempts {
    pub(super) fn record(&mut self, pod: &Pod<'_>, recommendations: &[Recommendation]) {
        self.by_pod.insert(pod.uid, recommendations.to_vec());
    }

    /// Forgets pods that are gone.
    pub fn retain(&mut self, mut is_alive: impl FnMut(u64) -> bool) {
        self.by_pod.retain(|uid, _| is_alive(*uid));
    }

    /// True if the pod has an attempt on record and `is_lower` finds nothing lower now than
    /// then.
    pub(super) fn rules_out(
        &self,
        pod: &Pod<'_>,
        is_lower: impl FnOnce(&[Recommendation]) -> bool,
    ) -> bool {
        let attempt = self.by_pod.get(&pod.uid);
        attempt.is_some_and(|attempt| !is_lower(attempt))
    }
}

/// True if some target is lower now than it was (`RecommendationHasLowerResource`).
fn has_lower(before: &[Recommendation], now: &[Recommendation]) -> bool {
    before.iter().any(|before| {
        now.iter()
            .filter(|now| now.container_name == before.container_name)
            .any(|now| {
                let lower =
                    |(resource, before)| now.target.get(resource).is_some_and(|now| now < before);
                before.target.iter().any(lower)
            })
    })
}

/// What decides about resizes, besides the pod.
pub(super) struct InPlace<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) skip_disruption_budget: bool,
    pub(super) infeasible: &'a InfeasibleAttempts,
}

impl InPlace<'_> {
    /// Decides about one pod (`CanInPlaceUpdate`).
    pub(super) fn decide(
        &self,
        pod: &Pod<'_>,
        restriction: &Restriction,
        clock: &mut ResizeClock,
        now: SimTime,
    ) -> InPlaceDecision {
        let Some(recommendations) = self.view.recommendations else {
            return InPlaceDecision::Deferred;
        };
        if pod.pending || !restriction.knows(pod) {
            return InPlaceDecision::Deferred;
        }
        let never_evict = self.view.vpa.update_mode == UpdateMode::InPlace;
        let lower_than = |attempt: &[Recommendation]| has_lower(attempt, recommendations);
        if never_evict && self.infeasible.rules_out(pod, lower_than) {
            return InPlaceDecision::InfeasibleCached;
        }
        match pod.resize {
            // An error is the kubelet's, and may pass: asked again at each pass, not remembered.
            Some(Resize::Infeasible) if never_evict => InPlaceDecision::Infeasible,
            Some(_) if never_evict => InPlaceDecision::Deferred,
            Some(_) => {
                if clock.has_failed(pod, now) && restriction.is_disruptable(pod) {
                    InPlaceDecision::Evict
                } else {
                    InPlaceDecision::Deferred
                }
            }
            None if self.skip_disruption_budget && !pod.restarts_on_resize => {
                InPlaceDecision::Approved
            }
            None if restriction.is_disruptable(pod) => InPlaceDecision::Approved,
            None => InPlaceDecision::Deferred,
        }
    }
}
