//! Processor sharing in virtual time.
//!
//! A server's CPU is shared equally among the requests on it, each on one core at most, and
//! its background work, which counts as that many threads. Virtual time V is the service
//! that each request on the CPU has received: it runs at rate min(1, grant / threads), so a
//! request that enters at V with work w is done at V + w whatever happens in between, and
//! the next one done is the top of a heap (Kleinrock's processor sharing; the method is that
//! of fair queueing, Demers, Keshav and Shenker 1989).
//!
//! All arithmetic is in integers. V counts 1/1024 ns; each step cuts less than one such unit
//! off the service given, and what was given is accounted exactly: the sum over requests of
//! service received equals the total consumed.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::bandwidth::{Bandwidth, Throttling};
use super::figures::CpuLedger;
use super::past::Past;
use super::request::{ActiveRequests, Phase};
use crate::sim::SimTime;

/// Millionths of a core, the unit of grants.
pub(super) const CORE: u64 = 1_000_000;

/// Virtual time units per nanosecond, as a shift.
pub(super) const FINE: u32 = 10;

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
    updated: SimTime,
    /// Service given to each request since V was last 0, in 1/1024 ns.
    virtual_now: u64,
    active: u32,
    /// Entries of requests that were taken off before they were done.
    stale: u32,
    background: u64,
    /// What it would use with nothing in the way, in millionths of a core.
    demand: u64,
    grant: u64,
    /// The CPU limit, if there is one.
    bandwidth: Option<Bandwidth>,
    heap: BinaryHeap<Entry>,
    /// Given to requests in all, in 1/1024 ns of one core.
    served: u128,
    /// Work of requests that were done, in 1/1024 ns of one core.
    completed: u128,
    /// Given to requests that were taken off before they were done.
    aborted: u128,
    /// Given to background work, in 1/1024 ns of one millionth of a core.
    background_used: u128,
    /// What held lately, if that is kept: for servers without requests.
    past: Option<Past<Background>>,
}

/// Background work up to the next change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Background {
    pub(super) updated: SimTime,
    /// Millionths of a core.
    pub(super) rate: u64,
    pub(super) grant: u64,
    /// Used up to the update, in 1/1024 ns of one millionth of a core.
    pub(super) used: u128,
}

impl Background {
    /// No work yet, under a grant.
    pub(super) fn new(updated: SimTime, grant: u64) -> Self {
        Self {
            updated,
            rate: 0,
            grant,
            used: 0,
        }
    }

    /// CPU time used until `now`, in 1/1024 ns of one millionth of a core.
    #[inline]
    pub(super) fn used_at(&self, now: SimTime) -> u128 {
        let given = given(now.0 - self.updated.0, self.rate, self.grant);
        // Modulo 2^128: what counts may be a difference.
        self.used
            .wrapping_add(u128::from(self.rate) * u128::from(given))
    }
}

/// Nanoseconds of a core in so many 1/1024 ns of one millionth of a core, cut.
#[inline]
pub(super) fn nanos(used: u128) -> i64 {
    let whole = used >> FINE;
    match u64::try_from(whole) {
        Ok(whole) => (whole / CORE) as i64,
        Err(_) => (whole / u128::from(CORE)) as i64,
    }
}

/// Service that each of these threads gets in so many nanoseconds, in 1/1024 ns.
#[inline]
fn given(elapsed: i64, threads: u64, grant: u64) -> u64 {
    let elapsed = elapsed as u64;
    if threads <= grant {
        return elapsed << FINE;
    }
    let fine = u128::from(elapsed << FINE) * u128::from(grant);
    match u64::try_from(fine) {
        Ok(fine) => fine / threads,
        Err(_) => (fine / u128::from(threads)) as u64,
    }
}

impl ProcessorSharing {
    /// A server with a CPU limit in millionths of a core.
    pub(super) fn new(now: SimTime, grant: u64, limit: Option<u64>) -> Self {
        Self {
            updated: now,
            virtual_now: 0,
            active: 0,
            stale: 0,
            background: 0,
            demand: 0,
            grant,
            bandwidth: limit.map(|limit| Bandwidth::new(now, limit)),
            heap: BinaryHeap::new(),
            served: 0,
            completed: 0,
            aborted: 0,
            background_used: 0,
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
        let is_all = self.active == 0 && self.served == 0 && self.updated == now;
        (is_all && self.background == rate).then_some(self.background_used)
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
        self.updated = work.updated;
        self.background_used = work.used;
        self.set_background(work.rate);
    }

    pub(super) fn grant(&self) -> u64 {
        self.grant
    }

    /// The background work, in millionths of a core.
    pub(super) fn background(&self) -> u64 {
        self.background
    }

    /// What it would use with nothing in the way, in millionths of a core.
    #[inline]
    pub(super) fn demand(&self) -> u64 {
        self.demand
    }

    /// The most that it may use at the moment, in millionths of a core: nothing while its
    /// quota is used up, any amount while it lasts, its limit while only background work runs.
    #[inline]
    pub(super) fn cap(&self) -> u64 {
        match &self.bandwidth {
            Some(bandwidth) if bandwidth.is_throttled() => 0,
            Some(bandwidth) if self.active == 0 => bandwidth.limit(),
            _ => u64::MAX,
        }
    }

    /// What it uses at the moment, in millionths of a core.
    #[inline]
    fn rate(&self) -> u64 {
        self.demand().min(self.grant)
    }

    /// Changes the CPU limit: the quota is whole again. The caller has advanced to now.
    pub(super) fn set_limit(&mut self, now: SimTime, limit: Option<u64>) {
        self.bandwidth = match (limit, &self.bandwidth) {
            (Some(limit), Some(before)) => Some(before.changed(now, limit)),
            (Some(limit), None) => Some(Bandwidth::new(now, limit)),
            (None, _) => None,
        };
    }

    /// What the CPU limit has done to it by now, if there is one.
    pub(super) fn throttling(&self, now: SimTime) -> Option<Throttling> {
        let bandwidth = self.bandwidth.as_ref()?;
        if bandwidth.is_throttled() {
            return Some(bandwidth.throttling(now));
        }
        let mut bandwidth = bandwidth.clone();
        bandwidth.consume(self.rate(), self.updated, now);
        Some(bandwidth.throttling(now))
    }

    /// Notices that the quota is used up or whole again; the caller has advanced to now.
    #[inline]
    pub(super) fn tick(&mut self, now: SimTime) {
        if let Some(bandwidth) = &mut self.bandwidth {
            bandwidth.tick(now);
        }
    }

    /// When the quota is used up or whole again, if requests are on the CPU or wait for it.
    #[inline]
    pub(super) fn next_tick(&self, now: SimTime) -> Option<SimTime> {
        let bandwidth = self.bandwidth.as_ref()?;
        if self.active == 0 && !bandwidth.is_throttled() {
            return None;
        }
        bandwidth.next_tick(now, self.rate())
    }

    /// Service given per request between the last update and `now`.
    #[inline]
    fn step(&self, now: SimTime) -> u64 {
        given(now.0 - self.updated.0, self.demand(), self.grant)
    }

    /// Brings V and the accounts to `now`.
    #[inline]
    pub(super) fn advance(&mut self, now: SimTime) {
        if now == self.updated {
            return;
        }
        let (given, rate) = (self.step(now), self.rate());
        if let Some(bandwidth) = &mut self.bandwidth {
            bandwidth.consume(rate, self.updated, now);
        }
        if let Some(past) = &mut self.past {
            let held = Background {
                updated: self.updated,
                rate: self.background,
                grant: self.grant,
                used: self.background_used,
            };
            past.push(now, held);
        }
        self.updated = now;
        self.virtual_now += given;
        self.served += u128::from(self.active) * u128::from(given);
        self.background_used += u128::from(self.background) * u128::from(given);
    }

    /// Changes the grant; the caller has advanced to now.
    #[inline]
    pub(super) fn set_grant(&mut self, grant: u64) {
        self.grant = grant;
    }

    /// Changes the background work; the caller has advanced to now.
    pub(super) fn set_background(&mut self, background: u64) {
        self.background = background;
        self.demand = u64::from(self.active) * CORE + background;
    }

    /// Puts a request on the CPU; the caller has advanced to now.
    #[inline]
    pub(super) fn enter(&mut self, slot: u32, requests: &mut ActiveRequests) {
        let order = requests.next_order();
        let finish = self.push(requests.at(slot).work.cpu, order, slot);
        let request = requests.at_mut(slot);
        request.phase = Phase::Running;
        request.order = order;
        request.finish = finish;
    }

    /// Puts work on the CPU under a slot of the caller's, who has advanced to now; returns the virtual
    /// time at which it is done.
    #[inline]
    pub(super) fn push(&mut self, cpu: i64, order: u32, slot: u32) -> u64 {
        if self.active == 0 {
            self.virtual_now = 0;
            self.heap.clear();
            self.stale = 0;
        }
        let key = self.virtual_now + ((cpu as u64) << FINE);
        self.heap.push(Entry { key, order, slot });
        self.active += 1;
        self.demand += CORE;
        key
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
        let slot = self.pop_done()?;
        self.count_done(requests.at(slot).work.cpu);
        Some(slot)
    }

    /// Takes off the first entry if it is done by now; the caller has advanced to now, knows that it is
    /// not stale and counts its work.
    #[inline]
    pub(super) fn pop_done(&mut self) -> Option<u32> {
        let first = *self.heap.peek()?;
        if first.key > self.virtual_now {
            return None;
        }
        self.heap.pop();
        self.active -= 1;
        self.demand -= CORE;
        // Events come on whole nanoseconds: take back what was given beyond its work.
        self.served -= u128::from(self.virtual_now - first.key);
        Some(first.slot)
    }

    /// Counts work as done.
    #[inline]
    pub(super) fn count_done(&mut self, cpu: i64) {
        self.completed += u128::from((cpu as u64) << FINE);
    }

    /// Whether entries of requests that were taken off are left.
    pub(super) fn has_stale(&self) -> bool {
        self.stale > 0
    }

    /// The entries of its requests, to give them other slots.
    pub(super) fn entries(&mut self) -> &mut BinaryHeap<Entry> {
        &mut self.heap
    }

    /// Takes a request off before it is done; the caller has advanced to now and changes its
    /// phase.
    pub(super) fn abort(&mut self, slot: u32, requests: &ActiveRequests) {
        let request = requests.at(slot);
        let work = (request.work.cpu as u64) << FINE;
        let overshoot = self.virtual_now.saturating_sub(request.finish);
        self.served -= u128::from(overshoot);
        self.active -= 1;
        self.demand -= CORE;
        self.stale += 1;
        if self.stale > 64 && self.stale > 2 * self.active {
            self.heap
                .retain(|entry| entry.slot != slot && is_current(entry, requests));
            self.stale = 0;
        }
        self.aborted += u128::from(self.virtual_now + work - request.finish - overshoot);
    }

    /// When the next request is done if nothing changes; the caller has advanced to now.
    #[inline]
    pub(super) fn next_done(&mut self, requests: &ActiveRequests) -> Option<SimTime> {
        let first = loop {
            let first = *self.heap.peek()?;
            if self.stale == 0 || is_current(&first, requests) {
                break first;
            }
            self.heap.pop();
            self.stale -= 1;
        };
        let missing = first.key.saturating_sub(self.virtual_now);
        let threads = self.demand();
        let span = if threads <= self.grant {
            missing.div_ceil(1 << FINE)
        } else if self.grant == 0 {
            return None;
        } else {
            let (work, rate) = (
                u128::from(missing) * u128::from(threads),
                self.grant << FINE,
            );
            match u64::try_from(work) {
                Ok(work) => work.div_ceil(rate),
                Err(_) => u64::try_from(work.div_ceil(u128::from(rate))).unwrap_or(u64::MAX),
            }
        };
        let at = i64::try_from(span)
            .ok()
            .and_then(|span| self.updated.0.checked_add(span))?;
        Some(SimTime(at))
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
        let step = self.step(now);
        let virtual_now = u128::from(self.virtual_now + step);
        let received = |slot| {
            let request = requests.at(slot);
            virtual_now + (u128::from(request.work.cpu as u64) << FINE) - u128::from(request.finish)
        };
        let background = u128::from(self.background) * u128::from(step);
        CpuLedger {
            served: self.served + u128::from(self.active) * u128::from(step),
            completed: self.completed,
            partial: self.aborted + self.running(requests).map(received).sum::<u128>(),
            background: (self.background_used + background) / u128::from(CORE),
        }
    }

    /// CPU time used until `now` by requests and background work, in nanoseconds.
    pub(super) fn used(&self, now: SimTime) -> i64 {
        let step = u128::from(self.step(now));
        let served = self.served + u128::from(self.active) * step;
        let background = self.background_used + u128::from(self.background) * step;
        if served == 0 {
            return nanos(background);
        }
        ((served + background / u128::from(CORE)) >> FINE) as i64
    }

    /// CPU time used until a time that may have passed. Times ascend.
    pub(super) fn used_until(&mut self, time: SimTime) -> i64 {
        match self.past.as_mut().and_then(|past| past.at(time)) {
            Some(held) => nanos(held.used_at(time)),
            None => self.used(time),
        }
    }
}
