//! What the Cluster Autoscaler calls: the cloud, and the API server.

use super::super::Simulation;
use super::view::{TO_BE_DELETED, View, instance_id};
use crate::api::{self, NodeId as ApiNodeId, TaintEffect, Write};
use crate::autoscaler::cluster_autoscaler::{
    EvictError, GroupId, Instance, InstanceError, NodeId, Outside, PodId,
};
use crate::cloud::{InstanceId, Stage};
use crate::controller::disruption::EvictionError;
use crate::sim::{SimDuration, SimTime};

/// A node with an annotation of this prefix is not deleted yet.
const DELAY_DELETION: &str = "delay-deletion.cluster-autoscaler.kubernetes.io/";
const DELETION_CANDIDATE: &str = "DeletionCandidateOfClusterAutoscaler";

/// The world, as the core may change it.
pub(super) struct World<'w, 's> {
    pub(super) simulation: &'w mut Simulation<'s>,
    pub(super) view: &'w View,
    pub(super) now: SimTime,
}

impl World<'_, '_> {
    fn index(&self, group: GroupId) -> usize {
        self.view.group_index(group)
    }

    fn node(&self, node: NodeId) -> Option<ApiNodeId> {
        let node = self.simulation.cloud.instance(instance_id(node)).node?;
        self.simulation.store.find_node(node).map(|_| node)
    }

    /// Replaces a taint of the autoscaler's own, or takes it away.
    fn taint(&mut self, node: NodeId, key: &str, effect: Option<TaintEffect>) {
        let Some(id) = self.node(node) else { return };
        let before = &self.simulation.store.node(id).taints;
        let mut taints: Vec<api::Taint> = before
            .iter()
            .filter(|taint| taint.key != key)
            .cloned()
            .collect();
        if let Some(effect) = effect {
            let since_start = self.now.0.div_euclid(1_000_000_000);
            taints.push(api::Taint {
                key: key.to_owned(),
                value: (self.view.unix_start + since_start).to_string(),
                effect,
            });
        }
        if taints != *before {
            let write = Write::Taints(id, taints);
            self.simulation.store.commit(self.now, write);
        }
    }

    fn cordon(&mut self, node: NodeId, unschedulable: bool) {
        let Some(id) = self.node(node) else { return };
        if self.simulation.store.node(id).unschedulable != unschedulable {
            let write = Write::Cordon(id, unschedulable);
            self.simulation.store.commit(self.now, write);
        }
    }
}

impl Outside for World<'_, '_> {
    fn target_size(&self, group: GroupId) -> i64 {
        self.simulation.cloud.target(self.index(group))
    }

    fn instances(&self, group: GroupId) -> Vec<Instance> {
        let cloud = &self.simulation.cloud;
        let of = |id: &InstanceId| {
            let instance = cloud.instance(*id);
            Instance {
                id: NodeId(id.0),
                creating: instance.stage == Stage::Creating,
                deleting: instance.stage == Stage::Deleting,
                error: instance.error.map(|reason| InstanceError {
                    out_of_resources: reason.is_out_of_resources(),
                    code: reason.code().to_owned(),
                    message: reason.message().to_owned(),
                }),
            }
        };
        cloud.of_group(self.index(group)).iter().map(of).collect()
    }

    fn has_instance(&self, node: NodeId) -> bool {
        self.simulation.cloud.instance(instance_id(node)).stage != Stage::Gone
    }

    fn increase_size(&mut self, _now: SimTime, group: GroupId, delta: i64) -> Result<(), String> {
        let (index, most) = (self.index(group), self.view.groups[group.index()].max);
        let wanted = self.simulation.cloud.target(index) + delta;
        if delta <= 0 || wanted > most {
            return Err(format!(
                "size increase too large - desired:{wanted} max:{most}"
            ));
        }
        self.simulation.request_nodes(index, delta as u32)
    }

    fn decrease_target_size(
        &mut self,
        _now: SimTime,
        group: GroupId,
        delta: i64,
    ) -> Result<(), String> {
        let index = self.index(group);
        self.simulation.cloud.decrease_target(index, -delta)
    }

    fn delete_nodes(
        &mut self,
        _now: SimTime,
        group: GroupId,
        nodes: &[NodeId],
    ) -> Result<(), String> {
        let (index, least) = (self.index(group), self.view.groups[group.index()].min);
        if self.simulation.cloud.target(index) <= least {
            return Err("min size reached, nodes will not be deleted".to_owned());
        }
        for node in nodes {
            self.simulation.delete_instance(instance_id(*node));
        }
        Ok(())
    }

    fn mark_to_be_deleted(
        &mut self,
        _now: SimTime,
        node: NodeId,
        cordon: bool,
    ) -> Result<(), String> {
        if self.node(node).is_none() {
            let name = self.node_name(node);
            return Err(format!("nodes \"{name}\" not found"));
        }
        self.taint(node, TO_BE_DELETED, Some(TaintEffect::NoSchedule));
        if cordon {
            self.cordon(node, true);
        }
        Ok(())
    }

    fn clean_to_be_deleted(&mut self, node: NodeId, uncordon: bool) {
        self.taint(node, TO_BE_DELETED, None);
        if uncordon {
            self.cordon(node, false);
        }
    }

    fn mark_deletion_candidate(&mut self, node: NodeId) {
        let effect = Some(TaintEffect::PreferNoSchedule);
        self.taint(node, DELETION_CANDIDATE, effect);
    }

    fn clean_deletion_candidate(&mut self, node: NodeId) {
        self.taint(node, DELETION_CANDIDATE, None);
    }

    fn evict(&mut self, now: SimTime, pod: PodId, grace: SimDuration) -> Result<(), EvictError> {
        // Pods of DaemonSets that are not simulated go with their node.
        let Some(id) = self.view.key_of(pod) else {
            return Err(EvictError::NotFound);
        };
        match self.simulation.call_eviction(id, now) {
            Ok(()) => {
                let own = self.simulation.store.pod(id).map(crate::api::Pod::grace);
                if own.is_some_and(|own| grace < own) {
                    let seconds = grace.0.div_euclid(1_000_000_000);
                    self.simulation.shorten_grace(id, Some(seconds), now);
                }
                Ok(())
            }
            Err(EvictionError::NotFound) => Err(EvictError::NotFound),
            Err(error) => Err(EvictError::Refused(error.to_string())),
        }
    }

    fn node_name(&self, node: NodeId) -> String {
        self.simulation
            .cloud
            .instance(instance_id(node))
            .name
            .clone()
    }

    fn pod_name(&self, pod: PodId) -> String {
        let id = self.view.key_of(pod);
        let pod = id.and_then(|id| self.simulation.store.pod(id));
        pod.map_or_else(String::new, |pod| pod.name().to_owned())
    }

    fn pod_namespace(&self, pod: PodId) -> String {
        let id = self.view.key_of(pod);
        let pod = id.and_then(|id| self.simulation.store.pod(id));
        pod.map_or_else(String::new, |pod| pod.meta.namespace.to_string())
    }

    fn delays_deletion(&self, node: NodeId) -> bool {
        let node = self.node(node).map(|id| self.simulation.store.node(id));
        let mut keys = node.iter().flat_map(|node| node.meta.annotations.keys());
        keys.any(|key| key.starts_with(DELAY_DELETION))
    }

    fn pod_on_node(&self, _now: SimTime, pod: PodId, node: NodeId) -> bool {
        let id = self.view.key_of(pod);
        let pod = id.and_then(|id| self.simulation.store.pod(id));
        pod.is_some_and(|pod| !pod.removed && pod.node.is_some() && pod.node == self.node(node))
    }
}
