//! Which nodes could go, and which go now.
//!
//! Source: `core/scaledown/planner/planner.go`.

use std::collections::{BTreeMap, BTreeSet};

use super::candidates::{Around, Candidates};
use super::deletion_tracker::InProgress;
use super::standing::Standings;
use super::unneeded::{GroupSizes, UnneededNodes, removal_threshold};
use super::unremovable::UnremovableNodes;
use crate::autoscaler::cluster_autoscaler::drain::DrainContext;
use crate::autoscaler::cluster_autoscaler::model::{NodeId, Observation};
use crate::autoscaler::cluster_autoscaler::options::Options;
use crate::autoscaler::cluster_autoscaler::outside::Outside;
use crate::autoscaler::cluster_autoscaler::pdb::RemainingPdbTracker;
use crate::autoscaler::cluster_autoscaler::scale_up::quotas::Tracker;
use crate::autoscaler::cluster_autoscaler::simulator::cluster::Cluster;
use crate::autoscaler::cluster_autoscaler::simulator::removal::{
    NodeToBeRemoved, RemovalSimulator, UnremovableReason,
};
use crate::autoscaler::cluster_autoscaler::simulator::snapshot::Snapshot;
use crate::autoscaler::cluster_autoscaler::simulator::utilization::Utilization;
use crate::sim::{SimDuration, SimTime};

/// Nodes to delete: empty ones, and ones to drain.
pub type NodesToDelete = (Vec<NodeId>, Vec<NodeId>);

/// What is remembered of nodes that could go.
#[derive(Debug)]
pub struct Planner {
    unneeded: UnneededNodes,
    unremovable: UnremovableNodes,
    simulator: RemovalSimulator,
    standings: Standings,
    candidates: Candidates,
    /// The ranks of the candidates that are worth a simulation.
    worth: BTreeSet<u32>,
    /// The unneeded nodes as of the last loop that looked.
    previous: Vec<NodeId>,
    /// Reasons that the last loop found or found again, and until when it ruled nodes out.
    found: BTreeMap<NodeId, UnremovableReason>,
    recheck: SimTime,
    /// Deletions that were under way in the last loop.
    deletions: InProgress,
    latest_update: Option<SimTime>,
    min_update_interval: SimDuration,
}

impl Planner {
    /// Nothing is known yet.
    pub fn new(options: &Options) -> Self {
        Self {
            unneeded: UnneededNodes::default(),
            unremovable: UnremovableNodes::default(),
            simulator: RemovalSimulator::default(),
            standings: Standings::default(),
            candidates: Candidates::default(),
            worth: BTreeSet::new(),
            previous: Vec::new(),
            found: BTreeMap::new(),
            recheck: SimTime::ZERO,
            deletions: InProgress::default(),
            latest_update: None,
            min_update_interval: options.scale_down_unneeded_time.max(SimDuration(1)),
        }
    }

    /// The nodes that are not needed.
    pub const fn unneeded(&self) -> &UnneededNodes {
        &self.unneeded
    }

    /// Forgets the nodes that are not needed.
    pub fn clean_up_unneeded(&mut self) {
        self.unneeded.clear();
    }

    /// Whether any node was looked at in the last loop that looked.
    pub fn has_candidates(&self) -> bool {
        !self.candidates.order().is_empty()
    }

    /// Why nodes cannot go, where the loop at `now` found that out: all that it looked at anew.
    pub fn found_at(&self, now: SimTime) -> impl Iterator<Item = (NodeId, UnremovableReason)> {
        let found = (self.latest_update == Some(now)).then_some(&self.found);
        let found = found.into_iter().flatten();
        found.map(|(node, reason)| (*node, *reason))
    }

    /// Why nodes cannot go, as of the last loop that looked; looks at all candidates.
    pub fn unremovable(&self) -> BTreeMap<NodeId, UnremovableReason> {
        let known = |node: NodeId| {
            if self.was_recent(node) {
                return Some(UnremovableReason::RecentlyUnremovable);
            }
            self.standings.of(node).reason
        };
        let candidates = self.looked_at();
        let mut reasons: BTreeMap<_, _> = candidates
            .filter_map(|node| Some((node, known(node)?)))
            .collect();
        reasons.extend(&self.found);
        reasons
    }

    /// The utilization of the nodes that the last loop had to know it of; looks at all candidates.
    pub fn utilization(&self) -> BTreeMap<NodeId, Utilization> {
        let candidates = self.looked_at().filter(|node| !self.was_recent(*node));
        candidates
            .filter_map(|node| Some((node, self.standings.of(node).utilization?)))
            .collect()
    }

    fn looked_at(&self) -> impl Iterator<Item = NodeId> {
        let candidates = self.candidates.order().iter().copied();
        candidates.filter(|node| !self.deletions.contains(*node))
    }

    /// Whether a node was ruled out before the last loop.
    fn was_recent(&self, node: NodeId) -> bool {
        let until = self.unremovable.until(node);
        until.is_some_and(|until| until != self.recheck)
    }

    /// Looks at the candidates in turn. The snapshot is left as it was.
    pub fn update(
        &mut self,
        seen: &Observation<'_>,
        options: &Options,
        around: &Around<'_>,
        (cluster, snapshot): (&mut Cluster, &mut Snapshot<'_>),
    ) {
        if let Some(latest) = self.latest_update {
            self.min_update_interval = self.min_update_interval.min(seen.now.since(latest));
        }
        self.latest_update = Some(seen.now);
        self.deletions.clone_from(around.deletions);
        self.recheck = seen.now + options.unremovable_node_recheck_timeout;
        self.find_worth(seen, options, around, (cluster, snapshot));
        snapshot.fork();
        self.categorize(seen, options, snapshot);
        self.simulator.drop_old_hints();
        snapshot.revert();
        let unneeded = self.unneeded.iter().map(|node| node.removal.node);
        self.previous = unneeded.collect();
    }

    /// Brings up to date which candidates are worth a simulation, and why others are not.
    fn find_worth(
        &mut self,
        seen: &Observation<'_>,
        options: &Options,
        around: &Around<'_>,
        (cluster, snapshot): (&mut Cluster, &Snapshot<'_>),
    ) {
        let mut changed = self.unremovable.expire(seen.now);
        let left_out = around.left_out.iter().copied();
        changed.extend(left_out.filter(|node| self.unremovable.forget(*node)));
        changed.extend(self.standings.update(seen, options, (cluster, snapshot)));
        let gone = |node: &&NodeId| snapshot.place(**node).is_none();
        for node in changed.iter().filter(gone) {
            self.unremovable.forget(*node);
        }
        let versions = (cluster.generation(), self.standings.version());
        let basis = (versions, &self.standings);
        if (self.candidates).update(seen, options, around, basis, &self.previous) {
            self.worth.clear();
            changed.clear();
            changed.extend(self.candidates.order());
        }
        self.found.clear();
        for node in changed {
            let Some(rank) = self.candidates.rank(node) else {
                continue;
            };
            let recent = self.unremovable.until(node).is_some();
            match self.standings.of(node).reason {
                Some(reason) => {
                    self.worth.remove(&rank);
                    if !recent && !self.deletions.contains(node) {
                        self.found.insert(node, reason);
                    }
                }
                None if recent => {
                    self.worth.remove(&rank);
                }
                None => {
                    self.worth.insert(rank);
                }
            }
        }
    }

    fn categorize(
        &mut self,
        seen: &Observation<'_>,
        options: &Options,
        snapshot: &mut Snapshot<'_>,
    ) {
        let limit = self.unneeded_nodes_limit(options);
        let mut pdbs = RemainingPdbTracker::new(seen.pdbs);
        let mut removable: Vec<NodeToBeRemoved> = Vec::new();
        let mut next = 0;
        while (removable.len() as i64) < limit {
            let Some(rank) = self.worth.range(next..).next().copied() else {
                break;
            };
            next = rank + 1;
            let node = self.candidates.order()[rank as usize];
            if self.deletions.contains(node) {
                continue;
            }
            let context = DrainContext {
                options,
                pdbs: &pdbs,
                controllers: Some(seen.controllers),
                now: seen.now,
            };
            let deletions = &self.deletions;
            let found = self
                .simulator
                .simulate(&context, seen, snapshot, node, deletions);
            match found {
                Ok((mut removal, pods)) => {
                    let classes = || pods.iter().map(|pod| seen.pods[*pod as usize].class);
                    removal.risky = !pdbs.can_remove_in_parallel(classes());
                    pdbs.remove(classes());
                    removable.push(removal);
                }
                Err(reason) => {
                    self.unremovable.add(node, self.recheck);
                    self.found.insert(node, reason);
                    self.worth.remove(&rank);
                }
            }
        }
        self.unneeded.update(removable, seen.now, |node| {
            let node = snapshot.place(node).map(|place| &seen.nodes[place]);
            node.map_or(SimDuration::ZERO, |node| {
                removal_threshold(seen, options, node)
            })
        });
    }

    /// More unneeded nodes than these could not be deleted in time anyway.
    fn unneeded_nodes_limit(&self, options: &Options) -> i64 {
        let parallelism = options.max_scale_down_parallelism;
        let limit = self.unneeded.len() as i64 + 2 * parallelism;
        let interval = self.min_update_interval.0.max(1);
        let unneeded_time = options.scale_down_unneeded_time.0.max(interval);
        limit.min(parallelism * (unneeded_time / interval) + parallelism)
    }

    /// The nodes to delete now.
    pub fn nodes_to_delete(
        &mut self,
        seen: &Observation<'_>,
        options: &Options,
        snapshot: &Snapshot<'_>,
        outside: &dyn Outside,
        deletions: &InProgress,
    ) -> NodesToDelete {
        let is_any_due = self.unneeded.iter().any(|node| node.is_due(seen.now));
        // Nobody asks what is left for those that have to wait.
        let nodes = snapshot.nodes().filter(|_| is_any_due);
        let mut tracker =
            Tracker::min(options, nodes.map(|info| (info.group, info.shape.as_ref())));
        let mut sizes = GroupSizes {
            targets: seen
                .group_ids()
                .map(|group| outside.target_size(group))
                .collect(),
            deletions: deletions.by_group(),
        };
        let node = |id: NodeId| seen.nodes.get(snapshot.place(id)?);
        let unneeded = &self.unneeded;
        let found = unneeded.removable_at(seen, &node, &mut sizes, &mut tracker);
        self.found.extend(found.unremovable);
        let (risky, safe): (Vec<_>, Vec<_>) =
            found.need_drain.into_iter().partition(|node| node.risky);
        let (mut empty, mut drain) = (Vec::new(), Vec::new());
        for removal in found.empty.into_iter().chain(safe).chain(risky) {
            if removal.on_completion_pods {
                let reason = UnremovableReason::BlockedByOnCompletionPod;
                self.found.insert(removal.node, reason);
            } else if removal.pods_to_reschedule > 0 {
                drain.push(removal.node);
            } else {
                empty.push(removal.node);
            }
        }
        (empty, drain)
    }
}
