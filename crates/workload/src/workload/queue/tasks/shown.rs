//! What a queue shows of itself.

use super::super::readings::Readings;
use super::super::spec::QueueKind;
use super::{Entry, POISONED, State, TaskQueue};
use crate::sim::{SimDuration, SimTime};

impl TaskQueue {
    pub(in super::super) fn readings(&self, now: SimTime) -> Readings {
        let consuming = self.workers.iter().filter(|one| one.taking);
        let (consumers, slots) = consuming.fold((0, 0), |(consumers, slots), one| {
            (consumers + 1, slots + one.slots)
        });
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
            slots,
            oldest: self.oldest(now),
            counts: self.counts,
            publish_rate: self.published.per_second(now),
            deliver_rate: self.delivered.per_second(now),
            partitions: Vec::new(),
        }
    }

    /// The age of the oldest message that is ready, of SQS of the oldest that is not deleted.
    fn oldest(&self, now: SimTime) -> Option<SimDuration> {
        let of_all = matches!(self.kind, QueueKind::Sqs { .. });
        if !of_all && self.inside[State::Ready as usize] == 0 {
            return None;
        }
        let counts = |entry: &&Entry| match entry.state {
            State::Ready => !of_all || entry.message.deliveries <= POISONED,
            _ => of_all && entry.message.deliveries <= POISONED,
        };
        let mut entries = self.ages.iter().filter_map(|handle| self.find(handle));
        let oldest = entries.find(counts)?;
        Some(now - oldest.published)
    }

    pub(in super::super) fn outstanding(&self) -> (u64, u64) {
        (self.inside.iter().sum(), self.running)
    }

    /// Messages that are not settled, counted one by one.
    pub(in super::super) fn count_inside(&self) -> u64 {
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
