//! What the cluster looks like against what was asked for.
//!
//! Source: `clusterstate/clusterstate.go`.

mod config_map;
mod creation_errors;
mod instances;
mod readiness;
mod requests;
mod status;

pub use config_map::StatusConfigMap;
pub use readiness::Readiness;
pub use requests::TIMEOUT;
pub use status::{GroupStatus, ScaleUpState};

use std::collections::BTreeMap;

use instances::{Instances, InstancesCache};
use readiness::NodeStates;
use requests::ScaleUpRequest;

use super::backoff::{BackoffReason, ExponentialBackoff};
use super::events::{Events, Involved};
use super::model::{GroupId, NodeId, Observation};
use super::options::Options;
use super::outside::Outside;
use super::simulator::cluster::Cluster;
use super::simulator::snapshot::Snapshot;
use crate::sim::{SimTime, work};

/// How many nodes a group should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AcceptableRange {
    /// At least so many should be ready.
    pub min: i64,
    /// The target.
    pub target: i64,
}

/// A group whose registered nodes are not as many as they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IncorrectSize {
    /// Registered nodes.
    pub current: i64,
    /// The target.
    pub expected: i64,
    /// Since when the two have had these values.
    pub first_observed: SimTime,
}

/// An instance that has not registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unregistered {
    /// Its group.
    pub group: GroupId,
    /// When it was first seen.
    pub since: SimTime,
}

/// The registry: everything about groups that outlives a loop.
#[derive(Debug)]
pub struct ClusterStateRegistry {
    pub(super) backoff: ExponentialBackoff,
    requests: BTreeMap<GroupId, ScaleUpRequest>,
    ranges: Vec<AcceptableRange>,
    readiness: Vec<Option<Readiness>>,
    total: Readiness,
    probed: Option<SimTime>,
    scale_down_probed: Option<SimTime>,
    incorrect_sizes: BTreeMap<GroupId, IncorrectSize>,
    unregistered: BTreeMap<NodeId, Unregistered>,
    states: NodeStates,
    instances: Vec<Instances>,
    previous_instances: Vec<Instances>,
    /// Which nodes there were when instances were last compared with them.
    compared: u64,
    cache: InstancesCache,
    candidates: BTreeMap<GroupId, i64>,
    failures: Vec<(GroupId, BackoffReason)>,
}

impl ClusterStateRegistry {
    /// A registry that has seen nothing yet; created at `now`.
    pub fn new(options: &Options, now: SimTime) -> Self {
        Self {
            backoff: ExponentialBackoff::new(
                options.initial_node_group_backoff_duration,
                options.max_node_group_backoff_duration,
                options.node_group_backoff_reset_timeout,
            ),
            requests: BTreeMap::new(),
            ranges: Vec::new(),
            readiness: Vec::new(),
            total: Readiness::default(),
            probed: None,
            scale_down_probed: None,
            incorrect_sizes: BTreeMap::new(),
            unregistered: BTreeMap::new(),
            states: NodeStates::default(),
            instances: Vec::new(),
            previous_instances: Vec::new(),
            compared: 0,
            cache: InstancesCache::new(now),
            candidates: BTreeMap::new(),
            failures: Vec::new(),
        }
    }

    /// Takes in the nodes of a loop.
    pub fn update_nodes(
        &mut self,
        seen: &Observation<'_>,
        options: &Options,
        outside: &mut dyn Outside,
        events: &mut Events,
        (cluster, snapshot): (&mut Cluster, &Snapshot<'_>),
    ) {
        let targets: Vec<i64> = target_sizes(seen, outside);
        for group in seen.group_ids() {
            if self.is_scaling_up(group) {
                self.cache.invalidate(group);
            }
        }
        let instances = self.cache.get(seen, outside);
        self.previous_instances = std::mem::replace(&mut self.instances, instances);
        self.update_unregistered(seen, cluster, snapshot);
        self.update_readiness(seen, options, outside, (cluster, snapshot));
        self.update_ranges(seen, &targets);
        self.update_requests(seen, outside, events);
        self.handle_creation_errors(seen, options, events);
        self.update_ranges(seen, &targets);
        self.update_incorrect_sizes(seen);
    }

    /// Takes in target sizes that the loop itself changed.
    pub fn recalculate(&mut self, seen: &Observation<'_>, outside: &dyn Outside) {
        let targets = target_sizes(seen, outside);
        self.update_ranges(seen, &targets);
    }

    /// The instances of a group are read again in the next loop.
    pub fn invalidate_instances(&mut self, group: GroupId) {
        self.cache.invalidate(group);
    }

    /// Reads all instances again if that is due by `now`.
    pub fn refresh_instances(
        &mut self,
        seen: &Observation<'_>,
        outside: &dyn Outside,
        now: SimTime,
    ) {
        self.cache.refresh(seen, outside, now);
    }

    /// When all instances are read again.
    pub const fn next_refresh(&self) -> SimTime {
        self.cache.next_refresh()
    }

    /// A group is looked at again if it was read anew, or nodes have come or gone.
    fn update_unregistered(
        &mut self,
        seen: &Observation<'_>,
        cluster: &Cluster,
        snapshot: &Snapshot<'_>,
    ) {
        let nodes_changed = self.compared != cluster.generation();
        self.compared = cluster.generation();
        for (group, instances) in seen.group_ids().zip(&self.instances) {
            let previous = self.previous_instances.get(group.index());
            let same = previous.is_some_and(|previous| previous.is_same(instances));
            if same && !nodes_changed {
                continue;
            }
            work::count(instances.list.len());
            let known = self.unregistered.clone();
            self.unregistered.retain(|_, found| found.group != group);
            for instance in &*instances.list {
                let expected = !instance.deleting && instance.error.is_none();
                if expected && snapshot.place(instance.id).is_none() {
                    let new = Unregistered {
                        group,
                        since: seen.now,
                    };
                    let known = known.get(&instance.id).copied();
                    self.unregistered.insert(instance.id, known.unwrap_or(new));
                }
            }
        }
    }

    /// A target minus those that will not register; a request takes its increase off as well.
    fn update_ranges(&mut self, seen: &Observation<'_>, targets: &[i64]) {
        let mut ranges = Vec::with_capacity(targets.len());
        for (group, target) in seen.group_ids().zip(targets) {
            let readiness = self.readiness.get(group.index()).and_then(Option::as_ref);
            let missing = readiness.map_or(0, |readiness| readiness.long_unregistered);
            let increase = self.requests.get(&group).map_or(0, |open| open.increase);
            ranges.push(AcceptableRange {
                min: target - missing - increase,
                target: *target,
            });
        }
        self.ranges = ranges;
    }

    fn update_incorrect_sizes(&mut self, seen: &Observation<'_>) {
        let mut sizes = BTreeMap::new();
        for group in seen.group_ids() {
            let Some(readiness) = &self.readiness[group.index()] else {
                continue;
            };
            let target = self.ranges[group.index()].target;
            let unregistered = readiness.unregistered + readiness.long_unregistered;
            if (target - unregistered..=target).contains(&readiness.registered) {
                continue;
            }
            let found = IncorrectSize {
                current: readiness.registered,
                expected: target,
                first_observed: seen.now,
            };
            let known = self.incorrect_sizes.get(&group).copied();
            let known = known
                .filter(|known| (known.current, known.expected) == (found.current, found.expected));
            sizes.insert(group, known.unwrap_or(found));
        }
        self.incorrect_sizes = sizes;
    }

    /// A group whose size is wrong.
    pub fn incorrect_size(&self, group: GroupId) -> Option<IncorrectSize> {
        self.incorrect_sizes.get(&group).copied()
    }

    /// The instances that have not registered.
    pub fn unregistered(&self) -> impl Iterator<Item = (NodeId, Unregistered)> {
        self.unregistered.iter().map(|(id, found)| (*id, *found))
    }

    /// Whether not too many nodes are unready.
    pub fn is_cluster_healthy(&self, options: &Options) -> bool {
        tolerable(options, self.total.unready, self.total.registered)
    }

    /// Whether not too many of a group's nodes are missing.
    pub fn is_group_healthy(&self, group: GroupId, options: &Options) -> bool {
        let Some(range) = self.ranges.get(group.index()) else {
            return false;
        };
        let Some(readiness) = &self.readiness[group.index()] else {
            return range.target == 0 || range.min == 0 && range.target > 0;
        };
        let missing = (range.min - readiness.ready - readiness.suspended).max(0);
        let all = readiness.ready
            + readiness.unready
            + readiness.not_started.len() as i64
            + readiness.suspended;
        tolerable(options, missing, all)
    }

    /// Why a group is backed off, if it is.
    pub fn backed_off(&self, group: GroupId, now: SimTime) -> Option<&BackoffReason> {
        self.backoff.status(group, now)
    }

    /// Whether a group may be grown now.
    pub fn is_safe_to_scale_up(&self, group: GroupId, options: &Options, now: SimTime) -> bool {
        self.is_group_healthy(group, options) && self.backed_off(group, now).is_none()
    }

    /// Nodes of the target that are neither ready nor given up.
    fn upcoming_in(&self, group: GroupId) -> i64 {
        let target = self
            .ranges
            .get(group.index())
            .map_or(0, |range| range.target);
        match self.readiness.get(group.index()) {
            Some(Some(readiness)) => {
                target
                    - readiness.ready
                    - readiness.unready
                    - readiness.suspended
                    - readiness.long_unregistered
            }
            _ => target,
        }
    }

    /// Whether a request of the group is open and nodes are missing.
    pub fn is_scaling_up(&self, group: GroupId) -> bool {
        self.upcoming_in(group) > 0 && self.requests.contains_key(&group)
    }

    /// The upcoming nodes of a group: how many, and those of them that are registered. Only while
    /// a request is open and the group is not backed off.
    pub fn upcoming(&self, group: GroupId, now: SimTime) -> (i64, &[NodeId]) {
        let count = self.upcoming_in(group);
        if count <= 0
            || !self.requests.contains_key(&group)
            || self.backed_off(group, now).is_some()
        {
            return (0, &[]);
        }
        let registered = match self.readiness.get(group.index()) {
            Some(Some(readiness)) => readiness.not_started.as_slice(),
            _ => &[],
        };
        (count, registered)
    }

    /// The unneeded nodes by group, for the status.
    pub fn update_candidates(&mut self, groups: impl Iterator<Item = GroupId>, now: SimTime) {
        self.scale_down_probed = Some(now);
        self.candidates.clear();
        for group in groups {
            *self.candidates.entry(group).or_default() += 1;
        }
    }

    /// A group was grown.
    pub fn register_scale_up(
        &mut self,
        seen: &Observation<'_>,
        options: &Options,
        group: GroupId,
        delta: i64,
    ) {
        let provision_time = seen.group(group).options.provision_time(options);
        self.register_or_update(group, delta, seen.now, provision_time);
    }

    /// A group could not be grown.
    pub fn register_failed_scale_up(
        &mut self,
        group: GroupId,
        code: &str,
        message: &str,
        now: SimTime,
    ) {
        let reason = BackoffReason {
            code: code.to_owned(),
            message: message.to_owned(),
        };
        self.failures.push((group, reason.clone()));
        self.backoff.backoff(group, reason, now);
    }

    /// The scale-ups that have failed since this was last asked.
    pub fn take_failures(&mut self) -> Vec<(GroupId, BackoffReason)> {
        std::mem::take(&mut self.failures)
    }

    /// Instances that could not be created, by group.
    pub fn created_with_errors(&self, seen: &Observation<'_>) -> Vec<(GroupId, Vec<NodeId>)> {
        let failed = |instances: &Instances| -> Vec<NodeId> {
            instances.failed().map(|instance| instance.id).collect()
        };
        seen.group_ids()
            .zip(&self.instances)
            .map(|(group, instances)| (group, failed(instances)))
            .filter(|(_, failed)| !failed.is_empty())
            .collect()
    }
}

/// Whether so many bad nodes of all can be put up with.
fn tolerable(options: &Options, bad: i64, all: i64) -> bool {
    bad <= options.ok_total_unready_count
        || bad as f64 <= options.max_total_unready_percentage / 100.0 * all as f64
}

fn target_sizes(seen: &Observation<'_>, outside: &dyn Outside) -> Vec<i64> {
    seen.group_ids()
        .map(|group| outside.target_size(group))
        .collect()
}

/// An event on the status ConfigMap.
fn warn(
    events: &mut Events,
    seen: &Observation<'_>,
    reason: &'static str,
    message: impl Into<String>,
) {
    events.warning(seen.now, reason, Involved::Status, message);
}
