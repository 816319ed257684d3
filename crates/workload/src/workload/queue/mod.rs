//! Queues of messages with workers: what a broker holds, what workers have taken, and what becomes
//! of a message when its worker ends.
//!
//! A [`Queue`] is a state machine without an event queue and without CPU: its owner tells it of
//! messages, of workers that come and go and of tasks that end, runs the tasks that
//! [`Queue::next_start`] hands out in the workers' servers, and calls [`Queue::fire`] when
//! [`Queue::next_timer`] has come. What has become of messages is in [`Queue::take_settled`].
//!
//! Lists and broker queues (`tasks`) follow RabbitMQ (acknowledgements, redelivery when the
//! channel closes), kombu's Redis transport and SQS (visibility timeout); workers follow Celery
//! (`worker_prefetch_multiplier`, `task_acks_late`, warm shutdown). Topics (`topic`) follow
//! Kafka's consumer groups with eager rebalancing and the range assignor.

mod readings;
pub mod spec;
mod tasks;
mod topic;

#[cfg(test)]
mod tests;

pub use readings::{Counts, PartitionReading, Readings};

use super::request::{Ending, Origin, Work};
use super::server::Server;
use crate::sim::{Key, SimTime, Streams};
use spec::QueueSpec;
use tasks::TaskQueue;
use topic::Topic;

/// A message: the work that it asks for, and what it has been through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Message {
    /// What its task costs, who produced it and when.
    work: Work,
    /// How many were produced before it.
    number: u64,
    /// How often its task has failed.
    failures: u32,
    /// How often it was handed to a worker since it was produced or tried again.
    deliveries: u32,
}

impl Message {
    fn settled(&self, fate: Fate) -> Settled {
        Settled {
            origin: self.work.origin,
            arrival: self.work.arrival,
            fate,
        }
    }
}

/// What has become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Its task is done.
    Done,
    /// Its task failed for the last time, or it was delivered too often.
    DeadLettered,
    /// The server's time limit ended its task.
    TimedOut,
    /// Its worker was killed after it had acknowledged it.
    Lost,
}

/// A message of which nothing is left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// Who produced it.
    pub origin: Origin,
    /// When it was produced.
    pub arrival: SimTime,
    /// What has become of it.
    pub fate: Fate,
}

/// A task that a worker begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// The worker's server.
    pub server: Key<Server>,
    /// Tells the task from others of the queue until it has ended.
    pub delivery: u32,
    /// What it costs; its origin is the producer.
    pub work: Work,
}

/// One queue at work.
#[derive(Debug, Clone)]
pub struct Queue {
    inner: Inner,
}

#[derive(Debug, Clone)]
enum Inner {
    Tasks(Box<TaskQueue>),
    Topic(Box<Topic>),
}

macro_rules! inner {
    ($self:ident, $queue:ident => $body:expr) => {
        match &mut $self.inner {
            Inner::Tasks($queue) => $body,
            Inner::Topic($queue) => $body,
        }
    };
}

impl Queue {
    /// An empty queue without workers. Luck and partitions of messages have streams of their own,
    /// named after the queue.
    pub fn new(spec: &QueueSpec, streams: &Streams) -> Self {
        let own = streams.of("queue").of(&spec.name);
        let inner = match spec.kind.partitions() {
            None => Inner::Tasks(Box::new(TaskQueue::new(spec, own))),
            Some(partitions) => Inner::Topic(Box::new(Topic::new(spec, partitions, own))),
        };
        Self { inner }
    }

    /// A message comes; its origin is who produced it, its arrival is now.
    pub fn produce(&mut self, now: SimTime, work: Work) {
        inner!(self, queue => queue.produce(now, work));
    }

    /// A worker begins to consume, with room for so many tasks at a time.
    pub fn connect(&mut self, now: SimTime, server: Key<Server>, slots: u32) {
        inner!(self, queue => queue.connect(now, server, slots));
    }

    /// A worker shuts down warmly: it takes nothing more, finishes what it has begun, and then gives
    /// back the rest.
    pub fn disconnect(&mut self, now: SimTime, server: Key<Server>) {
        inner!(self, queue => queue.disconnect(now, server));
    }

    /// A worker's process is gone. [`Queue::ended`] is still to be called for each of its tasks.
    pub fn lose(&mut self, now: SimTime, server: Key<Server>) {
        inner!(self, queue => queue.lose(now, server));
    }

    /// A worker's machine is gone, and nothing closes its connections. [`Queue::ended`] is still to be
    /// called for each of its tasks.
    pub fn vanish(&mut self, now: SimTime, server: Key<Server>) {
        match &mut self.inner {
            Inner::Tasks(queue) => queue.vanish(now, server),
            // A member that is killed says nothing either.
            Inner::Topic(topic) => topic.lose(now, server),
        }
    }

    /// The next task that a worker begins now.
    pub fn next_start(&mut self, now: SimTime) -> Option<Start> {
        inner!(self, queue => queue.next_start(now))
    }

    /// A task has ended.
    pub fn ended(&mut self, now: SimTime, delivery: u32, ending: Ending) {
        inner!(self, queue => queue.ended(now, delivery, ending));
    }

    /// When something happens in it by itself.
    pub fn next_timer(&mut self) -> Option<SimTime> {
        inner!(self, queue => queue.next_timer())
    }

    /// Does what is due by now.
    pub fn fire(&mut self, now: SimTime) {
        inner!(self, queue => queue.fire(now));
    }

    /// Takes out what has been settled since the last call.
    pub fn take_settled(&mut self) -> Vec<Settled> {
        inner!(self, queue => std::mem::take(&mut queue.settled))
    }

    /// All readings at `now`.
    pub fn readings(&self, now: SimTime) -> Readings {
        match &self.inner {
            Inner::Tasks(queue) => queue.readings(now),
            Inner::Topic(topic) => topic.readings(now),
        }
    }

    /// Messages of which something is left to do, and tasks that run in servers.
    pub fn outstanding(&self) -> (u64, u64) {
        match &self.inner {
            Inner::Tasks(queue) => queue.outstanding(),
            Inner::Topic(topic) => topic.outstanding(),
        }
    }

    /// Counts all messages anew, and checks that those produced are done, queued, in flight,
    /// dead-lettered or lost.
    pub fn audit(&self) -> Result<(), String> {
        let (counts, inside) = match &self.inner {
            Inner::Tasks(queue) => (queue.counts, queue.count_inside()),
            Inner::Topic(topic) => (topic.counts, topic.count_inside()),
        };
        let settled = counts.done + counts.dead_lettered + counts.lost;
        if counts.produced == settled + inside && inside == self.outstanding().0 {
            return Ok(());
        }
        Err(format!(
            "{} messages produced, but {} done, {} dead-lettered, {} lost, and {inside} queued or in flight",
            counts.produced, counts.done, counts.dead_lettered, counts.lost
        ))
    }
}

/// The first streams of a queue that are drawn from per message.
#[derive(Debug, Clone, Copy)]
struct Luck {
    streams: Streams,
    rate: f64,
}

impl Luck {
    /// Whether the task of a message fails at this attempt: the same whatever else happens.
    fn fails(&self, message: &Message) -> bool {
        if self.rate <= 0.0 {
            return false;
        }
        let attempts = self.streams.numbered(message.number);
        attempts.nth(u64::from(message.failures)).unit() < self.rate
    }
}
