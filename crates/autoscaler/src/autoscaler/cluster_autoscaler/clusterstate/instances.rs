//! The instances of each group, read from the cloud from time to time.
//!
//! Source: `clusterstate/utils/node_instances_cache.go`. A group is read when nothing is known of
//! it; all groups are read every two minutes.

use crate::autoscaler::cluster_autoscaler::model::{GroupId, Observation};
use crate::autoscaler::cluster_autoscaler::outside::{Instance, Outside};
use crate::sim::{SimDuration, SimTime};

const REFRESH_INTERVAL: SimDuration = SimDuration::from_secs(120);

/// The instances as last read.
#[derive(Debug)]
pub(super) struct InstancesCache {
    groups: Vec<Option<Vec<Instance>>>,
    next_refresh: SimTime,
}

impl InstancesCache {
    pub(super) const fn new(now: SimTime) -> Self {
        Self {
            groups: Vec::new(),
            next_refresh: now,
        }
    }

    pub(super) const fn next_refresh(&self) -> SimTime {
        self.next_refresh
    }

    pub(super) fn invalidate(&mut self, group: GroupId) {
        if let Some(entry) = self.groups.get_mut(group.index()) {
            *entry = None;
        }
    }

    pub(super) fn get(
        &mut self,
        seen: &Observation<'_>,
        outside: &dyn Outside,
    ) -> Vec<Vec<Instance>> {
        self.groups.resize(seen.groups.len(), None);
        let read = |group: GroupId, entry: &mut Option<Vec<Instance>>| {
            entry
                .get_or_insert_with(|| outside.instances(group))
                .clone()
        };
        seen.group_ids()
            .zip(&mut self.groups)
            .map(|(group, entry)| read(group, entry))
            .collect()
    }

    pub(super) fn refresh(&mut self, seen: &Observation<'_>, outside: &dyn Outside, now: SimTime) {
        if self.next_refresh > now {
            return;
        }
        while self.next_refresh <= now {
            self.next_refresh += REFRESH_INTERVAL;
        }
        self.groups = seen
            .group_ids()
            .map(|group| Some(outside.instances(group)))
            .collect();
    }
}
