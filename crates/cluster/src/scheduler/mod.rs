//! The scheduler: one pod at a time by priority, then age; nodes filtered by requests and
//! scored by the default plugins; ties drawn.
//!
//! A pod that fits nowhere waits until capacity is freed (queueing hints), which with
//! SchedulerPopFromBackoffQ is at once in an idle scheduler.

mod classes;
pub mod fit;
mod place;
pub mod score;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::api::{Change, Context, ObjectId, PodId, PodWrite, What};
use crate::cluster::spec::ClusterConfig;
use crate::controller::client::TokenBucket;
use crate::sim::SimDuration;
use classes::{Class, Scratch};

/// Timers of the scheduler.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// It takes the next pod.
    Next,
    /// A binding arrives.
    Bind(PodId),
}

/// The scheduler and its queues.
#[derive(Debug, Clone)]
pub struct Scheduler {
    active: BinaryHeap<(i32, Reverse<u64>, PodId)>,
    /// With their place in the order, given by their last attempt.
    unschedulable: Vec<(u64, PodId)>,
    busy: bool,
    arrivals: u64,
    client: TokenBucket,
    time_per_pod: SimDuration,
    api_latency: SimDuration,
    /// NodeResourcesBalancedAllocation as since 1.36.
    scores_change: bool,
    classes: Vec<Class>,
    scratch: Scratch,
}

impl Scheduler {
    /// A scheduler with these settings.
    pub fn new(config: &ClusterConfig) -> Self {
        Self {
            active: BinaryHeap::new(),
            unschedulable: Vec::new(),
            busy: false,
            arrivals: 0,
            client: TokenBucket::new(config.scheduler_qps, config.scheduler_burst),
            time_per_pod: config.scheduler_time_per_pod,
            api_latency: config.api_latency,
            scores_change: config.balanced_allocation_v136,
            classes: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// Wakes up for a change.
    pub fn observe(&mut self, change: Change, context: &mut Context<'_, Event>) {
        match (change.object, change.what) {
            (ObjectId::Pod(id), What::Created)
                if context.store.pod(id).is_some_and(|pod| pod.node.is_none()) =>
            {
                self.arrivals += 1;
                self.enqueue(self.arrivals, id, context);
            }
            (ObjectId::Pod(_), What::Ended | What::ResizeAllocated)
            | (ObjectId::Node(_), What::Created | What::Spec | What::Status) => {
                self.retry_unschedulable(context);
            }
            _ => {}
        }
    }

    /// Carries out an event.
    pub fn handle(&mut self, event: Event, context: &mut Context<'_, Event>) {
        match event {
            Event::Next => self.schedule_next(context),
            Event::Bind(id) => bind(id, context),
        }
    }

    fn enqueue(&mut self, turn: u64, id: PodId, context: &mut Context<'_, Event>) {
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let priority = pod.template.priority;
        self.active.push((priority, Reverse(turn), id));
        self.wake(context);
    }

    fn wake(&mut self, context: &mut Context<'_, Event>) {
        if !self.busy && !self.active.is_empty() {
            self.busy = true;
            context.after(self.time_per_pod, Event::Next);
        }
    }

    /// Capacity was freed: pods that fitted nowhere are tried again.
    fn retry_unschedulable(&mut self, context: &mut Context<'_, Event>) {
        for (turn, id) in std::mem::take(&mut self.unschedulable) {
            self.enqueue(turn, id, context);
        }
    }

    fn schedule_next(&mut self, context: &mut Context<'_, Event>) {
        self.busy = false;
        if let Some((_, _, id)) = self.active.pop()
            && let Some(pod) = context.store.pod(id)
            && !pod.is_deleting()
            && pod.node.is_none()
        {
            match self.find_node(id, context) {
                Some(node) => {
                    context.write_pod(id, PodWrite::Assume(node));
                    let binds = self.client.reserve(context.now) + self.api_latency;
                    context.at(binds, Event::Bind(id));
                }
                None => self.refuse(id, context),
            }
        }
        self.wake(context);
    }

    fn refuse(&mut self, id: PodId, context: &mut Context<'_, Event>) {
        self.arrivals += 1;
        self.unschedulable.push((self.arrivals, id));
        let known = |pod: &crate::api::Pod| pod.unschedulable.is_some();
        if !context.store.pod(id).is_some_and(known) {
            let store = &*context.store;
            let message = || Self::unfit(id, store).message(store.node_count());
            let object = ObjectId::Pod(id);
            context.events.warning(object, "FailedScheduling", message);
            context.write_pod(id, PodWrite::Unschedulable);
        }
    }
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
