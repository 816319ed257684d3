//! The ReplicaSet controller, and the Deployment controller above it while no roll-out is
//! under way: creates in batches that double, deletes by rank, both under the client's rate
//! limit (`pkg/controller/replicaset`).

use super::effect::{ClusterEffect, EventKind};
use super::pod::{PodId, PodPhase};
use super::ranking::{RankedPod, deletion_order};
use super::slow_start::batches;
use super::state::{Cluster, ClusterEvent, Context};

/// Creates or deletes of one sync at most (`burstReplicas`).
const BURST_REPLICAS: usize = 500;

impl Cluster {
    pub(super) fn sync_replicas<E: Copy + From<ClusterEvent>>(
        &mut self,
        workload: usize,
        context: &mut Context<'_, E>,
    ) {
        let active = self.active_pods(workload);
        let state = &self.workloads[workload];
        let missing = state.replicas - active.len() as i32 - state.creating;
        if missing > 0 {
            self.create_many(workload, missing as usize, context);
        } else if missing < 0 {
            let surplus = (missing.unsigned_abs() as usize)
                .min(active.len())
                .min(BURST_REPLICAS);
            for pod in self.first_to_go(&active, surplus, context) {
                self.request_delete(pod, context);
            }
        }
    }

    /// Pods that the controller counts and has not asked to delete.
    pub(super) fn active_pods(&self, workload: usize) -> Vec<PodId> {
        let wanted = |id: &&PodId| {
            self.pods
                .get(**id)
                .is_some_and(|pod| pod.is_active() && !pod.doomed)
        };
        self.workloads[workload]
            .pods
            .iter()
            .filter(wanted)
            .copied()
            .collect()
    }

    /// Issues create calls in batches; each batch waits for the one before.
    pub(super) fn create_many<E: Copy + From<ClusterEvent>>(
        &mut self,
        workload: usize,
        count: usize,
        context: &mut Context<'_, E>,
    ) {
        let mut time = context.now;
        for batch in batches(count.min(BURST_REPLICAS), 1) {
            let mut done = time;
            for _ in 0..batch {
                let arrives = self.controller_client.reserve(time) + self.config.api_latency;
                context
                    .queue
                    .schedule(arrives, ClusterEvent::Create(workload as u32));
                done = done.max(arrives);
            }
            time = done;
        }
        self.workloads[workload].creating += count.min(BURST_REPLICAS) as i32;
    }

    /// A create call arrives: the pod object exists and waits for the scheduler.
    pub(super) fn create<E: Copy + From<ClusterEvent>>(
        &mut self,
        workload: usize,
        context: &mut Context<'_, E>,
    ) {
        self.workloads[workload].creating -= 1;
        if !self.workloads[workload].exists {
            return;
        }
        let id = self.insert_pod(workload, context.now);
        context.log.push(ClusterEffect::PodCreated(id));
        if let Some(pod) = self.pods.get(id) {
            let name = pod.name.clone();
            context
                .log
                .workload_event(workload, "SuccessfulCreate", || {
                    format!("Created pod: {name}")
                });
        }
        self.enqueue(id, context);
        // What was asked for may have changed while the call was under way.
        let state = &self.workloads[workload];
        if state.creating == 0 {
            self.schedule_sync(workload, self.config.api_latency, context);
        }
    }

    /// The first `count` pods in the order of deletion.
    fn first_to_go<E>(
        &self,
        active: &[PodId],
        count: usize,
        context: &Context<'_, E>,
    ) -> Vec<PodId> {
        if count >= active.len() {
            return active.to_vec();
        }
        let ranked: Vec<RankedPod<'_>> = active
            .iter()
            .filter_map(|id| self.pods.get(*id))
            .map(|pod| RankedPod {
                assigned: pod.node.is_some(),
                phase_rank: if pod.phase == PodPhase::Pending { 0 } else { 2 },
                ready_since: pod.ready.then_some(pod.ready_transition),
                deletion_cost: self.workloads[pod.workload].spec.template.deletion_cost,
                related_on_node: pod
                    .node
                    .map_or(0, |node| self.nodes[node].pods_of[pod.workload]),
                max_restarts: pod.containers.iter().map(|c| c.restarts).max().unwrap_or(0),
                created: pod.created,
                uid: &pod.uid,
            })
            .collect();
        let order = deletion_order(&ranked, context.now);
        order
            .into_iter()
            .take(count)
            .map(|place| active[place])
            .collect()
    }

    /// Issues a delete call.
    pub(super) fn request_delete<E: Copy + From<ClusterEvent>>(
        &mut self,
        id: PodId,
        context: &mut Context<'_, E>,
    ) {
        let Some(pod) = self.pods.get_mut(id) else {
            return;
        };
        if std::mem::replace(&mut pod.doomed, true) {
            return;
        }
        let (workload, name) = (pod.workload, pod.name.clone());
        let arrives = self.controller_client.reserve(context.now) + self.config.api_latency;
        context.queue.schedule(arrives, ClusterEvent::Delete(id));
        context
            .log
            .workload_event(workload, "SuccessfulDelete", || {
                format!("Deleted pod: {name}")
            });
    }

    /// A line for the events of a pod.
    pub(super) fn pod_event<E>(
        &self,
        id: PodId,
        kind: EventKind,
        reason: &'static str,
        message: impl FnOnce() -> String,
        context: &mut Context<'_, E>,
    ) {
        if let Some(pod) = self.pods.get(id) {
            context
                .log
                .pod_event((pod.workload, &pod.name), kind, reason, message);
        }
    }
}
