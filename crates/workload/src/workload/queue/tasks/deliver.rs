//! Messages that are handed to workers, their tasks, and how these end.

use super::super::{Fate, Message, Start};
use super::{ACKED, Delivery, State, TaskQueue};
use crate::sim::SimTime;
use crate::workload::queue::spec::Acknowledge;
use crate::workload::request::Ending;

impl TaskQueue {
    pub(in super::super) fn next_start(&mut self, now: SimTime) -> Option<Start> {
        loop {
            if let Some(place) = self.starters.pop() {
                if let Some(worker) = self.workers.get_mut(place)
                    && worker.begins()
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
        let handle = self.ready.pop()?;
        let message = self.entries[handle.slot as usize].message;
        if self.is_spent(&message) {
            self.remove(handle);
            self.settle(&message, Fate::DeadLettered);
            self.list(place);
            return None;
        }
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
        let worker = self.workers.get_mut(place)?;
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
        let start = if worker.begins() {
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
        if let Some(worker) = self.workers.of(server) {
            worker.running += 1;
        }
        Some(Start {
            server,
            delivery: number,
            work,
        })
    }

    pub(in super::super) fn ended(&mut self, now: SimTime, number: u32, ending: Ending) {
        if ending == Ending::Killed && self.is_ended_unseen(number) {
            return;
        }
        let Some(delivery) = self.take_delivery(number) else {
            return;
        };
        self.running -= 1;
        let place = delivery.server.slot() as u32;
        if let Some(worker) = self.workers.of(delivery.server) {
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
        self.close_if_over(delivery.server);
        self.list(place);
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
}
