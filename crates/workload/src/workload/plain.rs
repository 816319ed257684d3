//! A server of which requests want CPU and a wait, and nothing else, between two events of others.
//!
//! Most requests come and go in that time. Nothing is kept of those but their entries in the server's
//! heaps, under the numbers of their arrivals. What is still inside at the end, or when there is more to
//! it - no free slot, a time limit in reach -, gets its record then ([`Plain::end`]), and the rest is
//! done as ever ([`Lane`]). CPU, memory and counts are the server's own throughout.

use std::collections::BinaryHeap;

use super::lane::Lane;
use super::processor_sharing::Entry;
use super::request::{Ending, Phase, RequestKey, Served, Work};
use crate::sim::SimTime;

/// Marks a slot of an entry as the place of an arrival.
const ARRIVAL: u32 = 1 << 31;

/// One server, run by itself as long as there is little to it.
#[derive(Debug)]
pub struct Plain<'a, 'b> {
    lane: &'b mut Lane<'a>,
    /// What comes, with numbers of the caller's.
    inbox: &'b [(u32, Work)],
    /// How many of those have come.
    come: usize,
    /// No time limit of a request inside passes before.
    limit: SimTime,
    served: &'b mut Vec<Served>,
}

impl<'a> Lane<'a> {
    /// The server with what comes to it before a time, if there is little to it and it has not much
    /// inside. What is served goes to `served`.
    pub fn plain<'b>(
        &'b mut self,
        inbox: &'b [(u32, Work)],
        until: SimTime,
        served: &'b mut Vec<Served>,
    ) -> Option<Plain<'a, 'b>> {
        let (server, requests) = (&mut *self.server, &*self.requests);
        let is_plain = server.pace.is_none()
            && server.bucket.is_none()
            && server.stale_waits == 0
            && !server.cpu.has_stale()
            && server.queued == 0
            && server.calling.is_empty()
            && !self.service.has_calls
            && !self.service.is_shared()
            && (server.out_of_memory || server.memory.waits_for_requests());
        if !is_plain || server.inside() as usize > 4 * inbox.len() {
            return None;
        }
        while let Some(&(_, key)) = server.deadlines.front()
            && requests.find(key).is_none()
        {
            server.deadlines.pop_front();
        }
        let limit = server.deadlines.front();
        let limit = limit.map_or(SimTime::MAX, |&(deadline, _)| deadline);
        (limit >= until).then_some(Plain {
            lane: self,
            inbox,
            come: 0,
            limit,
            served,
        })
    }
}

impl Plain<'_, '_> {
    /// What comes next.
    #[inline]
    pub fn next(&self) -> Option<&(u32, Work)> {
        self.inbox.get(self.come)
    }

    /// The next request comes; false if it finds no free slot, and it has not come yet.
    #[inline]
    pub fn admit(&mut self) -> bool {
        let server = &mut *self.lane.server;
        let Some((_, work)) = self.inbox.get(self.come) else {
            return false;
        };
        if !server.has_free_slot() {
            return false;
        }
        let now = work.arrival;
        server.cpu.advance(now);
        server.memory.hold(work.memory);
        if server.in_service == 0 {
            let limit = self.lane.service.spec.request.timeout;
            self.limit = limit.map_or(SimTime::MAX, |limit| now + limit);
        }
        server.in_service += 1;
        let slot = ARRIVAL | self.come as u32;
        self.come += 1;
        if work.cpu > 0 {
            let order = self.lane.requests.next_order();
            server.cpu.push(work.cpu, order, slot);
        } else {
            self.after_cpu(now, slot, *work);
        }
        true
    }

    /// Does everything that is due by now.
    #[inline]
    pub fn work_off(&mut self, now: SimTime) {
        self.lane.server.cpu.advance(now);
        self.lane.server.cpu.tick(now);
        while let Some(slot) = self.lane.server.cpu.pop_done() {
            let work = self.work(slot);
            self.lane.server.cpu.count_done(work.cpu);
            self.after_cpu(now, slot, work);
        }
        while let Some(first) = self.lane.server.waits.peek()
            && first.key <= now.0 as u64
        {
            let slot = first.slot;
            self.lane.server.waits.pop();
            self.finish(now, slot, self.work(slot));
        }
    }

    /// Grants CPU after a change, and says when something is due next, [`SimTime::MAX`] if never;
    /// nothing if a time limit may pass before.
    #[inline]
    pub fn settle(&mut self, now: SimTime) -> Option<SimTime> {
        let server = &mut *self.lane.server;
        if server.in_service == 0 {
            self.limit = SimTime::MAX;
        }
        let grant = server.cpu.cap().min(self.lane.node.capacity);
        server.cpu.set_grant(grant);
        let done = server.cpu.next_done(self.lane.requests);
        let mut due = done.map_or(SimTime::MAX, |done| done.max(now));
        if let Some(tick) = server.cpu.next_tick(now) {
            due = due.min(tick.max(now));
        }
        if let Some(first) = server.waits.peek() {
            due = due.min(SimTime(first.key as i64));
        }
        (due <= self.limit).then_some(due)
    }

    #[inline]
    fn work(&self, slot: u32) -> Work {
        match slot & ARRIVAL {
            0 => self.lane.requests.at(slot).work,
            _ => self.inbox[(slot ^ ARRIVAL) as usize].1,
        }
    }

    #[inline]
    fn after_cpu(&mut self, now: SimTime, slot: u32, work: Work) {
        if work.wait == 0 {
            self.finish(now, slot, work);
            return;
        }
        let order = self.lane.requests.next_order();
        if slot & ARRIVAL == 0 {
            let request = self.lane.requests.at_mut(slot);
            request.phase = Phase::Waiting;
            request.order = order;
        }
        let key = now.0.saturating_add(work.wait) as u64;
        self.lane.server.waits.push(Entry { key, order, slot });
    }

    #[inline]
    fn finish(&mut self, now: SimTime, slot: u32, work: Work) {
        let Lane {
            server,
            service,
            requests,
            ..
        } = &mut *self.lane;
        server.in_service -= 1;
        server.memory.release(work.memory);
        server.count_answered(now, work.arrival, service);
        let waits = slot & ARRIVAL != 0 || requests.remove(slot, Ending::Done).is_some();
        if waits {
            self.served.push(Served {
                origin: work.origin,
                arrival: work.arrival,
                at: now,
            });
        }
    }

    /// Gives what is inside its records; `keep` hears which arrival became which request. Returns how
    /// many have come.
    pub fn end(self, mut keep: impl FnMut(u32, RequestKey)) -> usize {
        let Lane {
            server,
            service,
            requests,
            ..
        } = &mut *self.lane;
        let running = server.cpu.entries().iter().map(|one| (one, Phase::Running));
        let waiting = server.waits.iter().map(|one| (one, Phase::Waiting));
        let inside = running.chain(waiting);
        let mut inside: Vec<(u32, Phase, (u64, u32), u32)> = inside
            .filter(|(one, _)| one.slot & ARRIVAL != 0)
            .map(|(one, phase)| (one.slot, phase, (one.key, one.order), 0))
            .collect();
        if inside.is_empty() {
            return self.come;
        }
        inside.sort_unstable_by_key(|&(arrival, ..)| arrival);
        for (arrival, phase, entry, slot) in &mut inside {
            let (number, work) = self.inbox[(*arrival ^ ARRIVAL) as usize];
            *slot = requests.insert_at(work, *phase, *entry);
            let key = requests.key(*slot);
            if let Some(limit) = service.spec.request.timeout {
                server.deadlines.push_back((work.arrival + limit, key));
            }
            keep(number, key);
        }
        let rename = |heap: &mut BinaryHeap<Entry>| {
            let mut entries = std::mem::take(heap).into_vec();
            for entry in &mut entries {
                let found = inside.binary_search_by_key(&entry.slot, |&(arrival, ..)| arrival);
                if let Ok(place) = found {
                    entry.slot = inside[place].3;
                }
            }
            *heap = entries.into();
        };
        rename(server.cpu.entries());
        rename(&mut server.waits);
        self.come
    }
}
