//! What can be read of a queue: as its broker's own interface shows it.

use super::Fate;
use crate::sim::{SimDuration, SimTime};

/// Everything that can be read of a queue at a time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Readings {
    /// Messages that wait for a worker: `messages_ready` of RabbitMQ, the length of the list,
    /// `ApproximateNumberOfMessagesVisible`; of a topic those that nobody has begun.
    pub ready: u64,
    /// Messages that workers hold unacknowledged: `messages_unacknowledged`, retries that wait for
    /// their time included; `ApproximateNumberOfMessagesNotVisible`; of a topic those that are being
    /// processed.
    pub unacked: u64,
    /// Messages that the broker holds back: `ApproximateNumberOfMessagesDelayed`, retries included.
    pub delayed: u64,
    /// Tasks that run, those acknowledged early included.
    pub running: u64,
    /// Workers that consume.
    pub consumers: u32,
    /// Tasks at a time of these.
    pub slots: u32,
    /// How long ago the oldest message that waits was published; of SQS the oldest that is not deleted,
    /// unless it was received more than three times; of a topic the oldest that nobody has begun. None
    /// if there is none.
    pub oldest: Option<SimDuration>,
    /// Sums since the start.
    pub counts: Counts,
    /// Messages published per second, as RabbitMQ's management interface shows it: over the last
    /// whole interval of 5 s.
    pub publish_rate: f64,
    /// Messages delivered per second, likewise.
    pub deliver_rate: f64,
    /// Offsets of each partition; empty if it has none.
    pub partitions: Vec<PartitionReading>,
}

impl Readings {
    /// Messages in the queue, ready or unacknowledged: `messages` of RabbitMQ.
    pub fn messages(&self) -> u64 {
        self.ready + self.unacked
    }

    /// The lag of a topic's group over all partitions.
    pub fn lag(&self) -> u64 {
        self.partitions.iter().map(PartitionReading::lag).sum()
    }
}

/// Sums since the start of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Messages produced.
    pub produced: u64,
    /// Messages that the broker was given: also those of Celery to be tried again, which are published
    /// anew.
    pub published: u64,
    /// Messages handed to workers, each time anew.
    pub delivered: u64,
    /// Messages whose task is done.
    pub done: u64,
    /// Messages given up.
    pub dead_lettered: u64,
    /// Messages lost with a killed worker that had acknowledged them.
    pub lost: u64,
    /// Deliveries of messages that had been delivered before, without a failure of their task.
    pub redelivered: u64,
    /// Tasks that failed and were tried again.
    pub retried: u64,
    /// Tasks that were done though their message was settled: work done twice.
    pub duplicates: u64,
    /// Members of a group that were put out as a record took longer than `max.poll.interval.ms`.
    pub expelled: u64,
}

impl Counts {
    /// A message is settled.
    pub(super) fn settle(&mut self, fate: Fate) {
        match fate {
            Fate::Done => self.done += 1,
            Fate::DeadLettered | Fate::TimedOut => self.dead_lettered += 1,
            Fate::Lost => self.lost += 1,
        }
    }
}

/// The offsets of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PartitionReading {
    /// The offset of the next message to come.
    pub latest: u64,
    /// What the group has committed, if it ever has.
    pub committed: Option<u64>,
    /// Whether a member of the group has it.
    pub assigned: bool,
}

impl PartitionReading {
    /// Messages behind: all of them as long as nothing is committed.
    pub fn lag(&self) -> u64 {
        self.latest - self.committed.unwrap_or(0)
    }
}

/// The interval of RabbitMQ's statistics.
const INTERVAL: SimDuration = SimDuration::from_secs(5);

/// A counter that knows its rate over the last whole interval.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rate {
    total: u64,
    interval: i64,
    /// The total at the beginning of the interval, and of the one before.
    at: [u64; 2],
}

impl Rate {
    fn rolled(mut self, now: SimTime) -> Self {
        let interval = now.0.div_euclid(INTERVAL.0);
        if interval > self.interval {
            let is_next = interval == self.interval + 1;
            self.at = [self.total, if is_next { self.at[0] } else { self.total }];
            self.interval = interval;
        }
        self
    }

    pub(super) fn count(&mut self, now: SimTime) {
        *self = self.rolled(now);
        self.total += 1;
    }

    /// Per second.
    pub(super) fn per_second(self, now: SimTime) -> f64 {
        let [last, before] = self.rolled(now).at;
        (last - before) as f64 / INTERVAL.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_whole_interval() {
        let mut rate = Rate::default();
        for millis in (0..10_000).step_by(500) {
            rate.count(SimTime::from_millis(millis));
        }
        assert_eq!(rate.per_second(SimTime::from_secs(10)), 2.0);
        assert_eq!(rate.per_second(SimTime::from_secs(14)), 2.0);
        assert_eq!(rate.per_second(SimTime::from_secs(15)), 0.0);
    }
}
