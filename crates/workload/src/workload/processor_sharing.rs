//! The CPU of a server and the requests on it.
//!
//! What each of them gets is worked out in virtual time ([`Flow`]): a request is done at a virtual time
//! that is known when it comes, so the next one done is the top of a heap.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::figures::CpuLedger;
use super::flow::{Background, CORE, Flow, nanos};
use super::past::Past;
use super::request::{ActiveRequests, Phase};
use crate::sim::SimTime;

/// A request in a heap: key, then the order of entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: u64,
    pub(super) order: u32,
    pub(super) slot: u32,
}

impl Ord for Entry {
    /// Least first in a [`BinaryHeap`].
    fn cmp(&self, other: &Self) -> Ordering {
        (other.key, other.order).cmp(&(self.key, self.order))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Whether the entry's request is still on the CPU: orders are unique in the engine.
fn is_current(entry: &Entry, requests: &ActiveRequests) -> bool {
    let request = requests.at(entry.slot);
    request.order == entry.order && request.phase == Phase::Running
}

/// The CPU of one server.
#[derive(Debug, Clone)]
pub(super) struct ProcessorSharing {
    pub(super) flow: Flow,
    /// Entries of requests that were taken off before they were done.
    stale: u32,
    heap: BinaryHeap<Entry>,
    /// Given to requests that were taken off before they were done.
    aborted: u128,
    /// What held lately, if that is kept: for servers without requests.
    past: Option<Past<Background>>,
}

impl ProcessorSharing {
    /// A server with a CPU limit in millionths of a core.
    pub(super) fn new(now: SimTime, grant: u64, limit: Option<u64>) -> Self {
        Self {
            flow: Flow::new(now, grant, limit),
            stale: 0,
            heap: BinaryHeap::new(),
            aborted: 0,
            past: None,
        }
    }

    /// Keeps what held until each change from now on.
    pub(super) fn keep_past(&mut self) {
        self.past.get_or_insert_default();
    }

    /// Whether it keeps its past, and so gets no requests.
    pub(super) fn keeps_past(&self) -> bool {
        self.past.is_some()
    }

    /// What background work has used by now, if that was brought to now, is of this rate and is all
    /// there is.
    pub(super) fn used_by_background(&self, now: SimTime, rate: u64) -> Option<u128> {
        let flow = &self.flow;
        let is_all = flow.active == 0 && flow.served == 0 && flow.updated == now;
        (is_all && flow.background() == rate).then_some(flow.background_used)
    }

    /// Goes on with background work that was kept elsewhere, and what held before each change of it.
    pub(super) fn go_on(
        &mut self,
        work: Background,
        past: impl Iterator<Item = (SimTime, Background)>,
    ) {
        if let Some(kept) = &mut self.past {
            past.for_each(|(until, held)| kept.push(until, held));
        }
        self.flow.updated = work.updated;
        self.flow.background_used = work.used;
        self.flow.set_background(work.rate);
    }

    /// Changes the CPU limit: the quota is whole again. The caller has advanced to now.
    pub(super) fn set_limit(&mut self, now: SimTime, limit: Option<u64>) {
        self.flow.set_limit(now, limit);
    }

    /// Brings V and the accounts to `now`.
    #[inline]
    pub(super) fn advance(&mut self, now: SimTime) {
        if now == self.flow.updated {
            return;
        }
        if self.past.is_some() {
            self.keep(now);
        }
        self.flow.advance(now);
    }

    #[cold]
    fn keep(&mut self, now: SimTime) {
        if let Some(past) = &mut self.past {
            past.push(now, self.flow.background_work());
        }
    }

    /// Puts a request on the CPU; the caller has advanced to now.
    #[inline]
    pub(super) fn enter(&mut self, slot: u32, requests: &mut ActiveRequests) {
        let order = requests.next_order();
        if self.flow.active == 0 {
            self.heap.clear();
            self.stale = 0;
        }
        let finish = self.flow.enter(requests.at(slot).work.cpu);
        self.heap.push(Entry {
            key: finish,
            order,
            slot,
        });
        let request = requests.at_mut(slot);
        request.phase = Phase::Running;
        request.order = order;
        request.finish = finish;
    }

    /// Takes off the next request that is done by now; the caller has advanced to now.
    #[inline]
    pub(super) fn take_done(&mut self, requests: &ActiveRequests) -> Option<u32> {
        while self.stale > 0
            && let Some(first) = self.heap.peek()
            && !is_current(first, requests)
        {
            self.heap.pop();
            self.stale -= 1;
        }
        let Entry { key, slot, .. } = *self.heap.peek()?;
        if !self.flow.is_done(key) {
            return None;
        }
        self.heap.pop();
        self.flow.leave(key, requests.at(slot).work.cpu);
        Some(slot)
    }

    /// Whether entries of requests that were taken off are left.
    pub(super) fn has_stale(&self) -> bool {
        self.stale > 0
    }

    /// The entries of its requests.
    pub(super) fn entries(&mut self) -> &mut BinaryHeap<Entry> {
        &mut self.heap
    }

    /// Takes a request off before it is done; the caller has advanced to now and changes its
    /// phase.
    pub(super) fn abort(&mut self, slot: u32, requests: &ActiveRequests) {
        let request = requests.at(slot);
        self.aborted += self.flow.abort(request.finish, request.work.cpu);
        self.stale += 1;
        if self.stale > 64 && self.stale > 2 * self.flow.active {
            self.heap
                .retain(|entry| entry.slot != slot && is_current(entry, requests));
            self.stale = 0;
        }
    }

    /// When the next request is done, or the quota is used up or whole again, if nothing changes;
    /// [`SimTime::MAX`] if neither will be. The caller has advanced to now.
    #[inline]
    pub(super) fn next_change(&mut self, now: SimTime, requests: &ActiveRequests) -> SimTime {
        while self.stale > 0
            && let Some(first) = self.heap.peek()
            && !is_current(first, requests)
        {
            self.heap.pop();
            self.stale -= 1;
        }
        let first = self.heap.peek().map_or(u64::MAX, |first| first.key);
        self.flow.next_change(now, first)
    }

    /// The requests on the CPU.
    pub(super) fn running<'a>(
        &'a self,
        requests: &'a ActiveRequests,
    ) -> impl Iterator<Item = u32> + 'a {
        self.heap
            .iter()
            .filter_map(|entry| is_current(entry, requests).then_some(entry.slot))
    }

    /// The accounts at `now`.
    pub(super) fn account(&self, now: SimTime, requests: &ActiveRequests) -> CpuLedger {
        let mut at = self.flow;
        at.advance(now);
        let received = |slot| {
            let request = requests.at(slot);
            at.received(request.finish, request.work.cpu)
        };
        CpuLedger {
            served: at.served,
            completed: at.completed,
            partial: self.aborted + self.running(requests).map(received).sum::<u128>(),
            background: at.background_used / u128::from(CORE),
        }
    }

    /// CPU time used until `now` by requests and background work, in nanoseconds.
    pub(super) fn used(&self, now: SimTime) -> i64 {
        self.flow.used(now)
    }

    /// CPU time used until a time that may have passed. Times ascend.
    pub(super) fn used_until(&mut self, time: SimTime) -> i64 {
        match self.past.as_mut().and_then(|past| past.at(time)) {
            Some(held) => nanos(held.used_at(time)),
            None => self.used(time),
        }
    }
}
