//! Instances and sizes that went wrong, and taints that an earlier process has left.

use std::collections::BTreeMap;

use super::{Loop, StaticAutoscaler};
use crate::autoscaler::cluster_autoscaler::backoff::BackoffReason;
use crate::autoscaler::cluster_autoscaler::clusterstate::TIMEOUT;
use crate::autoscaler::cluster_autoscaler::events::Involved;
use crate::autoscaler::cluster_autoscaler::model::{GroupId, NodeId};
use crate::autoscaler::cluster_autoscaler::taints::{DELETION_CANDIDATE, TO_BE_DELETED};

impl StaticAutoscaler {
    /// The first loop takes taints off that were left from before (`cleanUpIfRequired`).
    pub(super) fn clean_up_if_required(&mut self, this: &mut Loop<'_, '_>) {
        if std::mem::replace(&mut self.initialized, true) {
            return;
        }
        let uncordon = self.options.cordon_node_before_terminating;
        let soft = self.options.max_bulk_soft_taint_count == 0;
        for node in this.seen.nodes {
            let mut told = |key: &str, name: String| {
                let message = format!("removed {key} taint from node {name}");
                let involved = Involved::Node(node.id);
                this.events
                    .normal(this.seen.now, "ClusterAutoscalerCleanup", involved, message);
            };
            if node.group.is_some() && node.has_to_be_deleted_taint() {
                this.outside.clean_to_be_deleted(node.id, uncordon);
                told(TO_BE_DELETED, this.outside.node_name(node.id));
            }
            if soft && node.has_deletion_candidate_taint() {
                this.outside.clean_deletion_candidate(node.id);
                told(DELETION_CANDIDATE, this.outside.node_name(node.id));
            }
        }
    }

    /// Deletes instances that took too long to register, down to the group's min.
    pub(super) fn remove_old_unregistered(&mut self, this: &mut Loop<'_, '_>) {
        let seen = this.seen;
        let mut old: BTreeMap<GroupId, Vec<NodeId>> = BTreeMap::new();
        for (id, found) in self.registry.unregistered() {
            let group = &seen.group(found.group).options;
            if found.since + group.provision_time(&self.options) < seen.now {
                old.entry(found.group).or_default().push(id);
            }
        }
        for (group, mut nodes) in old {
            if !self.options.force_delete_unregistered_nodes {
                let possible = this.outside.target_size(group) - seen.group(group).min;
                if possible <= 0 {
                    continue;
                }
                nodes.truncate(possible as usize);
            }
            let deleted = this.outside.delete_nodes(seen.now, group, &nodes);
            self.registry.invalidate_instances(group);
            for node in &nodes {
                let name = this.outside.node_name(*node);
                match &deleted {
                    Ok(()) => this.events.normal(
                        seen.now,
                        "DeleteUnregistered",
                        Involved::Status,
                        format!("Removed unregistered node {name}"),
                    ),
                    Err(error) => this.events.warning(
                        seen.now,
                        "DeleteUnregisteredFailed",
                        Involved::Status,
                        format!("Failed to remove node {name}: {error}"),
                    ),
                }
            }
            if deleted.is_err() {
                return;
            }
            // Those of a request that took too long have been told of.
            let told = self.registry.backed_off(group, seen.now);
            if told.is_none_or(|reason| reason.code != TIMEOUT) {
                let message = format!("{} nodes never registered", nodes.len());
                let reason = BackoffReason {
                    code: TIMEOUT.to_owned(),
                    message,
                };
                this.report.failures.push((group, reason));
            }
        }
    }

    /// Deletes instances that could not be created.
    pub(super) fn delete_created_with_errors(&mut self, this: &mut Loop<'_, '_>) {
        let mut deleted = false;
        for (group, nodes) in self.registry.created_with_errors(this.seen) {
            let answer = this.outside.delete_nodes(this.seen.now, group, &nodes);
            if answer.is_ok() {
                deleted = true;
                self.registry.invalidate_instances(group);
            }
        }
        if deleted {
            self.registry.recalculate(this.seen, this.outside);
        }
    }

    /// Lowers targets that have been too high for long; answers whether any was.
    pub(super) fn fix_node_group_size(&mut self, this: &mut Loop<'_, '_>) -> Result<bool, String> {
        let seen = this.seen;
        let mut fixed = false;
        for group in seen.group_ids() {
            let Some(size) = self.registry.incorrect_size(group) else {
                continue;
            };
            let patience = seen.group(group).options.provision_time(&self.options);
            let delta = size.current - size.expected;
            if size.first_observed + patience >= seen.now || delta >= 0 {
                continue;
            }
            let name = &seen.group(group).name;
            this.outside
                .decrease_target_size(seen.now, group, delta)
                .map_err(|error| format!("failed to decrease {name}: {error}"))?;
            fixed = true;
        }
        Ok(fixed)
    }
}
