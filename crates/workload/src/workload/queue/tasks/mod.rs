//! Queues from which workers take messages one by one: RabbitMQ, lists of Redis under Celery, SQS.
//!
//! A message is ready, held back, or held by a worker, which has begun its task or will as soon as
//! it has a free slot. Acknowledged early it is out of the broker when its task begins; late, when
//! the task is done. What a killed worker leaves unacknowledged comes back at once where the
//! broker notices (RabbitMQ closes the channel), or some heartbeats later if its machine is gone; else
//! once its visibility timeout has passed: by itself of SQS, at a worker's next sweep of a list of
//! Redis. That timeout also brings back what a worker still has: its task is then done twice.
//!
//! As Celery does: a worker with `prefetch_multiplier` m and c slots holds up to m × c
//! unacknowledged messages; a retry is a new message that comes after `retry_delay`. Until then it
//! counts as a worker's, but is nobody's: it goes to whoever is free then.

mod ages;
mod deliver;
mod hands;
mod ready;
mod restorers;
mod shown;
mod workers;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::super::request::Work;
use super::super::server::Server;
use super::readings::{Counts, Rate};
use super::spec::{Acknowledge, QueueKind, QueueSpec};
use super::{Fate, Luck, Message, Settled};
use crate::sim::{Key, SimDuration, SimTime, Streams};
use ages::Ages;
use ready::{Position, Ready};
use restorers::Restorers;
use workers::Workers;

/// Where a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Free,
    Ready,
    Delayed,
    /// To be tried again later: Celery publishes it anew, with the time at which it is to begin, and
    /// a worker takes it at once, beside what it prefetches, and holds it until then.
    Retried,
    Held,
}

/// A message in the broker.
#[derive(Debug, Clone, Copy)]
struct Entry {
    message: Message,
    state: State,
    generation: u32,
    /// When it was published: a message that is tried again is published anew.
    published: SimTime,
    /// Its place in the queue, once it has been ready.
    position: Position,
}

/// Finds a message as long as it is in the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Handle {
    slot: u32,
    generation: u32,
}

/// A message in a worker's hands.
#[derive(Debug, Clone, Copy)]
struct Delivery {
    handle: Handle,
    /// As it was delivered; its count of deliveries tells this one from others of the same message.
    message: Message,
    server: Key<Server>,
    running: bool,
    acked: bool,
}

/// A queue with its workers.
#[derive(Debug, Clone)]
pub(super) struct TaskQueue {
    acknowledge: Acknowledge,
    prefetch_multiplier: u32,
    max_retries: u32,
    retry_delay: SimDuration,
    kind: QueueKind,
    delay: SimDuration,
    visibility: Option<SimDuration>,
    max_deliveries: Option<u32>,
    luck: Luck,
    entries: Vec<Entry>,
    free: Vec<u32>,
    ready: Ready,
    ages: Ages,
    /// Messages in each state, by `State`; at `Free` tasks acknowledged early that run.
    inside: [u64; 5],
    /// Messages held back and when they are ready; (time, order) is unique.
    delayed: BinaryHeap<Reverse<(SimTime, u64, Handle)>>,
    order: u64,
    /// When held messages come back: the number of the delivery beside each.
    expiries: VecDeque<(SimTime, Handle, u32)>,
    /// Who restores them, of a list of Redis.
    restorers: Restorers,
    deliveries: Vec<Option<Delivery>>,
    free_deliveries: Vec<u32>,
    workers: Workers,
    /// Workers that take messages, in turn.
    takers: VecDeque<u32>,
    /// Workers that may begin a reserved task.
    starters: Vec<u32>,
    pub(super) counts: Counts,
    running: u64,
    published: Rate,
    delivered: Rate,
    pub(super) settled: Vec<Settled>,
}

/// SQS puts a message that was received so often to the back of the queue, and does not count its age.
const POISONED: u32 = 3;

/// The place in `inside` of tasks that run and whose messages the broker has forgotten.
const ACKED: usize = State::Free as usize;

impl TaskQueue {
    pub(super) fn new(spec: &QueueSpec, own: Streams) -> Self {
        let worker = &spec.worker;
        Self {
            acknowledge: worker.acknowledge,
            prefetch_multiplier: worker.prefetch_multiplier,
            max_retries: worker.max_retries,
            retry_delay: worker.retry_delay,
            kind: spec.kind,
            delay: spec.delay,
            visibility: spec.kind.visibility(),
            max_deliveries: spec.max_deliveries,
            luck: Luck {
                streams: own.of("failure"),
                rate: worker.failure_rate,
            },
            entries: Vec::new(),
            free: Vec::new(),
            ready: Ready::default(),
            ages: Ages::default(),
            inside: [0; 5],
            delayed: BinaryHeap::new(),
            order: 0,
            expiries: VecDeque::new(),
            restorers: Restorers::default(),
            deliveries: Vec::new(),
            free_deliveries: Vec::new(),
            workers: Workers::default(),
            takers: VecDeque::new(),
            starters: Vec::new(),
            counts: Counts::default(),
            running: 0,
            published: Rate::default(),
            delivered: Rate::default(),
            settled: Vec::new(),
        }
    }

    pub(super) fn produce(&mut self, now: SimTime, work: Work) {
        let message = Message {
            work,
            number: self.counts.produced,
            failures: 0,
            deliveries: 0,
        };
        self.counts.produced += 1;
        self.put(now, message, self.delay);
    }

    /// Publishes a message, which is ready after a delay.
    fn put(&mut self, now: SimTime, message: Message, delay: SimDuration) {
        self.counts.published += 1;
        self.published.count(now);
        let entry = Entry {
            message,
            state: State::Free,
            generation: 0,
            published: now,
            position: 0,
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.entries.push(entry);
            self.entries.len() as u32 - 1
        });
        let place = &mut self.entries[slot as usize];
        place.message = message;
        place.published = now;
        let handle = Handle {
            slot,
            generation: place.generation,
        };
        let entries = &self.entries;
        let is_there = |one: Handle| {
            let entry = &entries[one.slot as usize];
            entry.generation == one.generation && entry.state != State::Free
        };
        self.ages.push(handle, entries.len(), is_there);
        if delay > SimDuration::ZERO {
            let is_held = message.failures > 0 && self.kind.workers_hold_retries();
            let state = if is_held {
                State::Retried
            } else {
                State::Delayed
            };
            self.set(handle, state);
            self.order += 1;
            self.delayed
                .push(Reverse((now + delay, self.order, handle)));
        } else {
            self.append(handle);
        }
    }

    /// A message is ready, behind all others.
    fn append(&mut self, handle: Handle) {
        self.set(handle, State::Ready);
        self.entries[handle.slot as usize].position = self.ready.append(handle);
    }

    fn find(&self, handle: Handle) -> Option<&Entry> {
        let entry = self.entries.get(handle.slot as usize)?;
        (entry.generation == handle.generation).then_some(entry)
    }

    fn set(&mut self, handle: Handle, state: State) {
        let entry = &mut self.entries[handle.slot as usize];
        if entry.state != State::Free {
            self.inside[entry.state as usize] -= 1;
        }
        entry.state = state;
        if state != State::Free {
            self.inside[state as usize] += 1;
        }
    }

    /// Takes a message out of the broker.
    fn remove(&mut self, handle: Handle) {
        self.set(handle, State::Free);
        let entry = &mut self.entries[handle.slot as usize];
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(handle.slot);
    }

    fn settle(&mut self, message: &Message, fate: Fate) {
        self.counts.settle(fate);
        self.settled.push(message.settled(fate));
    }

    fn take_delivery(&mut self, number: u32) -> Option<Delivery> {
        let delivery = self.deliveries.get_mut(number as usize)?.take()?;
        self.free_deliveries.push(number);
        Some(delivery)
    }

    /// The message of a delivery comes back: to the place that it had, to the head of a list. One that
    /// has come back before is in other hands: nothing happens.
    fn give_back(&mut self, handle: Handle, deliveries: u32) {
        if !self.is_held(handle, deliveries) {
            return;
        }
        let Entry {
            message, position, ..
        } = self.entries[handle.slot as usize];
        let is_sqs = matches!(self.kind, QueueKind::Sqs { .. });
        // SQS sees it when it would hand the message out once more.
        if self.is_spent(&message) && !is_sqs {
            self.remove(handle);
            self.settle(&message, Fate::DeadLettered);
            return;
        }
        if is_sqs && deliveries >= POISONED {
            self.append(handle);
            return;
        }
        self.set(handle, State::Ready);
        if self.is_list() {
            self.ready.prepend(handle);
        } else {
            self.ready.restore(position, handle);
        }
    }

    /// Whether a message has been delivered as often as may be.
    fn is_spent(&self, message: &Message) -> bool {
        let most = self.max_deliveries;
        most.is_some_and(|most| message.deliveries >= most)
    }

    /// The message at the head.
    fn head(&mut self) -> Option<Handle> {
        while let Some(handle) = self.ready.peek() {
            if self
                .find(handle)
                .is_some_and(|one| one.state == State::Ready)
            {
                return Some(handle);
            }
            self.ready.pop();
        }
        None
    }

    /// Whether a message is still held by the delivery of this number.
    fn is_held(&self, handle: Handle, deliveries: u32) -> bool {
        self.find(handle).is_some_and(|entry| {
            entry.state == State::Held && entry.message.deliveries == deliveries
        })
    }

    fn drop_stale_expiries(&mut self) {
        while let Some(&(_, handle, deliveries)) = self.expiries.front()
            && !self.is_held(handle, deliveries)
        {
            self.expiries.pop_front();
        }
    }

    /// When what has been held for too long comes back.
    fn next_expiry(&self) -> Option<SimTime> {
        let at = self.expiries.front().map(|&(at, ..)| at)?;
        match self.kind {
            QueueKind::Redis { .. } => self.restorers.first_from(at),
            _ => Some(at),
        }
    }

    pub(super) fn next_timer(&mut self) -> Option<SimTime> {
        self.drop_stale_expiries();
        let delayed = self.delayed.peek().map(|Reverse((at, ..))| *at);
        [self.next_expiry(), delayed, self.workers.next_noticed()]
            .into_iter()
            .flatten()
            .min()
    }

    pub(super) fn fire(&mut self, now: SimTime) {
        while let Some(&Reverse((at, _, handle))) = self.delayed.peek()
            && at <= now
        {
            self.delayed.pop();
            self.append(handle);
        }
        self.notice_silent(now);
        if self.next_expiry().is_some_and(|at| at <= now) {
            self.expire(now);
        }
    }

    /// Brings back all that has been held for too long: of a list the newest first, so that the oldest is
    /// at the head.
    fn expire(&mut self, now: SimTime) {
        let due = self.expiries.partition_point(|&(at, ..)| at <= now);
        let mut due: Vec<_> = self.expiries.drain(..due).collect();
        if self.is_list() {
            due.reverse();
        }
        for (_, handle, deliveries) in due {
            self.give_back(handle, deliveries);
        }
    }
}
