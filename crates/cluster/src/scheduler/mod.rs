//! The scheduler: one pod at a time by priority, then age; nodes filtered and scored as the default
//! profile's plugins do; ties drawn; room made by preemption.
//!
//! A pod that fits nowhere waits until something happens that may change that (queueing hints),
//! which with SchedulerPopFromBackoffQ is at once in an idle scheduler.

mod classes;
pub mod diagnosis;
mod domains;
pub mod fit;
mod hints;
mod load;
mod place;
mod preempt;
mod queue;
pub mod score;
mod search;
mod terms;

use std::sync::Arc;

use crate::api::{Change, Context, Labels, NodeId, ObjectId, Pod, PodId, PodWrite, Store, What};
use crate::cluster::spec::ClusterConfig;
use crate::controller::client::TokenBucket;
use crate::controller::pod_control::delete_pod;
use crate::sim::{SimDuration, SimTime};
use classes::{Class, Scratch};
use diagnosis::{Diagnosis, Plugins, Preemption};
use hints::Happening;
use preempt::Candidate;
use queue::Queue;

/// Pods that have waited for long are looked for so often.
const FLUSH_EVERY: SimDuration = SimDuration::from_secs(30);

/// Timers of the scheduler.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// It takes the next pod.
    Next,
    /// A binding arrives.
    Bind(PodId),
    /// The victims of a pod are deleted.
    Preempt(PodId),
    /// Pods that have waited for long are tried again.
    Flush,
    /// A back-off is over.
    BackoffOver,
}

/// The scheduler and its queues.
#[derive(Debug, Clone)]
pub struct Scheduler {
    queue: Queue,
    busy: bool,
    flushes: bool,
    /// When it looks at the ends of back-offs next, if it waits for one.
    waits_until: Option<SimTime>,
    client: TokenBucket,
    time_per_pod: SimDuration,
    api_latency: SimDuration,
    /// NodeResourcesBalancedAllocation as since 1.36.
    scores_change: bool,
    /// `percentageOfNodesToScore`: of 100 nodes or more; 0 for what upstream takes.
    percentage: u32,
    /// The node with which the next search begins.
    next_start: usize,
    classes: Vec<Class>,
    scratch: Scratch,
    /// Pods that wait for a node to become free for them.
    nominated: Vec<(PodId, NodeId)>,
    /// Pods whose victims are about to be deleted.
    preempting: Vec<(PodId, Candidate)>,
    /// The labels that nodes had when they were seen last, by slot.
    labels: Vec<Option<Arc<Labels>>>,
    /// What the last pod without others to push out was told.
    last: Option<Refused>,
}

/// What pods are told for which there is no node and nobody to push out; the same for all pods of
/// a class as long as no node changes.
#[derive(Debug, Clone)]
struct Refused {
    diagnosis: Arc<Diagnosis>,
    plugins: Plugins,
    message: Option<Arc<str>>,
}

impl Scheduler {
    /// A scheduler with these settings.
    pub fn new(config: &ClusterConfig) -> Self {
        Self {
            queue: Queue::new(config.pop_from_backoff),
            busy: false,
            flushes: false,
            waits_until: None,
            client: TokenBucket::new(config.scheduler_qps, config.scheduler_burst),
            time_per_pod: config.scheduler_time_per_pod,
            api_latency: config.api_latency,
            scores_change: config.balanced_allocation_v136,
            percentage: config.percentage_of_nodes_to_score,
            next_start: 0,
            classes: Vec::new(),
            scratch: Scratch::default(),
            nominated: Vec::new(),
            preempting: Vec::new(),
            labels: Vec::new(),
            last: None,
        }
    }

    /// Wakes up for a change.
    pub fn observe(&mut self, change: Change, context: &mut Context<'_, Event>) {
        match (change.object, change.what) {
            (ObjectId::Pod(id), What::Created | What::Spec) => self.enqueue(id, context),
            (ObjectId::Pod(id), What::Ended | What::Deleted) => self.pod_gone(id, change, context),
            // Room is what one more pod takes: most of those that wait need not be asked.
            (ObjectId::Pod(id), What::Scheduled)
                if (self.queue).has_refused(Plugins::SPREAD | Plugins::POD_AFFINITY) =>
            {
                let now = context.now;
                if let Some(pod) = context.store.pod(id) {
                    self.wake_waiting(Happening::PodCame(pod), now, context.store);
                }
                self.wake(context);
            }
            (ObjectId::Pod(_), What::ResizeAllocated) => {
                self.wake_waiting(Happening::PodResized, context.now, context.store);
                self.wake(context);
            }
            (ObjectId::Node(id), What::Created | What::Spec | What::Status) => {
                self.node_changed(id, change.what, context);
            }
            (ObjectId::Node(id), What::Deleted) => {
                let labels = self.labels.get_mut(id.slot()).and_then(Option::take);
                if let Some(labels) = labels {
                    self.wake_waiting(Happening::NodeGone(&labels), context.now, context.store);
                    self.wake(context);
                }
            }
            _ => {}
        }
    }

    /// Carries out an event.
    pub fn handle(&mut self, event: Event, context: &mut Context<'_, Event>) {
        match event {
            Event::Next => self.schedule_next(context),
            Event::Bind(id) => bind(id, context),
            Event::Preempt(id) => self.delete_victims(id, context),
            Event::BackoffOver => {
                self.waits_until = None;
                self.wake(context);
            }
            Event::Flush => {
                self.flushes = false;
                self.queue.flush(context.now);
                self.keep_flushing(context);
                self.wake(context);
            }
        }
    }

    /// A pod is new, or has changed while it waits.
    fn enqueue(&mut self, id: PodId, context: &mut Context<'_, Event>) {
        let waits = |pod: &&Pod| pod.node.is_none() && pod.is_active() && !is_gated(pod);
        let Some(pod) = context.store.pod(id).filter(waits) else {
            return;
        };
        if !self.queue.contains(id) {
            self.queue.add(id, pod.template.priority);
            self.wake(context);
        }
    }

    fn wake(&mut self, context: &mut Context<'_, Event>) {
        let Some(due) = self.queue.due(context.now).filter(|_| !self.busy) else {
            return;
        };
        if due <= context.now {
            self.busy = true;
            context.after(self.time_per_pod, Event::Next);
        } else if self.waits_until.is_none_or(|at| due < at) {
            self.waits_until = Some(due);
            context.at(due, Event::BackoffOver);
        }
    }

    fn wake_waiting(&mut self, happening: Happening<'_>, now: SimTime, store: &Store) {
        self.queue.wake(now, |id, plugins| {
            let pod = store.pod(id);
            pod.is_some_and(|pod| happening.may_help(pod, plugins))
        });
    }

    /// A pod waits for its node no longer: those that had to leave it room are no more important.
    fn wake_lower(&mut self, gone: &Pod, now: SimTime, store: &Store) {
        let happening = Happening::PodGone(gone);
        self.queue.wake(now, |id, plugins| {
            let pod = store.pod(id);
            let lower = pod.filter(|pod| pod.template.priority <= gone.template.priority);
            lower.is_some_and(|pod| happening.may_help(pod, plugins))
        });
    }

    /// A pod uses its node no more, or its object is gone.
    fn pod_gone(&mut self, id: PodId, change: Change, context: &mut Context<'_, Event>) {
        let waited = self.queue.contains(id);
        let expected = self.nominated.iter().any(|(pod, _)| *pod == id);
        self.queue.forget(id);
        self.nominated.retain(|(pod, _)| *pod != id);
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let freed = pod.node.is_some() && change.what == What::Ended;
        if freed || expected && waited {
            self.wake_waiting(Happening::PodGone(pod), context.now, context.store);
            self.wake(context);
        }
    }

    fn node_changed(&mut self, id: NodeId, what: What, context: &mut Context<'_, Event>) {
        let Some(node) = context.store.find_node(id) else {
            return;
        };
        if self.labels.len() <= id.slot() {
            self.labels.resize(id.slot() + 1, None);
        }
        let before = self.labels[id.slot()].replace(Arc::clone(node.labels()));
        let happening = match before {
            _ if what == What::Created => Happening::NodeCame(node),
            Some(ref before) if before != node.labels() => Happening::NodeLabels(before, node),
            _ => Happening::NodeTaints(node),
        };
        self.wake_waiting(happening, context.now, context.store);
        self.wake(context);
    }

    fn keep_flushing(&mut self, context: &mut Context<'_, Event>) {
        if !self.flushes && self.queue.has_waiting() {
            self.flushes = true;
            let past = context.now.0.rem_euclid(FLUSH_EVERY.0);
            context.after(SimDuration(FLUSH_EVERY.0 - past), Event::Flush);
        }
    }

    fn schedule_next(&mut self, context: &mut Context<'_, Event>) {
        self.busy = false;
        if let Some(id) = self.queue.pop(context.now) {
            let waits = |pod: &Pod| pod.node.is_none() && pod.is_active() && !is_gated(pod);
            if context.store.pod(id).is_some_and(waits) {
                match self.attempt(id, context) {
                    Ok(node) => self.assume(id, node, context),
                    Err(diagnosis) => self.refuse(id, &diagnosis, context),
                }
            } else {
                self.queue.forget(id);
            }
        }
        self.wake(context);
    }

    fn assume(&mut self, id: PodId, node: NodeId, context: &mut Context<'_, Event>) {
        self.queue.forget(id);
        self.nominated.retain(|(pod, _)| *pod != id);
        context.write_pod(id, PodWrite::Assume(node));
        let binds = self.client.reserve(context.now) + self.api_latency;
        context.at(binds, Event::Bind(id));
    }

    /// A pod fits nowhere: others may have to go; it waits.
    fn refuse(&mut self, id: PodId, diagnosis: &Arc<Diagnosis>, context: &mut Context<'_, Event>) {
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let wanted = context.events.is_wanted();
        let (
            outcome,
            Refused {
                plugins, message, ..
            },
        ) = if is_lowest(pod, context.store) {
            let refused = self.refused(pod, diagnosis, wanted);
            (Err(Preemption::Useless(Vec::new())), refused)
        } else {
            let offset = context.draws.tie_breaker(id);
            let outcome = self.make_room(id, diagnosis, offset, context.store);
            let preemption = match &outcome {
                Ok(_) => &Preemption::Started,
                Err(preemption) => preemption,
            };
            let refused = Refused {
                diagnosis: Arc::clone(diagnosis),
                plugins: diagnosis.plugins(),
                message: wanted.then(|| diagnosis.message(pod, preemption).into()),
            };
            (outcome, refused)
        };
        let is_news = pod.unschedulable.is_none() || pod.unschedulable_message != message;
        // A node that others left in vain is given up.
        let in_vain =
            matches!(outcome, Err(Preemption::Useless(_))) || diagnosis.refused.is_empty();
        let gives_up = in_vain && pod.nominated.is_some();
        if gives_up {
            self.nominated.retain(|(other, _)| *other != id);
            self.wake_lower(pod, context.now, context.store);
        }
        self.queue.failed(id, plugins, context.now);
        if let Some(message) = &message {
            let object = ObjectId::Pod(id);
            let text = || message.to_string();
            context.events.warning(object, "FailedScheduling", text);
        }
        if is_news {
            context.write_pod(id, PodWrite::Unschedulable(message));
        }
        if gives_up {
            context.write_pod(id, PodWrite::Nominate(None));
        }
        if let Ok(candidate) = outcome {
            self.nominate(id, candidate, context);
        }
        self.keep_flushing(context);
    }

    /// What a pod is told that has nobody to push out.
    fn refused(&mut self, pod: &Pod, diagnosis: &Arc<Diagnosis>, wanted: bool) -> Refused {
        let known = self.last.take();
        let same = known.filter(|last| Arc::ptr_eq(&last.diagnosis, diagnosis));
        let refused = same.unwrap_or_else(|| {
            let useless = || Preemption::Useless(diagnosis.resolvable().map(|_| None).collect());
            Refused {
                diagnosis: Arc::clone(diagnosis),
                plugins: diagnosis.plugins(),
                message: wanted.then(|| diagnosis.message(pod, &useless()).into()),
            }
        });
        self.last = Some(refused.clone());
        refused
    }

    /// A pod will get this node once its victims have gone.
    fn nominate(&mut self, id: PodId, candidate: Candidate, context: &mut Context<'_, Event>) {
        let node = candidate.node;
        let priority = |id: PodId| context.store.pod(id).map(|pod| pod.template.priority);
        let own = priority(id);
        let displaced: Vec<PodId> = (self.nominated)
            .extract_if(.., |(other, on)| *on == node && priority(*other) < own)
            .map(|(other, _)| other)
            .collect();
        for other in displaced {
            context.write_pod(other, PodWrite::Nominate(None));
        }
        self.nominated.retain(|(pod, _)| *pod != id);
        self.nominated.push((id, node));
        context.write_pod(id, PodWrite::Nominate(Some(node)));
        let takes = self.api_latency + self.api_latency;
        self.queue.hold(id, context.now + takes);
        context.after(takes, Event::Preempt(id));
        self.preempting.push((id, candidate));
    }

    /// The API server has heard that a pod's victims go.
    fn delete_victims(&mut self, id: PodId, context: &mut Context<'_, Event>) {
        let Some(place) = self.preempting.iter().position(|(pod, _)| *pod == id) else {
            return;
        };
        let (_, candidate) = self.preempting.remove(place);
        let uid = context.store.pod(id).map(|pod| pod.meta.uid);
        let node = context.store.find_node(candidate.node);
        let node = node.map(|node| Arc::clone(&node.meta.name));
        let (Some(uid), Some(node)) = (uid, node) else {
            return;
        };
        for victim in candidate.victims {
            let goes = |pod: &Pod| !pod.is_deleting() && !pod.has_ended();
            if context.store.pod(victim).is_some_and(goes) {
                context.write_pod(victim, PodWrite::Preempt);
                delete_pod(victim, context);
                let message = || format!("Preempted by pod {uid} on node {node}");
                let object = ObjectId::Pod(victim);
                context.events.normal(object, "Preempted", message);
            }
        }
    }
}

/// Whether no pod is less important than this one, which would push others out.
fn is_lowest(pod: &Pod, store: &Store) -> bool {
    let lowest = store.lowest_priority();
    lowest.is_none_or(|lowest| lowest >= pod.template.priority) && !pod.template.never_preempts
}

/// Whether the scheduler leaves a pod alone.
fn is_gated(pod: &Pod) -> bool {
    let placement = pod.template.placement.as_ref();
    placement.is_some_and(|one| !one.gates.is_empty())
}

/// A binding arrives at the API server.
fn bind(id: PodId, context: &mut Context<'_, Event>) {
    let Some(pod) = context.store.pod(id).filter(|pod| !pod.is_deleting()) else {
        return;
    };
    let Some(node) = pod.node.and_then(|node| context.store.find_node(node)) else {
        return;
    };
    let meta = &pod.meta;
    let message = || {
        let (namespace, name, node) = (&meta.namespace, &meta.name, node.name());
        format!("Successfully assigned {namespace}/{name} to {node}")
    };
    let object = ObjectId::Pod(id);
    context.events.normal(object, "Scheduled", message);
    context.write_pod(id, PodWrite::Bind);
}

#[cfg(test)]
mod tests;
