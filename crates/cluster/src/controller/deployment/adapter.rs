//! The Deployment controller at the store: gathers what a sync looks at, carries out its steps.

use std::sync::Arc;

use super::{ConditionType, DeploymentStatus, Requeue, Step, SyncResult, reason, sync, view};
use crate::api::{
    Change, Context, Deployment, DeploymentId, EventKind, LabelSelector, Labels, ObjectId,
    ObjectMeta, Pod, PodId, ReplicaSet, ReplicaSetId, RolloutAnnotations, Store, What, Write,
};
use crate::cluster::spec::ClusterConfig;
use crate::controller::client::TokenBucket;
use crate::controller::event::EventType;
use crate::controller::pod_control::PodControl;
use crate::sim::{SimDuration, SimTime};

/// `pod-template-hash`, which tells the pods of a Deployment's revisions apart.
pub const HASH_LABEL: &str = "pod-template-hash";

/// What a Deployment controller waits for.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// It compares what is with what should be.
    Sync(DeploymentId),
}

/// What is known of a Deployment besides its object.
#[derive(Debug, Clone, Default)]
struct Known {
    /// Its ReplicaSets, oldest first.
    sets: Vec<ReplicaSetId>,
    /// How many it ever had.
    created: i64,
    /// `pod-template-hash` of the next one, once drawn, and which one that is.
    hash: Option<(i64, String)>,
    /// When the next sync is scheduled.
    sync_at: Option<SimTime>,
}

/// How much of Deployments' statuses is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statuses {
    /// All of it at all times: somebody may look.
    All,
    /// Until a roll-out is complete, of which findings tell; pods that come and go afterwards change
    /// numbers that nobody looks at.
    Progress,
    /// What moves pods.
    None,
}

/// The controller of all Deployments.
#[derive(Debug, Clone)]
pub struct Controller {
    api_latency: SimDuration,
    statuses: Statuses,
    known: Vec<Known>,
    /// Whether a Deployment ever had several ReplicaSets.
    had_several: bool,
    /// Of all Deployments that are queued anew at once.
    limiter: TokenBucket,
}

/// The limiter of the work queue, 10 a second after a burst of 100, and the least delay of one
/// item (`DefaultTypedControllerRateLimiter` of client-go; each sync that ends well forgets the
/// item's failures).
const REQUEUES: (f64, u32) = (10.0, 100);
const LEAST_DELAY: SimDuration = SimDuration::from_millis(5);

/// What a sync counts of a ReplicaSet's pods.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    replicas: i32,
    ready: i32,
    available: i32,
    terminating: i32,
    unfinished: i32,
    /// When the next ready pod becomes available.
    next_available: Option<SimTime>,
}

impl Controller {
    /// A controller with these settings.
    pub fn new(config: &ClusterConfig, statuses: Statuses) -> Self {
        Self {
            api_latency: config.api_latency,
            statuses,
            known: Vec::new(),
            had_several: false,
            limiter: TokenBucket::new(REQUEUES.0, REQUEUES.1),
        }
    }

    fn known(&mut self, id: DeploymentId) -> &mut Known {
        if self.known.len() <= id.slot() {
            self.known.resize(id.slot() + 1, Known::default());
        }
        &mut self.known[id.slot()]
    }

    /// The ReplicaSets of a Deployment, oldest first.
    pub(super) fn sets(&mut self, id: DeploymentId) -> &[ReplicaSetId] {
        &self.known(id).sets
    }

    /// Wakes up for a change.
    pub fn observe(
        &mut self,
        change: Change,
        pods: &mut PodControl,
        context: &mut Context<'_, Event>,
    ) {
        match (change.object, change.what) {
            (ObjectId::Deployment(id), What::Scaled { .. })
                if self.is_unseen(id, context.store) && self.scale_only_set(id, context) => {}
            (ObjectId::Deployment(id), What::Created | What::Scaled { .. } | What::Spec) => {
                self.sync(id, pods, context);
            }
            (ObjectId::Deployment(id), What::Deleted) => *self.known(id) = Known::default(),
            (ObjectId::ReplicaSet(set), What::Deleted) => {
                for known in &mut self.known {
                    known.sets.retain(|other| *other != set);
                }
            }
            (
                ObjectId::Pod(pod),
                What::Created
                | What::Spec
                | What::Ready
                | What::Deleting
                | What::Ended
                | What::Deleted,
            ) if self.statuses != Statuses::None || self.had_several => {
                self.observe_pod(pod, context);
            }
            _ => {}
        }
    }

    fn observe_pod(&mut self, pod: PodId, context: &mut Context<'_, Event>) {
        let store = &context.store;
        let owner = store.pod(pod).and_then(|pod| pod.meta.owner);
        let Some(ObjectId::ReplicaSet(set)) = owner else {
            return;
        };
        let owner = store.replica_set(set).and_then(|set| set.meta.owner);
        let Some(ObjectId::Deployment(id)) = owner else {
            return;
        };
        if !self.is_unseen(id, store) {
            self.schedule(id, context.now + self.api_latency, context);
        }
    }

    /// Whether nobody sees what a sync makes of pods that have come or gone: with one ReplicaSet they
    /// change the status only.
    fn is_unseen(&mut self, id: DeploymentId, store: &Store) -> bool {
        if self.statuses == Statuses::All || self.known(id).sets.len() > 1 {
            return false;
        }
        let is_complete = |deployment: &Deployment| {
            let progressing = deployment.status.condition(ConditionType::Progressing);
            !deployment.spec.has_progress_deadline()
                || progressing.is_some_and(|one| one.reason == reason::NEW_REPLICA_SET_AVAILABLE)
        };
        self.statuses == Statuses::None || store.deployment(id).is_some_and(is_complete)
    }

    /// Wakes up for a Deployment one of whose ReplicaSets somebody else changes, or is about to
    /// delete: one of the same template has the same name again.
    pub fn enqueue(
        &mut self,
        id: DeploymentId,
        deleted: Option<ReplicaSetId>,
        context: &mut Context<'_, Event>,
    ) {
        let store = &context.store;
        let deleted = deleted.and_then(|set| store.replica_set(set));
        if let (Some(deployment), Some(set)) = (store.deployment(id), deleted)
            && deployment.template.is_same_revision(&set.template)
            && let Some(hash) = set.pod_labels.get(HASH_LABEL)
        {
            let hash = hash.clone();
            let known = self.known(id);
            known.hash = Some((known.created + 1, hash));
        }
        self.schedule(id, context.now + self.api_latency, context);
    }

    fn schedule(&mut self, id: DeploymentId, at: SimTime, context: &mut Context<'_, Event>) {
        let known = self.known(id);
        if known.sync_at.is_none_or(|scheduled| at < scheduled) {
            known.sync_at = Some(at);
            context.at(at, Event::Sync(id));
        }
    }

    /// Carries out an event.
    pub fn handle(
        &mut self,
        event: Event,
        pods: &mut PodControl,
        context: &mut Context<'_, Event>,
    ) {
        let Event::Sync(id) = event;
        let known = self.known(id);
        // A sync that was put forward leaves its later turn behind.
        if known
            .sync_at
            .is_some_and(|scheduled| scheduled <= context.now)
        {
            known.sync_at = None;
            self.sync(id, pods, context);
        }
    }

    /// One sync.
    pub fn sync(
        &mut self,
        id: DeploymentId,
        pods: &mut PodControl,
        context: &mut Context<'_, Event>,
    ) {
        let now = context.now;
        let looked = self.with_views(id, context.store, pods, now, |deployment, sets| {
            (
                sync(deployment, sets, now),
                deployment.template_hash.to_owned(),
            )
        });
        let Some((keys, next_available, (outcome, hash))) = looked else {
            return;
        };
        if let Some(at) = next_available {
            self.schedule(id, at, context);
        }
        self.carry_out(id, &keys, outcome, &hash, pods, context);
    }

    /// What a look at a Deployment and its ReplicaSets gives, with the keys of the ReplicaSets
    /// in the order of the views, and when the next of its ready pods becomes available.
    pub fn with_views<R>(
        &mut self,
        id: DeploymentId,
        store: &Store,
        pods: &mut PodControl,
        now: SimTime,
        look: impl FnOnce(&view::Deployment<'_>, &[view::ReplicaSet<'_>]) -> R,
    ) -> Option<(Vec<ReplicaSetId>, Option<SimTime>, R)> {
        let deployment = store.deployment(id)?;
        let known = self.known(id);
        let next = known.created + 1;
        let drawn = known.hash.as_ref().filter(|(of, _)| *of == next);
        let hash = match (deployment.template.whole.template_hash(), drawn) {
            (Some(hash), _) => hash.to_owned(),
            (None, Some((_, hash))) => hash.clone(),
            (None, None) => {
                let entry = store.workload(deployment.workload);
                let hash = pods.template_hash(deployment.workload, entry, next);
                known.hash = Some((next, hash.clone()));
                hash
            }
        };
        let sets: Vec<(ReplicaSetId, &ReplicaSet)> = known
            .sets
            .iter()
            .filter_map(|set| Some((*set, store.replica_set(*set)?)))
            .collect();
        let counted: Vec<Counted> = sets
            .iter()
            .map(|(set, _)| count(*set, store, now))
            .collect();
        let views: Vec<view::ReplicaSet<'_>> = sets
            .iter()
            .zip(&counted)
            .enumerate()
            .map(|(key, ((_, set), counted))| view::ReplicaSet {
                key,
                name: &set.meta.name,
                created: set.meta.created,
                deleting: false,
                has_deployments_template: Arc::ptr_eq(&set.template, &deployment.template)
                    || set.template.is_same_revision(&deployment.template),
                has_deployments_annotations: true,
                revision: set.rollout.revision,
                revision_history: &set.rollout.revision_history,
                desired_replicas: set.rollout.desired_replicas,
                max_replicas: set.rollout.max_replicas,
                replicas: set.replicas,
                min_ready_seconds: set.rollout.min_ready_seconds,
                unfinished_pods: counted.unfinished,
                status: view::ReplicaSetStatus {
                    replicas: counted.replicas,
                    ready_replicas: counted.ready,
                    available_replicas: counted.available,
                    terminating_replicas: Some(counted.terminating),
                    ..view::ReplicaSetStatus::default()
                },
            })
            .collect();
        let found = look(
            &view::Deployment {
                name: &deployment.meta.name,
                generation: deployment.meta.generation,
                deleting: false,
                template_hash: &hash,
                revision: deployment.revision,
                spec: deployment.spec,
                status: &deployment.status,
            },
            &views,
        );
        let next = counted.iter().filter_map(|counted| counted.next_available);
        let keys = sets.iter().map(|(set, _)| *set).collect();
        Some((keys, next.min(), found))
    }

    fn carry_out(
        &mut self,
        id: DeploymentId,
        keys: &[ReplicaSetId],
        outcome: SyncResult,
        hash: &str,
        pods: &mut PodControl,
        context: &mut Context<'_, Event>,
    ) {
        let mut has_moved = false;
        for step in outcome.steps {
            match step {
                Step::CreateReplicaSet(new) => {
                    has_moved = true;
                    if let Some(set) = new_replica_set(id, &new, hash, pods, context) {
                        let known = self.known(id);
                        known.sets.push(set);
                        known.created += 1;
                        self.had_several |= self.known(id).sets.len() > 1;
                    }
                }
                Step::ScaleReplicaSet {
                    key,
                    to,
                    desired_replicas,
                    max_replicas,
                    ..
                } => {
                    has_moved = true;
                    let Some(set) = context.store.replica_set(keys[key]) else {
                        continue;
                    };
                    let rollout = RolloutAnnotations {
                        desired_replicas: Some(desired_replicas),
                        max_replicas: Some(max_replicas),
                        ..(*set.rollout).clone()
                    };
                    if rollout != *set.rollout {
                        context.commit(Write::Rollout(keys[key], Arc::new(rollout)));
                    }
                    context.commit(Write::Replicas(ObjectId::ReplicaSet(keys[key]), to));
                }
                Step::AnnotateReplicaSet {
                    key,
                    revision,
                    revision_history,
                    min_ready_seconds,
                } => {
                    let Some(set) = context.store.replica_set(keys[key]) else {
                        continue;
                    };
                    let history = revision_history.map(Arc::from);
                    let rollout = RolloutAnnotations {
                        revision: Some(revision),
                        revision_history: history
                            .unwrap_or_else(|| Arc::clone(&set.rollout.revision_history)),
                        min_ready_seconds,
                        ..(*set.rollout).clone()
                    };
                    context.commit(Write::Rollout(keys[key], Arc::new(rollout)));
                }
                Step::DeleteReplicaSet { key } => {
                    context.commit(Write::Delete(ObjectId::ReplicaSet(keys[key])));
                }
                Step::UpdateStatus { status, revision } => {
                    write_status(id, status, revision, self.statuses, context);
                }
                Step::Event(event) => {
                    let kind = match event.kind {
                        EventType::Normal => EventKind::Normal,
                        EventType::Warning => EventKind::Warning,
                    };
                    let object = ObjectId::Deployment(id);
                    context
                        .events
                        .add(object, kind, event.reason, || event.message);
                }
            }
        }
        match outcome.requeue {
            Requeue::After(delay) => self.schedule(id, context.now + delay, context),
            Requeue::RateLimited => {
                let allowed = self.limiter.reserve(context.now);
                self.schedule(id, allowed.max(context.now + LEAST_DELAY), context);
            }
            // What it has written wakes it again.
            Requeue::No if has_moved && !self.is_unseen(id, context.store) => {
                self.schedule(id, context.now + self.api_latency, context);
            }
            Requeue::No => {}
        }
    }
}

fn write_status(
    id: DeploymentId,
    status: DeploymentStatus,
    revision: Option<i64>,
    statuses: Statuses,
    context: &mut Context<'_, Event>,
) {
    let Some(deployment) = context.store.deployment(id) else {
        return;
    };
    let news = *deployment.status != status || deployment.revision != revision;
    let is_seen = statuses != Statuses::None || !status.conditions.is_empty();
    if news && (is_seen || deployment.revision != revision) {
        context.commit(Write::DeploymentStatus(id, Arc::new(status), revision));
    }
}

/// What a ReplicaSet's status would say at this instant.
fn count(id: ReplicaSetId, store: &Store, now: SimTime) -> Counted {
    let Some(set) = store.replica_set(id) else {
        return Counted::default();
    };
    let owner = Some(ObjectId::ReplicaSet(id));
    let wait = SimDuration::from_secs(i64::from(set.rollout.min_ready_seconds));
    let mut counted = Counted::default();
    let pods = store.workload(set.workload).pods.iter();
    let pods = pods.filter_map(|pod| store.pod(*pod));
    for pod in pods.filter(|pod| pod.meta.owner == owner) {
        counted.unfinished += i32::from(!pod.has_ended());
        counted.terminating += i32::from(pod.is_deleting() && !pod.has_ended());
        counted.replicas += i32::from(Pod::is_active(pod));
        if !pod.is_ready() {
            continue;
        }
        counted.ready += 1;
        let available_at = pod.ready_transition + wait;
        if wait == SimDuration::ZERO || available_at <= now {
            counted.available += 1;
        } else {
            let next = counted.next_available.unwrap_or(available_at);
            counted.next_available = Some(next.min(available_at));
        }
    }
    counted
}

fn new_replica_set(
    id: DeploymentId,
    new: &super::NewReplicaSet,
    hash: &str,
    pods: &mut PodControl,
    context: &mut Context<'_, Event>,
) -> Option<ReplicaSetId> {
    let deployment = context.store.deployment(id)?;
    let with_hash = |labels: &Labels| {
        let mut labels = labels.clone();
        labels.insert(HASH_LABEL.to_owned(), hash.to_owned());
        labels
    };
    let namespace = &deployment.meta.namespace;
    let uid = pods.uid(&format!("ReplicaSet/{namespace}/{}", new.name));
    let set = ReplicaSet {
        meta: ObjectMeta {
            labels: Arc::new(with_hash(&deployment.template.labels)),
            owner: Some(ObjectId::Deployment(id)),
            ..ObjectMeta::new(namespace, &new.name, uid, context.now)
        },
        workload: deployment.workload,
        replicas: new.replicas,
        selector: Arc::new(LabelSelector {
            labels: with_hash(&deployment.selector.labels),
            expressions: deployment.selector.expressions.clone(),
        }),
        template: Arc::clone(&deployment.template),
        pod_labels: Arc::new(with_hash(&deployment.template.labels)),
        rollout: Arc::new(RolloutAnnotations {
            revision: Some(new.revision),
            revision_history: Arc::from(""),
            desired_replicas: Some(new.desired_replicas),
            max_replicas: Some(new.max_replicas),
            min_ready_seconds: new.min_ready_seconds,
        }),
    };
    let now = context.now;
    match context
        .store
        .commit(now, Write::CreateReplicaSet(Box::new(set)))
    {
        Some(ObjectId::ReplicaSet(set)) => Some(set),
        _ => None,
    }
}
