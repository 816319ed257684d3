//! When calls have waited long enough. Most are answered long before: their timers are dropped when
//! they come up, and no event is made of them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Call, Stage};
use crate::sim::{Arena, EventId, EventQueue, Key, SimTime};
use crate::world::traffic::TrafficEvent;

/// What is due for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// No connection has become free.
    NoConnection,
    /// Its attempt has not been answered.
    Timeout,
    /// Its back-off is over.
    Retry,
}

/// A timer of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Timer {
    at: SimTime,
    number: u64,
    call: Key<Call>,
    attempt: u32,
    due: Due,
}

impl Timer {
    /// Whether the attempt is still there that it waits for.
    fn holds(&self, calls: &Arena<Call>) -> bool {
        let call = calls.get(self.call);
        let waits_for = |stage| match stage {
            Stage::Idle => Due::Retry,
            Stage::Queued => Due::NoConnection,
            Stage::Sent(_) => Due::Timeout,
        };
        call.is_some_and(|one| one.attempt == self.attempt && waits_for(one.stage) == self.due)
    }
}

/// All timers, and the one event that stands for the first of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<Timer>>,
    set: u64,
    armed: Option<(SimTime, EventId)>,
}

impl Timers {
    /// Sets a timer for the attempt that a call makes, or has made last.
    pub(super) fn set(&mut self, at: SimTime, key: Key<Call>, call: &Call, due: Due) {
        self.set += 1;
        self.heap.push(Reverse(Timer {
            at,
            number: self.set,
            call: key,
            attempt: call.attempt,
            due,
        }));
    }

    fn first(&mut self, calls: &Arena<Call>) -> Option<Timer> {
        while let Some(Reverse(first)) = self.heap.peek() {
            if first.holds(calls) {
                return Some(*first);
            }
            self.heap.pop();
        }
        None
    }

    /// Takes what is due by now.
    pub(super) fn take(&mut self, now: SimTime, calls: &Arena<Call>) -> Option<(Key<Call>, Due)> {
        let first = self.first(calls).filter(|first| first.at <= now)?;
        self.heap.pop();
        Some((first.call, first.due))
    }

    /// Moves the event to the first timer.
    pub(super) fn arm<E: From<TrafficEvent> + Copy>(
        &mut self,
        calls: &Arena<Call>,
        queue: &mut EventQueue<E>,
    ) {
        let Some(Timer { at, .. }) = self.first(calls) else {
            return;
        };
        if let Some((armed, event)) = self.armed
            && (armed == at && queue.is_pending(event) || queue.reschedule(event, at))
        {
            self.armed = Some((at, event));
        } else {
            self.armed = Some((at, queue.schedule(at, TrafficEvent::Calls)));
        }
    }
}
