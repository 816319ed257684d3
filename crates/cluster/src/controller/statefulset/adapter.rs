//! The StatefulSet controller's place in the cluster: what it reads, its calls, its events;
//! follows `pkg/controller/statefulset`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::api::{
    Change, Context, DaemonSet, ObjectId, Pod, PodId, PodPhase, Revision, StatefulSet,
    StatefulSetId, Store, What, Write,
};
use crate::cluster::spec::ClusterConfig;
use crate::controller::calls::Caller;
use crate::controller::owner;
use crate::controller::pod_control::{PodControl, delete_pod};
use crate::controller::statefulset::{self as core, RevisionKey};
use crate::sim::{SimDuration, Stream};

/// What a StatefulSet controller waits for.
pub type Event = owner::Event<StatefulSetId>;

/// The controller of all StatefulSets.
#[derive(Debug, Clone)]
pub struct Controller {
    calls: Caller,
    /// Ordinals and revisions of pods that are about to be created, by slot.
    creating: BTreeMap<usize, VecDeque<(u32, RevisionKey)>>,
    /// How often in a row syncs have failed, by slot.
    failures: BTreeMap<usize, u32>,
}

/// The first wait after a sync that failed, and the longest
/// (`DefaultTypedControllerRateLimiter`).
const FIRST_RETRY: SimDuration = SimDuration::from_millis(5);
const LONGEST_RETRY: SimDuration = SimDuration::from_secs(1000);

impl Controller {
    /// A controller with these settings and draws.
    pub fn new(config: &ClusterConfig, stream: Stream) -> Self {
        Self {
            calls: Caller::new(config, stream),
            creating: BTreeMap::new(),
            failures: BTreeMap::new(),
        }
    }

    /// Wakes up for a change.
    pub fn observe(&mut self, change: Change, context: &mut Context<'_, Event>) {
        match (change.object, change.what) {
            (ObjectId::StatefulSet(id), What::Created) => {
                self.calls.of(id.slot()).clear();
                self.creating.remove(&id.slot());
                self.failures.remove(&id.slot());
                self.calls.find_orphans(id, context);
                self.schedule(id, SimDuration::ZERO, context);
            }
            (ObjectId::StatefulSet(id), What::Scaled { .. }) => {
                let delay = self.calls.sync_delay();
                self.schedule(id, delay, context);
            }
            (ObjectId::StatefulSet(id), What::Spec) => {
                self.schedule(id, self.calls.api_latency, context);
            }
            (ObjectId::Pod(pod), What::Spec) => {
                let delay = self.calls.api_latency;
                self.calls.observe_labels(pod, delay, context);
            }
            (ObjectId::Pod(pod), What::Deleting | What::Deleted | What::Ready | What::Ended) => {
                if let Some(ObjectId::StatefulSet(id)) = owner::owner_of(pod, context.store) {
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
        self.calls.sync_in(id, delay, context);
    }

    fn sync(&mut self, id: StatefulSetId, context: &mut Context<'_, Event>) {
        self.calls.claim_pods(id, context);
        let may_go_ahead = self.calls.of(id.slot()).begin_sync(context.now);
        let Some(set) = context.store.stateful_set(id).filter(|_| may_go_ahead) else {
            return;
        };
        let found = by_ordinal(id, context.store);
        let pods: Vec<core::Pod> = (found.iter().enumerate())
            .filter_map(|(key, (_, id))| Some(view(key, context.store.pod(*id)?, set)))
            .collect();
        let result = with_view(set, |set, revisions| {
            core::sync(set, revisions, &pods, context.now)
        });
        let mut revisions = (*set.revisions).clone();
        let template = Arc::clone(&set.template);
        let mut create = VecDeque::new();
        for step in result.steps {
            match step {
                core::Step::CreateRevision { key, revision } => revisions.push(Revision {
                    key,
                    revision,
                    created: context.now,
                    template: Arc::clone(&template),
                }),
                core::Step::RenumberRevision { key, revision } => {
                    let known = revisions.iter_mut().filter(|one| one.key == key);
                    known.for_each(|one| one.revision = revision);
                }
                core::Step::DeleteRevision { key } => revisions.retain(|one| one.key != key),
                core::Step::CreatePod { ordinal, revision } => {
                    create.push_back((ordinal.max(0) as u32, revision));
                }
                core::Step::DeletePod { key } => self.delete(id, found[key].1, context),
                core::Step::UpdateStatus(status) => {
                    context.commit(Write::StatefulSetStatus(id, status));
                }
                // Told when the call is made, or arrives.
                core::Step::Event(_) => {}
            }
        }
        let kept = context.store.stateful_set(id).map(|set| &set.revisions);
        if kept.is_some_and(|kept| **kept != revisions) {
            context.commit(Write::Revisions(id, Arc::new(revisions)));
        }
        if let Some(wait) = result.requeue_after {
            context.after(wait, Event::Sync(id));
        }
        let wanted = create.len();
        create.retain(|(ordinal, _)| !is_taken(id, *ordinal, context.store));
        if create.len() < wanted {
            self.retry(id, context);
        } else {
            self.failures.remove(&id.slot());
        }
        if !create.is_empty() {
            let count = create.len();
            self.creating.insert(id.slot(), create);
            self.calls.create_pods(id, count, context);
        }
    }

    /// A pod could not be created: the sync is tried again.
    fn retry(&mut self, id: StatefulSetId, context: &mut Context<'_, Event>) {
        let failures = self.failures.entry(id.slot()).or_default();
        let wait = SimDuration(FIRST_RETRY.0 << (*failures).min(20));
        *failures += 1;
        self.schedule(id, wait.min(LONGEST_RETRY), context);
    }

    fn delete(&mut self, id: StatefulSetId, pod: PodId, context: &mut Context<'_, Event>) {
        if context.store.pod(pod).is_some_and(Pod::is_deleting) {
            return;
        }
        let set = set_name(id, context.store);
        let after = format!(" in StatefulSet {set} successful");
        self.calls
            .delete_pod(id, pod, ("Delete Pod ", &after), context);
    }

    fn create(
        &mut self,
        id: StatefulSetId,
        pods: &mut PodControl,
        context: &mut Context<'_, Event>,
    ) {
        let waiting = self.creating.get_mut(&id.slot());
        let next = waiting.and_then(VecDeque::pop_front);
        let make =
            |cx: &mut Context<'_, Event>| pods.create_of(ObjectId::StatefulSet(id), next?, cx);
        let set = set_name(id, context.store);
        let after = format!(" in StatefulSet {set} successful");
        self.calls
            .create_arrives(id, make, ("Create Pod ", &after), context);
    }
}

fn set_name(id: StatefulSetId, store: &Store) -> Arc<str> {
    let set = store.stateful_set(id);
    set.map_or_else(|| Arc::from(""), |set| Arc::clone(&set.meta.name))
}

/// Whether a pod that is not the StatefulSet's has the name of one that would be.
fn is_taken(id: StatefulSetId, ordinal: u32, store: &Store) -> bool {
    let Some(set) = store.stateful_set(id).filter(|_| store.has_orphans()) else {
        return false;
    };
    let name = format!("{}-{ordinal}", set.meta.name);
    let mut pods = store
        .pods()
        .filter(|(_, pod)| pod.meta.owner.is_none() && !pod.removed);
    pods.any(|(_, pod)| pod.name() == name && pod.meta.namespace == set.meta.namespace)
}

/// The pods of a StatefulSet, those being deleted included, by ordinal.
fn by_ordinal(id: StatefulSetId, store: &Store) -> Vec<(u32, PodId)> {
    let Some(set) = store.stateful_set(id) else {
        return Vec::new();
    };
    let pods = store.workload(set.workload).pods.iter();
    let mut pods: Vec<(u32, PodId)> = pods
        .filter_map(|id| Some((*id, store.pod(*id).filter(|pod| !pod.orphaned)?)))
        .map(|(id, pod)| (pod.ordinal, id))
        .collect();
    pods.sort_unstable();
    pods
}

/// A StatefulSet and its revisions as the core sees them.
pub fn with_view<T>(
    set: &StatefulSet,
    read: impl FnOnce(&core::StatefulSet<'_>, &[core::ControllerRevision]) -> T,
) -> T {
    let revisions: Vec<core::ControllerRevision> = (set.revisions.iter())
        .map(|one| core::ControllerRevision {
            key: one.key,
            revision: one.revision,
            created: one.created,
        })
        .collect();
    let view = core::StatefulSet {
        name: &set.meta.name,
        generation: set.meta.generation,
        deleting: false,
        template: set.template_key(),
        spec: set.spec,
        status: &set.status,
    };
    read(&view, &revisions)
}

/// A pod as the core sees it.
fn view(key: usize, pod: &Pod, set: &StatefulSet) -> core::Pod {
    let hash = pod.meta.labels.get(DaemonSet::HASH);
    let known = set.revisions.iter().map(|one| one.key);
    let mut known = known.chain([set.template_key()]);
    let revision = known.find(|key| hash.is_some_and(|hash| *hash == set.revision_name(*key)));
    core::Pod {
        key,
        ordinal: pod.ordinal as i32,
        revision: revision.unwrap_or_default(),
        phase: match pod.phase {
            PodPhase::Pending => core::PodPhase::Pending,
            PodPhase::Running => core::PodPhase::Running,
            PodPhase::Succeeded => core::PodPhase::Succeeded,
            PodPhase::Failed => core::PodPhase::Failed,
        },
        ready_since: pod.ready.then_some(pod.ready_transition),
        terminating: pod.is_deleting(),
    }
}

/// The lowest ordinal that no pod of a StatefulSet has.
pub fn free_ordinal(id: StatefulSetId, store: &Store) -> u32 {
    let taken = by_ordinal(id, store);
    let set = store.stateful_set(id);
    let start = set.map_or(0, |set| set.spec.start_ordinal.max(0) as u32);
    let above = taken.iter().filter(|(ordinal, _)| *ordinal >= start);
    let gap = above.enumerate();
    start
        + gap
            .take_while(|(place, (ordinal, _))| *place as u32 + start == *ordinal)
            .count() as u32
}
