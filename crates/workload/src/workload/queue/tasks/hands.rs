//! Workers that come, shut down and are lost, and what becomes of the messages in their hands.

use super::super::spec::{Acknowledge, QueueKind};
use super::workers::Worker;
use super::{Delivery, TaskQueue};
use crate::sim::{Key, SimTime};
use crate::workload::server::Server;

impl TaskQueue {
    pub(in super::super) fn connect(&mut self, now: SimTime, server: Key<Server>, slots: u32) {
        let Some(place) = self.workers.add(Worker::new(server, slots, now)) else {
            return;
        };
        self.list(place);
        if self.is_list() {
            self.restorers.add(now);
            self.expire(now);
        }
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.kind, QueueKind::Redis { .. })
    }

    pub(in super::super) fn disconnect(&mut self, _now: SimTime, server: Key<Server>) {
        self.cancel(server);
        self.close_if_over(server);
    }

    /// A worker takes no more, and restores no more.
    fn cancel(&mut self, server: Key<Server>) {
        let worker = self.workers.of(server).filter(|one| one.taking);
        let Some(worker) = worker else {
            return;
        };
        worker.taking = false;
        let since = worker.since;
        if self.is_list() {
            self.restorers.remove(since);
        }
    }

    /// A worker that shuts down closes its channel when its last task is over: what it has not begun
    /// comes back.
    pub(super) fn close_if_over(&mut self, server: Key<Server>) {
        let worker = self.workers.of(server);
        let Some(worker) = worker.filter(|one| !one.taking && one.running == 0) else {
            return;
        };
        let reserved = std::mem::take(&mut worker.reserved);
        self.give_back_all(reserved);
    }

    /// A list gets each at its head in the order in which they were taken.
    fn give_back_all(&mut self, deliveries: impl IntoIterator<Item = u32>) {
        for number in deliveries {
            if let Some(delivery) = self.take_delivery(number) {
                self.give_back(delivery.handle, delivery.message.deliveries);
            }
        }
    }

    pub(in super::super) fn lose(&mut self, _now: SimTime, server: Key<Server>) {
        self.cancel(server);
        if let Some(worker) = self.workers.remove(server) {
            self.close(worker);
            let place = server.slot();
            // Another worker may have this place one day, and a turn of its own.
            self.takers.retain(|&taker| taker as usize != place);
        }
    }

    /// The connection of a worker that is gone is closed.
    fn close(&mut self, worker: Worker) {
        if self.visibility.is_none() {
            self.give_back_all(worker.reserved);
            return;
        }
        // The broker of a list or of SQS sees no connection: all comes back by the timeout.
        for number in worker.reserved {
            self.take_delivery(number);
        }
    }

    pub(in super::super) fn vanish(&mut self, now: SimTime, server: Key<Server>) {
        if self.kind != QueueKind::RabbitMq {
            self.lose(now, server);
        } else if let Some(place) = self.workers.vanish(server, now) {
            let before = server.slot();
            self.takers.retain(|&taker| taker as usize != before);
            self.list(place);
        }
    }

    /// The broker closes the connections of machines that are gone.
    pub(super) fn notice_silent(&mut self, now: SimTime) {
        while let Some(worker) = self.workers.take_noticed(now) {
            self.close(worker);
            // Its place may be another's one day.
            let workers = &self.workers;
            self.takers.retain(|&place| workers.get(place).is_some());
        }
    }

    /// Whether a task has ended with a machine without the broker's notice: its message stays held, as one
    /// that has not begun.
    pub(super) fn is_ended_unseen(&mut self, number: u32) -> bool {
        let Some(Some(delivery)) = self.deliveries.get_mut(number as usize) else {
            return false;
        };
        let &mut Delivery { server, acked, .. } = delivery;
        let silent = self.workers.silent_of(server);
        let Some(worker) = silent.filter(|_| !acked) else {
            return false;
        };
        delivery.running = false;
        worker.running -= 1;
        worker.reserved.push_back(number);
        self.running -= 1;
        true
    }

    /// Whether a worker takes one more message.
    fn takes(&self, place: u32) -> bool {
        let Some(worker) = self.workers.get(place) else {
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
        let begins = worker.begins() && self.acknowledge == Acknowledge::Early;
        worker.taking && (begins || unacked < prefetch)
    }

    /// Puts a worker behind those that take messages.
    pub(super) fn list(&mut self, place: u32) {
        if self.takes(place)
            && let Some(worker) = self.workers.get_mut(place)
            && !worker.listed
        {
            worker.listed = true;
            self.takers.push_back(place);
        }
    }

    /// The next worker that takes a message.
    pub(super) fn next_taker(&mut self) -> Option<u32> {
        while let Some(place) = self.takers.pop_front() {
            if let Some(worker) = self.workers.get_mut(place) {
                worker.listed = false;
            }
            if self.takes(place) {
                return Some(place);
            }
        }
        None
    }
}
