//! Topics with one consumer group, as Kafka's: partitions in order, offsets, rebalances.
//!
//! Each partition is consumed by one member, one record after the other; a pod is a member and
//! works on up to `concurrency` of its partitions at a time. Members that come, leave or are put
//! out after their session's timeout cause a rebalance, in which nobody takes records; it ends when
//! its time has passed and the records under way are done, and the partitions are then shared out
//! by range. What a member had done and not committed when it was killed is done again.
//!
//! A member leaves when it has finished the records that it is at: killed before, it never does. One
//! that works on a record for longer than `max.poll.interval.ms` leaves by itself, cannot commit what
//! it is at, and joins again after that.

mod members;
mod shown;

use std::collections::VecDeque;

use super::super::request::{Ending, Work};
use super::super::server::Server;
use super::readings::{Counts, Rate};
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
    offset: u64,
    server: Key<Server>,
    /// Tells it from others that had its number.
    serial: u64,
    /// Its member has left the group meanwhile: it cannot be committed.
    orphaned: bool,
}

/// A member of the group.
#[derive(Debug, Clone)]
struct Member {
    server: Key<Server>,
    slots: u32,
    running: u32,
    /// It leaves when it has finished what it is at.
    leaving: bool,
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
    /// Those that have left as a record takes too long, and will come back.
    away: Vec<Member>,
    /// When members have worked on a record for too long: its number and serial beside each.
    polls: VecDeque<(SimTime, u32, u64)>,
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
            away: Vec::new(),
            polls: VecDeque::new(),
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
        self.counts.published += 1;
        self.inside += 1;
        self.published.count(now);
        let partition = self.keys.below(self.partitions.len());
        self.partitions[partition].records.push_back(Record {
            message,
            settled: false,
        });
        self.eager.push_back(partition as u32);
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
        let is_able = member.running < member.slots && !member.leaving;
        if !is_free || !is_able || member.silent_until.is_some() {
            return None;
        }
        member.running += 1;
        let mut message = record.message;
        message.deliveries += 1;
        let offset = partition.next;
        partition.records[(offset - partition.committed) as usize].message = message;
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
            offset,
            server,
            serial: self.counts.delivered,
            orphaned: false,
        });
        let latest = now + self.worker.max_poll_interval;
        self.polls
            .push_back((latest, number, self.counts.delivered));
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
        let early = self.is_early();
        if !delivery.orphaned {
            self.partitions[delivery.partition as usize].under_way = None;
        }
        self.rest(&delivery);
        let fails = ending == Ending::CallFailed
            || (ending == Ending::Done && self.luck.fails(&delivery.message));
        let is_retried = fails && delivery.message.failures < self.worker.max_retries && !early;
        if ending == Ending::Killed {
            if early {
                self.settle(&delivery, Fate::Lost);
            }
        } else if is_retried {
            self.retry(now, &delivery);
        } else {
            let fate = match ending {
                Ending::TimedOut => Fate::TimedOut,
                _ if fails => Fate::DeadLettered,
                _ => Fate::Done,
            };
            self.settle(&delivery, fate);
            self.advance(now, &delivery);
        }
        self.leave_if_over(now, delivery.server);
        self.come_back(now);
        self.end_rebalance(now);
    }

    /// A member has finished a record: its other partitions may have waited for the slot.
    fn rest(&mut self, delivery: &Delivery) {
        let server = delivery.server;
        let mut all = self.members.iter_mut().chain(&mut self.away);
        let Some(member) = all.find(|one| one.server == server) else {
            return;
        };
        member.running -= 1;
        // They come first, in turn.
        let count = self.partitions.len() as u32;
        let turn = (delivery.partition + 1..count).chain(0..=delivery.partition);
        let partitions = &self.partitions;
        let own = turn.filter(|place| partitions[*place as usize].owner == Some(server));
        self.eager.extend(own);
    }

    /// A record's task failed: its member tries it again later. One that has left will not.
    fn retry(&mut self, now: SimTime, delivery: &Delivery) {
        if delivery.orphaned {
            return;
        }
        self.counts.retried += 1;
        let until = now + self.worker.retry_delay;
        let partition = &mut self.partitions[delivery.partition as usize];
        let offset = (delivery.offset - partition.committed) as usize;
        partition.records[offset].message = Message {
            failures: delivery.message.failures + 1,
            ..delivery.message
        };
        partition.blocked_until = Some(until);
    }

    /// A record is over: the next one's turn, and a commit.
    fn advance(&mut self, now: SimTime, delivery: &Delivery) {
        if self.is_early() || delivery.orphaned {
            return;
        }
        let live = self.is_live(delivery.server);
        let partition = &mut self.partitions[delivery.partition as usize];
        partition.next += 1;
        // A member that takes part in a rebalance commits what it has done.
        if self.worker.commit_interval.0 == 0 || (live && self.rebalancing.is_some()) {
            partition.commit();
        } else if self.next_commit.is_none() {
            self.next_commit = Some(now + self.worker.commit_interval);
        }
    }

    /// Whether a message is settled that a member has in its hands.
    fn is_settled(&self, delivery: &Delivery) -> bool {
        let partition = &self.partitions[delivery.partition as usize];
        let record = partition.record(delivery.offset);
        !self.is_early() && record.is_none_or(|one| one.settled)
    }

    fn settle(&mut self, delivery: &Delivery, fate: Fate) {
        if self.is_settled(delivery) {
            self.counts.duplicates += 1;
            return;
        }
        if !self.is_early() {
            let partition = &mut self.partitions[delivery.partition as usize];
            let offset = (delivery.offset - partition.committed) as usize;
            partition.records[offset].settled = true;
        }
        self.inside -= 1;
        self.counts.settle(fate);
        self.settled.push(delivery.message.settled(fate));
    }

    pub(super) fn next_timer(&mut self) -> Option<SimTime> {
        let silent = self.members.iter().filter_map(|one| one.silent_until).min();
        let blocked = self.partitions.iter().filter_map(|one| one.blocked_until);
        let blocked = blocked.min();
        // What holds a rebalance up ends it.
        let held = silent.is_some() || self.is_busy();
        let rebalance = self.rebalancing.filter(|_| !held);
        let slow = self.next_slow().map(|(at, _)| at);
        [silent, blocked, rebalance, self.next_commit, slow]
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
        self.put_out_slow(now);
        self.expel(now);
        self.end_rebalance(now);
    }
}
