//! The calls that a controller has under way for one object, and when it looks at it again.

use super::client::TokenBucket;
use super::replicaset::slow_start::{FIRST_BATCH, next_batch};
use crate::api::{Context, PodId};
use crate::cluster::spec::ClusterConfig;
use crate::sim::{Dist, SimDuration, SimTime, Stream};

/// Creates or deletes of one sync at most (`burstReplicas`).
pub(super) const BURST_REPLICAS: usize = 500;

/// Calls under way. While there are any, the controller does nothing else with the object: it
/// waits for their effects to show (upstream's expectations).
#[derive(Debug, Clone, Default)]
pub(super) struct Calls {
    /// Pods that are about to be created.
    creating: usize,
    /// The batch under way: its size, and how many of it have not arrived.
    batch: (usize, usize),
    /// Pods whose delete calls have not arrived.
    deleting: Vec<PodId>,
    /// When the next sync is scheduled.
    sync_at: Option<SimTime>,
    /// Pods that it may release or adopt at its next sync.
    pub(super) claims: Vec<PodId>,
    /// Until when an update of its status is under way.
    status_until: SimTime,
    /// What the event recorder lets through of its events.
    spam_filter: Option<TokenBucket>,
}

impl Calls {
    /// Whether a sync at `at` is earlier than any scheduled one.
    pub(super) fn schedule(&mut self, at: SimTime) -> bool {
        let is_news = self.sync_at.is_none_or(|scheduled| at < scheduled);
        if is_news {
            self.sync_at = Some(at);
        }
        is_news
    }

    /// A sync is due now; whether it may go ahead.
    pub(super) fn begin_sync(&mut self, now: SimTime) -> bool {
        self.sync_at = self.sync_at.filter(|scheduled| *scheduled > now);
        self.creating == 0 && self.deleting.is_empty()
    }

    /// Begins to create this many pods; returns the size of the first batch of calls.
    pub(super) fn begin_creating(&mut self, count: usize) -> usize {
        self.creating = count.min(BURST_REPLICAS);
        self.begin_batch(FIRST_BATCH.min(self.creating))
    }

    fn begin_batch(&mut self, size: usize) -> usize {
        self.batch = (size, size);
        size
    }

    /// A create call arrives: the size of the next batch, if this was the last of its own.
    pub(super) fn created(&mut self) -> usize {
        let (size, under_way) = (self.batch.0, self.batch.1.saturating_sub(1));
        self.batch.1 = under_way;
        self.creating = self.creating.saturating_sub(1);
        if under_way == 0 && self.creating > 0 {
            return self.begin_batch(next_batch(size, self.creating));
        }
        0
    }

    /// Whether all create calls have arrived.
    pub(super) fn has_created(&self) -> bool {
        self.creating == 0
    }

    /// A delete call is made; whether it is the first for this pod.
    pub(super) fn delete(&mut self, pod: PodId) -> bool {
        let is_first = !self.deleting.contains(&pod);
        if is_first {
            self.deleting.push(pod);
        }
        is_first
    }

    /// A delete call arrives, or the pod is being deleted anyway.
    pub(super) fn deleted(&mut self, pod: PodId) {
        self.deleting.retain(|other| *other != pod);
    }

    /// Forgets what is under way: the object is gone.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// A controller's client, and the calls that it has under way for each object, by slot.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) api_latency: SimDuration,
    client: TokenBucket,
    events: EventWriter,
    sync_delay: Dist,
    stream: Stream,
    calls: Vec<Calls>,
}

/// Events that wait to be written: one goroutine writes them, one after another, with the
/// controller's client (`tools/record/event.go` of client-go).
#[derive(Debug, Clone, Default)]
struct EventWriter {
    waiting: usize,
    free_at: SimTime,
}

/// Events of an object that are written at once, and one more after each `EVENT_REFILL` seconds
/// (`EventSourceObjectSpamFilter`).
const EVENT_BURST: u32 = 25;
const EVENT_REFILL: f64 = 300.0;

impl Caller {
    /// A client with the limits of kube-controller-manager's, and the draws of its delays.
    pub(super) fn new(config: &ClusterConfig, stream: Stream) -> Self {
        Self {
            api_latency: config.api_latency,
            events: EventWriter::default(),
            sync_delay: config.controller_sync_delay.clone(),
            stream,
            client: TokenBucket::new(config.controller_qps, config.controller_burst),
            calls: Vec::new(),
        }
    }

    /// The calls under way for an object.
    pub(super) fn of(&mut self, slot: usize) -> &mut Calls {
        if self.calls.len() <= slot {
            self.calls.resize(slot + 1, Calls::default());
        }
        &mut self.calls[slot]
    }

    /// From a write of an object's scale to its sync.
    pub(super) fn sync_delay(&mut self) -> SimDuration {
        SimDuration::from_secs_f64(self.sync_delay.sample(&mut self.stream))
    }

    /// Reserves a call: when it may be made.
    pub(super) fn reserve(&mut self, now: SimTime) -> SimTime {
        let events = &mut self.events;
        while events.waiting > 0 && events.free_at <= now {
            events.free_at = self.client.reserve(events.free_at) + self.api_latency;
            events.waiting -= 1;
        }
        self.client.reserve(now)
    }

    /// An event about an object is reported: the client writes it.
    pub(super) fn report(&mut self, slot: usize, now: SimTime) {
        let filter = &mut self.of(slot).spam_filter;
        let filter =
            filter.get_or_insert_with(|| TokenBucket::new(1.0 / EVENT_REFILL, EVENT_BURST));
        if filter.take(now) {
            let events = &mut self.events;
            if events.waiting == 0 {
                events.free_at = events.free_at.max(now);
            }
            events.waiting += 1;
        }
    }

    /// The pods of an object have changed: unless it is busy with it, the controller updates its
    /// status.
    pub(super) fn update_status(&mut self, slot: usize, now: SimTime) {
        let calls = self.of(slot);
        if calls.has_created() && calls.status_until <= now {
            let until = self.reserve(now) + self.api_latency;
            self.of(slot).status_until = until;
        }
    }

    /// Schedules a sync after a delay, unless an earlier one is.
    pub(super) fn schedule<E>(
        &mut self,
        slot: usize,
        delay: SimDuration,
        sync: E,
        context: &mut Context<'_, E>,
    ) {
        let at = context.now + delay;
        if self.of(slot).schedule(at) {
            context.at(at, sync);
        }
    }

    /// Begins to create so many pods.
    pub(super) fn create_many<E: Copy>(
        &mut self,
        slot: usize,
        count: usize,
        create: E,
        context: &mut Context<'_, E>,
    ) {
        let batch = self.of(slot).begin_creating(count);
        self.issue(batch, create, context);
    }

    /// Makes a batch of create calls.
    pub(super) fn issue<E: Copy>(&mut self, batch: usize, create: E, context: &mut Context<'_, E>) {
        for _ in 0..batch {
            let made = self.reserve(context.now);
            context.at(made + self.api_latency, create);
        }
    }

    /// Makes a delete call; false if one is under way.
    pub(super) fn delete<E>(
        &mut self,
        slot: usize,
        pod: PodId,
        delete: E,
        context: &mut Context<'_, E>,
    ) -> bool {
        let is_first = self.of(slot).delete(pod);
        if is_first {
            let arrives = self.reserve(context.now) + self.api_latency;
            context.at(arrives, delete);
            self.report(slot, context.now);
        }
        is_first
    }
}
