//! Queues between producers and the servers of their workers.
//!
//! A task runs in its worker's server as a request does and shares its CPU; what is behind it, the
//! message, is the queue's ([`Queue`]). Its producer is answered when the message is settled.

use super::calls::{MESSAGES, NO_LOAD};
use super::{ServerId, Traffic, TrafficEvent};
use crate::record::{ColdStarts, Outcome, RequestSink};
use crate::sim::{EventQueue, SimTime, Streams};
use crate::workload::queue::spec::QueueSpec;
use crate::workload::queue::{Fate, Queue, Readings, Settled};
use crate::workload::{Finished, Origin, Work};

/// Origins from here on are tasks of queues, not requests of loads.
const FIRST: u32 = 1 << 31;

/// A queue, and what the engine knows of it.
#[derive(Debug, Clone)]
struct Attached {
    queue: Queue,
    name: String,
    /// The service that its tasks are counted for.
    service: usize,
    /// The services that consume it, with the tasks at a time of a pod.
    consumers: Vec<(usize, u32)>,
    /// Something of it may have to be carried on at this instant.
    changed: bool,
    /// When its next event is scheduled.
    armed: Option<SimTime>,
    /// Servers whose workers consume.
    workers: Vec<ServerId>,
    /// Since when a message waits that nobody was there to take.
    cold: Option<SimTime>,
    starts: ColdStarts,
}

impl Attached {
    /// The tasks at a time of a pod of a service, if that consumes it.
    fn slots_of(&self, service: usize) -> Option<u32> {
        let mut all = self.consumers.iter();
        all.find(|(one, _)| *one == service)
            .map(|(_, slots)| *slots)
    }
}

/// All queues.
#[derive(Debug, Clone, Default)]
pub(super) struct Queues {
    all: Vec<Attached>,
    /// By load: the queue that it produces into.
    of_load: Vec<Option<u32>>,
    /// Queues of which something may have to be carried on at this instant.
    changed: Vec<u32>,
}

impl Queues {
    pub(super) fn new(specs: &[QueueSpec], loads: usize, streams: &Streams) -> Self {
        let mut of_load = vec![None; if specs.is_empty() { 0 } else { loads }];
        for (index, spec) in (0..).zip(specs) {
            for &load in &spec.producers {
                of_load[load] = Some(index);
            }
        }
        let attached = specs.iter().map(|spec| Attached {
            queue: Queue::new(spec, streams),
            name: spec.name.clone(),
            service: spec.service,
            consumers: std::iter::once((spec.service, spec.worker.concurrency))
                .chain(spec.others.iter().copied())
                .collect(),
            changed: false,
            armed: None,
            workers: Vec::new(),
            cold: None,
            starts: ColdStarts::default(),
        });
        Self {
            all: attached.collect(),
            of_load,
            changed: Vec::new(),
        }
    }

    /// Whether there is none: requests need not look here.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The queue that a load produces into.
    #[inline]
    pub(super) fn of_load(&self, load: u32) -> Option<u32> {
        self.of_load.get(load as usize).copied().flatten()
    }

    fn of_service(&self, service: usize) -> Vec<u32> {
        let all = (0..).zip(&self.all);
        let own = all.filter(|(_, one)| one.slots_of(service).is_some());
        own.map(|(index, _)| index).collect()
    }

    fn mark_changed(&mut self, index: u32) {
        let one = &mut self.all[index as usize];
        if !one.changed {
            one.changed = true;
            self.changed.push(index);
        }
    }

    /// A message comes.
    pub(super) fn produce(&mut self, index: u32, now: SimTime, work: Work) {
        let one = &mut self.all[index as usize];
        if one.workers.is_empty() && one.cold.is_none() {
            one.cold = Some(now);
        }
        one.queue.produce(now, work);
        self.mark_changed(index);
    }

    /// A task has ended, if that is one. Returns false if it is a request.
    #[inline]
    pub(super) fn ended(&mut self, now: SimTime, ended: &Finished) -> bool {
        if ended.origin.load < FIRST {
            return false;
        }
        let index = ended.origin.load - FIRST;
        let queue = &mut self.all[index as usize].queue;
        queue.ended(now, ended.origin.client, ended.ending);
        self.mark_changed(index);
        true
    }

    /// Messages that are not settled, less tasks that run in servers: what is in flight besides the
    /// requests in servers. Both may be more than the other.
    pub(super) fn outstanding(&self) -> i64 {
        let of = |one: &Attached| one.queue.outstanding();
        let all = self.all.iter().map(of);
        all.map(|(inside, running)| inside as i64 - running as i64)
            .sum()
    }

    /// Checks the messages of all queues.
    pub(super) fn audit(&self) -> Result<(), String> {
        let check = |one: &Attached| {
            let audited = one.queue.audit();
            audited.map_err(|broken| format!("queue {}: {broken}", one.name))
        };
        self.all.iter().try_for_each(check)
    }

    /// Whether a service consumes a queue.
    pub(super) fn consumes(&self, service: usize) -> bool {
        self.all.iter().any(|one| one.slots_of(service).is_some())
    }

    /// Messages whose tasks are to be done by a service and have not begun.
    pub(super) fn waiting(&self, service: usize) -> u64 {
        let own = self.all.iter();
        let own = own.filter(|one| one.slots_of(service).is_some());
        let outstanding = own.map(|one| one.queue.outstanding());
        outstanding
            .map(|(inside, running)| inside.saturating_sub(running))
            .sum()
    }
}

impl Traffic {
    /// The readings of a queue, by its index in the scenario.
    pub fn queue(&self, index: usize, now: SimTime) -> Option<Readings> {
        let one = self.queues.all.get(index)?;
        Some(one.queue.readings(now))
    }

    /// How long messages waited for a first worker, by the queue's index in the scenario.
    pub fn cold_starts(&self, index: usize) -> ColdStarts {
        let one = self.queues.all.get(index);
        one.map_or_else(ColdStarts::default, |one| one.starts)
    }

    /// The readings of a queue, by its name.
    pub fn queue_named(&self, name: &str, now: SimTime) -> Option<Readings> {
        let mut all = self.queues.all.iter();
        let one = all.find(|one| one.name == name)?;
        Some(one.queue.readings(now))
    }

    /// The messages of all queues add up.
    pub fn audit_queues(&self) -> Result<(), String> {
        self.queues.audit()
    }

    /// A server whose application runs consumes its service's queues.
    pub fn consume<E: From<TrafficEvent> + Copy>(
        &mut self,
        server: ServerId,
        queue: &mut EventQueue<E>,
    ) {
        let Some(service) = self.consumer(server) else {
            return;
        };
        for index in self.queues.of_service(service) {
            let one = &mut self.queues.all[index as usize];
            let slots = one.slots_of(service).unwrap_or(1);
            one.queue.connect(queue.now(), server, slots);
            one.workers.push(server);
            if let Some(since) = one.cold.take() {
                one.starts.add(queue.now().since(since));
            }
            call_soon(index, queue);
        }
    }

    /// The service of a server, if there are queues.
    fn consumer(&self, server: ServerId) -> Option<usize> {
        if self.queues.is_empty() {
            return None;
        }
        self.servers.service_of(server)
    }

    /// A server shuts down: its worker takes nothing more.
    pub(super) fn stop_consuming<E: From<TrafficEvent> + Copy>(
        &mut self,
        server: ServerId,
        queue: &mut EventQueue<E>,
    ) {
        let Some(service) = self.consumer(server) else {
            return;
        };
        for index in self.queues.of_service(service) {
            let one = &mut self.queues.all[index as usize];
            one.queue.disconnect(queue.now(), server);
            one.workers.retain(|other| *other != server);
            call_soon(index, queue);
        }
    }

    /// A server's machine is about to be gone: nothing closes its connections.
    pub fn machine_lost(&mut self, server: ServerId, now: SimTime) {
        let Some(service) = self.consumer(server) else {
            return;
        };
        for index in self.queues.of_service(service) {
            self.queues.all[index as usize].queue.vanish(now, server);
        }
    }

    /// A server's process is about to be gone.
    pub(super) fn lose_worker(&mut self, server: ServerId, now: SimTime) {
        let Some(service) = self.consumer(server) else {
            return;
        };
        for index in self.queues.of_service(service) {
            let one = &mut self.queues.all[index as usize];
            one.queue.lose(now, server);
            one.workers.retain(|other| *other != server);
            self.queues.mark_changed(index);
        }
    }

    /// A message is settled: a load hears of it, a request that produced it does not.
    fn answer_producer(
        &mut self,
        service: usize,
        settled: &Settled,
        now: SimTime,
        outcome: Outcome,
        sink: &mut impl RequestSink,
    ) {
        if settled.origin.load < MESSAGES {
            self.answer(settled.origin, settled.arrival, now, outcome, sink);
        } else {
            self.outcomes.count(outcome);
            sink.answer(service, NO_LOAD, settled.arrival, now, outcome);
        }
    }

    /// A queue's time has come.
    pub(super) fn queue_due(&mut self, index: u32, now: SimTime) {
        let one = &mut self.queues.all[index as usize];
        if one.armed.is_some_and(|at| at <= now) {
            one.armed = None;
        }
        one.queue.fire(now);
        self.queues.mark_changed(index);
    }

    /// Begins the tasks that workers take, answers producers, and schedules what comes next.
    /// Returns whether anything was begun or answered.
    pub(super) fn carry_queues<E: From<TrafficEvent> + Copy>(
        &mut self,
        queue: &mut EventQueue<E>,
        sink: &mut impl RequestSink,
    ) -> bool {
        let now = queue.now();
        let mut did = false;
        while let Some(index) = self.queues.changed.pop() {
            self.queues.all[index as usize].changed = false;
            while let Some(start) = self.queues.all[index as usize].queue.next_start(now) {
                did = true;
                let origin = Origin {
                    load: FIRST + index,
                    client: start.delivery,
                };
                // The server counts from when the task is with it; the message keeps its own time.
                let work = Work {
                    origin,
                    arrival: now,
                    ..start.work
                };
                if self.servers.admit(now, start.server, work).is_err() {
                    // Its server is gone, and it will hear of that.
                    let queue = &mut self.queues.all[index as usize].queue;
                    queue.ended(now, start.delivery, crate::workload::Ending::Killed);
                }
            }
            let one = &mut self.queues.all[index as usize];
            let next = one.queue.next_timer().map(|at| at.max(now));
            if let Some(at) = next
                && one.armed.is_none_or(|armed| at < armed)
            {
                one.armed = Some(at);
                queue.schedule(at, TrafficEvent::Queue(index));
            }
            for settled in self.queues.all[index as usize].queue.take_settled() {
                did = true;
                let outcome = match settled.fate {
                    Fate::Done => Outcome::Ok,
                    Fate::DeadLettered => Outcome::Rejected503,
                    Fate::TimedOut => Outcome::ServerTimeout504,
                    Fate::Lost => Outcome::Killed,
                };
                let service = self.queues.all[index as usize].service;
                self.answer_producer(service, &settled, now, outcome, sink);
            }
        }
        did
    }
}

/// Carries a queue on at this instant, from where no sink is at hand.
fn call_soon<E: From<TrafficEvent> + Copy>(index: u32, queue: &mut EventQueue<E>) {
    queue.schedule(queue.now(), TrafficEvent::Queue(index));
}
