//! What the controllers of objects that own pods have in common: they compare, they make create
//! and delete calls, and they tell of both.

use super::calls::Caller;
use crate::api::{
    Context, DaemonSetId, JobId, Kind, ObjectId, PodId, ReplicaSetId, StatefulSetId, Store,
};
use crate::sim::SimDuration;

/// What a controller of owners of pods waits for.
#[derive(Debug, Clone, Copy)]
pub enum Event<K> {
    /// It compares what is with what should be.
    Sync(K),
    /// A create call arrives.
    Create(K),
    /// A delete call arrives.
    Delete(PodId),
}

/// The key of an object that owns pods.
pub(super) trait Owner: Copy {
    /// The kind of such objects.
    const KIND: Kind;
    /// The key of an object of that kind.
    fn of(object: ObjectId) -> Option<Self>;
    /// The object.
    fn object(self) -> ObjectId;
    /// Its slot.
    fn place(self) -> usize;
}

macro_rules! owner {
    ($key:ty, $variant:ident) => {
        impl Owner for $key {
            const KIND: Kind = Kind::$variant;

            fn of(object: ObjectId) -> Option<Self> {
                match object {
                    ObjectId::$variant(key) => Some(key),
                    _ => None,
                }
            }

            fn object(self) -> ObjectId {
                ObjectId::$variant(self)
            }

            fn place(self) -> usize {
                self.slot()
            }
        }
    };
}

owner!(ReplicaSetId, ReplicaSet);
owner!(StatefulSetId, StatefulSet);
owner!(DaemonSetId, DaemonSet);
owner!(JobId, Job);

/// What owns a pod, unless that is gone: its slot may be another object's by now.
pub(super) fn owner_of(pod: PodId, store: &Store) -> Option<ObjectId> {
    let owner = store.pod(pod)?.meta.owner?;
    store.meta(owner).map(|_| owner)
}

impl Caller {
    /// Schedules a sync after a delay, unless an earlier one is.
    pub(super) fn sync_in<K: Owner>(
        &mut self,
        id: K,
        delay: SimDuration,
        context: &mut Context<'_, Event<K>>,
    ) {
        self.schedule(id.place(), delay, Event::Sync(id), context);
    }

    /// Begins to create so many pods of an owner.
    pub(super) fn create_pods<K: Owner>(
        &mut self,
        id: K,
        count: usize,
        context: &mut Context<'_, Event<K>>,
    ) {
        self.create_many(id.place(), count, Event::Create(id), context);
    }

    /// A create call of an owner arrives: the pod object that `make` creates waits for the
    /// scheduler. The event's sentence is its name between two texts.
    pub(super) fn create_arrives<K: Owner>(
        &mut self,
        id: K,
        make: impl FnOnce(&mut Context<'_, Event<K>>) -> Option<PodId>,
        (before, after): (&str, &str),
        context: &mut Context<'_, Event<K>>,
    ) {
        // The slot of an object that is gone may be another one's.
        if context.store.meta(id.object()).is_none() {
            return;
        }
        let batch = self.of(id.place()).created();
        self.report(id.place(), context.now);
        self.issue(batch, Event::Create(id), context);
        if let Some(pod) = make(context)
            && let Some(pod) = context.store.pod(pod)
        {
            let (object, sentence) = (id.object(), [before, &*pod.meta.name, after]);
            context
                .events
                .normal_of(object, "SuccessfulCreate", &sentence);
        }
        // What was asked for may have changed while the call was under way.
        if self.of(id.place()).has_created() {
            self.sync_in(id, self.api_latency, context);
        }
    }

    /// Makes a delete call for a pod of an owner, unless one is under way.
    pub(super) fn delete_pod<K: Owner>(
        &mut self,
        id: K,
        pod: PodId,
        (before, after): (&str, &str),
        context: &mut Context<'_, Event<K>>,
    ) {
        if !self.delete(id.place(), pod, Event::Delete(pod), context) {
            return;
        }
        if let Some(pod) = context.store.pod(pod) {
            let (object, sentence) = (id.object(), [before, &*pod.meta.name, after]);
            context
                .events
                .normal_of(object, "SuccessfulDelete", &sentence);
        }
    }
}

/// What most controllers say before and after the name of a new pod.
pub(super) const CREATED: (&str, &str) = ("Created pod: ", "");
/// What most controllers say before and after the name of a pod that they delete.
pub(super) const DELETED: (&str, &str) = ("Deleted pod: ", "");
