//! Which nodes could go, and which go now.
//!
//! Source: `core/scaledown/planner/planner.go`.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::deletion_tracker::InProgress;
use super::eligibility;
use super::unneeded::{GroupSizes, UnneededNodes, removal_threshold};
use super::unremovable::UnremovableNodes;
use crate::autoscaler::cluster_autoscaler::drain::DrainContext;
use crate::autoscaler::cluster_autoscaler::model::{Node, NodeId, Observation};
use crate::autoscaler::cluster_autoscaler::options::Options;
use crate::autoscaler::cluster_autoscaler::outside::Outside;
use crate::autoscaler::cluster_autoscaler::pdb::RemainingPdbTracker;
use crate::autoscaler::cluster_autoscaler::scale_up::quotas::Tracker;
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
    utilization: BTreeMap<NodeId, Utilization>,
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
            utilization: BTreeMap::new(),
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

    /// Why nodes cannot go, as of the last loop that asked.
    pub const fn unremovable(&self) -> &BTreeMap<NodeId, UnremovableReason> {
        self.unremovable.reasons()
    }

    /// The utilization of the nodes that were looked at.
    pub const fn utilization(&self) -> &BTreeMap<NodeId, Utilization> {
        &self.utilization
    }

    /// Looks at the candidates in turn. The snapshot is left as it was.
    pub fn update(
        &mut self,
        seen: &Observation<'_>,
        options: &Options,
        snapshot: &mut Snapshot<'_>,
        destinations: &[&Node],
        candidates: &[&Node],
        deletions: &InProgress,
    ) {
        if let Some(latest) = self.latest_update {
            self.min_update_interval = self.min_update_interval.min(seen.now.since(latest));
        }
        self.latest_update = Some(seen.now);
        snapshot.fork();
        let destinations: FxHashSet<NodeId> = destinations
            .iter()
            .map(|node| node.id)
            .filter(|node| !deletions.contains(*node))
            .collect();
        let candidates: Vec<&Node> = candidates
            .iter()
            .copied()
            .filter(|node| !deletions.contains(node.id))
            .collect();
        self.categorize(seen, options, snapshot, destinations, &candidates);
        self.simulator.drop_old_hints();
        snapshot.revert();
    }

    fn categorize(
        &mut self,
        seen: &Observation<'_>,
        options: &Options,
        snapshot: &mut Snapshot<'_>,
        mut destinations: FxHashSet<NodeId>,
        candidates: &[&Node],
    ) {
        let recheck = seen.now + options.unremovable_node_recheck_timeout;
        self.unremovable.update(snapshot, seen.now);
        let eligible = self.eligible(seen, options, snapshot, candidates);
        let limit = self.unneeded_nodes_limit(options);
        let mut pdbs = RemainingPdbTracker::new(seen.pdbs);
        let mut removable: Vec<NodeToBeRemoved> = Vec::new();
        for node in eligible {
            if removable.len() as i64 >= limit {
                break;
            }
            let context = DrainContext {
                options,
                pdbs: &pdbs,
                controllers: Some(seen.controllers),
                now: seen.now,
            };
            let found = self
                .simulator
                .simulate(&context, seen, snapshot, node, &destinations);
            match found {
                Ok((mut removal, pods)) => {
                    let classes = || pods.iter().map(|pod| seen.pods[*pod as usize].class);
                    removal.risky = !pdbs.can_remove_in_parallel(classes());
                    destinations.remove(&node);
                    pdbs.remove(classes());
                    removable.push(removal);
                }
                Err(reason) => self.unremovable.add_timeout(node, reason, recheck),
            }
        }
        let by_id = seen.nodes_by_id();
        self.unneeded.update(removable, seen.now, |node| {
            by_id.get(&node).map_or(SimDuration::ZERO, |node| {
                removal_threshold(seen, options, node)
            })
        });
    }

    /// The candidates that are worth a simulation.
    fn eligible(
        &mut self,
        seen: &Observation<'_>,
        options: &Options,
        snapshot: &Snapshot<'_>,
        candidates: &[&Node],
    ) -> Vec<NodeId> {
        self.utilization.clear();
        let mut eligible = Vec::new();
        let mut ineligible = Vec::new();
        for node in candidates {
            let reason = if snapshot.slot(node.id).is_none() {
                Some(UnremovableReason::UnexpectedError)
            } else if self.unremovable.is_recent(node.id) {
                Some(UnremovableReason::RecentlyUnremovable)
            } else {
                let (reason, utilization) = eligibility::check(seen, options, snapshot, node);
                if let Some(utilization) = utilization {
                    self.utilization.insert(node.id, utilization);
                }
                reason
            };
            match reason {
                Some(reason) => ineligible.push((node.id, reason)),
                None => eligible.push(node.id),
            }
        }
        for (node, reason) in ineligible {
            self.unremovable.add(node, reason);
        }
        eligible
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
        let nodes = snapshot.nodes();
        let mut tracker =
            Tracker::min(options, nodes.map(|info| (info.group, info.shape.as_ref())));
        let mut sizes = GroupSizes {
            targets: seen
                .group_ids()
                .map(|group| outside.target_size(group))
                .collect(),
            deletions: deletions.by_group(),
        };
        let found = self.unneeded.removable_at(seen, &mut sizes, &mut tracker);
        for (node, reason) in found.unremovable {
            self.unremovable.add(node, reason);
        }
        let (risky, safe): (Vec<_>, Vec<_>) =
            found.need_drain.into_iter().partition(|node| node.risky);
        let (mut empty, mut drain) = (Vec::new(), Vec::new());
        for removal in found.empty.into_iter().chain(safe).chain(risky) {
            if removal.on_completion_pods {
                let reason = UnremovableReason::BlockedByOnCompletionPod;
                self.unremovable.add(removal.node, reason);
            } else if removal.pods_to_reschedule > 0 {
                drain.push(removal.node);
            } else {
                empty.push(removal.node);
            }
        }
        (empty, drain)
    }
}
