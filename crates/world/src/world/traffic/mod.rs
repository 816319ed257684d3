//! The request engine: loads issue requests, services hand them to servers, servers share
//! the CPU of their nodes among them, and answers go back.
//!
//! `load` knows clients, `workload` knows servers; this module alone knows both, and
//! nothing of pods. Its owner tells it of nodes, of containers that run, of endpoints that
//! kube-proxy knows; it tells its owner [`Effect`]s, usage and reports.
//!
//! Every source of randomness has its own named stream: arrivals, client overheads, balancing
//! and each quantity of the demands per load, noise per server. Demands are drawn when a
//! request is issued, so the n-th request of a load asks the same whatever the cluster does.

mod agenda;
mod alone;
mod calls;
mod event;
mod ledger;
mod loads;
mod queues;
mod requests;
mod servers;
mod together;

pub use event::{Effect, NodeCpuId, ServerId, TrafficEvent};
pub use ledger::{Imbalance, Ledger};

use crate::load::report::LoadReport;
use crate::load::spec::LoadSpec;
use crate::record::RequestSink;
use crate::sim::{EventQueue, Place, SimTime, Streams};
use crate::workload::queue::spec::QueueSpec;
use crate::workload::spec::ServerSpec;
use crate::workload::{GroupWeight, Note, Servers};
use agenda::{Agenda, Turn};
use alone::Stretch;
use calls::Calls;
use ledger::Outcomes;
use loads::Load;
use queues::Queues;
use together::Together;

/// Turns that are taken by themselves rather than prepared for.
const FEW: u64 = 64;

/// All loads and all servers, and the requests between them.
#[derive(Debug, Clone)]
pub struct Traffic {
    servers: Servers,
    loads: Vec<Load>,
    queues: Queues,
    calls: Calls,
    /// When servers change and loads act next.
    agenda: Agenda,
    services: usize,
    outcomes: Outcomes,
    effects: Vec<Effect>,
    /// Loads whose clients may have something to do at this instant.
    awake: Vec<u32>,
    /// Whether servers are run one by one where they can be.
    one_by_one: bool,
    /// Whether servers may be lent to other services than their own.
    may_lend: bool,
    stretch: Stretch,
    together: Together,
}

impl Traffic {
    /// The engine for these services and loads, without queues; no nodes and servers yet.
    pub fn new(services: &[ServerSpec], loads: &[LoadSpec], streams: &Streams) -> Self {
        Self::with_queues(services, loads, &[], streams)
    }

    /// The engine for these services, loads and queues; no nodes and servers yet.
    pub fn with_queues(
        services: &[ServerSpec],
        loads: &[LoadSpec],
        queues: &[QueueSpec],
        streams: &Streams,
    ) -> Self {
        let load = |spec: &LoadSpec| Load::new(spec, &services[spec.service], *streams);
        Self {
            servers: Servers::new(services, streams),
            loads: loads.iter().map(load).collect(),
            queues: Queues::new(queues, loads.len(), streams),
            calls: Calls::new(services, queues, streams),
            agenda: Agenda::default(),
            services: services.len(),
            outcomes: Outcomes::default(),
            effects: Vec::new(),
            awake: Vec::new(),
            one_by_one: true,
            may_lend: false,
            stretch: Stretch::default(),
            together: Together::default(),
        }
    }

    /// Says what groups of pods weigh on a node.
    pub fn set_group_weight(&mut self, weight_of: GroupWeight) {
        self.servers.set_group_weight(weight_of);
    }

    /// Turns of servers and loads that were taken in stretches, so far.
    pub fn turns_one_by_one(&self) -> u64 {
        self.stretch.turns
    }

    /// Takes every turn by itself, in the order of time: what comes out is the same, later.
    pub fn take_turns(&mut self) {
        self.one_by_one = false;
    }

    /// Schedules the starts and stops of loads and the first change of declared usage.
    pub fn start<E: From<TrafficEvent> + Copy>(&mut self, queue: &mut EventQueue<E>) {
        for (index, load) in (0..).zip(&self.loads) {
            queue.schedule(load.at, TrafficEvent::Start(index));
            if let Some(until) = load.until {
                queue.schedule(until.max(load.at), TrafficEvent::Stop(index));
            }
        }
        for service in 0..self.services {
            self.schedule_usage(service, queue);
        }
    }

    /// Whether something of the engine's own comes before all that the queue holds.
    pub fn is_next<E: Copy>(&self, queue: &EventQueue<E>) -> bool {
        self.comes_before(queue.first())
    }

    /// Whether something of the engine's own comes before an event's place.
    pub fn comes_before(&self, place: Place) -> bool {
        self.agenda.first() < place
    }

    /// Handles up to `most` things of the engine's own that come before all that the queue holds,
    /// and up to and including `end`; stops at the first effect. The queue's clock follows.
    /// Returns how many it handled.
    pub fn run<E: From<TrafficEvent> + Copy>(
        &mut self,
        end: SimTime,
        most: u64,
        queue: &mut EventQueue<E>,
        sink: &mut impl RequestSink,
    ) -> u64 {
        let mut handled = 0;
        let alone = self.queues.is_empty() && self.calls.is_empty();
        // What a server is lent for is not what its own service says of requests.
        let plain = alone && !self.servers.lends();
        while plain && self.one_by_one && handled + FEW < most && self.effects.is_empty() {
            let mut turns = self.run_alone(end, queue, sink);
            if turns == 0 {
                turns = self.run_together(end, queue, sink);
                self.stretch.turns += turns;
            }
            if turns == 0 {
                break;
            }
            handled += turns;
        }
        let mut others = queue.first();
        while handled < most && self.effects.is_empty() {
            let first = self.agenda.first();
            if first > others || first.time() > end {
                break;
            }
            queue.advance_to(first.time());
            self.take_turn(queue, sink);
            handled += 1;
            // Only queues and calls have events there.
            if !alone {
                others = queue.first();
            }
        }
        self.stretch.saw(handled, queue.now());
        handled
    }

    /// For a queue that holds nothing but this engine's events: handles what comes next, up to
    /// and including `end`, and returns its time.
    pub fn step(
        &mut self,
        end: SimTime,
        queue: &mut EventQueue<TrafficEvent>,
        sink: &mut impl RequestSink,
    ) -> Option<SimTime> {
        self.share_totals(queue);
        if self.is_next(queue) {
            return (self.run(end, 1, queue, sink) > 0).then(|| queue.now());
        }
        let (now, event) = queue
            .peek_time()
            .filter(|&at| at <= end)
            .and_then(|_| queue.pop())?;
        self.handle(event, now, queue, sink);
        Some(now)
    }

    fn take_turn<E: From<TrafficEvent> + Copy>(
        &mut self,
        queue: &mut EventQueue<E>,
        sink: &mut impl RequestSink,
    ) {
        match self.agenda.take() {
            Turn::Server(slot) => self.servers.work_off(queue.now(), slot),
            Turn::Load(index) => self.wake(index),
            Turn::ClientTimeout(index) => self.time_out(index, queue, sink),
        }
        self.settle(queue, sink);
    }

    /// Handles an event that [`Traffic`] has scheduled.
    pub fn handle<E: From<TrafficEvent> + Copy>(
        &mut self,
        event: TrafficEvent,
        now: SimTime,
        queue: &mut EventQueue<E>,
        sink: &mut impl RequestSink,
    ) {
        match event {
            TrafficEvent::Start(index) => {
                self.loads[index as usize].source.start(now);
                self.watch_silence(index, queue);
                self.wake(index);
            }
            TrafficEvent::Stop(index) => {
                self.loads[index as usize].source.stop(now);
                self.wake(index);
            }
            TrafficEvent::Usage(service) => {
                self.servers.change_usage(now, service as usize);
                self.schedule_usage(service as usize, queue);
            }
            TrafficEvent::Queue(index) => self.queue_due(index, now),
            TrafficEvent::Calls => self.calls_due(now, sink),
        }
        self.settle(queue, sink);
    }

    fn schedule_usage<E: From<TrafficEvent> + Copy>(
        &self,
        service: usize,
        queue: &mut EventQueue<E>,
    ) {
        if let Some(at) = self.servers.next_usage_change(queue.now(), service) {
            queue.schedule(at, TrafficEvent::Usage(service as u32));
        }
    }

    fn wake(&mut self, index: u32) {
        let load = &mut self.loads[index as usize];
        if !load.awake {
            load.awake = true;
            self.awake.push(index);
        }
    }

    /// Carries answers to clients and their requests to servers until nothing is left to do at
    /// this instant, then brings the queue up to date.
    fn settle<E: From<TrafficEvent> + Copy>(
        &mut self,
        queue: &mut EventQueue<E>,
        sink: &mut impl RequestSink,
    ) {
        let now = queue.now();
        loop {
            self.deliver_finished(now, sink);
            if !self.calls.is_empty() && self.carry_calls(queue, sink) {
                continue;
            }
            if !self.queues.is_empty() && self.carry_queues(queue, sink) {
                continue;
            }
            let Some(index) = self.awake.pop() else {
                break;
            };
            self.loads[index as usize].awake = false;
            self.issue_due(index, queue, sink);
        }
        self.sync(queue);
    }

    /// Brings the events of servers up to date, and passes on what happened to them.
    fn sync<E: From<TrafficEvent> + Copy>(&mut self, queue: &mut EventQueue<E>) {
        while let Some(slot) = self.servers.take_touched() {
            let at = self.servers.next_due(queue.now(), slot);
            self.agenda.set(Turn::Server(slot), at, queue);
        }
        if self.servers.notes.is_empty() {
            return;
        }
        for note in self.servers.notes.drain(..) {
            self.effects.push(match note {
                Note::OutOfMemory(server) => Effect::OutOfMemory(server),
                Note::Drained(server) => Effect::Drained(server),
            });
        }
    }

    /// What happened since the last call, in order.
    pub fn effects(&mut self) -> std::vec::Drain<'_, Effect> {
        self.effects.drain(..)
    }

    /// The same, to keep.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// The report of a load, by its index in the scenario.
    pub fn load_report(&self, load: usize, now: SimTime) -> LoadReport {
        let load = &self.loads[load];
        LoadReport::new(&load.name, &load.source, now)
    }
}
