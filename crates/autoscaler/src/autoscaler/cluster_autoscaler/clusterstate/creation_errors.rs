//! Instances that the cloud says cannot be created.

use std::collections::{BTreeMap, BTreeSet};

use super::instances::Instances;
use super::{ClusterStateRegistry, warn};
use crate::autoscaler::cluster_autoscaler::events::Events;
use crate::autoscaler::cluster_autoscaler::model::{NodeId, Observation};
use crate::autoscaler::cluster_autoscaler::options::Options;

/// The failed instances of a group by class and code of their error.
type ByCode<'i> = BTreeMap<(bool, &'i str), (Vec<NodeId>, BTreeSet<&'i str>)>;

fn by_code(instances: &Instances) -> ByCode<'_> {
    let mut found = ByCode::new();
    for instance in instances.failed() {
        if let Some(error) = &instance.error {
            let entry = found
                .entry((error.out_of_resources, error.code.as_str()))
                .or_default();
            entry.0.push(instance.id);
            entry.1.insert(&error.message);
        }
    }
    found
}

impl ClusterStateRegistry {
    /// New failures of a group that is scaling up take their part off the request and back the
    /// group off.
    pub(super) fn handle_creation_errors(
        &mut self,
        seen: &Observation<'_>,
        options: &Options,
        events: &mut Events,
    ) {
        for group in seen.group_ids() {
            let instances = std::mem::take(&mut self.instances[group.index()]);
            let previous: BTreeSet<NodeId> = self
                .previous_instances
                .get(group.index())
                .into_iter()
                .flat_map(Instances::failed)
                .map(|instance| instance.id)
                .collect();
            for ((out_of_resources, code), (failed, messages)) in by_code(&instances) {
                let unseen = failed.iter().filter(|id| !previous.contains(id)).count() as i64;
                if unseen == 0 || !self.is_scaling_up(group) {
                    continue;
                }
                let class = if out_of_resources {
                    "OutOfResource"
                } else {
                    "Other"
                };
                let name = &seen.group(group).name;
                let messages = joined(&messages);
                let message = format!(
                    "Failed adding {unseen} nodes to group {name} due to {class}.{code}; source errors: {messages}"
                );
                warn(events, seen, "ScaleUpFailed", message);
                let provision_time = seen.group(group).options.provision_time(options);
                self.register_or_update(group, -unseen, seen.now, provision_time);
                self.register_failed_scale_up(group, code, &messages, seen.now);
            }
            self.instances[group.index()] = instances;
        }
    }
}

fn joined(messages: &BTreeSet<&str>) -> String {
    let all: Vec<&str> = messages.iter().copied().collect();
    let mut text = all.join(", ");
    if all.len() > 3 {
        text.push_str(", ...");
    }
    text
}
