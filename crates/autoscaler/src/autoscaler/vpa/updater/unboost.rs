//! The end of a container's CPU startup boost, and what a resize sets while others last.
//!
//! Follows `CanUnboost` in `pkg/updater/restriction/pods_inplace_restriction.go`,
//! `GetExpiredStartupCPUBoostAnnotations` in `pkg/utils/vpa/api.go` and
//! `pkg/updater/inplace/resource_updates.go`.

use super::restriction::Restriction;
use super::view::{Pod, View};
use crate::autoscaler::vpa::UpdateMode;
use crate::autoscaler::vpa::admission::{self, ContainerUpdate, UpstreamPanic};
use crate::sim::{SimDuration, SimTime};

/// True if a boost has lasted long enough.
pub(super) fn is_due(view: &View<'_>, pod: &Pod<'_>, now: SimTime) -> bool {
    (0..pod.containers.len()).any(|place| has_expired(view, pod, place, now))
}

/// True if the pod may be resized for that now (`CanUnboost`).
pub(super) fn can_unboost(
    view: &View<'_>,
    pod: &Pod<'_>,
    restriction: &Restriction,
    now: SimTime,
) -> bool {
    !pod.pending
        && is_due(view, pod, now)
        && pod.resize.is_none()
        && restriction.is_disruptable(pod)
}

/// True if the container's boost has outlasted the pod's becoming ready by its duration.
pub(super) fn has_expired(view: &View<'_>, pod: &Pod<'_>, place: usize, now: SimTime) -> bool {
    let ready_since = pod.boost.and_then(|boost| boost.ready_since);
    let (Some(ready_since), Some(_)) = (ready_since, pod.original(place)) else {
        return false;
    };
    let duration = view.vpa.startup_boost_duration(pod.containers[place].name);
    duration == SimDuration::ZERO || now.since(ready_since) > duration
}

/// What a resize sets, one place per container; nothing is said of containers that are still
/// boosted. After its boost a container gets what is recommended, or what its template asks for
/// if that is nothing.
pub(super) fn resources(
    view: &View<'_>,
    pod: &Pod<'_>,
    now: SimTime,
) -> Result<Vec<Option<ContainerUpdate>>, UpstreamPanic> {
    let off = view.vpa.update_mode == UpdateMode::Off;
    let recommended = if off {
        vec![ContainerUpdate::default(); pod.containers.len()]
    } else {
        admission::container_resources(
            view.vpa,
            view.recommendations,
            pod.containers,
            view.limit_range,
        )?
    };
    let update = |(place, recommended): (usize, ContainerUpdate)| match pod.original(place) {
        Some(original) if has_expired(view, pod, place, now) => Some(if recommended.is_empty() {
            ContainerUpdate {
                requests: original.requests,
                limits: original.limits,
                annotations: Vec::new(),
            }
        } else {
            recommended
        }),
        Some(_) => None,
        None if off => None,
        None => Some(recommended),
    };
    Ok(recommended.into_iter().enumerate().map(update).collect())
}
