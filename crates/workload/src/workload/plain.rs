//! A server of which requests want CPU and a wait, and nothing else, between two events of others.
//!
//! Most requests come and go in that time, and few are inside at once. Nothing is kept of those but an
//! entry in a short list, under the numbers of their arrivals. What is still inside at the end, or when
//! there is more to it - no free slot, many at once, a time limit in reach -, gets its record then, and
//! the rest is done as ever ([`Lane`]). CPU and quota are the server's own throughout.

use super::few::{Few, MOST};
use super::flow::Flow;
use super::lane::Lane;
use super::latency::LatencyHistogram;
use super::processor_sharing::Entry;
use super::request::{ActiveRequests, Ending, Phase, RequestKey, Served, Work};
use crate::sim::{SimDuration, SimTime};

/// Marks a slot of an entry as the place of an arrival.
const ARRIVAL: u32 = 1 << 31;

/// When the next change in a server was set to its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    /// Before it was run by itself.
    Before,
    /// By the arrival of this number.
    By(u32),
    /// By a change in the server at this time.
    At(SimTime),
}

/// A server that is run by itself: what is due next, and what was done.
#[derive(Debug, Clone, Copy)]
pub struct Course {
    /// When the next change is due; [`SimTime::MAX`] if never.
    pub due: SimTime,
    /// By what that was set.
    pub set: Set,
    /// Changes so far.
    pub turns: u64,
    /// The time of the last of them.
    pub last: SimTime,
}

impl Course {
    /// The next change is due then, after something that happened now.
    #[inline]
    pub fn go_on(&mut self, then: SimTime, by: Set, now: SimTime) {
        if then != self.due || by == Set::At(now) {
            (self.due, self.set) = (then, by);
        }
    }
}

/// Room for the state of a server that is run by itself, to be used again.
#[derive(Debug, Clone, Default)]
pub struct Calm(Box<Plain>);

/// What is in a server as long as there is little to it.
#[derive(Debug, Clone, Default)]
pub(super) struct Plain {
    pub(super) cpu: Flow,
    running: Few,
    waiting: Few,
    in_service: u32,
    /// How many may be in it.
    most: u32,
    /// What its node has.
    capacity: u64,
    /// The server's time limit on requests.
    timeout: Option<SimDuration>,
    /// No time limit of a request inside passes before.
    limit: SimTime,
    /// Requests that are done, and bytes that requests hold now more than at the start.
    done: u64,
    held: i64,
}

/// What a server needs at hand while it is run so.
pub(super) struct Around<'a> {
    pub(super) requests: &'a mut ActiveRequests,
    /// What comes, with numbers of the caller's.
    pub(super) inbox: &'a [(u32, Work)],
    pub(super) latency: Option<&'a mut LatencyHistogram>,
    pub(super) served: &'a mut Vec<Served>,
}

impl Lane<'_> {
    /// Runs the server up to a time through what comes to it, with numbers of the caller's, as long as
    /// there is little to it and not much inside. What is served goes to `served`, `keep` hears which
    /// arrival became which request, and `is_first` tells whether a change that was set so comes before
    /// the arrival of a number at the same instant. Returns how many have come.
    pub fn run_plain(
        &mut self,
        inbox: &[(u32, Work)],
        until: SimTime,
        course: &mut Course,
        (plain, served): (&mut Calm, &mut Vec<Served>),
        is_first: impl Fn(Set, u32) -> bool,
        keep: impl FnMut(u32, RequestKey),
    ) -> usize {
        let plain = &mut *plain.0;
        if self.server.inside() as usize > 4 * inbox.len() || !self.begin(until, plain) {
            return 0;
        }
        let mut around = Around {
            requests: self.requests,
            inbox,
            latency: self.server.latency.as_deref_mut(),
            served,
        };
        let mut come = 0;
        let late = loop {
            let (now, by) = match inbox.get(come) {
                Some(&(number, ref work))
                    if work.arrival < course.due
                        || (work.arrival == course.due && !is_first(course.set, number)) =>
                {
                    if !plain.admit(come as u32, work, &mut around) {
                        break None;
                    }
                    come += 1;
                    (work.arrival, Set::By(number))
                }
                _ if course.due < until => {
                    course.last = course.due;
                    course.turns += 1;
                    plain.work_off(course.due, &mut around);
                    (course.due, Set::At(course.due))
                }
                _ => break None,
            };
            match plain.settle(now) {
                Some(then) => course.go_on(then, by, now),
                None => break Some((now, by)),
            }
        };
        self.end_plain(plain, &inbox[..come], keep);
        if let Some((now, by)) = late {
            let then = self.settle(now);
            course.go_on(then, by, now);
        }
        come
    }

    /// Takes the server's state out, if there is little to it and no time limit of a request inside
    /// passes before a time.
    pub(super) fn begin(&mut self, until: SimTime, plain: &mut Plain) -> bool {
        let Some(limit) = self.plain_until().filter(|&limit| limit >= until) else {
            return false;
        };
        let server = &mut *self.server;
        plain.cpu = server.cpu.flow;
        plain.running.fill(server.cpu.entries().as_slice());
        plain.waiting.fill(server.waits.as_slice());
        plain.in_service = server.in_service;
        plain.most = server.slots().min(MOST as u32);
        plain.capacity = self.node.capacity;
        plain.timeout = self.service.spec.request.timeout;
        plain.limit = limit;
        (plain.done, plain.held) = (0, 0);
        true
    }

    /// Puts the server's state back. `keep` hears which of those that came is still there.
    pub(super) fn end_plain(
        &mut self,
        plain: &Plain,
        come: &[(u32, Work)],
        keep: impl FnMut(u32, RequestKey),
    ) {
        self.server.cpu.flow = plain.cpu;
        self.server.in_service = plain.in_service;
        self.server.memory.pass(plain.held, plain.done);
        self.server.answered += plain.done;
        self.service.answered += plain.done;
        self.keep_inside(come, &plain.running, &plain.waiting, keep);
    }

    /// If there is little to the server and it has not much inside: up to when no time limit of a
    /// request inside passes.
    fn plain_until(&mut self) -> Option<SimTime> {
        let (server, requests) = (&mut *self.server, &*self.requests);
        let is_plain = server.pace.is_none()
            && server.bucket.is_none()
            && server.stale_waits == 0
            && !server.cpu.has_stale()
            && !server.cpu.keeps_past()
            && server.queued == 0
            && server.calling.is_empty()
            && !self.service.has_calls
            && !self.service.is_shared()
            && (server.out_of_memory || server.memory.waits_for_requests());
        if !is_plain || server.inside() as usize > MOST {
            return None;
        }
        while let Some(&(_, key)) = server.deadlines.front()
            && requests.find(key).is_none()
        {
            server.deadlines.pop_front();
        }
        let limit = server.deadlines.front();
        Some(limit.map_or(SimTime::MAX, |&(deadline, _)| deadline))
    }

    /// Gives what is inside its records.
    fn keep_inside(
        &mut self,
        come: &[(u32, Work)],
        running: &Few,
        waiting: &Few,
        mut keep: impl FnMut(u32, RequestKey),
    ) {
        let Lane {
            server,
            service,
            requests,
            ..
        } = self;
        let both = [(running, Phase::Running), (waiting, Phase::Waiting)];
        let mut inside: Vec<(Entry, Phase)> = both
            .into_iter()
            .flat_map(|(few, phase)| few.iter().map(move |entry| (entry, phase)))
            .collect();
        // Those that were there before come first, then those that came, in their order.
        inside.sort_unstable_by_key(|(entry, _)| entry.slot);
        for (entry, phase) in &mut inside {
            if entry.slot & ARRIVAL == 0 {
                continue;
            }
            let (number, work) = come[(entry.slot ^ ARRIVAL) as usize];
            entry.slot = requests.insert_at(work, *phase, (entry.key, entry.order));
            let key = requests.key(entry.slot);
            if let Some(limit) = service.spec.request.timeout {
                server.deadlines.push_back((work.arrival + limit, key));
            }
            keep(number, key);
        }
        for (heap, phase) in [
            (server.cpu.entries(), Phase::Running),
            (&mut server.waits, Phase::Waiting),
        ] {
            let own = inside.iter().filter(|(_, other)| *other == phase);
            heap.clear();
            heap.extend(own.map(|(entry, _)| *entry));
        }
    }
}

impl Plain {
    /// The request at a place of the inbox comes; false if there is no room for it, and it has not come.
    #[inline]
    pub(super) fn admit(&mut self, place: u32, work: &Work, around: &mut Around<'_>) -> bool {
        if self.in_service >= self.most {
            return false;
        }
        let (now, slot) = (work.arrival, ARRIVAL | place);
        if self.in_service == 0 {
            self.limit = self.timeout.map_or(SimTime::MAX, |limit| now + limit);
        }
        self.cpu.advance(now);
        self.held += work.memory;
        self.in_service += 1;
        if work.cpu > 0 {
            let order = around.requests.next_order();
            let key = self.cpu.enter(work.cpu);
            self.running.push(Entry { key, order, slot });
        } else {
            self.after_cpu(now, slot, *work, around);
        }
        true
    }

    /// Does everything that is due by now.
    #[inline]
    pub(super) fn work_off(&mut self, now: SimTime, around: &mut Around<'_>) {
        self.cpu.advance(now);
        self.cpu.tick(now);
        while self.cpu.is_done(self.running.least()) {
            let key = self.running.least();
            let slot = self.running.pop();
            let work = around.work(slot);
            self.cpu.leave(key, work.cpu);
            self.after_cpu(now, slot, work, around);
        }
        while self.waiting.least() <= now.0 as u64 {
            let slot = self.waiting.pop();
            let work = around.work(slot);
            self.finish(now, slot, work, around);
        }
    }

    /// Grants CPU after a change, and says when something is due next, [`SimTime::MAX`] if never;
    /// nothing if a time limit may pass before.
    #[inline]
    pub(super) fn settle(&mut self, now: SimTime) -> Option<SimTime> {
        if self.in_service == 0 {
            self.limit = SimTime::MAX;
        }
        self.cpu.set_grant(self.cpu.cap().min(self.capacity));
        let due = self.cpu.next_change(now, self.running.least());
        let due = SimTime((due.0 as u64).min(self.waiting.least()) as i64);
        (due <= self.limit).then_some(due)
    }

    #[inline]
    fn after_cpu(&mut self, now: SimTime, slot: u32, work: Work, around: &mut Around<'_>) {
        if work.wait == 0 {
            self.finish(now, slot, work, around);
            return;
        }
        let order = around.requests.next_order();
        if slot & ARRIVAL == 0 {
            let request = around.requests.at_mut(slot);
            request.phase = Phase::Waiting;
            request.order = order;
        }
        let key = now.0.saturating_add(work.wait) as u64;
        self.waiting.push(Entry { key, order, slot });
    }

    #[inline]
    fn finish(&mut self, now: SimTime, slot: u32, work: Work, around: &mut Around<'_>) {
        self.in_service -= 1;
        self.held -= work.memory;
        self.done += 1;
        if let Some(latency) = &mut around.latency {
            latency.count((now - work.arrival).0);
        }
        let waits = slot & ARRIVAL != 0 || around.requests.remove(slot, Ending::Done).is_some();
        if waits {
            around.served.push(Served {
                origin: work.origin,
                arrival: work.arrival,
                at: now,
            });
        }
    }
}

impl Around<'_> {
    #[inline]
    fn work(&self, slot: u32) -> Work {
        match slot & ARRIVAL {
            0 => self.requests.at(slot).work,
            _ => self.inbox[(slot ^ ARRIVAL) as usize].1,
        }
    }
}
