//! Groups that failed are left alone for a while.
//!
//! Source: `utils/backoff/exponential_backoff.go`. A success does not end a back-off.

use std::collections::BTreeMap;

use super::model::GroupId;
use crate::sim::{SimDuration, SimTime};

/// Why a group is backed off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackoffReason {
    /// The provider's code, `timeout` or `cloudProviderError`.
    pub code: String,
    /// More words.
    pub message: String,
}

#[derive(Debug, Clone)]
struct Info {
    duration: SimDuration,
    until: SimTime,
    last_failure: SimTime,
    reason: BackoffReason,
}

/// Back-offs by group: the duration doubles if a group fails again after its last one has ended.
#[derive(Debug, Clone)]
pub struct ExponentialBackoff {
    initial: SimDuration,
    max: SimDuration,
    reset_timeout: SimDuration,
    groups: BTreeMap<GroupId, Info>,
}

impl ExponentialBackoff {
    /// No group is backed off.
    pub fn new(initial: SimDuration, max: SimDuration, reset_timeout: SimDuration) -> Self {
        Self {
            initial,
            max,
            reset_timeout,
            groups: BTreeMap::new(),
        }
    }

    /// A group failed; answers until when it is backed off.
    pub fn backoff(&mut self, group: GroupId, reason: BackoffReason, now: SimTime) -> SimTime {
        let duration = match self.groups.get(&group) {
            None => self.initial,
            // Several failures at once count as one.
            Some(info) if info.until >= now => info.duration,
            Some(info) => SimDuration(info.duration.0.saturating_mul(2)).min(self.max),
        };
        let until = now + duration;
        self.groups.insert(
            group,
            Info {
                duration,
                until,
                last_failure: now,
                reason,
            },
        );
        until
    }

    /// Why a group is backed off now, if it is.
    pub fn status(&self, group: GroupId, now: SimTime) -> Option<&BackoffReason> {
        self.groups
            .get(&group)
            .filter(|info| info.until >= now)
            .map(|info| &info.reason)
    }

    /// Forgets a group: upstream's `RemoveBackoff`, which its loops do not call either. Recordings
    /// of the back-off alone do.
    pub fn remove(&mut self, group: GroupId) {
        self.groups.remove(&group);
    }

    /// Forgets groups that have not failed for long.
    pub fn remove_stale(&mut self, now: SimTime) {
        let reset = self.reset_timeout;
        self.groups
            .retain(|_, info| info.last_failure + reset >= now);
    }
}
