//! Topics with one consumer group, as Kafka's: partitions in order, offsets, rebalances.
//!
//! Each partition is consumed by one member, one record after the other; a pod is a member and
//! works on up to `concurrency` of its partitions at a time. Members that come, leave or are put
//! out after their session's timeout cause a rebalance, in which nobody takes records; it ends when
//! its time has passed and the records under way are done, and the partitions are then shared out
//! by range. What a member had done and not committed when it was killed is done again.

use std::collections::VecDeque;

use super::super::request::{Ending, Work};
use super::super::server::Server;
use super::readings::{Counts, PartitionReading, Rate, Readings};
use super::spec::{Acknowledge, QueueSpec, WorkerSpec};
use super::{Fate, Luck, Message, Settled, Start};
use crate::sim::{Key, SimTime, Stream, Streams};

/// A record of a partition.
#[derive(Debug, Clone, Copy)]
struct Record {
    message: Message,
    /// Its task is done, or it was given up.
    settled: bool,
}

/// A partition.
#[derive(Debug, Clone, Default)]
struct Partition {
    /// Records from the committed offset on.
    records: VecDeque<Record>,
    /// The offset of the first of them, which is what is committed.
    committed: u64,
    /// Whether the group has ever committed.
    has_committed: bool,
    /// The offset of the next record to take.
    next: u64,
    /// The server of the member that has it.
    owner: Option<Key<Server>>,
    /// The record that its member works on.
    under_way: Option<u32>,
    /// It waits before it tries a record again.
    blocked_until: Option<SimTime>,
}

impl Partition {
    fn latest(&self) -> u64 {
        self.committed + self.records.len() as u64
    }

    /// Commits all that has been taken and is over.
    fn commit(&mut self) {
        let done = (self.next - self.committed) as usize;
        if done > 0 {
            self.records.drain(..done);
            self.committed = self.next;
            self.has_committed = true;
        }
    }

    fn record(&self, offset: u64) -> Option<&Record> {
        let place = usize::try_from(offset.checked_sub(self.committed)?);
        self.records.get(place.ok()?)
    }
}

/// A record that is being worked on.
#[derive(Debug, Clone, Copy)]
struct Delivery {
    message: Message,
    partition: u32,
    server: Key<Server>,
    /// Whether it had been settled before: the work is done again.
    again: bool,
}

/// A member of the group.
#[derive(Debug, Clone)]
struct Member {
    server: Key<Server>,
    slots: u32,
    running: u32,
    /// Killed: when the group notices.
    silent_until: Option<SimTime>,
}

/// A topic with its group.
#[derive(Debug, Clone)]
pub(super) struct Topic {
    worker: WorkerSpec,
    luck: Luck,
    keys: Stream,
    partitions: Vec<Partition>,
    /// Members in the order in which they came.
    members: Vec<Member>,
    /// A rebalance is under way, and ends at this time at the earliest.
    rebalancing: Option<SimTime>,
    next_commit: Option<SimTime>,
    deliveries: Vec<Option<Delivery>>,
    free_deliveries: Vec<u32>,
    /// Partitions whose next record may be taken.
    eager: VecDeque<u32>,
    /// Messages that are not settled, and tasks that run.
    inside: u64,
    running: u64,
    pub(super) counts: Counts,
    published: Rate,
    delivered: Rate,
    pub(super) settled: Vec<Settled>,
}

impl Topic {
    pub(super) fn new(spec: &QueueSpec, partitions: u32, own: Streams) -> Self {
        Self {
            worker: spec.worker.clone(),
            luck: Luck {
                streams: own.of("failure"),
                rate: spec.worker.failure_rate,
            },
            keys: own.stream("keys"),
            partitions: vec![Partition::default(); partitions.max(1) as usize],
            members: Vec::new(),
            rebalancing: None,
            next_commit: None,
            deliveries: Vec::new(),
            free_deliveries: Vec::new(),
            eager: VecDeque::new(),
            inside: 0,
            running: 0,
            counts: Counts::default(),
            published: Rate::default(),
            delivered: Rate::default(),
            settled: Vec::new(),
        }
    }

    pub(super) fn produce(&mut self, now: SimTime, work: Work) {
        let message = Message {
            work,
            number: self.counts.produced,
            ..Message::default()
        };
        self.counts.produced += 1;
        self.inside += 1;
        self.published.count(now);
        let partition = self.keys.below(self.partitions.len());
        self.partitions[partition].records.push_back(Record {
            message,
            settled: false,
        });
        self.eager.push_back(partition as u32);
    }

    pub(super) fn connect(&mut self, now: SimTime, server: Key<Server>, slots: u32) {
        if self.members.iter().any(|one| one.server == server) {
            return;
        }
        self.members.push(Member {
            server,
            slots: slots.max(1),
            running: 0,
            silent_until: None,
        });
        if now <= SimTime::ZERO {
            // What is there at the start has been assigned long ago.
            self.assign();
        } else {
            self.rebalance(now);
        }
    }

    /// A member leaves the group: it commits what it has done, and the others rebalance.
    pub(super) fn disconnect(&mut self, now: SimTime, server: Key<Server>) {
        let Some(place) = self.place_of(server) else {
            return;
        };
        if self.members[place].silent_until.is_some() {
            return;
        }
        self.commit_of(|owner| owner == server);
        self.members.remove(place);
        self.rebalance(now);
    }

    pub(super) fn lose(&mut self, now: SimTime, server: Key<Server>) {
        if let Some(place) = self.place_of(server) {
            let member = &mut self.members[place];
            let expelled = now + self.worker.session_timeout;
            member.silent_until.get_or_insert(expelled);
        }
    }

    fn place_of(&self, server: Key<Server>) -> Option<usize> {
        self.members.iter().position(|one| one.server == server)
    }

    /// Whether a server's member is there and sends heartbeats.
    fn is_live(&self, server: Key<Server>) -> bool {
        let mut members = self.members.iter();
        members.any(|one| one.server == server && one.silent_until.is_none())
    }

    /// Commits what members have done.
    fn commit_of(&mut self, is_one: impl Fn(Key<Server>) -> bool) {
        let owned = self.partitions.iter_mut();
        for partition in owned.filter(|one| one.owner.is_some_and(&is_one)) {
            partition.commit();
        }
    }

    fn commit_live(&mut self) {
        let live = self.members.iter().filter(|one| one.silent_until.is_none());
        let live: Vec<Key<Server>> = live.map(|one| one.server).collect();
        self.commit_of(|owner| live.contains(&owner));
    }

    /// Members commit, and take nothing until they have joined again.
    fn rebalance(&mut self, now: SimTime) {
        self.commit_live();
        self.rebalancing = Some(now + self.worker.rebalance);
    }

    /// Ends the rebalance if nothing holds it up.
    fn end_rebalance(&mut self, now: SimTime) {
        let is_due = self.rebalancing.is_some_and(|at| at <= now);
        let silent = self.members.iter().any(|one| one.silent_until.is_some());
        // Members join again when they have finished what they are at.
        if is_due && !silent && !self.is_busy() {
            self.rebalancing = None;
            self.assign();
        }
    }

    fn is_busy(&self) -> bool {
        self.partitions.iter().any(|one| one.under_way.is_some())
    }

    /// Shares the partitions out by range.
    fn assign(&mut self) {
        let members = self.members.len();
        let (each, more) = match members {
            0 => (0, 0),
            _ => (
                self.partitions.len() / members,
                self.partitions.len() % members,
            ),
        };
        let mut place = 0;
        for partition in &mut self.partitions {
            partition.owner = None;
        }
        for (number, member) in self.members.iter().enumerate() {
            for _ in 0..each + usize::from(number < more) {
                self.partitions[place].owner = Some(member.server);
                self.eager.push_back(place as u32);
                place += 1;
            }
        }
    }

    pub(super) fn next_start(&mut self, now: SimTime) -> Option<Start> {
        while let Some(place) = self.eager.pop_front() {
            if let Some(start) = self.take(now, place) {
                return Some(start);
            }
        }
        None
    }

    /// The next record of a partition, if its member can work on it.
    fn take(&mut self, now: SimTime, place: u32) -> Option<Start> {
        let partition = &mut self.partitions[place as usize];
        let server = partition.owner?;
        let is_free = self.rebalancing.is_none()
            && partition.under_way.is_none()
            && partition.blocked_until.is_none_or(|at| at <= now);
        let record = *partition.record(partition.next)?;
        let member = self.members.iter_mut().find(|one| one.server == server)?;
        if !is_free || member.running >= member.slots || member.silent_until.is_some() {
            return None;
        }
        member.running += 1;
        let mut message = record.message;
        message.deliveries += 1;
        let offset = (partition.next - partition.committed) as usize;
        partition.records[offset].message = message;
        let number = self.free_deliveries.pop().unwrap_or_else(|| {
            self.deliveries.push(None);
            self.deliveries.len() as u32 - 1
        });
        partition.under_way = Some(number);
        partition.blocked_until = None;
        if self.worker.acknowledge == Acknowledge::Early {
            partition.next += 1;
            partition.commit();
        }
        self.deliveries[number as usize] = Some(Delivery {
            message,
            partition: place,
            server,
            again: record.settled,
        });
        self.running += 1;
        self.counts.delivered += 1;
        self.counts.redelivered += u64::from(message.deliveries > 1 + message.failures);
        self.delivered.count(now);
        Some(Start {
            server,
            delivery: number,
            work: message.work,
        })
    }

    pub(super) fn ended(&mut self, now: SimTime, number: u32, ending: Ending) {
        let Some(delivery) = self
            .deliveries
            .get_mut(number as usize)
            .and_then(Option::take)
        else {
            return;
        };
        self.free_deliveries.push(number);
        self.running -= 1;
        let early = self.worker.acknowledge == Acknowledge::Early;
        self.partitions[delivery.partition as usize].under_way = None;
        if let Some(place) = self.place_of(delivery.server) {
            let member = &mut self.members[place];
            member.running -= 1;
            let server = member.server;
            // Its other partitions may have waited for the slot: they come first, in turn.
            let count = self.partitions.len() as u32;
            let turn = (delivery.partition + 1..count).chain(0..=delivery.partition);
            let partitions = &self.partitions;
            let own = turn.filter(|place| partitions[*place as usize].owner == Some(server));
            self.eager.extend(own);
        }
        let fails = ending == Ending::CallFailed
            || (ending == Ending::Done && self.luck.fails(&delivery.message));
        if ending == Ending::Killed {
            if early {
                self.settle(&delivery, Fate::Lost);
            }
        } else if fails && delivery.message.failures < self.worker.max_retries && !early {
            let again = Message {
                failures: delivery.message.failures + 1,
                ..delivery.message
            };
            self.counts.retried += 1;
            let until = now + self.worker.retry_delay;
            let partition = &mut self.partitions[delivery.partition as usize];
            let offset = (partition.next - partition.committed) as usize;
            partition.records[offset].message = again;
            partition.blocked_until = Some(until);
        } else {
            let fate = match ending {
                Ending::TimedOut => Fate::TimedOut,
                _ if fails => Fate::DeadLettered,
                _ => Fate::Done,
            };
            self.settle(&delivery, fate);
            self.advance(now, &delivery);
        }
        self.end_rebalance(now);
    }

    /// A record is over: the next one's turn, and a commit.
    fn advance(&mut self, now: SimTime, delivery: &Delivery) {
        if self.worker.acknowledge == Acknowledge::Early {
            return;
        }
        let live = self.is_live(delivery.server) || self.place_of(delivery.server).is_none();
        let partition = &mut self.partitions[delivery.partition as usize];
        let offset = (partition.next - partition.committed) as usize;
        partition.records[offset].settled = true;
        partition.next += 1;
        // A member that leaves or takes part in a rebalance commits what it has done.
        if self.worker.commit_interval.0 == 0 || (live && self.rebalancing.is_some()) {
            partition.commit();
        } else if self.next_commit.is_none() {
            self.next_commit = Some(now + self.worker.commit_interval);
        }
    }

    fn settle(&mut self, delivery: &Delivery, fate: Fate) {
        if delivery.again {
            self.counts.duplicates += 1;
            return;
        }
        self.inside -= 1;
        match fate {
            Fate::Done => self.counts.done += 1,
            Fate::DeadLettered | Fate::TimedOut => self.counts.dead_lettered += 1,
            Fate::Lost => self.counts.lost += 1,
        }
        self.settled.push(Settled {
            origin: delivery.message.work.origin,
            arrival: delivery.message.work.arrival,
            fate,
        });
    }

    pub(super) fn next_timer(&mut self) -> Option<SimTime> {
        let silent = self.members.iter().filter_map(|one| one.silent_until).min();
        let blocked = self.partitions.iter().filter_map(|one| one.blocked_until);
        // What holds a rebalance up ends it.
        let held = silent.is_some() || self.is_busy();
        let rebalance = self.rebalancing.filter(|_| !held);
        [silent, blocked.min(), rebalance, self.next_commit]
            .into_iter()
            .flatten()
            .min()
    }

    pub(super) fn fire(&mut self, now: SimTime) {
        if self.next_commit.is_some_and(|at| at <= now) {
            self.next_commit = None;
            self.commit_live();
        }
        for (place, partition) in (0..).zip(&mut self.partitions) {
            if partition.blocked_until.is_some_and(|at| at <= now) {
                partition.blocked_until = None;
                self.eager.push_back(place);
            }
        }
        self.expel(now);
        self.end_rebalance(now);
    }

    /// Puts out members whose sessions have timed out: their partitions begin at what is committed.
    fn expel(&mut self, now: SimTime) {
        let is_out = |one: &Member| one.silent_until.is_some_and(|at| at <= now);
        for member in self.members.iter().filter(|one| is_out(one)) {
            for partition in &mut self.partitions {
                if partition.owner == Some(member.server) {
                    partition.next = partition.committed;
                    partition.owner = None;
                }
            }
        }
        let before = self.members.len();
        self.members.retain(|one| !is_out(one));
        if self.members.len() < before {
            self.rebalance(now);
        }
    }
}

impl Topic {
    pub(super) fn readings(&self, now: SimTime) -> Readings {
        let waiting = |one: &Partition| {
            let begun = one.under_way.is_some() && !self.is_early();
            let place = one.next - one.committed + u64::from(begun);
            // After a member was put out, records come first that are done and not committed.
            let mut records = one.records.iter().skip(place as usize);
            records.find(|record| !record.settled).copied()
        };
        let arrivals = self.partitions.iter().filter_map(waiting);
        let arrivals = arrivals.map(|record| record.message.work.arrival);
        let read = |one: &Partition| PartitionReading {
            latest: one.latest(),
            committed: one.has_committed.then_some(one.committed),
            assigned: one.owner.is_some(),
        };
        let live = self.members.iter().filter(|one| one.silent_until.is_none());
        let again = self.deliveries.iter().flatten().filter(|one| one.again);
        let unacked = self.running - again.count() as u64;
        Readings {
            ready: self.inside - unacked,
            unacked,
            delayed: 0,
            running: self.running,
            consumers: live.count() as u32,
            oldest: arrivals.min().map(|arrival| now - arrival),
            counts: self.counts,
            publish_rate: self.published.per_second(now),
            deliver_rate: self.delivered.per_second(now),
            partitions: self.partitions.iter().map(read).collect(),
        }
    }

    fn is_early(&self) -> bool {
        self.worker.acknowledge == Acknowledge::Early
    }

    pub(super) fn outstanding(&self) -> (u64, u64) {
        (self.inside, self.running)
    }

    /// Messages that are not settled, counted one by one.
    pub(super) fn count_inside(&self) -> u64 {
        let records = self.partitions.iter().flat_map(|one| &one.records);
        let waiting = records.filter(|record| !record.settled).count() as u64;
        // A record acknowledged early is in its member's hands only.
        waiting + if self.is_early() { self.running } else { 0 }
    }
}
