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

mod event;
mod ledger;
mod loads;
mod requests;
mod servers;

pub use event::{Effect, NodeCpuId, ServerId, TrafficEvent};
pub use ledger::{Imbalance, Ledger};

use crate::load::report::LoadReport;
use crate::load::spec::LoadSpec;
use crate::record::RequestSink;
use crate::sim::{EventId, EventQueue, SimTime, Streams};
use crate::workload::spec::ServerSpec;
use crate::workload::{Note, Servers};
use ledger::Outcomes;
use loads::Load;

/// An event of the owner's queue, and when it comes.
#[derive(Debug, Clone, Copy, Default)]
struct Due(Option<(SimTime, EventId)>);

impl Due {
    /// The event has come.
    fn clear(&mut self) {
        self.0 = None;
    }

    /// Schedules, moves or cancels the event so that it comes at `at`.
    fn set<E>(&mut self, at: Option<SimTime>, event: TrafficEvent, queue: &mut EventQueue<E>)
    where
        E: From<TrafficEvent> + Copy,
    {
        match (self.0, at) {
            (Some((time, _)), Some(at)) if time == at => {}
            (Some((_, id)), Some(at)) => {
                queue.reschedule(id, at);
                self.0 = Some((at, id));
            }
            (None, Some(at)) => self.0 = Some((at, queue.schedule(at, event))),
            (Some((_, id)), None) => {
                queue.cancel(id);
                self.0 = None;
            }
            (None, None) => {}
        }
    }
}

/// All loads and all servers, and the requests between them.
#[derive(Debug, Clone)]
pub struct Traffic {
    servers: Servers,
    loads: Vec<Load>,
    /// The next event of each server, by slot.
    server_events: Vec<Due>,
    services: usize,
    outcomes: Outcomes,
    effects: Vec<Effect>,
    /// Loads whose clients may have something to do at this instant.
    awake: Vec<u32>,
}

impl Traffic {
    /// The engine for these services and loads; no nodes and servers yet.
    pub fn new(services: &[ServerSpec], loads: &[LoadSpec], streams: &Streams) -> Self {
        let load = |spec: &LoadSpec| Load::new(spec, &services[spec.service], *streams);
        Self {
            servers: Servers::new(services, streams),
            loads: loads.iter().map(load).collect(),
            server_events: Vec::new(),
            services: services.len(),
            outcomes: Outcomes::default(),
            effects: Vec::new(),
            awake: Vec::new(),
        }
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

    /// Handles an event that [`Traffic`] has scheduled.
    pub fn handle<E: From<TrafficEvent> + Copy>(
        &mut self,
        event: TrafficEvent,
        now: SimTime,
        queue: &mut EventQueue<E>,
        sink: &mut impl RequestSink,
    ) {
        match event {
            TrafficEvent::Server(slot) => {
                self.server_events[slot as usize].clear();
                self.servers.work_off(now, slot);
            }
            TrafficEvent::Load(index) => {
                self.loads[index as usize].event.clear();
                self.wake(index);
            }
            TrafficEvent::ClientTimeout(index) => self.time_out(index, queue, sink),
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
            if self.server_events.len() <= slot as usize {
                self.server_events.resize(slot as usize + 1, Due::default());
            }
            self.server_events[slot as usize].set(at, TrafficEvent::Server(slot), queue);
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

    /// The report of a load, by its index in the scenario.
    pub fn load_report(&self, load: usize, now: SimTime) -> LoadReport {
        let load = &self.loads[load];
        LoadReport::new(&load.name, &load.source, now)
    }
}
