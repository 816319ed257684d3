//! What happened in a queue: a sample per step, and what the summary needs, added up as it comes.

use crate::sim::{SimDuration, SimTime};

/// Times from a message that nobody was there to take to the first worker that consumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ColdStarts {
    /// How many.
    pub count: u64,
    /// Their sum.
    pub total: SimDuration,
    /// The longest.
    pub longest: SimDuration,
}

impl ColdStarts {
    /// One that took so long.
    pub fn add(&mut self, took: SimDuration) {
        self.count += 1;
        self.total += took;
        self.longest = self.longest.max(took);
    }
}

/// Sums of a queue since the start of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueTotals {
    /// Messages produced.
    pub produced: u64,
    /// Messages handed to workers, each time anew.
    pub delivered: u64,
    /// Messages whose task is done.
    pub done: u64,
    /// Messages given up.
    pub dead_lettered: u64,
    /// Messages lost with killed workers.
    pub lost: u64,
    /// Deliveries of messages that had been delivered before.
    pub redelivered: u64,
    /// Failed tasks that were tried again.
    pub retried: u64,
    /// Tasks done though their message was settled.
    pub duplicates: u64,
    /// Members of a group that left it as a record took too long.
    pub expelled: u64,
}

impl QueueTotals {
    /// What has come since an earlier time.
    fn since(self, before: Self) -> Self {
        Self {
            produced: self.produced - before.produced,
            delivered: self.delivered - before.delivered,
            done: self.done - before.done,
            dead_lettered: self.dead_lettered - before.dead_lettered,
            lost: self.lost - before.lost,
            redelivered: self.redelivered - before.redelivered,
            retried: self.retried - before.retried,
            duplicates: self.duplicates - before.duplicates,
            expelled: self.expelled - before.expelled,
        }
    }
}

/// One row of the series of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct QueueSample {
    /// End of the step.
    pub time: SimTime,
    /// Messages that wait for a worker.
    pub ready: u64,
    /// Messages that workers hold unacknowledged.
    pub unacked: u64,
    /// Messages that the broker holds back.
    pub delayed: u64,
    /// Tasks that run.
    pub running: u64,
    /// Workers that consume.
    pub consumers: u32,
    /// The lag of a topic's group.
    pub lag: Option<u64>,
    /// Age of the message at the head, in seconds.
    pub oldest: Option<f64>,
    /// Sums since the start.
    pub totals: QueueTotals,
}

impl QueueSample {
    /// What autoscalers go by: the lag of a topic, messages that are ready of a queue.
    pub fn depth(&self) -> u64 {
        self.lag.unwrap_or(self.ready)
    }
}

/// What a queue's samples after the warm-up come to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct QueueFold {
    /// Samples.
    pub samples: u64,
    /// Σ depth.
    pub depth: u64,
    /// The largest depth.
    pub max_depth: u64,
    /// The oldest message at the head, in seconds.
    pub max_oldest: f64,
    /// Most workers at a time.
    pub max_consumers: u32,
    /// Samples in which workers of a topic had no partition.
    pub idle: u64,
    /// Samples in which messages of a list were unacknowledged and nobody was there to restore them.
    pub unrestored: u64,
    /// Most messages in one of these.
    pub max_unrestored: u64,
    /// The last sample.
    pub last: QueueSample,
    /// Sums at the end of the warm-up.
    before: QueueTotals,
}

impl QueueFold {
    /// Sums after the warm-up.
    pub fn totals(&self) -> QueueTotals {
        self.last.totals.since(self.before)
    }
}

/// What is known of a queue.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct QueueRecord {
    /// Name.
    pub name: String,
    /// Kind of broker.
    pub kind: &'static str,
    /// The service that consumes it.
    pub service: usize,
    /// Partitions, of a topic.
    pub partitions: Option<u32>,
    /// Whether messages are acknowledged before their tasks.
    pub early: bool,
    /// One sample per step.
    pub samples: Vec<QueueSample>,
    /// What they come to.
    pub fold: QueueFold,
    /// How long messages waited for a first worker, over the whole run.
    pub cold_starts: ColdStarts,
}

impl QueueRecord {
    /// Adds a sample up, which counts from `start` on.
    pub(super) fn add(&mut self, sample: &QueueSample, start: SimTime) {
        let fold = &mut self.fold;
        fold.last = *sample;
        if sample.time <= start {
            fold.before = sample.totals;
            return;
        }
        fold.samples += 1;
        fold.depth += sample.depth();
        fold.max_depth = fold.max_depth.max(sample.depth());
        fold.max_oldest = fold.max_oldest.max(sample.oldest.unwrap_or(0.0));
        fold.max_consumers = fold.max_consumers.max(sample.consumers);
        let has_idle = self.partitions.is_some_and(|most| sample.consumers > most);
        fold.idle += u64::from(has_idle);
        // One that shuts down still brings back what it has.
        let is_deserted = sample.consumers == 0 && sample.running == 0;
        if self.kind == "redis" && is_deserted && sample.unacked > 0 {
            fold.unrestored += 1;
            fold.max_unrestored = fold.max_unrestored.max(sample.unacked);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_before_the_warm_up_does_not_count() {
        let sample = |second, ready, produced| QueueSample {
            time: SimTime::from_secs(second),
            ready,
            totals: QueueTotals {
                produced,
                ..QueueTotals::default()
            },
            ..QueueSample::default()
        };
        let mut queue = QueueRecord::default();
        for one in [sample(15, 90, 100), sample(30, 4, 110), sample(45, 8, 125)] {
            queue.add(&one, SimTime::from_secs(15));
        }
        let fold = &queue.fold;
        assert_eq!((fold.samples, fold.depth, fold.max_depth), (2, 12, 8));
        assert_eq!(fold.totals().produced, 25);
    }
}
