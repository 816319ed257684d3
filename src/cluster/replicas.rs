//! The ReplicaSet controller, and the Deployment controller above it while no roll-out is
//! under way: creates in batches that double, deletes by rank, both under the client's rate
//! limit (`pkg/controller/replicaset`).

use super::effect::{ClusterEffect, EventKind};
use super::pod::{PodId, PodPhase};
use super::ranking::{RankedPod, deletion_order};
use super::slow_start::{FIRST_BATCH, next_batch};
use super::state::{Cluster, ClusterEvent, Context};
use super::token_bucket::Client;

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
        let missing = state.replicas - active.len() as i32;
        if missing > 0 {
            self.create_many(workload, missing as usize, context);
        } else if missing < 0 {
            let surplus = (missing.unsigned_abs() as usize)
                .min(active.len())
                .min(BURST_REPLICAS);
            for pod in self.first_to_go(&active, surplus, context) {
                self.request_delete(pod, Client::ReplicaSets, context);
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
        let count = count.min(BURST_REPLICAS);
        self.workloads[workload].creating = count as i32;
        self.issue_batch(workload, FIRST_BATCH.min(count), context);
    }

    fn issue_batch<E: Copy + From<ClusterEvent>>(
        &mut self,
        workload: usize,
        size: usize,
        context: &mut Context<'_, E>,
    ) {
        let state = &mut self.workloads[workload];
        state.batch = (size, size);
        let client = Client::of(state.spec.kind);
        for _ in 0..size {
            let made = self.clients.reserve(client, context.now);
            let event = ClusterEvent::Create(workload as u32);
            context
                .queue
                .schedule(made + self.config.api_latency, event);
        }
    }

    /// A create call arrives: the pod object exists and waits for the scheduler.
    pub(super) fn create<E: Copy + From<ClusterEvent>>(
        &mut self,
        workload: usize,
        context: &mut Context<'_, E>,
    ) {
        let state = &mut self.workloads[workload];
        let (size, under_way) = (state.batch.0, state.batch.1 - 1);
        state.batch.1 = under_way;
        state.creating -= 1;
        if !state.exists {
            return;
        }
        let remaining = state.creating as usize;
        if under_way == 0 && remaining > 0 {
            self.issue_batch(workload, next_batch(size, remaining), context);
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
        client: Client,
        context: &mut Context<'_, E>,
    ) {
        let Some(pod) = self.pods.get_mut(id) else {
            return;
        };
        if std::mem::replace(&mut pod.doomed, true) {
            return;
        }
        let (workload, name) = (pod.workload, pod.name.clone());
        let arrives = self.clients.reserve(client, context.now) + self.config.api_latency;
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
