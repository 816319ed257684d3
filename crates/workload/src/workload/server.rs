//! One server: the container of a pod, and the way of a request through it.
//!
//! A request takes a free slot or waits in the backlog; with a slot it does its CPU work,
//! then its wait, then it is answered. A full backlog turns it away. The server's own time
//! limit takes it out wherever it is.

use std::collections::{BTreeSet, BinaryHeap, VecDeque};

use super::bucket::Bucket;
use super::figures::{Instruments, ServerLimits, Tier};
use super::latency::LatencyHistogram;
use super::memory::Memory;
use super::pace::Pace;
use super::processor_sharing::{Entry, ProcessorSharing};
use super::request::{ActiveRequests, Ending, Finished, Phase, RequestKey, TurnedAway, Work};
use super::service::Service;
use crate::sim::{Dist, SimTime, Stream};

/// So many requests over kept connections are no accident.
const PASSED_BY: u64 = 100;

/// The container of one pod that serves requests.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, set by different owners"
)]
#[derive(Debug, Clone)]
pub struct Server {
    /// How many servers were added before it.
    pub(super) serial: u64,
    pub(super) service: u32,
    pub(super) node: u32,
    limits: ServerLimits,
    pub(super) cpu: ProcessorSharing,
    pub(super) memory: Memory,
    /// What the node counts for it, in millionths of a core.
    pub(super) demand: u64,
    /// Background CPU set from outside, in millionths of a core.
    pub(super) extra: u64,
    /// Factor on the declared CPU usage, and where the next comes from.
    pub(super) noise: Option<Box<(f64, Stream)>>,
    pub(super) terminating: bool,
    /// Its application has not started yet: nobody listens.
    pub(super) starting: bool,
    pub(super) is_endpoint: bool,
    pub(super) out_of_memory: bool,
    pub(super) drained: bool,
    /// Its next event may have moved.
    pub(super) touched: bool,
    pub(super) in_service: u32,
    pub(super) queued: u32,
    pub(super) answered: u64,
    timed_out: u64,
    rejected: u64,
    limited: u64,
    pub(super) latency: Option<Box<LatencyHistogram>>,
    /// The service's requests over kept connections when it became an endpoint, while it is one.
    pub(super) kept_before: Option<u64>,
    slots: u32,
    backlog_limit: u32,
    backlog: VecDeque<RequestKey>,
    pub(super) waits: BinaryHeap<Entry>,
    /// Entries of requests that were taken out of their wait.
    pub(super) stale_waits: u32,
    pub(super) deadlines: VecDeque<(SimTime, RequestKey)>,
    /// The clock of waits, if it depends on how many there are.
    pub(super) pace: Option<Box<Pace>>,
    pub(super) bucket: Option<Box<Bucket>>,
    /// Connections of callers, if they are counted.
    pub(super) connections: u32,
    /// Requests whose calls are under way.
    pub(super) calling: BTreeSet<u32>,
}

impl Server {
    pub(super) fn new(
        now: SimTime,
        (service_index, service): (u32, &Service),
        node: u32,
        limits: ServerLimits,
        grant: u64,
    ) -> Self {
        Self {
            serial: 0,
            service: service_index,
            node,
            limits,
            cpu: ProcessorSharing::new(now, grant, micros(limits)),
            memory: Memory::new(now, &service.spec.memory, limits.memory_limit),
            demand: 0,
            extra: 0,
            noise: None,
            terminating: false,
            starting: false,
            is_endpoint: false,
            out_of_memory: false,
            drained: false,
            touched: false,
            in_service: 0,
            queued: 0,
            answered: 0,
            timed_out: 0,
            rejected: 0,
            limited: 0,
            latency: match service.spec.latency_buckets.as_slice() {
                [] => None,
                bounds => Some(Box::new(LatencyHistogram::new(bounds))),
            },
            kept_before: None,
            slots: service.spec.slots.unwrap_or(u32::MAX),
            backlog_limit: if service.is_shared() {
                0
            } else {
                service.spec.backlog.unwrap_or(u32::MAX)
            },
            backlog: VecDeque::new(),
            waits: BinaryHeap::new(),
            stale_waits: 0,
            deadlines: VecDeque::new(),
            pace: (service.spec.concurrency.slowdown.as_ref())
                .map(|curve| Box::new(Pace::new(now, curve))),
            bucket: (service.spec.concurrency.rate_limit)
                .map(|limit| Box::new(Bucket::new(now, limit))),
            connections: 0,
            calling: BTreeSet::new(),
        }
    }

    /// Changes the limits; the CPU has been advanced to now.
    pub(super) fn set_limits(&mut self, now: SimTime, limits: ServerLimits) {
        self.limits = limits;
        self.cpu.set_limit(now, micros(limits));
        self.memory.set_limit(limits.memory_limit);
    }

    /// How many requests it serves at a time.
    pub(super) fn slots(&self) -> u32 {
        self.slots
    }

    /// How many may wait for a slot.
    pub(super) fn backlog_limit(&self) -> u32 {
        self.backlog_limit
    }

    /// Its CPU limit, in millionths of a core.
    pub(super) fn cpu_limit(&self) -> Option<u64> {
        micros(self.limits)
    }

    /// Its weight on an oversubscribed node.
    pub(super) fn weight(&self) -> u64 {
        u64::from(self.limits.cpu_weight.max(1))
    }

    /// The class of service of its pod.
    pub(super) fn tier(&self) -> Tier {
        self.limits.tier
    }

    /// Whether it is an endpoint, and many requests came over connections to others while none
    /// came to it.
    pub(super) fn is_passed_by(&self, service: &Service) -> bool {
        let came = self
            .kept_before
            .map_or(0, |before| service.over_kept - before);
        came >= PASSED_BY && self.answered == 0 && self.inside() == 0
    }

    /// Whether nothing is ever due in it by itself: it gets no requests, and its memory does not grow.
    pub(super) fn is_still(&self) -> bool {
        self.cpu.keeps_past() && !self.memory.grows()
    }

    /// Whether it is an endpoint of which nothing else is to be said.
    pub(super) fn is_plain_endpoint(&self) -> bool {
        self.is_endpoint
            && (!self.terminating || self.drained)
            && !self.starting
            && !self.out_of_memory
            && self.extra == 0
            && self.noise.is_none()
            && self.inside() == 0
            && self.is_still()
    }

    /// Whether it is nothing new to it that it uses and holds so much, and it is no endpoint, which
    /// might join others. Below its grant it does not matter when its accounts are brought up to date.
    pub(super) fn goes_on(&self, background: u64, memory: f64) -> bool {
        self.is_still()
            && !self.is_endpoint
            && self.cpu.flow.background() == background
            && background <= self.cpu.flow.grant()
            && self.memory.declared() == memory
    }

    /// Requests in it.
    pub(super) fn inside(&self) -> u32 {
        self.in_service + self.queued
    }

    /// Requests that may be on its CPU at a time as long as none comes, and at most.
    pub(super) fn threads(&self) -> (u64, u64) {
        (self.inside().min(self.slots).into(), self.slots.into())
    }

    /// Whether it ends as soon as its requests have.
    pub(super) fn drains(&self) -> bool {
        self.terminating && !self.drained
    }

    /// How many requests may come up to a time before its memory can be used up.
    pub(super) fn memory_room(&self, now: SimTime, until: SimTime, each: &Dist) -> u64 {
        if self.out_of_memory {
            return u64::MAX;
        }
        self.memory.room(now, until, self.inside(), each)
    }

    /// Whether it takes connections and requests.
    pub(super) fn accepts(&self) -> bool {
        !self.terminating && !self.starting
    }

    fn has_free_slot(&self) -> bool {
        self.in_service < self.slots
    }

    /// Whether one more request finds a slot or a place in the backlog, within the rate limit; one that
    /// does not is turned away.
    #[inline]
    pub(super) fn lets_in(&mut self, now: SimTime) -> Result<(), TurnedAway> {
        if !self.has_free_slot() && self.queued >= self.backlog_limit {
            self.rejected += 1;
            return Err(TurnedAway::Full);
        }
        if let Some(bucket) = &mut self.bucket
            && !bucket.take(now)
        {
            self.limited += 1;
            return Err(TurnedAway::Limited);
        }
        Ok(())
    }

    /// What its own instrumentation counts.
    pub(super) fn instruments(&self) -> Instruments<'_> {
        Instruments {
            active: self.in_service,
            queued: self.queued,
            answered: self.answered,
            timed_out: self.timed_out,
            rejected: self.rejected,
            limited: self.limited,
            latency: self.latency.as_deref(),
        }
    }

    /// Takes in a request for which there is room; the CPU has been advanced to now.
    #[inline]
    pub(super) fn take(
        &mut self,
        now: SimTime,
        slot: u32,
        service: &mut Service,
        requests: &mut ActiveRequests,
        out: &mut Vec<Finished>,
    ) -> RequestKey {
        let key = requests.key(slot);
        self.memory.hold(requests.at(slot).work.memory);
        if let Some(limit) = service.spec.request.timeout {
            // Most have been answered long before their time: those need not be kept.
            while let Some(&(_, key)) = self.deadlines.front()
                && requests.find(key).is_none()
            {
                self.deadlines.pop_front();
            }
            self.deadlines.push_back((now + limit, key));
        }
        if self.has_free_slot() {
            self.start(now, slot, service, requests, out);
        } else {
            self.queued += 1;
            self.backlog.push_back(key);
        }
        key
    }

    /// Gives a slot to a request.
    #[inline]
    fn start(
        &mut self,
        now: SimTime,
        slot: u32,
        service: &mut Service,
        requests: &mut ActiveRequests,
        out: &mut Vec<Finished>,
    ) {
        self.in_service += 1;
        if requests.at(slot).work.cpu > 0 {
            self.cpu.enter(slot, requests);
        } else {
            self.after_cpu(now, slot, service, requests, out);
        }
    }

    #[inline]
    fn after_cpu(
        &mut self,
        now: SimTime,
        slot: u32,
        service: &mut Service,
        requests: &mut ActiveRequests,
        out: &mut Vec<Finished>,
    ) {
        if service.has_calls {
            requests.at_mut(slot).phase = Phase::Calling;
            self.calling.insert(slot);
            service.callers.push(requests.key(slot));
        } else {
            self.after_calls(now, slot, service, requests, out);
        }
    }

    /// The calls of a request are over: well, or it fails with them.
    pub(super) fn resume(
        &mut self,
        now: SimTime,
        (slot, ok): (u32, bool),
        service: &mut Service,
        requests: &mut ActiveRequests,
        out: &mut Vec<Finished>,
    ) {
        self.calling.remove(&slot);
        if ok {
            self.after_calls(now, slot, service, requests, out);
        } else {
            self.in_service -= 1;
            self.finish(now, slot, Ending::CallFailed, service, requests, out);
        }
        self.fill_slots(now, service, requests, out);
    }

    #[inline]
    fn after_calls(
        &mut self,
        now: SimTime,
        slot: u32,
        service: &mut Service,
        requests: &mut ActiveRequests,
        out: &mut Vec<Finished>,
    ) {
        let order = requests.next_order();
        let request = requests.at_mut(slot);
        if request.work.wait > 0 {
            request.phase = Phase::Waiting;
            request.order = order;
            let wait = request.work.wait;
            let key = match &mut self.pace {
                None => now.0.saturating_add(wait) as u64,
                Some(pace) => pace.advance(now).saturating_add(wait as u64),
            };
            self.waits.push(Entry { key, order, slot });
            self.set_pace();
        } else {
            self.in_service -= 1;
            self.finish(now, slot, Ending::Done, service, requests, out);
        }
    }

    /// Counts a request that is answered now.
    #[inline]
    pub(super) fn count_answered(&mut self, now: SimTime, arrival: SimTime, service: &mut Service) {
        self.answered += 1;
        service.answered += 1;
        if let Some(latency) = &mut self.latency {
            latency.count((now - arrival).0);
        }
    }

    /// Lets a request out; it holds no slot any more.
    #[inline]
    fn finish(
        &mut self,
        now: SimTime,
        slot: u32,
        ending: Ending,
        service: &mut Service,
        requests: &mut ActiveRequests,
        out: &mut Vec<Finished>,
    ) {
        self.memory.release(requests.at(slot).work.memory);
        if ending == Ending::Done {
            self.count_answered(now, requests.at(slot).work.arrival, service);
        } else if ending == Ending::TimedOut {
            self.timed_out += 1;
        } else {
            self.rejected += 1;
        }
        out.extend(requests.remove(slot, ending));
    }

    /// Does everything that is due by now; the CPU has been advanced to now.
    #[inline]
    pub(super) fn work_off(
        &mut self,
        now: SimTime,
        service: &mut Service,
        requests: &mut ActiveRequests,
        out: &mut Vec<Finished>,
    ) {
        self.cpu.flow.tick(now);
        while let Some(slot) = self.cpu.take_done(requests) {
            self.after_cpu(now, slot, service, requests, out);
        }
        let clock = match &mut self.pace {
            None => now.0 as u64,
            Some(pace) => pace.advance(now),
        };
        while let Some(first) = self.waits.peek().copied() {
            if first.key > clock {
                break;
            }
            self.waits.pop();
            if self.is_waiting(&first, requests) {
                self.in_service -= 1;
                self.finish(now, first.slot, Ending::Done, service, requests, out);
            } else {
                self.stale_waits -= 1;
            }
        }
        self.set_pace();
        if let Some(&(deadline, _)) = self.deadlines.front()
            && deadline <= now
        {
            self.expire(now, service, requests, out);
        }
        if !self.backlog.is_empty() || service.is_shared() {
            self.fill_slots(now, service, requests, out);
        }
    }

    /// Lets the clock of waits go as fast as their number says; it has been advanced to now.
    #[inline]
    fn set_pace(&mut self) {
        if let Some(pace) = &mut self.pace {
            pace.set_waiting(self.waits.len() as u32 - self.stale_waits);
        }
    }

    /// Whether the entry's request is still in its wait.
    fn is_waiting(&self, entry: &Entry, requests: &ActiveRequests) -> bool {
        self.stale_waits == 0 || is_waiting(entry, requests)
    }

    /// Takes out what has passed the server's time limit.
    fn expire(
        &mut self,
        now: SimTime,
        service: &mut Service,
        requests: &mut ActiveRequests,
        out: &mut Vec<Finished>,
    ) {
        while let Some(&(deadline, key)) = self.deadlines.front() {
            if let Some(slot) = requests.find(key) {
                if deadline > now {
                    break;
                }
                self.take_out(slot, requests);
                self.finish(now, slot, Ending::TimedOut, service, requests, out);
            }
            self.deadlines.pop_front();
        }
        while self
            .backlog
            .front()
            .is_some_and(|&key| requests.find(key).is_none())
        {
            self.backlog.pop_front();
        }
    }

    /// Takes a request from where it is: its entry in a heap or the backlog goes stale.
    fn take_out(&mut self, slot: u32, requests: &ActiveRequests) {
        match requests.at(slot).phase {
            Phase::Queued => self.queued -= 1,
            Phase::Running => {
                self.cpu.abort(slot, requests);
                self.in_service -= 1;
            }
            Phase::Calling => {
                self.calling.remove(&slot);
                self.in_service -= 1;
            }
            Phase::Waiting => {
                self.stale_waits += 1;
                self.in_service -= 1;
                self.set_pace();
            }
            Phase::Free => {}
        }
    }

    /// Gives free slots to requests from the backlog, then from the service's queue.
    pub(super) fn fill_slots(
        &mut self,
        now: SimTime,
        service: &mut Service,
        requests: &mut ActiveRequests,
        out: &mut Vec<Finished>,
    ) {
        while self.has_free_slot() {
            let Some(key) = self.backlog.pop_front() else {
                break;
            };
            if let Some(slot) = requests.find(key) {
                self.queued -= 1;
                self.start(now, slot, service, requests, out);
            }
        }
        while service.is_shared() && self.pulls() {
            let Some(slot) = service.pull(requests) else {
                break;
            };
            self.take(now, slot, service, requests, out);
        }
    }

    /// Whether it takes requests from its service's shared queue.
    pub(super) fn pulls(&self) -> bool {
        self.is_endpoint && self.accepts() && self.has_free_slot()
    }

    /// Fails everything that is in it; the CPU has been advanced to now.
    pub(super) fn fail_all(&mut self, requests: &mut ActiveRequests, out: &mut Vec<Finished>) {
        let queued = self.backlog.iter().filter_map(|&key| requests.find(key));
        let waiting = self
            .waits
            .iter()
            .filter(|entry| is_waiting(entry, requests));
        let mut slots: Vec<u32> = self
            .cpu
            .running(requests)
            .chain(waiting.map(|entry| entry.slot))
            .chain(queued)
            .chain(self.calling.iter().copied())
            .collect();
        slots.sort_by_key(|&slot| {
            let Work {
                arrival, origin, ..
            } = requests.at(slot).work;
            (arrival, origin, slot)
        });
        for slot in slots {
            self.take_out(slot, requests);
            self.memory.release(requests.at(slot).work.memory);
            out.extend(requests.remove(slot, Ending::Killed));
        }
    }

    /// When something is due next; the CPU has been advanced to now.
    #[inline]
    pub(super) fn next_due(&mut self, now: SimTime, requests: &ActiveRequests) -> Option<SimTime> {
        while let Some(first) = self.waits.peek()
            && !self.is_waiting(first, requests)
        {
            self.waits.pop();
            self.stale_waits -= 1;
        }
        let mut due = self.cpu.next_change(now, requests);
        if let Some(first) = self.waits.peek() {
            let at = match &mut self.pace {
                None => SimTime(first.key as i64),
                Some(pace) => {
                    pace.advance(now);
                    pace.when(first.key)
                }
            };
            due = due.min(at);
        }
        while let Some(&(deadline, key)) = self.deadlines.front()
            && deadline < due
        {
            if requests.find(key).is_some() {
                due = deadline;
                break;
            }
            self.deadlines.pop_front();
        }
        if !self.out_of_memory
            && let Some(exhausted) = self.memory.exhaustion(now)
        {
            due = due.min(exhausted);
        }
        (due != SimTime::MAX).then_some(due)
    }
}

/// The CPU limit in millionths of a core.
fn micros(limits: ServerLimits) -> Option<u64> {
    limits.cpu_limit.map(|limit| limit.0.max(0) as u64 * 1000)
}

/// Whether the entry's request is still in its wait.
fn is_waiting(entry: &Entry, requests: &ActiveRequests) -> bool {
    let request = requests.at(entry.slot);
    request.order == entry.order && request.phase == Phase::Waiting
}
