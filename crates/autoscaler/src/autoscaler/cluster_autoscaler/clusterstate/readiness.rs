//! Who is ready, who not yet, who not any more.

use std::collections::BTreeSet;

use super::ClusterStateRegistry;
use crate::autoscaler::cluster_autoscaler::model::{GroupId, Node, NodeId, Observation};
use crate::autoscaler::cluster_autoscaler::options::Options;
use crate::autoscaler::cluster_autoscaler::outside::Outside;
use crate::autoscaler::cluster_autoscaler::simulator::cluster::Cluster;
use crate::autoscaler::cluster_autoscaler::simulator::snapshot::Snapshot;

/// The nodes of a group by their state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Readiness {
    /// Ready.
    pub ready: i64,
    /// Broke down after they had started.
    pub unready: i64,
    /// Being deleted: the cloud has no such instance any more.
    pub deleted: i64,
    /// Not started yet.
    pub not_started: Vec<NodeId>,
    /// Suspended.
    pub suspended: i64,
    /// All that are registered.
    pub registered: i64,
    /// Instances that took too long to register.
    pub long_unregistered: i64,
    /// Instances that have not registered yet.
    pub unregistered: i64,
}

/// What a node counts as, whatever the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    Deleted,
    /// Not started yet, or broken down.
    Other,
}

/// How many nodes are what.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    ready: i64,
    deleted: i64,
    registered: i64,
}

impl Counts {
    fn add(&mut self, state: State, count: i64) {
        self.registered += count;
        match state {
            State::Ready => self.ready += count,
            State::Deleted => self.deleted += count,
            State::Other => {}
        }
    }

    fn readiness(self) -> Readiness {
        Readiness {
            ready: self.ready,
            deleted: self.deleted,
            registered: self.registered,
            ..Readiness::default()
        }
    }
}

/// The nodes by their states, kept in step with the changes.
#[derive(Debug, Default)]
pub(super) struct NodeStates {
    /// By the nodes' numbers: the group and the state.
    of: Vec<Option<(Option<GroupId>, State)>>,
    groups: Vec<Counts>,
    total: Counts,
    others: BTreeSet<NodeId>,
}

impl NodeStates {
    /// Takes in a node that has changed, or has gone.
    fn take(&mut self, id: NodeId, now: Option<(Option<GroupId>, State)>) {
        let index = id.0 as usize;
        if self.of.len() <= index {
            self.of.resize(index + 1, None);
        }
        let before = std::mem::replace(&mut self.of[index], now);
        for (known, count) in [(before, -1), (now, 1)] {
            let Some((group, state)) = known else {
                continue;
            };
            self.total.add(state, count);
            if let Some(group) = group {
                if self.groups.len() <= group.index() {
                    self.groups.resize(group.index() + 1, Counts::default());
                }
                self.groups[group.index()].add(state, count);
            }
        }
        if now.is_some_and(|(_, state)| state == State::Other) {
            self.others.insert(id);
        } else {
            self.others.remove(&id);
        }
    }
}

impl ClusterStateRegistry {
    pub(super) fn update_readiness(
        &mut self,
        seen: &Observation<'_>,
        options: &Options,
        outside: &dyn Outside,
        (cluster, snapshot): (&mut Cluster, &Snapshot<'_>),
    ) {
        let (all, nodes) = cluster.readiness.take(seen);
        if all {
            self.states = NodeStates::default();
        }
        for id in nodes {
            let node = snapshot.place(id).map(|place| &seen.nodes[place]);
            let state = |node: &Node| match (outside.has_instance(id), node.ready) {
                (false, _) => State::Deleted,
                (true, true) => State::Ready,
                (true, false) => State::Other,
            };
            self.states
                .take(id, node.map(|node| (node.group, state(node))));
        }
        let counts = self.states.groups.iter();
        let mut groups: Vec<Option<Readiness>> = counts
            .map(|counts| (counts.registered > 0).then(|| counts.readiness()))
            .collect();
        groups.resize(seen.groups.len(), None);
        let mut total = self.states.total.readiness();
        let others = self.states.others.iter();
        let mut others: Vec<usize> = others.filter_map(|id| snapshot.place(*id)).collect();
        others.sort_unstable();
        for place in others {
            let node = &seen.nodes[place];
            let is_starting = node.created + startup_time(seen, options, place) > seen.now;
            let count = |readiness: &mut Readiness| {
                if is_starting {
                    readiness.not_started.push(node.id);
                } else {
                    readiness.unready += 1;
                }
            };
            if let Some(group) = node.group {
                count(groups[group.index()].get_or_insert_default());
            }
            count(&mut total);
        }
        for unregistered in self.unregistered.values() {
            let readiness = groups[unregistered.group.index()].get_or_insert_default();
            let provision_time = seen
                .group(unregistered.group)
                .options
                .provision_time(options);
            if unregistered.since + provision_time < seen.now {
                readiness.long_unregistered += 1;
                total.long_unregistered += 1;
            } else {
                readiness.unregistered += 1;
                total.unregistered += 1;
            }
        }
        self.readiness = groups;
        self.total = total;
        self.probed = Some(seen.now);
    }
}

/// How long a node may take to start. As upstream: a node outside any group is measured by the
/// time of the last one before it that has a group.
fn startup_time(
    seen: &Observation<'_>,
    options: &Options,
    place: usize,
) -> crate::sim::SimDuration {
    let mut before = seen.nodes[..=place].iter().rev();
    let group = before.find_map(|node| node.group);
    group.map_or(options.max_node_startup_time, |group| {
        seen.group(group).options.startup_time(options)
    })
}
