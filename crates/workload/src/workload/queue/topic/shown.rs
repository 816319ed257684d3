//! What a topic and its group show of themselves.

use super::super::readings::{PartitionReading, Readings};
use super::super::spec::Acknowledge;
use super::{Partition, Topic};
use crate::sim::SimTime;

impl Topic {
    pub(in super::super) fn readings(&self, now: SimTime) -> Readings {
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
        let slots = live.clone().map(|one| one.slots).sum();
        let mut unacked = 0;
        for delivery in self.deliveries.iter().flatten() {
            let is_here = self.is_early() || !delivery.orphaned;
            unacked += u64::from(is_here && !self.is_settled(delivery));
        }
        Readings {
            ready: self.inside - unacked,
            unacked,
            delayed: 0,
            running: self.running,
            consumers: live.count() as u32,
            slots,
            oldest: arrivals.min().map(|arrival| now - arrival),
            counts: self.counts,
            publish_rate: self.published.per_second(now),
            deliver_rate: self.delivered.per_second(now),
            partitions: self.partitions.iter().map(read).collect(),
        }
    }

    pub(super) fn is_early(&self) -> bool {
        self.worker.acknowledge == Acknowledge::Early
    }

    pub(in super::super) fn outstanding(&self) -> (u64, u64) {
        (self.inside, self.running)
    }

    /// Messages that are not settled, counted one by one.
    pub(in super::super) fn count_inside(&self) -> u64 {
        let records = self.partitions.iter().flat_map(|one| &one.records);
        let waiting = records.filter(|record| !record.settled).count() as u64;
        // A record acknowledged early is in its member's hands only.
        waiting + if self.is_early() { self.running } else { 0 }
    }
}
