//! Scale-ups that are not finished.

use super::{ClusterStateRegistry, warn};
use crate::autoscaler::cluster_autoscaler::events::Events;
use crate::autoscaler::cluster_autoscaler::model::{GroupId, Observation};
use crate::autoscaler::cluster_autoscaler::outside::Outside;
use crate::sim::{SimDuration, SimTime};

/// The code of a request whose nodes have not registered in time.
pub const TIMEOUT: &str = "timeout";

/// A group was grown, and its nodes are awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ScaleUpRequest {
    /// When it was last grown.
    time: SimTime,
    /// When the nodes should have come.
    expected: SimTime,
    /// By how much.
    pub(super) increase: i64,
}

impl ClusterStateRegistry {
    /// A further increase moves the deadline; a decrease can end the request.
    pub(super) fn register_or_update(
        &mut self,
        group: GroupId,
        delta: i64,
        now: SimTime,
        provision_time: SimDuration,
    ) {
        let Some(request) = self.requests.get_mut(&group) else {
            if delta > 0 {
                let request = ScaleUpRequest {
                    time: now,
                    expected: now + provision_time,
                    increase: delta,
                };
                self.requests.insert(group, request);
            }
            return;
        };
        if request.increase + delta <= 0 {
            self.requests.remove(&group);
            return;
        }
        request.increase += delta;
        if delta > 0 {
            request.time = now;
            request.expected = now + provision_time;
        }
    }

    /// Closes the requests that are fulfilled; those that took too long back their group off, and
    /// the target is lowered by the whole increase.
    pub(super) fn update_requests(
        &mut self,
        seen: &Observation<'_>,
        outside: &mut dyn Outside,
        events: &mut Events,
    ) {
        self.backoff.remove_stale(seen.now);
        let open: Vec<(GroupId, ScaleUpRequest)> = self
            .requests
            .iter()
            .map(|(group, request)| (*group, *request))
            .collect();
        for (group, request) in open {
            if self.upcoming_in(group) <= 0 {
                self.requests.remove(&group);
                continue;
            }
            if request.expected >= seen.now {
                continue;
            }
            let name = &seen.group(group).name;
            let took = seen.now.since(request.time);
            let message = format!("Nodes added to group {name} failed to register within {took}");
            warn(events, seen, "ScaleUpTimedOut", message);
            let message = format!("Scale-up timed out for node group {name} after {took}");
            self.register_failed_scale_up(group, TIMEOUT, &message, seen.now);
            if let Err(error) = outside.decrease_target_size(seen.now, group, -request.increase) {
                let message = format!(
                    "Failed to decrease target size for group {name} after scale-up timeout: {error}"
                );
                warn(events, seen, "FailedToRevertScaleUp", message);
            }
            self.requests.remove(&group);
        }
    }
}
