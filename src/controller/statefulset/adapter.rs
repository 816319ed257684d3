//! The StatefulSet controller: ordinals in order, one at a time (or all at once with
//! `podManagementPolicy: Parallel`); follows `pkg/controller/statefulset`.

use std::sync::Arc;

use crate::api::{Change, Context, ObjectId, Pod, PodId, StatefulSetId, Store, What};
use crate::cluster::spec::ClusterConfig;
use crate::controller::calls::Caller;
use crate::controller::pod_control::{PodControl, delete_pod};
use crate::sim::{SimDuration, Stream};

/// What a StatefulSet controller waits for.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// It compares what is with what should be.
    Sync(StatefulSetId),
    /// A create call arrives.
    Create(StatefulSetId),
    /// A delete call arrives.
    Delete(PodId),
}

/// The controller of all StatefulSets.
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
            (ObjectId::StatefulSet(id), What::Created) => {
                self.calls.of(id.slot()).clear();
                self.schedule(id, SimDuration::ZERO, context);
            }
            (ObjectId::StatefulSet(id), What::Scaled { .. }) => {
                let delay = self.calls.sync_delay();
                self.schedule(id, delay, context);
            }
            (ObjectId::Pod(pod), What::Deleting | What::Deleted | What::Ready) => {
                let Some(of) = context.store.pod(pod) else {
                    return;
                };
                // The next ordinal waits for readiness, not for its loss.
                let concerns = change.what != What::Ready || of.is_ready();
                if let (Some(ObjectId::StatefulSet(id)), true) = (of.meta.owner, concerns) {
                    self.calls.of(id.slot()).deleted(pod);
                    self.schedule(id, self.calls.api_latency, context);
                }
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
            Event::Create(id) => self.create(id, pods, context),
            Event::Delete(id) => delete_pod(id, context),
        }
    }

    fn schedule(
        &mut self,
        id: StatefulSetId,
        delay: SimDuration,
        context: &mut Context<'_, Event>,
    ) {
        self.calls
            .schedule(id.slot(), delay, Event::Sync(id), context);
    }

    fn sync(&mut self, id: StatefulSetId, context: &mut Context<'_, Event>) {
        let may_go_ahead = self.calls.of(id.slot()).begin_sync(context.now);
        let Some(set) = context.store.stateful_set(id).filter(|_| may_go_ahead) else {
            return;
        };
        let (wanted, parallel) = (set.replicas.max(0) as u32, set.parallel);
        let pods = by_ordinal(id, context.store);
        let is_healthy = |pod: PodId| context.store.pod(pod).is_some_and(Pod::is_ready);
        let of_ordinal = |ordinal: u32| {
            let place = pods.binary_search_by_key(&ordinal, |(ordinal, _)| *ordinal);
            place.ok().map(|place| pods[place].1)
        };
        let condemned: Vec<PodId> = pods
            .iter()
            .rev()
            .take_while(|(ordinal, _)| *ordinal >= wanted)
            .map(|(_, id)| *id)
            .collect();
        if parallel {
            let missing = (0..wanted)
                .filter(|ordinal| of_ordinal(*ordinal).is_none())
                .count();
            if missing > 0 {
                let slot = id.slot();
                self.calls
                    .create_many(slot, missing, Event::Create(id), context);
            }
            for pod in condemned {
                self.delete(id, pod, context);
            }
            return;
        }
        // The first that is not there or not healthy is all there is to do, or to wait for.
        let unsettled = (0..wanted)
            .map(of_ordinal)
            .find(|pod| !pod.is_some_and(is_healthy));
        match unsettled {
            Some(None) => {
                let slot = id.slot();
                self.calls.create_many(slot, 1, Event::Create(id), context);
            }
            Some(Some(_)) => {}
            None => {
                let Some(last) = condemned.first().copied() else {
                    return;
                };
                // An unhealthy pod blocks those above it, not its own deletion.
                let first = condemned.iter().rev().find(|pod| !is_healthy(**pod));
                if is_healthy(last) || first == Some(&last) {
                    self.delete(id, last, context);
                }
            }
        }
    }

    fn delete(&mut self, id: StatefulSetId, pod: PodId, context: &mut Context<'_, Event>) {
        let Some(name) = context.store.pod(pod).map(|pod| Arc::clone(&pod.meta.name)) else {
            return;
        };
        let deleting = context.store.pod(pod).is_some_and(Pod::is_deleting);
        if deleting
            || !self
                .calls
                .delete(id.slot(), pod, Event::Delete(pod), context)
        {
            return;
        }
        let set = set_name(id, context.store);
        let message = || format!("Delete Pod {name} in StatefulSet {set} successful");
        context
            .events
            .normal(ObjectId::StatefulSet(id), "SuccessfulDelete", message);
    }

    fn create(
        &mut self,
        id: StatefulSetId,
        pods: &mut PodControl,
        context: &mut Context<'_, Event>,
    ) {
        let batch = self.calls.of(id.slot()).created();
        if context.store.stateful_set(id).is_none() {
            return;
        }
        self.calls.report(id.slot(), context.now);
        self.calls.issue(batch, Event::Create(id), context);
        let (ordinal, now) = (free_ordinal(id, context.store), context.now);
        if let Some(pod) = pods.create(ObjectId::StatefulSet(id), ordinal, now, context)
            && let Some(pod) = context.store.pod(pod)
        {
            let (name, set) = (Arc::clone(&pod.meta.name), set_name(id, context.store));
            let message = || format!("Create Pod {name} in StatefulSet {set} successful");
            context
                .events
                .normal(ObjectId::StatefulSet(id), "SuccessfulCreate", message);
        }
        if self.calls.of(id.slot()).has_created() {
            self.schedule(id, self.calls.api_latency, context);
        }
    }
}

fn set_name(id: StatefulSetId, store: &Store) -> Arc<str> {
    let set = store.stateful_set(id);
    set.map_or_else(|| Arc::from(""), |set| Arc::clone(&set.meta.name))
}

/// The pods of a StatefulSet, those being deleted included, by ordinal.
fn by_ordinal(id: StatefulSetId, store: &Store) -> Vec<(u32, PodId)> {
    let Some(set) = store.stateful_set(id) else {
        return Vec::new();
    };
    let pods = store.workload(set.workload).pods.iter();
    let mut pods: Vec<(u32, PodId)> = pods
        .filter_map(|id| store.pod(*id).map(|pod| (pod.ordinal, *id)))
        .collect();
    pods.sort_unstable();
    pods
}

/// The lowest ordinal that no pod of a StatefulSet has.
pub fn free_ordinal(id: StatefulSetId, store: &Store) -> u32 {
    let taken = by_ordinal(id, store);
    let gap = taken.iter().enumerate();
    gap.take_while(|(place, (ordinal, _))| *place as u32 == *ordinal)
        .count() as u32
}
