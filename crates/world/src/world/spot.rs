//! Spot nodes that are taken back: notice, cordon, drain, end, replacement.

use super::{Event, Simulation};
use crate::api::{NodeId, ObjectId, Pod, PodId, Write};
use crate::cloud::{self, InstanceId, Stage};
use crate::record::InterruptionRecord;
use crate::sim::SimTime;

impl Simulation<'_> {
    /// Schedules the interruptions that are known at the start.
    pub(super) fn plan_interruptions(&mut self) {
        let agenda = self.cloud.interruptions();
        self.plan_cloud(agenda);
    }

    /// An instance runs: it may be taken back one day.
    pub(super) fn plan_end_of_life(&mut self, id: InstanceId, now: SimTime) {
        let end = self.cloud.end_of_life(id, now);
        self.plan_cloud(end.into_iter().collect());
    }

    /// A group is struck.
    pub(super) fn group_is_struck(&mut self, group: u32, now: SimTime) {
        for id in self.cloud.struck(group) {
            self.spot_notice(id, now);
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
        let mut evicted = 0;
        let is_karpenters = self.karpenter_is_interrupted(id, now);
        if is_karpenters {
            evicted = self.pods_that_leave(id) as u64;
        }
        if let Some(node) = self.node_of_instance(id).filter(|_| !is_karpenters) {
            self.events
                .warning(ObjectId::Node(node), "SpotInterruption", || {
                    format!("The provider takes the instance back in {}", spec.notice)
                });
            self.store.commit(now, Write::Cordon(node, true));
            for pod in self.pods_on(node) {
                evicted += u64::from(self.leave_in_time(pod, end, now));
            }
        }
        let records = &mut self.recorder.recording.interruptions;
        records.push(InterruptionRecord { evicted, ..record });
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
