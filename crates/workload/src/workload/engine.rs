//! All servers of all services on all nodes: who gets a request, who gets CPU.
//!
//! The engine has no event queue. Its owner asks [`Servers::next_due`] for each server that
//! [`Servers::take_touched`] names, calls [`Servers::work_off`] then, and fetches what ended
//! ([`Servers::finished`]) and what happened ([`Servers::notes`]).

use super::affinity::Client;
use super::bandwidth::Throttling;
use super::cohort::Home;
use super::figures::{Counters, CpuLedger, GroupWeight, Instruments, Usage};
use super::flow::{CORE, nanos};
use super::node::{Node, Share};
use super::request::{ActiveRequests, Finished, Origin, RequestKey, TurnedAway, Work};
use super::server::Server;
use super::service::Service;
use super::spec::ServerSpec;
use crate::sim::{Arena, Key, SimTime, Stream, Streams};
use crate::units::{Bytes, CpuTime};

/// What happened to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// Its memory reached its limit.
    OutOfMemory(Key<Server>),
    /// It is terminating and nothing is in it any more.
    Drained(Key<Server>),
}

/// All servers, their services and their nodes.
#[derive(Debug, Clone)]
pub struct Servers {
    pub(super) services: Vec<Service>,
    pub(super) nodes: Vec<Node>,
    pub(super) arena: Arena<Server>,
    /// By slot: in which cohort each server is.
    pub(super) homes: Vec<Home>,
    /// Each server is by itself, and none rests.
    pub(super) stays_apart: bool,
    pub(super) requests: ActiveRequests,
    pub(super) streams: Streams,
    pub(super) touched: Vec<u32>,
    pub(super) shares: Vec<Share>,
    /// Room to work in: shares of whole groups.
    pub(super) outer: Vec<Share>,
    /// What groups of pods weigh.
    pub(super) weight_of: GroupWeight,
    pub(super) gone: CpuLedger,
    /// Servers added so far.
    pub(super) added: u64,
    /// Services whose declared total is to be shared anew.
    pub(super) shared_anew: Vec<u32>,
    /// Servers that are gone while kube-proxy still sends connections to their addresses, with
    /// their services.
    pub(super) gone_endpoints: Vec<(Key<Server>, u32)>,
    /// Servers among the endpoints of other services than their own, which may be gone.
    pub(super) lent: Vec<(Key<Server>, u32)>,
    /// Whether requests of any service make calls.
    has_calls: bool,
    /// Requests that are to make their calls now.
    callers: Vec<(Key<Server>, RequestKey)>,
    /// Requests that ended and whose client waits; the owner drains it.
    pub finished: Vec<Finished>,
    /// What happened to servers; the owner drains it.
    pub notes: Vec<Note>,
}

impl Servers {
    /// No servers yet, for these services.
    pub fn new(services: &[ServerSpec], streams: &Streams) -> Self {
        Self {
            services: services.iter().map(Service::new).collect(),
            nodes: Vec::new(),
            arena: Arena::default(),
            homes: Vec::new(),
            stays_apart: false,
            requests: ActiveRequests::default(),
            streams: *streams,
            touched: Vec::new(),
            shares: Vec::new(),
            outer: Vec::new(),
            // As many shares as a request has thousandths of a core.
            weight_of: |request| u32::try_from(request.0).unwrap_or(u32::MAX),
            gone: CpuLedger::default(),
            added: 0,
            shared_anew: Vec::new(),
            gone_endpoints: Vec::new(),
            lent: Vec::new(),
            has_calls: services.iter().any(|service| !service.calls.is_empty()),
            callers: Vec::new(),
            finished: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Says what groups of pods weigh.
    pub fn set_group_weight(&mut self, weight_of: GroupWeight) {
        self.weight_of = weight_of;
    }

    /// The parameters of a service.
    pub fn spec(&self, service: usize) -> &ServerSpec {
        &self.services[service].spec
    }

    /// Slots of servers, the free ones included.
    pub fn slots(&self) -> usize {
        self.arena.slots()
    }

    /// Whether the server takes connections and requests.
    #[inline]
    pub fn accepts(&self, key: Key<Server>) -> bool {
        self.arena.get(key).is_some_and(Server::accepts)
    }

    /// The service of a server that is there.
    pub fn service_of(&self, key: Key<Server>) -> Option<usize> {
        self.arena.get(key).map(|server| server.service as usize)
    }

    /// Whether the server's application has yet to start.
    pub fn is_starting(&self, key: Key<Server>) -> bool {
        self.arena.get(key).is_some_and(|server| server.starting)
    }

    /// The endpoint for a new connection or request to a service; `None` if it has none.
    #[inline]
    pub fn choose(
        &mut self,
        service: usize,
        stream: &mut Stream,
        (client, now): (Client, SimTime),
    ) -> Option<Key<Server>> {
        if self.services[service].affinity.is_none() {
            return self.choose_any(service, stream);
        }
        let of = &self.services[service];
        let last = of.affinity.as_ref().and_then(|all| all.of(client, now));
        let leads_to = |key: &Key<Server>| {
            of.endpoints.contains(&(key.slot() as u32)) && self.arena.get(*key).is_some()
                || of.gone.contains(key)
        };
        let chosen = match last.filter(leads_to) {
            Some(known) => Some(known),
            None => self.choose_any(service, stream),
        };
        let affinity = self.services[service].affinity.as_mut();
        if let (Some(affinity), Some(server)) = (affinity, chosen) {
            affinity.connects(client, server, now);
        }
        chosen
    }

    #[inline]
    fn choose_any(&mut self, service: usize, stream: &mut Stream) -> Option<Key<Server>> {
        let Self {
            services, arena, ..
        } = self;
        let inside = |slot: u32| {
            let server = arena.at(slot as usize).filter(|server| server.accepts());
            server.map(Server::inside)
        };
        let slot = services[service].choose(stream, inside)?;
        arena.key_at(slot as usize)
    }

    /// Hands a request to a server, which may turn it away; one that is gone is full.
    pub fn admit(
        &mut self,
        now: SimTime,
        key: Key<Server>,
        work: Work,
    ) -> Result<RequestKey, TurnedAway> {
        let Self {
            services,
            arena,
            requests,
            finished,
            ..
        } = self;
        let server = arena.get_mut(key).ok_or(TurnedAway::Full)?;
        server.lets_in(now)?;
        server.cpu.advance(now);
        let slot = requests.insert(work);
        let service = &mut services[server.service as usize];
        let request = server.take(now, slot, service, requests, finished);
        self.settle(now, key.slot() as u32);
        Ok(request)
    }

    /// Puts a request into the shared queue of a service, or hands it to an endpoint with a
    /// free slot; the queue may be full.
    pub fn submit(
        &mut self,
        now: SimTime,
        service: usize,
        work: Work,
    ) -> Result<RequestKey, TurnedAway> {
        let Self {
            services,
            arena,
            requests,
            ..
        } = self;
        let entry = &mut services[service];
        if entry.queue_len() == 0 {
            let pulls = |slot: u32| arena.at(slot as usize).is_some_and(Server::pulls);
            if let Some(slot) = entry.next_puller(pulls) {
                let key = arena.key_at(slot as usize).ok_or(TurnedAway::Full)?;
                return self.admit(now, key, work);
            }
        }
        if !entry.queue_has_room() {
            return Err(TurnedAway::Full);
        }
        let slot = requests.insert(work);
        let key = requests.key(slot);
        entry.queue(key);
        Ok(key)
    }

    /// Does everything that is due in a server by now.
    #[inline]
    pub fn work_off(&mut self, now: SimTime, slot: u32) {
        let Self {
            services,
            arena,
            requests,
            finished,
            ..
        } = self;
        let Some(server) = arena.at_mut(slot as usize) else {
            return;
        };
        server.cpu.advance(now);
        server.work_off(
            now,
            &mut services[server.service as usize],
            requests,
            finished,
        );
        self.settle(now, slot);
    }

    /// Opens a caller's connection to a server, where those are counted; false if it has as many as it
    /// takes.
    pub fn connect(&mut self, key: Key<Server>) -> bool {
        let Some(server) = self.arena.get_mut(key) else {
            return false;
        };
        let spec = &self.services[server.service as usize].spec;
        let most = spec.concurrency.max_connections.unwrap_or(u32::MAX);
        let may = server.connections < most;
        server.connections += u32::from(may);
        may
    }

    /// Closes a caller's connection.
    pub fn disconnect(&mut self, key: Key<Server>) {
        if let Some(server) = self.arena.get_mut(key) {
            server.connections -= 1;
        }
    }

    /// The connections of callers to each server where those are counted.
    pub fn connections(&self) -> impl Iterator<Item = (Key<Server>, u32)> {
        let counted = self.arena.iter().filter(|(_, server)| {
            let spec = &self.services[server.service as usize].spec;
            spec.concurrency.max_connections.is_some()
        });
        counted.map(|(key, server)| (key, server.connections))
    }

    /// Takes out the requests that are to make their calls now.
    pub fn take_callers(&mut self) -> Vec<(Key<Server>, RequestKey)> {
        std::mem::take(&mut self.callers)
    }

    /// The calls of a request are over; nothing happens if it is gone.
    pub fn resume(&mut self, now: SimTime, key: Key<Server>, request: RequestKey, ok: bool) {
        let Self {
            services,
            arena,
            requests,
            finished,
            ..
        } = self;
        let Some(slot) = requests.find(request) else {
            return;
        };
        let Some(server) = arena.get_mut(key) else {
            return;
        };
        server.cpu.advance(now);
        let service = &mut services[server.service as usize];
        server.resume(now, (slot, ok), service, requests, finished);
        self.settle(now, key.slot() as u32);
    }

    /// Keeps which requests of a server are to make their calls.
    fn collect_callers(&mut self, slot: u32) {
        let (server, key) = (
            self.arena.at(slot as usize),
            self.arena.key_at(slot as usize),
        );
        if let (Some(server), Some(key)) = (server, key) {
            let callers = self.services[server.service as usize].callers.drain(..);
            self.callers.extend(callers.map(|request| (key, request)));
        }
    }

    /// When something is due next in a server.
    #[inline]
    pub fn next_due(&mut self, now: SimTime, slot: u32) -> Option<SimTime> {
        let server = self.arena.at_mut(slot as usize)?;
        server.touched = false;
        server.cpu.advance(now);
        server.next_due(now, &self.requests)
    }

    /// A server whose next event may have moved since it was last asked for.
    #[inline]
    pub fn take_touched(&mut self) -> Option<u32> {
        self.touched.pop()
    }

    /// The client of a request has gone; returns the request if its client still waited. The
    /// server does not notice and works on.
    pub fn abandon(&mut self, request: RequestKey) -> Option<Work> {
        self.requests.abandon(request)
    }

    /// Where a request came from, as long as it is in a server.
    pub fn origin(&self, request: RequestKey) -> Option<Origin> {
        let slot = self.requests.find(request)?;
        Some(self.requests.at(slot).work.origin)
    }

    /// Whether the client of a request still waits.
    #[inline]
    pub fn is_awaited(&self, request: RequestKey) -> bool {
        self.requests
            .find(request)
            .is_some_and(|slot| !self.requests.at(slot).abandoned)
    }

    /// The requests of a load whose clients wait, in the order in which they were sent.
    pub fn awaited_of(&self, load: u32) -> Vec<RequestKey> {
        self.requests.awaited_of(load)
    }

    /// Requests whose clients wait.
    pub fn awaited(&self) -> u64 {
        self.requests.awaited()
    }

    /// What the server has used and holds; zero if it is gone.
    pub fn usage(&self, now: SimTime, key: Key<Server>) -> Usage {
        let shared = self.used_in_cohort(key.slot() as u32, now);
        self.arena
            .get(key)
            .map_or_else(Usage::default, |server| Usage {
                cpu: CpuTime(shared.map_or_else(|| server.cpu.used(now), nanos)),
                memory: Bytes(server.memory.level(now)),
                active: server.in_service,
                queued: server.queued,
            })
    }

    /// What its CPU limit has done to a server by now; none if it has no limit.
    pub fn throttling(&self, now: SimTime, slot: u32) -> Option<Throttling> {
        let server = self.arena.at(slot as usize)?;
        server.cpu.flow.throttling(now)
    }

    /// Keeps what a server uses until each change from now on: [`Servers::usage_until`] answers for
    /// times that have passed. It must not get requests.
    pub fn keep_past(&mut self, key: Key<Server>) {
        if let Some(server) = self.arena.get_mut(key) {
            server.cpu.keep_past();
            server.memory.keep_past();
        }
    }

    /// What the live server in a slot has used by a time, and what it held then; zero if there is
    /// none. The time may have passed if the past is kept; times ascend.
    #[inline]
    pub fn usage_until(&mut self, time: SimTime, slot: u32) -> (CpuTime, Bytes) {
        if let Some(shared) = self.usage_in_cohort(slot, time) {
            return shared;
        }
        let server = self.arena.at_mut(slot as usize);
        server.map_or_else(Default::default, |server| {
            let cpu = server.cpu.used_until(time);
            (CpuTime(cpu), Bytes(server.memory.level_at(time)))
        })
    }

    /// Counters of a server; zero if it is gone.
    pub fn server_counters(&self, key: Key<Server>) -> Counters {
        self.arena
            .get(key)
            .map_or_else(Counters::default, |server| Counters {
                active: server.in_service,
                queued: server.queued,
                answered: server.answered,
            })
    }

    /// What a server's own instrumentation shows; none if it is gone or its application has not
    /// started.
    pub fn instruments(&self, key: Key<Server>) -> Option<Instruments<'_>> {
        let server = self.arena.get(key).filter(|server| !server.starting)?;
        Some(server.instruments())
    }

    /// Counters of a service.
    pub fn service_counters(&self, service: usize) -> Counters {
        let service = &self.services[service];
        let mut total = Counters {
            active: 0,
            queued: service.queue_len() as u32,
            answered: service.answered,
        };
        // Nothing is in the members of a cohort.
        for &slot in service.apart.iter().chain(&service.resting) {
            if let Some(server) = self.arena.at(slot as usize) {
                total.active += server.in_service;
                total.queued += server.queued;
            }
        }
        total
    }

    /// A request comes to a service over a connection that was open before.
    pub fn keep(&mut self, service: usize) {
        self.services[service].over_kept += 1;
    }

    /// Endpoints of a service, so far, that got no request while many came over connections
    /// that had been opened to others before.
    pub fn passed_by(&self, service: usize) -> u64 {
        let index = service as u32;
        let service = &self.services[service];
        let servers = service.endpoints.iter();
        let live = servers.filter_map(|&slot| self.arena.at(slot as usize));
        let live = live.filter(|server| server.service == index);
        service.passed_by + live.filter(|server| server.is_passed_by(service)).count() as u64
    }

    /// Where CPU time went until `now`.
    pub fn ledger(&self, now: SimTime) -> CpuLedger {
        let mut total = self.gone;
        for (key, server) in self.arena.iter() {
            let mut one = server.cpu.account(now, &self.requests);
            if let Some(used) = self.used_in_cohort(key.slot() as u32, now) {
                one.background = used / u128::from(CORE);
            }
            total += one;
        }
        total
    }

    /// After a change in a server: memory, the end of draining, CPU, its next event.
    #[inline]
    pub(super) fn settle(&mut self, now: SimTime, slot: u32) {
        if self.has_calls {
            self.collect_callers(slot);
        }
        let Some(server) = self.arena.at_mut(slot as usize) else {
            return;
        };
        if !server.touched && !server.is_still() {
            server.touched = true;
            self.touched.push(slot);
        }
        let exhausted = !server.out_of_memory && server.memory.is_exhausted(now);
        let drained = server.terminating && !server.drained && server.inside() == 0;
        if exhausted || drained {
            server.out_of_memory |= exhausted;
            server.drained |= drained;
            let key = self.arena.key_at(slot as usize);
            let notes = [
                (exhausted, key.map(Note::OutOfMemory)),
                (drained, key.map(Note::Drained)),
            ];
            let told = notes.into_iter().filter(|&(is_so, _)| is_so);
            self.notes.extend(told.filter_map(|(_, note)| note));
        }
        self.update_demand(now, slot);
    }
}
