//! The Job controller in the cluster: its queue, its calls, and what it remembers.

use std::collections::{BTreeSet, VecDeque};

use super::backoff::Backoff;
use super::sync::{SYNC_BATCH, View, sync};
use super::view::{PodIndex, PodView};
use crate::api::{Change, Context, EventKind, JobId, ObjectId, PodId, PodPhase, What, Write};
use crate::cluster::spec::ClusterConfig;
use crate::controller::calls::Caller;
use crate::controller::owner;
use crate::controller::pod_control::{PodControl, delete_pod};
use crate::sim::{SimDuration, Stream};

/// What a Job controller waits for.
pub type Event = owner::Event<JobId>;

/// What the controller remembers of a Job.
#[derive(Debug, Clone, Default)]
struct Known {
    backoff: Backoff,
    /// Pods without a finalizer: the status counts them.
    counted: BTreeSet<PodId>,
    /// Pods that were deleted while they ran: they have failed, however their processes exit.
    deleted: BTreeSet<PodId>,
    /// Pods that are gone before they were counted; a real one waits for its finalizer.
    gone: Vec<PodView>,
    /// Pods whose create calls are under way.
    creates: VecDeque<Option<PodIndex>>,
    /// What is told once they have arrived.
    events: Vec<(EventKind, &'static str, String)>,
}

/// The controller of all Jobs.
#[derive(Debug, Clone)]
pub struct Controller {
    calls: Caller,
    known: Vec<Known>,
}

impl Controller {
    /// A controller with these settings and draws.
    pub fn new(config: &ClusterConfig, stream: Stream) -> Self {
        Self {
            calls: Caller::new(config, stream),
            known: Vec::new(),
        }
    }

    fn of(&mut self, id: JobId) -> &mut Known {
        if self.known.len() <= id.slot() {
            self.known.resize(id.slot() + 1, Known::default());
        }
        &mut self.known[id.slot()]
    }

    /// Wakes up for a change.
    pub fn observe(&mut self, change: Change, context: &mut Context<'_, Event>) {
        match (change.object, change.what) {
            (ObjectId::Job(id), What::Created) => {
                self.calls.of(id.slot()).clear();
                *self.of(id) = Known::default();
                self.calls.find_orphans(id, context);
                self.schedule(id, SimDuration::ZERO, context);
            }
            (ObjectId::Job(id), What::Spec) => self.schedule(id, self.calls.api_latency, context),
            (ObjectId::Pod(pod), What::Spec) => {
                self.calls.observe_labels(pod, SYNC_BATCH, context);
            }
            (ObjectId::Pod(pod), what) => self.observe_pod(pod, what, context),
            _ => {}
        }
    }

    fn observe_pod(&mut self, id: PodId, what: What, context: &mut Context<'_, Event>) {
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let Some(ObjectId::Job(job)) = owner::owner_of(id, context.store) else {
            return;
        };
        match what {
            // `active` and `ready` of the status change.
            What::Created | What::Ready => context.store.notify(ObjectId::Job(job), What::Status),
            What::Deleting => {
                self.calls.of(job.slot()).deleted(id);
                if !pod.has_ended() {
                    self.of(job).deleted.insert(id);
                }
                self.schedule(job, SYNC_BATCH, context);
            }
            What::Deleted => {
                let mut view = PodView::of(id, pod, false);
                let known = self.of(job);
                if known.deleted.remove(&id) || view.phase != PodPhase::Succeeded {
                    view.phase = PodPhase::Failed;
                }
                if !known.counted.remove(&id) {
                    known.gone.push(view);
                }
                self.schedule(job, SYNC_BATCH, context);
            }
            What::Ended => self.schedule(job, SYNC_BATCH, context),
            // A Job counts restarts.
            What::ContainerStarted(container)
                if pod.containers[usize::from(container)].restarts > 0 =>
            {
                self.schedule(job, SYNC_BATCH, context);
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
            // What waits in the slot of a Job that is gone may be another one's.
            Event::Create(id) if context.store.job(id).is_none() => {}
            Event::Create(id) => {
                let object = ObjectId::Job(id);
                let index = self.of(id).creates.pop_front().flatten();
                let make = |cx: &mut Context<'_, Event>| pods.create_indexed(object, index, cx);
                self.calls.create_arrives(id, make, owner::CREATED, context);
                if self.calls.of(id.slot()).has_created() {
                    self.tell(id, context);
                }
            }
            Event::Delete(id) => delete_pod(id, context),
        }
    }

    fn schedule(&mut self, id: JobId, delay: SimDuration, context: &mut Context<'_, Event>) {
        self.calls.sync_in(id, delay, context);
    }

    fn sync(&mut self, id: JobId, context: &mut Context<'_, Event>) {
        let may_go_ahead = self.calls.of(id.slot()).begin_sync(context.now);
        let Some(job) = context.store.job(id).filter(|_| may_go_ahead) else {
            return;
        };
        if job.status.end().is_some() {
            self.expire(id, context);
            return;
        }
        if job.spec.is_managed_elsewhere() {
            return;
        }
        self.calls.claim_pods(id, context);
        let Some(job) = context.store.job(id) else {
            return;
        };
        let pods = self.pods(id, context);
        let known = &self.known[id.slot()];
        let view = View {
            namespace: &job.meta.namespace,
            spec: &job.spec,
            status: &job.status,
            pods: &pods,
            backoff: known.backoff,
            now: context.now,
        };
        let outcome = sync(&view);
        let changed = outcome.status != *job.status;
        let known = self.of(id);
        known.backoff = outcome.backoff;
        known.counted.extend(outcome.counted);
        // A failed one may wait until another pod has taken its place.
        (known.gone).retain(|pod| !known.counted.remove(&pod.id));
        for pod in outcome.deletes {
            self.calls.delete_pod(id, pod, owner::DELETED, context);
        }
        if !outcome.creates.is_empty() {
            let number = outcome.creates.len();
            self.of(id).creates = outcome.creates.into();
            self.calls.create_pods(id, number, context);
        }
        let known = self.of(id);
        known.events = outcome.events;
        if known.creates.is_empty() {
            self.tell(id, context);
        }
        if changed {
            let ended = outcome.status.end().is_some();
            context.commit(Write::JobStatus(id, outcome.status.into()));
            if ended {
                self.expire(id, context);
            }
        }
        if let Some(wait) = outcome.again {
            self.schedule(id, wait, context);
        }
    }

    /// Reports what a sync has to tell.
    fn tell(&mut self, id: JobId, context: &mut Context<'_, Event>) {
        for (kind, reason, message) in std::mem::take(&mut self.of(id).events) {
            let object = ObjectId::Job(id);
            context.events.add(object, kind, reason, || message);
        }
    }

    /// What the controller sees of a Job's pods.
    fn pods(&mut self, id: JobId, context: &Context<'_, Event>) -> Vec<PodView> {
        let owner = Some(ObjectId::Job(id));
        let known = self.of(id);
        let mut made = known.gone.clone();
        if let Some(job) = context.store.job(id) {
            let entry = context.store.workload(job.workload);
            // Only a policy asks for pods that have ended and are counted.
            let all = job.spec.failure_rules.is_some();
            for key in &entry.pods {
                let pod = context.store.pod(*key);
                let own = pod.filter(|pod| pod.meta.owner == owner && !pod.removed);
                let counted = known.counted.contains(key);
                let own = own.filter(|pod| all || !counted || !pod.has_ended());
                made.extend(own.map(|pod| {
                    let mut view = PodView::of(*key, pod, counted);
                    if view.phase == PodPhase::Succeeded && known.deleted.contains(key) {
                        view.phase = PodPhase::Failed;
                    }
                    view
                }));
            }
        }
        made
    }

    /// A finished Job goes after its `ttlSecondsAfterFinished`
    /// (`pkg/controller/ttlafterfinished`).
    fn expire(&mut self, id: JobId, context: &mut Context<'_, Event>) {
        let Some(job) = context.store.job(id) else {
            return;
        };
        let (Some(end), Some(ttl)) = (job.status.end(), job.spec.ttl) else {
            return;
        };
        let rest = end.at.truncate_to_second() + ttl - context.now;
        if rest > SimDuration::ZERO {
            self.schedule(id, rest, context);
        } else {
            context.commit(Write::Delete(ObjectId::Job(id)));
        }
    }
}
