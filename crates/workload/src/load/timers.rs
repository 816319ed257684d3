//! The timers of a load's clients, kept in one sorted deque.
//!
//! Clients of one load wait about equally long, so a new timer belongs at or near the end:
//! setting one costs what it overtakes, which is nothing for constant waits. Only the first
//! timer of a load needs an event in the queue.

use std::collections::VecDeque;

use crate::sim::SimTime;

/// Timers of clients in the order of their time; those of one instant in order of setting.
#[derive(Debug, Clone, Default)]
pub(super) struct Timers(VecDeque<(SimTime, u32)>);

impl Timers {
    /// Sets a timer for a client.
    #[inline]
    pub(super) fn set(&mut self, at: SimTime, client: u32) {
        match self.0.back() {
            Some(&(last, _)) if last > at => {
                let position = self.0.partition_point(|&(time, _)| time <= at);
                self.0.insert(position, (at, client));
            }
            _ => self.0.push_back((at, client)),
        }
    }

    /// The time of the first timer.
    #[inline]
    pub(super) fn first(&self) -> Option<SimTime> {
        self.0.front().map(|&(at, _)| at)
    }

    /// Takes the first timer if it is due.
    #[inline]
    pub(super) fn take(&mut self, now: SimTime) -> Option<(SimTime, u32)> {
        if self.0.front()?.0 > now {
            return None;
        }
        self.0.pop_front()
    }

    /// Removes the timers of a client.
    pub(super) fn cancel(&mut self, client: u32) {
        self.0.retain(|&(_, of)| of != client);
    }

    /// Removes all timers.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_come_in_order_of_time_then_of_setting() {
        let mut timers = Timers::default();
        for (at, client) in [(5, 0), (3, 1), (5, 2), (4, 3), (3, 4)] {
            timers.set(SimTime(at), client);
        }
        timers.cancel(3);
        let order: Vec<u32> = std::iter::from_fn(|| timers.take(SimTime(9)))
            .map(|(_, client)| client)
            .collect();
        assert_eq!(order, [1, 4, 0, 2]);
    }
}
