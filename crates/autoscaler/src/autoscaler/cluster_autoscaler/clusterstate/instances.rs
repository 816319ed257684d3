//! The instances of each group, read from the cloud from time to time.
//!
//! Source: `clusterstate/utils/node_instances_cache.go`. A group is read when nothing is known of
//! it; all groups are read every two minutes.

use std::sync::Arc;

use crate::autoscaler::cluster_autoscaler::model::{GroupId, Observation};
use crate::autoscaler::cluster_autoscaler::outside::{Instance, Outside};
use crate::sim::{SimDuration, SimTime, work};

const REFRESH_INTERVAL: SimDuration = SimDuration::from_secs(120);

/// The instances of a group.
#[derive(Debug, Clone, Default)]
pub(super) struct Instances {
    /// All of them.
    pub(super) list: Arc<[Instance]>,
    /// Whether any could not be created.
    pub(super) has_failed: bool,
}

impl Instances {
    /// Those that could not be created.
    pub(super) fn failed(&self) -> impl Iterator<Item = &Instance> {
        let list = self.list.iter().filter(|_| self.has_failed);
        list.filter(|instance| is_failed(instance))
    }

    /// Whether both are one reading.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.list, &other.list)
    }
}

fn is_failed(instance: &Instance) -> bool {
    instance.creating && instance.error.is_some()
}

#[derive(Debug, Clone, Default)]
struct Entry {
    last: Instances,
    is_valid: bool,
}

impl Entry {
    /// Reads the group; what has not changed stays what it is.
    fn read(&mut self, group: GroupId, outside: &dyn Outside) {
        let read = outside.instances(group);
        work::count(read.len());
        self.is_valid = true;
        if *self.last.list != *read {
            self.last = Instances {
                has_failed: read.iter().any(is_failed),
                list: read.into(),
            };
        }
    }
}

/// The instances as last read.
#[derive(Debug)]
pub(super) struct InstancesCache {
    groups: Vec<Entry>,
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
            entry.is_valid = false;
        }
    }

    pub(super) fn get(&mut self, seen: &Observation<'_>, outside: &dyn Outside) -> Vec<Instances> {
        self.groups.resize(seen.groups.len(), Entry::default());
        for (group, entry) in seen.group_ids().zip(&mut self.groups) {
            if !entry.is_valid {
                entry.read(group, outside);
            }
        }
        self.groups.iter().map(|entry| entry.last.clone()).collect()
    }

    pub(super) fn refresh(&mut self, seen: &Observation<'_>, outside: &dyn Outside, now: SimTime) {
        if self.next_refresh > now {
            return;
        }
        while self.next_refresh <= now {
            self.next_refresh += REFRESH_INTERVAL;
        }
        self.groups.resize(seen.groups.len(), Entry::default());
        for (group, entry) in seen.group_ids().zip(&mut self.groups) {
            entry.read(group, outside);
        }
    }
}
