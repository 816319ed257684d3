//! What a scale-down wants to know of each node, kept until something on the node changes.

use std::collections::BTreeSet;

use super::eligibility;
use crate::autoscaler::cluster_autoscaler::drain::{DrainContext, Drainability, drainability};
use crate::autoscaler::cluster_autoscaler::model::{NodeId, Observation};
use crate::autoscaler::cluster_autoscaler::options::Options;
use crate::autoscaler::cluster_autoscaler::pdb::RemainingPdbTracker;
use crate::autoscaler::cluster_autoscaler::simulator::cluster::Cluster;
use crate::autoscaler::cluster_autoscaler::simulator::removal::UnremovableReason;
use crate::autoscaler::cluster_autoscaler::simulator::snapshot::Snapshot;
use crate::autoscaler::cluster_autoscaler::simulator::utilization::Utilization;
use crate::sim::work;

/// What a node's pods say of its place among the candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct EmptyInfo {
    pub(super) empty: bool,
    pub(super) on_completion: bool,
}

/// What is known of a node.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Standing {
    /// Whether it is empty.
    pub(super) empty: EmptyInfo,
    /// Why it is not worth a simulation.
    pub(super) reason: Option<UnremovableReason>,
    /// Its utilization, if that was looked at.
    pub(super) utilization: Option<Utilization>,
}

/// What is known of all nodes.
#[derive(Debug, Default)]
pub(super) struct Standings {
    /// By the nodes' numbers.
    by_node: Vec<Standing>,
    /// Nodes that time alone may change: they or their pods are being deleted.
    restless: BTreeSet<NodeId>,
    /// Nodes on which something was only tried, or that were left out.
    tried: Vec<NodeId>,
    /// Grows when a node gets empty or is so no longer.
    version: u64,
}

impl Standings {
    /// Grows when a node gets empty or is so no longer.
    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn of(&self, node: NodeId) -> Standing {
        let known = self.by_node.get(node.0 as usize);
        known.copied().unwrap_or_default()
    }

    /// Looks at the nodes that have changed; answers them.
    pub(super) fn update(
        &mut self,
        seen: &Observation<'_>,
        options: &Options,
        (cluster, snapshot): (&mut Cluster, &Snapshot<'_>),
    ) -> Vec<NodeId> {
        let (_, mut nodes) = cluster.standing.take(seen);
        nodes.append(&mut self.tried);
        nodes.extend(&self.restless);
        let registered = |slot: &usize| seen.nodes.get(*slot).map(|node| node.id);
        let mut tried: Vec<NodeId> = snapshot
            .tried()
            .filter_map(|slot| registered(&slot))
            .collect();
        nodes.extend(&tried);
        nodes.sort_unstable();
        nodes.dedup();
        nodes.retain(|node| {
            if let Some(slot) = snapshot.slot(*node) {
                self.look(seen, options, snapshot, slot);
                return true;
            }
            self.restless.remove(node);
            if snapshot.place(*node).is_some() {
                tried.push(*node);
            }
            false
        });
        self.tried = tried;
        nodes
    }

    fn look(
        &mut self,
        seen: &Observation<'_>,
        options: &Options,
        snapshot: &Snapshot<'_>,
        slot: usize,
    ) {
        let node = &seen.nodes[slot];
        let pods = &snapshot.node(slot).pods;
        work::count(1 + pods.len());
        let (reason, utilization) = eligibility::check(seen, options, snapshot, node);
        let standing = Standing {
            empty: empty_info(seen, options, snapshot, slot),
            reason,
            utilization,
        };
        let index = node.id.0 as usize;
        if self.by_node.len() <= index {
            self.by_node.resize(index + 1, Standing::default());
        }
        if self.by_node[index].empty != standing.empty {
            self.version += 1;
        }
        self.by_node[index] = standing;
        let mut pods = pods.iter().filter_map(|placed| placed.pod);
        let is_restless = node.to_be_deleted.is_some()
            || pods.any(|place| seen.pods[place as usize].deletion.is_some());
        if is_restless {
            self.restless.insert(node.id);
        } else {
            self.restless.remove(&node.id);
        }
    }
}

/// Empty is a node none of whose pods has to move or blocks: the first such pod tells.
fn empty_info(
    seen: &Observation<'_>,
    options: &Options,
    snapshot: &Snapshot<'_>,
    slot: usize,
) -> EmptyInfo {
    let no_pdbs = RemainingPdbTracker::default();
    let context = DrainContext {
        options,
        pdbs: &no_pdbs,
        controllers: None,
        now: seen.now,
    };
    let mut info = EmptyInfo {
        empty: true,
        on_completion: false,
    };
    for placed in &snapshot.node(slot).pods {
        let Some(index) = placed.pod else {
            continue;
        };
        let class = seen.class(placed.class);
        match drainability(&context, &seen.pods[index as usize], class) {
            Drainability::Skip => {}
            Drainability::Ok if class.is_daemon_set() => {}
            Drainability::WaitForCompletion => info.on_completion = true,
            Drainability::Ok | Drainability::Block(_) => return EmptyInfo::default(),
        }
    }
    info
}
