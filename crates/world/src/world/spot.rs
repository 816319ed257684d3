//! Spot nodes that are taken back: notice, cordon, drain, end, replacement.

use super::{Event, Simulation};
use crate::api::{NodeId, ObjectId, Pod, PodId, Write};
use crate::cloud::{self, InstanceId, Stage};
use crate::cluster::spec::{OnRebalance, SpotHandler};
use crate::controller::disruption::EvictionError;
use crate::record::InterruptionRecord;
use crate::sim::{SimDuration, SimTime};

/// How often an eviction is asked for that a budget refuses, as `kubectl drain` does.
const RETRY: SimDuration = SimDuration::from_secs(5);
/// What critical pods have of a notice when a kubelet shuts its node down, as on GKE.
const CRITICAL: SimDuration = SimDuration::from_secs(15);

impl Simulation<'_> {
    /// Schedules the interruptions that are known at the start.
    pub(super) fn plan_interruptions(&mut self) {
        let agenda = self.cloud.interruptions();
        self.plan_cloud(agenda);
    }

    /// An instance runs: it may be taken back one day.
    pub(super) fn plan_end_of_life(&mut self, id: InstanceId, now: SimTime) {
        let agenda = self.cloud.end_of_life(id, now);
        self.plan_cloud(agenda);
    }

    /// A group is struck.
    pub(super) fn group_is_struck(&mut self, group: u32, now: SimTime) {
        let spec = self.cloud.spec(group as usize).interruption.as_ref();
        let lead = spec.and_then(|spec| spec.rebalance);
        for id in self.cloud.struck(group) {
            match lead {
                None => self.spot_notice(id, now),
                Some(lead) => {
                    self.spot_rebalance(id, now);
                    self.plan_cloud(vec![(now + lead, cloud::Event::Notice(id))]);
                }
            }
        }
    }

    /// The provider recommends to leave an instance that it may take back soon.
    pub(super) fn spot_rebalance(&mut self, id: InstanceId, now: SimTime) {
        let instance = self.cloud.instance(id);
        let spec = self.cloud.spec(instance.group).interruption.as_ref();
        let is_there = instance.stage == Stage::Running && !instance.noticed;
        let Some(then) = spec.filter(|_| is_there).map(|spec| spec.on_rebalance) else {
            return;
        };
        if self.karpenter_hears_of_rebalance(id, now) {
            return;
        }
        let Some(node) = self.node_of_instance(id) else {
            return;
        };
        let object = ObjectId::Node(node);
        self.events.normal(object, "RebalanceRecommendation", || {
            "The instance is at an elevated risk of being taken back".to_owned()
        });
        if then != OnRebalance::Nothing {
            self.store.commit(now, Write::Cordon(node, true));
        }
        if then == OnRebalance::Drain {
            self.spot_drains(id, now);
        }
    }

    /// Evicts the pods of an instance, and again after a while those that budgets keep there.
    pub(super) fn spot_drains(&mut self, id: InstanceId, now: SimTime) {
        if self.cloud.instance(id).stage != Stage::Running {
            return;
        }
        let Some(node) = self.node_of_instance(id) else {
            return;
        };
        let (mut granted, mut refused) = (0, false);
        for pod in self.pods_on(node) {
            let leaves = |pod: &Pod| pod.pinned.is_none() && pod.is_active();
            if !self.store.pod(pod).is_some_and(leaves) {
                continue;
            }
            match self.call_eviction(pod, now) {
                Ok(()) => granted += 1,
                Err(EvictionError::NotFound) => {}
                Err(_) => {
                    self.note_refusal(pod, now);
                    refused = true;
                }
            }
        }
        let instance = self.cloud.instance_mut(id);
        let mut records = self.recorder.recording.interruptions.iter_mut().rev();
        match records.find(|record| record.node == instance.name) {
            Some(record) => record.evicted += granted,
            None => instance.left += granted,
        }
        if refused {
            self.plan_cloud(vec![(now + RETRY, cloud::Event::Drains(id))]);
        }
    }

    fn node_of_instance(&self, id: InstanceId) -> Option<NodeId> {
        let node = self.cloud.instance(id).node?;
        self.store.find_node(node).map(|_| node)
    }

    /// The provider will take an instance back: its node is cordoned and drained, whatever
    /// budgets say, with what grace the notice leaves.
    pub(super) fn spot_notice(&mut self, id: InstanceId, now: SimTime) {
        let instance = self.cloud.instance(id);
        let (group, name) = (instance.group, instance.name.clone());
        let is_there = instance.stage == Stage::Running && !instance.noticed;
        let Some(spec) = self.cloud.spec(group).interruption.clone() else {
            return;
        };
        if !is_there {
            return;
        }
        self.cloud.instance_mut(id).noticed = true;
        let end = now + spec.notice;
        self.queue
            .schedule(end, Event::Cloud(cloud::Event::Reclaimed(id)));
        let record = InterruptionRecord {
            time: now,
            group: self.cloud.spec(group).name.clone(),
            node: name,
            evicted: 0,
            killed: 0,
        };
        self.strike(id, now);
        let mut evicted = self.cloud.instance(id).left;
        let is_karpenters = self.karpenter_is_interrupted(id, now);
        if is_karpenters {
            evicted += self.pods_that_leave(id) as u64;
        }
        let node = self.node_of_instance(id).filter(|_| !is_karpenters);
        if let Some(node) = node {
            let object = ObjectId::Node(node);
            self.events.warning(object, "SpotInterruption", || {
                format!("The provider takes the instance back in {}", spec.notice)
            });
            if spec.handler.cordons() {
                self.store.commit(now, Write::Cordon(node, true));
            }
            if spec.handler == SpotHandler::Delete {
                for pod in self.pods_on(node) {
                    evicted += u64::from(self.leave_in_time(pod, end, now));
                }
            }
        }
        let records = &mut self.recorder.recording.interruptions;
        records.push(InterruptionRecord { evicted, ..record });
        match (node, spec.handler) {
            (Some(_), SpotHandler::Evict) => self.spot_drains(id, now),
            (Some(node), SpotHandler::Shutdown) => self.spot_shuts_down(node, spec.notice, now),
            _ => {}
        }
    }

    /// A kubelet hears of the notice and shuts its node down, as its flags say, or within the notice.
    fn spot_shuts_down(&mut self, node: NodeId, notice: SimDuration, now: SimTime) {
        let stated = self.components.kubelet.shutdown_periods();
        let is_stated = stated[0] > SimDuration::ZERO;
        let periods = if is_stated {
            stated
        } else {
            [notice, CRITICAL.min(notice)]
        };
        self.node_shuts_down(node, periods, now);
    }

    /// Notes which workloads have pods on an instance that gets its notice.
    fn strike(&mut self, id: InstanceId, now: SimTime) {
        let node = self.node_of_instance(id);
        let pods = node.map(|node| self.pods_on(node)).unwrap_or_default();
        let pods = pods.iter().filter_map(|id| self.store.pod(*id));
        let mut owners: Vec<_> = pods
            .filter(|pod| pod.is_active() && pod.pinned.is_none())
            .map(|pod| pod.workload)
            .collect();
        owners.sort_unstable();
        owners.dedup();
        let places: Vec<usize> = owners.into_iter().map(|one| self.record_of(one)).collect();
        self.recorder.struck(&places, now);
    }

    /// Deletes a pod that has to be gone by some time; false if it stays or goes already.
    fn leave_in_time(&mut self, id: PodId, end: SimTime, now: SimTime) -> bool {
        let stays = |pod: &Pod| pod.pinned.is_some() || !pod.is_active();
        let Some(pod) = self.store.pod(id).filter(|pod| !stays(pod)) else {
            return false;
        };
        let left = end - now;
        let grace = pod.template.termination_grace;
        let seconds = (left < grace).then_some((left.0 / 1_000_000_000).max(1));
        self.delete_pod(id, seconds, now);
        true
    }

    /// The notice is over: the machine is gone, and its group asks for another one.
    pub(super) fn spot_reclaimed(&mut self, id: InstanceId, now: SimTime) {
        let instance = self.cloud.instance(id);
        if instance.stage != Stage::Running {
            return;
        }
        let (group, name) = (instance.group, instance.name.clone());
        let runs = |id: &PodId| {
            let pod = self.store.pod(*id);
            pod.is_some_and(|pod| pod.pinned.is_none() && !pod.has_ended())
        };
        let node = self.node_of_instance(id);
        let pods = node.map(|node| self.pods_on(node)).unwrap_or_default();
        let killed = pods.iter().filter(|id| runs(id)).count();
        let mut records = self.recorder.recording.interruptions.iter_mut().rev();
        if let Some(record) = records.find(|record| record.node == name) {
            record.killed = killed as u64;
        }
        let spec = self.cloud.spec(group).interruption.as_ref();
        if let Some(record) = self.cloud.instance(id).record
            && spec.is_some_and(|spec| spec.free_first_hour)
        {
            self.recorder.node_reclaimed(record, now);
        }
        // It goes at once, without the time that a shutdown takes.
        self.cloud.delete(now, id);
        self.machine_ends(id, now);
        // Karpenter asks for what its pods need.
        if self.is_karpenters(group) {
            return;
        }
        let spec = self.cloud.spec(group).interruption.as_ref();
        let from = spec.and_then(|spec| spec.fallback).unwrap_or(group);
        // A provider that refuses leaves the group without the node.
        let _ = self.request_nodes(from, 1);
    }
}
