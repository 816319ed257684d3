//! Who is ready, who not yet, who not any more.

use super::ClusterStateRegistry;
use crate::autoscaler::cluster_autoscaler::model::{NodeId, Observation};
use crate::autoscaler::cluster_autoscaler::options::Options;

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

impl ClusterStateRegistry {
    pub(super) fn update_readiness(&mut self, seen: &Observation<'_>, options: &Options) {
        let mut groups: Vec<Option<Readiness>> = vec![None; seen.groups.len()];
        let mut total = Readiness::default();
        // As upstream: a node outside any group is measured by the last group's time.
        let mut startup_time = options.max_node_startup_time;
        for node in seen.nodes {
            if let Some(group) = node.group {
                startup_time = seen.group(group).options.startup_time(options);
            }
            let count = |readiness: &mut Readiness| {
                readiness.registered += 1;
                if self.deleted.contains(&node.id) {
                    readiness.deleted += 1;
                } else if node.ready {
                    readiness.ready += 1;
                } else if node.created + startup_time > seen.now {
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
