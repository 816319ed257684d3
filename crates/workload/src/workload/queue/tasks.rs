//! Queues from which workers take messages one by one: RabbitMQ, lists of Redis under Celery, SQS.
//!
//! A message is ready, held back, or held by a worker, which has begun its task or will as soon as
//! it has a free slot. Acknowledged early it is out of the broker when its task begins; late, when
//! the task is done. What a worker leaves unacknowledged when it ends comes back at once where the
//! broker notices (RabbitMQ closes the channel), else once its visibility timeout has passed. That
//! timeout also brings back what a worker still has: its task is then done twice.
//!
//! As Celery does: a worker with `prefetch_multiplier` m and c slots holds up to m × c
//! unacknowledged messages; a retry is a new message that comes after `retry_delay`. Until then it
//! counts as a worker's, but is nobody's: it goes to whoever is free then.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::super::request::{Ending, Work};
use super::super::server::Server;
use super::readings::{Counts, Rate, Readings};
use super::spec::{Acknowledge, QueueSpec};
use super::{Fate, Luck, Message, Settled, Start};
use crate::sim::{Key, SimDuration, SimTime, Streams};

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

/// A worker.
#[derive(Debug, Clone)]
struct Worker {
    server: Key<Server>,
    slots: u32,
    running: u32,
    /// Deliveries whose tasks have not begun.
    reserved: VecDeque<u32>,
    taking: bool,
    /// Whether it is in the list of those that take messages.
    listed: bool,
}

/// A queue with its workers.
#[derive(Debug, Clone)]
pub(super) struct TaskQueue {
    acknowledge: Acknowledge,
    prefetch_multiplier: u32,
    max_retries: u32,
    retry_delay: SimDuration,
    /// Whether messages to be tried again are in workers' hands until then; else the broker's.
    workers_hold_retries: bool,
    delay: SimDuration,
    visibility: Option<SimDuration>,
    max_deliveries: Option<u32>,
    luck: Luck,
    entries: Vec<Entry>,
    free: Vec<u32>,
    ready: VecDeque<Handle>,
    /// Messages in each state, by `State`; at `Free` tasks acknowledged early that run.
    inside: [u64; 5],
    /// Messages held back and when they are ready; (time, order) is unique.
    delayed: BinaryHeap<Reverse<(SimTime, u64, Handle)>>,
    order: u64,
    /// When held messages come back: the number of the delivery beside each.
    expiries: VecDeque<(SimTime, Handle, u32)>,
    deliveries: Vec<Option<Delivery>>,
    free_deliveries: Vec<u32>,
    /// By the slot of their servers.
    workers: Vec<Option<Worker>>,
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
            workers_hold_retries: spec.kind.workers_hold_retries(),
            delay: spec.delay,
            visibility: spec.kind.visibility(),
            max_deliveries: spec.max_deliveries,
            luck: Luck {
                streams: own.of("failure"),
                rate: worker.failure_rate,
            },
            entries: Vec::new(),
            free: Vec::new(),
            ready: VecDeque::new(),
            inside: [0; 5],
            delayed: BinaryHeap::new(),
            order: 0,
            expiries: VecDeque::new(),
            deliveries: Vec::new(),
            free_deliveries: Vec::new(),
            workers: Vec::new(),
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
        self.published.count(now);
        self.put(now, message, self.delay);
    }

    /// Puts a message into the broker, ready after a delay.
    fn put(&mut self, now: SimTime, message: Message, delay: SimDuration) {
        let entry = Entry {
            message,
            state: State::Free,
            generation: 0,
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.entries.push(entry);
            self.entries.len() as u32 - 1
        });
        let place = &mut self.entries[slot as usize];
        place.message = message;
        let handle = Handle {
            slot,
            generation: place.generation,
        };
        if delay > SimDuration::ZERO {
            let is_held = message.failures > 0 && self.workers_hold_retries;
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
            self.set(handle, State::Ready);
            self.ready.push_back(handle);
        }
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
        match fate {
            Fate::Done => self.counts.done += 1,
            Fate::DeadLettered | Fate::TimedOut => self.counts.dead_lettered += 1,
            Fate::Lost => self.counts.lost += 1,
        }
        self.settled.push(Settled {
            origin: message.work.origin,
            arrival: message.work.arrival,
            fate,
        });
    }

    pub(super) fn connect(&mut self, _now: SimTime, server: Key<Server>, slots: u32) {
        let place = server.slot();
        if self.workers.len() <= place {
            self.workers.resize(place + 1, None);
        }
        if self.workers[place].is_some() {
            return;
        }
        self.workers[place] = Some(Worker {
            server,
            slots: slots.max(1),
            running: 0,
            reserved: VecDeque::new(),
            taking: true,
            listed: false,
        });
        self.list(place as u32);
    }

    fn worker(&mut self, server: Key<Server>) -> Option<&mut Worker> {
        let worker = self.workers.get_mut(server.slot())?.as_mut()?;
        (worker.server == server).then_some(worker)
    }

    pub(super) fn disconnect(&mut self, _now: SimTime, server: Key<Server>) {
        let Some(worker) = self.worker(server) else {
            return;
        };
        worker.taking = false;
        // The newest first, so that the oldest is at the head of the queue again.
        while let Some(number) = self.worker(server).and_then(|one| one.reserved.pop_back()) {
            if let Some(Delivery {
                handle, message, ..
            }) = self.take_delivery(number)
            {
                self.give_back(handle, message.deliveries);
            }
        }
    }

    pub(super) fn lose(&mut self, now: SimTime, server: Key<Server>) {
        if self.worker(server).is_none() {
            return;
        }
        // The broker of a list or of SQS sees no connection: all comes back by the timeout.
        if self.visibility.is_some() {
            let reserved = self
                .worker(server)
                .map(|one| std::mem::take(&mut one.reserved));
            for number in reserved.into_iter().flatten() {
                self.take_delivery(number);
            }
        }
        self.disconnect(now, server);
        let place = server.slot();
        self.workers[place] = None;
        // Another worker may have this place one day, and a turn of its own.
        self.takers.retain(|&taker| taker as usize != place);
    }

    fn take_delivery(&mut self, number: u32) -> Option<Delivery> {
        let delivery = self.deliveries.get_mut(number as usize)?.take()?;
        self.free_deliveries.push(number);
        Some(delivery)
    }

    /// The message of a delivery comes back to the head of the queue, unless it has come back too
    /// often. One that has come back before is in other hands: nothing happens.
    fn give_back(&mut self, handle: Handle, deliveries: u32) {
        if !self.is_held(handle, deliveries) {
            return;
        }
        let message = self.entries[handle.slot as usize].message;
        if self
            .max_deliveries
            .is_some_and(|most| message.deliveries >= most)
        {
            self.remove(handle);
            self.settle(&message, Fate::DeadLettered);
        } else {
            self.set(handle, State::Ready);
            self.ready.push_front(handle);
        }
    }

    /// Whether a worker takes one more message.
    fn takes(&self, place: u32) -> bool {
        let Some(worker) = &self.workers[place as usize] else {
            return false;
        };
        let reserved = worker.reserved.len() as u32;
        let prefetch = match self.prefetch_multiplier {
            0 => u32::MAX,
            multiplier => worker.slots.saturating_mul(multiplier),
        };
        let unacked = match self.acknowledge {
            Acknowledge::Early => reserved,
            Acknowledge::Late => reserved + worker.running,
        };
        let begins = worker.running < worker.slots && self.acknowledge == Acknowledge::Early;
        worker.taking && (begins || unacked < prefetch)
    }

    /// Puts a worker behind those that take messages.
    fn list(&mut self, place: u32) {
        if self.takes(place)
            && let Some(worker) = &mut self.workers[place as usize]
            && !worker.listed
        {
            worker.listed = true;
            self.takers.push_back(place);
        }
    }

    /// The next worker that takes a message.
    fn next_taker(&mut self) -> Option<u32> {
        while let Some(place) = self.takers.pop_front() {
            if let Some(worker) = &mut self.workers[place as usize] {
                worker.listed = false;
            }
            if self.takes(place) {
                return Some(place);
            }
        }
        None
    }

    /// The message at the head.
    fn head(&mut self) -> Option<Handle> {
        while let Some(&handle) = self.ready.front() {
            if self
                .find(handle)
                .is_some_and(|one| one.state == State::Ready)
            {
                return Some(handle);
            }
            self.ready.pop_front();
        }
        None
    }

    pub(super) fn next_start(&mut self, now: SimTime) -> Option<Start> {
        loop {
            if let Some(place) = self.starters.pop() {
                if let Some(worker) = &mut self.workers[place as usize]
                    && worker.running < worker.slots
                    && let Some(number) = worker.reserved.pop_front()
                {
                    let start = self.start(number);
                    self.starters.push(place);
                    self.list(place);
                    return start;
                }
                continue;
            }
            self.head()?;
            let place = self.next_taker()?;
            if let Some(start) = self.deliver(now, place) {
                return Some(start);
            }
        }
    }

    /// Hands the message at the head to a worker, which begins it if it has a free slot.
    fn deliver(&mut self, now: SimTime, place: u32) -> Option<Start> {
        let handle = self.ready.pop_front()?;
        self.set(handle, State::Held);
        let message = &mut self.entries[handle.slot as usize].message;
        message.deliveries += 1;
        let message = *message;
        self.counts.delivered += 1;
        self.counts.redelivered += u64::from(message.deliveries > 1);
        self.delivered.count(now);
        if let Some(visibility) = self.visibility {
            self.drop_stale_expiries();
            let expiry = (now + visibility, handle, message.deliveries);
            self.expiries.push_back(expiry);
        }
        let worker = self.workers[place as usize].as_mut()?;
        let delivery = Delivery {
            handle,
            message,
            server: worker.server,
            running: false,
            acked: false,
        };
        let number = self.free_deliveries.pop().unwrap_or_else(|| {
            self.deliveries.push(None);
            self.deliveries.len() as u32 - 1
        });
        self.deliveries[number as usize] = Some(delivery);
        let start = if worker.running < worker.slots {
            self.start(number)
        } else {
            worker.reserved.push_back(number);
            None
        };
        self.list(place);
        start
    }

    /// The task of a delivery begins.
    fn start(&mut self, number: u32) -> Option<Start> {
        let delivery = self.deliveries.get_mut(number as usize)?.as_mut()?;
        delivery.running = true;
        let Delivery { handle, server, .. } = *delivery;
        let work = delivery.message.work;
        let held = self.entries[handle.slot as usize].generation == handle.generation;
        if self.acknowledge == Acknowledge::Early && held {
            delivery.acked = true;
            self.inside[ACKED] += 1;
            self.remove(handle);
        }
        self.running += 1;
        if let Some(worker) = self.worker(server) {
            worker.running += 1;
        }
        Some(Start {
            server,
            delivery: number,
            work,
        })
    }

    pub(super) fn ended(&mut self, now: SimTime, number: u32, ending: Ending) {
        let Some(delivery) = self.take_delivery(number) else {
            return;
        };
        self.running -= 1;
        let place = delivery.server.slot() as u32;
        if let Some(worker) = self.worker(delivery.server) {
            worker.running -= 1;
            self.starters.push(place);
        }
        if ending == Ending::Killed {
            self.killed(&delivery);
        } else if !delivery.acked && self.find(delivery.handle).is_none() {
            self.counts.duplicates += 1;
        } else {
            if delivery.acked {
                self.inside[ACKED] -= 1;
            } else {
                self.remove(delivery.handle);
            }
            self.conclude(now, delivery.message, ending);
        }
        if (place as usize) < self.workers.len() {
            self.list(place);
        }
    }

    /// The task of a message that is in nobody's hands any more came to its end.
    fn conclude(&mut self, now: SimTime, message: Message, ending: Ending) {
        if ending == Ending::TimedOut {
            self.settle(&message, Fate::TimedOut);
        } else if ending == Ending::Done && !self.luck.fails(&message) {
            self.settle(&message, Fate::Done);
        } else if message.failures < self.max_retries {
            self.counts.retried += 1;
            let again = Message {
                failures: message.failures + 1,
                deliveries: 0,
                ..message
            };
            self.put(now, again, self.retry_delay);
        } else {
            self.settle(&message, Fate::DeadLettered);
        }
    }

    /// A task ended with its worker.
    fn killed(&mut self, delivery: &Delivery) {
        if delivery.acked {
            self.inside[ACKED] -= 1;
            self.settle(&delivery.message, Fate::Lost);
        } else if self.visibility.is_none() {
            self.give_back(delivery.handle, delivery.message.deliveries);
        }
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

    pub(super) fn next_timer(&mut self) -> Option<SimTime> {
        self.drop_stale_expiries();
        let expiry = self.expiries.front().map(|&(at, ..)| at);
        let delayed = self.delayed.peek().map(|Reverse((at, ..))| *at);
        [expiry, delayed].into_iter().flatten().min()
    }

    pub(super) fn fire(&mut self, now: SimTime) {
        while let Some(&Reverse((at, _, handle))) = self.delayed.peek()
            && at <= now
        {
            self.delayed.pop();
            self.set(handle, State::Ready);
            self.ready.push_back(handle);
        }
        while let Some(&(at, handle, deliveries)) = self.expiries.front()
            && at <= now
        {
            self.expiries.pop_front();
            self.give_back(handle, deliveries);
        }
    }

    pub(super) fn readings(&self, now: SimTime) -> Readings {
        let is_ready = |handle: &&Handle| {
            let entry = self.find(**handle);
            entry.is_some_and(|entry| entry.state == State::Ready)
        };
        let head = self.ready.iter().find(is_ready);
        let head = head.and_then(|handle| self.find(*handle));
        let consuming = |one: &&Option<Worker>| one.as_ref().is_some_and(|one| one.taking);
        let consumers = self.workers.iter().filter(consuming).count() as u32;
        let retried = self.inside[State::Retried as usize];
        // Nobody there to take them: they are as ready as others.
        let (waiting, held) = match consumers {
            0 => (retried, 0),
            _ => (0, retried),
        };
        Readings {
            ready: self.inside[State::Ready as usize] + waiting,
            unacked: self.inside[State::Held as usize] + held,
            delayed: self.inside[State::Delayed as usize],
            running: self.running,
            consumers,
            oldest: head.map(|entry| now - entry.message.work.arrival),
            counts: self.counts,
            publish_rate: self.published.per_second(now),
            deliver_rate: self.delivered.per_second(now),
            partitions: Vec::new(),
        }
    }

    pub(super) fn outstanding(&self) -> (u64, u64) {
        (self.inside.iter().sum(), self.running)
    }

    /// Messages that are not settled, counted one by one.
    pub(super) fn count_inside(&self) -> u64 {
        let inside = self.entries.iter().filter(|one| one.state != State::Free);
        let acked = self.deliveries.iter().flatten().filter(|one| one.acked);
        debug_assert!(
            self.running
                == self
                    .deliveries
                    .iter()
                    .flatten()
                    .filter(|one| one.running)
                    .count() as u64,
            "each running task has a delivery"
        );
        (inside.count() + acked.count()) as u64
    }
}
