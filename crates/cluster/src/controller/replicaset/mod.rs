//! The ReplicaSet controller: creates in batches that double, deletes by rank, both under its
//! client's rate limit (`pkg/controller/replicaset`).

pub mod ranking;
pub mod slow_start;

use super::calls::{BURST_REPLICAS, Caller};
use super::owner;
use super::pod_control::{PodControl, active_pods, delete_pod};
use crate::api::{Change, Context, ObjectId, PodId, PodPhase, ReplicaSetId, What};
use crate::cluster::spec::ClusterConfig;
use crate::sim::{SimDuration, Stream};
use ranking::{RankedPod, deletion_order};

/// What a ReplicaSet controller waits for.
pub type Event = owner::Event<ReplicaSetId>;

/// The controller of all ReplicaSets.
#[derive(Debug, Clone)]
pub struct Controller {
    calls: Caller,
}

impl Controller {
    /// A controller with these settings and draws.
    pub fn new(config: &ClusterConfig, stream: Stream) -> Self {
        Self {
            calls: Caller::new(config, stream),
        }
    }

    /// Wakes up for a change.
    pub fn observe(&mut self, change: Change, context: &mut Context<'_, Event>) {
        match (change.object, change.what) {
            (ObjectId::ReplicaSet(id), What::Created) => {
                self.calls.of(id.slot()).clear();
                self.calls.find_orphans(id, context);
                self.schedule(id, SimDuration::ZERO, context);
            }
            (ObjectId::ReplicaSet(id), What::Scaled { .. }) => {
                let delay = self.calls.sync_delay();
                self.schedule(id, delay, context);
            }
            (ObjectId::Pod(pod), What::Spec) => {
                let delay = self.calls.api_latency;
                self.calls.observe_labels(pod, delay, context);
            }
            (
                ObjectId::Pod(pod),
                What::Created | What::Ready | What::Ended | What::Deleting | What::Deleted,
            ) => {
                let Some(ObjectId::ReplicaSet(id)) = owner::owner_of(pod, context.store) else {
                    return;
                };
                if matches!(change.what, What::Deleting | What::Deleted) {
                    self.calls.of(id.slot()).deleted(pod);
                    self.schedule(id, self.calls.api_latency, context);
                } else if change.what == What::Ended
                    && context.store.pod(pod).is_some_and(|pod| !pod.is_deleting())
                {
                    // Its node has ended it: another takes its place.
                    self.schedule(id, self.calls.api_latency, context);
                }
                self.calls.update_status(id.slot(), context.now);
            }
            _ => {}
        }
    }

    /// Carries out an event.
    pub fn handle(
        &mut self,
        event: Event,
        pods: &mut PodControl,
        context: &mut Context<'_, Event>,
    ) {
        match event {
            Event::Sync(id) => self.sync(id, context),
            Event::Create(id) => {
                let object = ObjectId::ReplicaSet(id);
                let make = |cx: &mut Context<'_, Event>| pods.create(object, 0, cx.now, cx);
                self.calls.create_arrives(id, make, owner::CREATED, context);
            }
            Event::Delete(id) => delete_pod(id, context),
        }
    }

    fn schedule(&mut self, id: ReplicaSetId, delay: SimDuration, context: &mut Context<'_, Event>) {
        self.calls.sync_in(id, delay, context);
    }

    fn sync(&mut self, id: ReplicaSetId, context: &mut Context<'_, Event>) {
        self.calls.claim_pods(id, context);
        let may_go_ahead = self.calls.of(id.slot()).begin_sync(context.now);
        let Some(set) = context.store.replica_set(id).filter(|_| may_go_ahead) else {
            return;
        };
        let (wanted, workload) = (set.replicas, set.workload);
        let missing = wanted - context.store.active_of(id) as i32;
        if missing > 0 {
            self.calls.create_pods(id, missing as usize, context);
        } else if missing < 0 {
            let active = active_pods(ObjectId::ReplicaSet(id), workload, context);
            let surplus = (missing.unsigned_abs() as usize)
                .min(active.len())
                .min(BURST_REPLICAS);
            for pod in first_to_go(&active, surplus, context) {
                self.calls.delete_pod(id, pod, owner::DELETED, context);
            }
        }
    }
}

/// The first `count` pods in the order of deletion.
fn first_to_go(active: &[PodId], count: usize, context: &Context<'_, Event>) -> Vec<PodId> {
    if count >= active.len() {
        return active.to_vec();
    }
    let store = &context.store;
    let ranked: Vec<RankedPod<_>> = active
        .iter()
        .filter_map(|id| store.pod(*id))
        .map(|pod| RankedPod {
            assigned: pod.node.is_some(),
            phase_rank: if pod.phase == PodPhase::Pending { 0 } else { 2 },
            ready_since: pod.ready.then_some(pod.ready_transition),
            deletion_cost: pod.deletion_cost(),
            related_on_node: pod.node.map_or(0, |node| store.pods_on(node, pod.listed)),
            max_restarts: pod.containers.iter().map(|c| c.restarts).max().unwrap_or(0),
            created: pod.meta.created,
            uid: pod.meta.uid,
        })
        .collect();
    let order = deletion_order(&ranked, context.now);
    order
        .into_iter()
        .take(count)
        .map(|place| active[place])
        .collect()
}
