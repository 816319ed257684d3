//! All servers of all services on all nodes: who gets a request, who gets CPU.
//!
//! The engine has no event queue. Its owner asks [`Servers::next_due`] for each server that
//! [`Servers::take_touched`] names, calls [`Servers::work_off`] then, and fetches what ended
//! ([`Servers::finished`]) and what happened ([`Servers::notes`]).

use super::figures::{Counters, CpuLedger, ServerLimits, Usage};
use super::job::{Finished, JobKey, Jobs, Work};
use super::node::{self, Node, Share};
use super::processor_sharing::CORE;
use super::server::Server;
use super::service::{self, Service};
use super::spec::ServiceSpec;
use crate::sim::{Arena, Dist, Key, SimTime, Stream, Streams};
use crate::units::{Bytes, CpuTime, Millicores};

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
    services: Vec<Service>,
    nodes: Vec<Node>,
    arena: Arena<Server>,
    jobs: Jobs,
    streams: Streams,
    touched: Vec<u32>,
    shares: Vec<Share>,
    gone: CpuLedger,
    /// Requests that ended and whose client waits; the owner drains it.
    pub finished: Vec<Finished>,
    /// What happened to servers; the owner drains it.
    pub notes: Vec<Note>,
}

impl Servers {
    /// No servers yet, for these services.
    pub fn new(services: &[ServiceSpec], streams: &Streams) -> Self {
        Self {
            services: services.iter().map(Service::new).collect(),
            nodes: Vec::new(),
            arena: Arena::default(),
            jobs: Jobs::default(),
            streams: *streams,
            touched: Vec::new(),
            shares: Vec::new(),
            gone: CpuLedger::default(),
            finished: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The parameters of a service.
    pub fn spec(&self, service: usize) -> &ServiceSpec {
        &self.services[service].spec
    }

    /// Adds a node with this much CPU for pods.
    pub fn add_node(&mut self, cpu: Millicores) -> u32 {
        self.nodes.push(Node::new(cpu.0.max(0) as u64 * 1000));
        self.nodes.len() as u32 - 1
    }

    /// A container that serves `service` runs from now on.
    pub fn add_server(
        &mut self,
        now: SimTime,
        service: usize,
        node: u32,
        limits: ServerLimits,
    ) -> Key<Server> {
        let capacity = self.nodes[node as usize].capacity;
        let entry = &mut self.services[service];
        let ordinal = entry.created;
        entry.created += 1;
        let mut server = Server::new(now, (service as u32, entry), node, limits, capacity);
        if entry
            .spec
            .usage
            .as_ref()
            .is_some_and(|usage| usage.cpu_noise_cv > 0.0)
        {
            let stream = self
                .streams
                .stream(&format!("usage/{}/server/{ordinal}", entry.spec.name));
            server.noise = Some(Box::new((1.0, stream)));
        }
        let key = self.arena.insert(server);
        let slot = key.slot() as u32;
        self.services[service].servers.push(slot);
        self.nodes[node as usize].servers.push(slot);
        let contended = self.nodes[node as usize].contended;
        let server = self.arena.at_mut(key.slot()).expect("it was just inserted");
        let grant = server.cpu_limit().min(capacity);
        server.cpu.set_grant(if contended { 0 } else { grant });
        self.draw_noise(slot);
        self.apply_usage(now, slot);
        key
    }

    /// Whether the server takes connections and requests.
    pub fn accepts(&self, key: Key<Server>) -> bool {
        self.arena
            .get(key)
            .is_some_and(|server| !server.terminating)
    }

    /// The endpoint for a new connection or request to a service; `None` if it has none.
    pub fn choose(&mut self, service: usize, stream: &mut Stream) -> Option<Key<Server>> {
        let Self {
            services, arena, ..
        } = self;
        let inside = |slot: u32| arena.at(slot as usize).map_or(u32::MAX, Server::inside);
        let slot = services[service].choose(stream, inside)?;
        arena.key_at(slot as usize)
    }

    /// Hands a request to a server; `None` if its backlog is full (or the server is gone).
    pub fn admit(&mut self, now: SimTime, key: Key<Server>, work: Work) -> Option<JobKey> {
        let Self {
            services,
            arena,
            jobs,
            finished,
            ..
        } = self;
        let server = arena.get_mut(key)?;
        if !server.has_room() {
            return None;
        }
        server.cpu.advance(now);
        let slot = jobs.insert(work);
        let service = &mut services[server.service as usize];
        let job = server.take(now, slot, service, jobs, finished);
        self.settle(now, key.slot() as u32);
        Some(job)
    }

    /// Puts a request into the shared queue of a service, or hands it to an endpoint with a
    /// free slot; `None` if the queue is full.
    pub fn submit(&mut self, now: SimTime, service: usize, work: Work) -> Option<JobKey> {
        let Self {
            services,
            arena,
            jobs,
            ..
        } = self;
        let entry = &mut services[service];
        if entry.queue_len() == 0 {
            let pulls = |slot: u32| arena.at(slot as usize).is_some_and(Server::pulls);
            if let Some(slot) = entry.next_puller(pulls) {
                let key = arena.key_at(slot as usize)?;
                return self.admit(now, key, work);
            }
        }
        if !entry.queue_has_room() {
            return None;
        }
        let slot = jobs.insert(work);
        let key = jobs.key(slot);
        entry.queue(key);
        Some(key)
    }

    /// Does everything that is due in a server by now.
    pub fn work_off(&mut self, now: SimTime, slot: u32) {
        let Self {
            services,
            arena,
            jobs,
            finished,
            ..
        } = self;
        let Some(server) = arena.at_mut(slot as usize) else {
            return;
        };
        server.cpu.advance(now);
        server.work_off(now, &mut services[server.service as usize], jobs, finished);
        self.settle(now, slot);
    }

    /// When something is due next in a server.
    pub fn next_due(&mut self, now: SimTime, slot: u32) -> Option<SimTime> {
        let server = self.arena.at_mut(slot as usize)?;
        server.touched = false;
        server.cpu.advance(now);
        server.next_due(now, &self.jobs)
    }

    /// A server whose next event may have moved since it was last asked for.
    pub fn take_touched(&mut self) -> Option<u32> {
        self.touched.pop()
    }

    /// The client of a request has gone; returns the request if its client still waited. The
    /// server does not notice and works on.
    pub fn abandon(&mut self, job: JobKey) -> Option<Work> {
        self.jobs.abandon(job)
    }

    /// Whether the client of a request still waits.
    pub fn is_awaited(&self, job: JobKey) -> bool {
        self.jobs
            .find(job)
            .is_some_and(|slot| !self.jobs.at(slot).abandoned)
    }

    /// The requests of a load whose clients wait, in the order in which they were sent.
    pub fn awaited_of(&self, load: u32) -> Vec<JobKey> {
        self.jobs.awaited_of(load)
    }

    /// Requests whose clients wait.
    pub fn awaited(&self) -> u64 {
        self.jobs.awaited()
    }

    /// kube-proxy sends connections to the server from now on.
    pub fn add_endpoint(&mut self, now: SimTime, key: Key<Server>) {
        let Self {
            services,
            arena,
            jobs,
            finished,
            ..
        } = self;
        let Some(server) = arena.get_mut(key) else {
            return;
        };
        if server.is_endpoint {
            return;
        }
        server.is_endpoint = true;
        let service = &mut services[server.service as usize];
        service.endpoints.push(key.slot() as u32);
        server.cpu.advance(now);
        server.fill_slots(now, service, jobs, finished);
        let index = server.service as usize;
        self.settle(now, key.slot() as u32);
        self.share_usage(now, index);
    }

    /// kube-proxy sends no new connections to the server from now on.
    pub fn remove_endpoint(&mut self, now: SimTime, key: Key<Server>) {
        let Some(server) = self.arena.get_mut(key) else {
            return;
        };
        if !server.is_endpoint {
            return;
        }
        server.is_endpoint = false;
        let index = server.service as usize;
        self.services[index]
            .endpoints
            .retain(|&slot| slot != key.slot() as u32);
        self.apply_usage(now, key.slot() as u32);
        self.share_usage(now, index);
    }

    /// The server is told to end: it refuses connections and serves what is in it.
    pub fn terminate(&mut self, now: SimTime, key: Key<Server>) {
        let Some(server) = self.arena.get_mut(key) else {
            return;
        };
        server.cpu.advance(now);
        server.terminating = true;
        self.settle(now, key.slot() as u32);
    }

    /// The server ends now, with everything in it. Returns false if it is already gone.
    pub fn kill(&mut self, now: SimTime, key: Key<Server>) -> bool {
        self.remove_endpoint(now, key);
        let Self {
            arena,
            jobs,
            finished,
            ..
        } = self;
        let Some(server) = arena.get_mut(key) else {
            return false;
        };
        server.cpu.advance(now);
        server.fail_all(jobs, finished);
        server.cpu.set_background(0);
        self.update_demand(now, key.slot() as u32);
        let Some(server) = self.arena.remove(key) else {
            return false;
        };
        self.gone += server.cpu.account(now, &self.jobs);
        let slot = key.slot() as u32;
        self.nodes[server.node as usize]
            .servers
            .retain(|&other| other != slot);
        self.services[server.service as usize]
            .servers
            .retain(|&other| other != slot);
        true
    }

    /// The container's limits change in place.
    pub fn resize(&mut self, now: SimTime, key: Key<Server>, limits: ServerLimits) {
        let Some(server) = self.arena.get_mut(key) else {
            return;
        };
        server.cpu.advance(now);
        server.limits = limits;
        server.memory.set_limit(limits.memory_limit);
        let (node, slot) = (server.node, key.slot() as u32);
        server.demand = 0;
        let demand = |&other: &u32| self.arena.at(other as usize).map_or(0, |s| s.demand);
        let entry = &mut self.nodes[node as usize];
        entry.demand = entry.servers.iter().map(demand).sum();
        entry.contended = entry.demand > entry.capacity;
        self.update_demand(now, slot);
        self.regrant(now, node);
        self.settle(now, slot);
    }

    /// CPU that the server burns besides requests and what its service declares.
    pub fn set_background(&mut self, now: SimTime, key: Key<Server>, cpu: Millicores) {
        if let Some(server) = self.arena.get_mut(key) {
            server.extra = cpu.0.max(0) as u64 * 1000;
            self.apply_usage(now, key.slot() as u32);
        }
    }

    /// What the server has used and holds; zero if it is gone.
    pub fn usage(&self, now: SimTime, key: Key<Server>) -> Usage {
        self.arena
            .get(key)
            .map_or_else(Usage::default, |server| Usage {
                cpu: CpuTime(server.cpu.used(now)),
                memory: Bytes(server.memory.level(now)),
                active: server.in_service,
                queued: server.queued,
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

    /// Counters of a service.
    pub fn service_counters(&self, service: usize) -> Counters {
        let service = &self.services[service];
        let mut total = Counters {
            active: 0,
            queued: service.queue_len() as u32,
            answered: service.answered,
        };
        for &slot in &service.servers {
            if let Some(server) = self.arena.at(slot as usize) {
                total.active += server.in_service;
                total.queued += server.queued;
            }
        }
        total
    }

    /// Where CPU time went until `now`.
    pub fn ledger(&self, now: SimTime) -> CpuLedger {
        let mut total = self.gone;
        for (_, server) in self.arena.iter() {
            total += server.cpu.account(now, &self.jobs);
        }
        total
    }

    /// When the declared usage of a service changes next.
    pub fn next_usage_change(&self, now: SimTime, service: usize) -> Option<SimTime> {
        self.services[service].next_usage_change(now)
    }

    /// Brings the servers of a service to the usage declared for now.
    pub fn change_usage(&mut self, now: SimTime, service: usize) {
        for index in 0..self.services[service].servers.len() {
            let slot = self.services[service].servers[index];
            if service::is_noise_step(now) {
                self.draw_noise(slot);
            }
            self.apply_usage(now, slot);
        }
    }

    /// The number of endpoints has changed: so has each one's part of a declared total.
    fn share_usage(&mut self, now: SimTime, service: usize) {
        if self.services[service].spec.usage.is_some() {
            for index in 0..self.services[service].servers.len() {
                self.apply_usage(now, self.services[service].servers[index]);
            }
        }
    }

    fn draw_noise(&mut self, slot: u32) {
        let Some(server) = self.arena.at_mut(slot as usize) else {
            return;
        };
        let usage = self.services[server.service as usize].spec.usage.as_ref();
        if let Some((factor, stream)) = server.noise.as_deref_mut()
            && let Some(Ok(dist)) = usage.map(|usage| Dist::lognormal(1.0, usage.cpu_noise_cv))
        {
            *factor = dist.sample(stream);
        }
    }

    fn apply_usage(&mut self, now: SimTime, slot: u32) {
        let Some(server) = self.arena.at_mut(slot as usize) else {
            return;
        };
        let service = &self.services[server.service as usize];
        let factor = server.noise.as_deref().map_or(1.0, |&(factor, _)| factor);
        let declared = service.declared_cpu(now, server.is_endpoint) * factor * CORE as f64;
        let own = service.spec.background_cpu.0.max(0) as u64 * 1000;
        server.cpu.advance(now);
        server
            .cpu
            .set_background(own + server.extra + declared.round() as u64);
        server.memory.set_declared(service.declared_memory(now));
        self.settle(now, slot);
    }

    /// After a change in a server: memory, the end of draining, CPU, its next event.
    fn settle(&mut self, now: SimTime, slot: u32) {
        let Some(server) = self.arena.at_mut(slot as usize) else {
            return;
        };
        if !server.out_of_memory && server.memory.is_exhausted(now) {
            server.out_of_memory = true;
            self.notes
                .extend(self.arena.key_at(slot as usize).map(Note::OutOfMemory));
        }
        let Some(server) = self.arena.at_mut(slot as usize) else {
            return;
        };
        if server.terminating && !server.drained && server.inside() == 0 {
            server.drained = true;
            self.notes
                .extend(self.arena.key_at(slot as usize).map(Note::Drained));
        }
        self.update_demand(now, slot);
        self.touch(slot);
    }

    fn touch(&mut self, slot: u32) {
        if let Some(server) = self.arena.at_mut(slot as usize)
            && !server.touched
        {
            server.touched = true;
            self.touched.push(slot);
        }
    }

    /// Tells the node what the server wants now, and grants anew if that matters.
    fn update_demand(&mut self, now: SimTime, slot: u32) {
        let Some(server) = self.arena.at_mut(slot as usize) else {
            return;
        };
        let wanted = server.cpu.demand().min(server.cpu_limit());
        let before = server.demand;
        if wanted == before {
            return;
        }
        server.demand = wanted;
        let grant = server.cpu.grant();
        let index = server.node;
        let node = &mut self.nodes[index as usize];
        node.demand = node.demand - before + wanted;
        let was_contended = node.contended;
        node.contended = node.demand > node.capacity;
        if !node.contended && !was_contended {
            return;
        }
        // Who wants more than its grant before and after is not what bounds the others.
        if node.contended && was_contended && before > grant && wanted > grant {
            return;
        }
        self.regrant(now, index);
    }

    /// Grants CPU to every server of a node.
    fn regrant(&mut self, now: SimTime, index: u32) {
        let Self {
            nodes,
            arena,
            shares,
            touched,
            ..
        } = self;
        let node = &nodes[index as usize];
        shares.clear();
        shares.extend(node.servers.iter().filter_map(|&slot| {
            let server = arena.at(slot as usize)?;
            Some(Share {
                server: slot,
                weight: u64::from(server.limits.cpu_weight.max(1)),
                demand: server.demand,
                grant: server.cpu_limit().min(node.capacity),
            })
        }));
        if node.contended {
            node::fill(node.capacity, shares);
        }
        for share in shares.iter() {
            let Some(server) = arena.at_mut(share.server as usize) else {
                continue;
            };
            if server.cpu.grant() != share.grant {
                server.cpu.advance(now);
                server.cpu.set_grant(share.grant);
                if !server.touched {
                    server.touched = true;
                    touched.push(share.server);
                }
            }
        }
    }
}
