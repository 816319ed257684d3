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
mod images;
mod load;
mod node_tree;
mod place;
mod preempt;
mod queue;
mod refuse;
pub mod score;
mod search;
mod terms;
mod wake;

use std::sync::Arc;

use crate::api::{Context, Labels, NodeId, ObjectId, Pod, PodId, PodWrite};
use crate::cluster::spec::ClusterConfig;
use crate::controller::client::TokenBucket;
use crate::sim::{SimDuration, SimTime};
use classes::{Class, Scratch};
use node_tree::NodeTree;
use preempt::Candidate;
use queue::Queue;
use refuse::Refused;
use wake::Seen;

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
    /// The place of the node with which the next search begins.
    next_start: usize,
    node_tree: NodeTree,
    classes: Vec<Class>,
    scratch: Scratch,
    /// Pods that name a node which is not there.
    homeless: Vec<PodId>,
    /// Pods that wait for a node to become free for them.
    nominated: Vec<(PodId, NodeId)>,
    /// Pods whose victims are about to be deleted.
    preempting: Vec<(PodId, Candidate)>,
    /// What nodes were when they were seen last, by slot.
    nodes: Vec<Option<Seen>>,
    /// The labels that pods had then, by slot.
    labels: Vec<Option<Arc<Labels>>>,
    /// What the last pod without others to push out was told.
    last: Option<Refused>,
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
            node_tree: NodeTree::default(),
            classes: Vec::new(),
            scratch: Scratch::default(),
            homeless: Vec::new(),
            nominated: Vec::new(),
            preempting: Vec::new(),
            nodes: Vec::new(),
            labels: Vec::new(),
            last: None,
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
    let (object, to) = (ObjectId::Pod(id), node.name());
    let sentence: [&str; 6] = [
        "Successfully assigned ",
        &meta.namespace,
        "/",
        &meta.name,
        " to ",
        to,
    ];
    context.events.normal_of(object, "Scheduled", &sentence);
    context.write_pod(id, PodWrite::Bind);
}

#[cfg(test)]
mod tests;
