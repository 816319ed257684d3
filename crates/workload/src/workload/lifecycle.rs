//! Nodes, containers and endpoints: added and removed.

use super::engine::Servers;
use super::figures::ServerLimits;
use super::node::Node;
use super::server::Server;
use crate::sim::{Key, SimTime};
use crate::units::Millicores;

impl Servers {
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
        server.serial = self.added;
        self.added += 1;
        if entry
            .spec
            .usage
            .as_ref()
            .is_some_and(|usage| usage.cpu_noise_cv > 0.0)
        {
            let usage = self.streams.of("usage").of(&entry.spec.name);
            let stream = usage.nth(ordinal);
            server.noise = Some(Box::new((1.0, stream)));
        }
        let key = self.arena.insert(server);
        let slot = key.slot() as u32;
        self.services[service].servers.push(slot);
        self.settle_home(service, slot);
        self.nodes[node as usize].servers.push(slot);
        let contended = self.nodes[node as usize].contended;
        let server = self.arena.at_mut(key.slot()).expect("it was just inserted");
        let grant = server.cpu.flow.cap().min(capacity);
        server.cpu.flow.set_grant(if contended { 0 } else { grant });
        self.draw_noise(slot);
        self.apply_usage(now, slot);
        self.groups_change(now, node);
        key
    }

    /// kube-proxy sends connections to the server from now on.
    pub fn add_endpoint(&mut self, now: SimTime, key: Key<Server>) {
        if self.alone_mut(key).is_none() {
            return;
        }
        let Self {
            services,
            arena,
            requests,
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
        server.kept_before = Some(service.over_kept);
        service.endpoints.push(key.slot() as u32);
        server.cpu.advance(now);
        server.fill_slots(now, service, requests, finished);
        let index = server.service as usize;
        self.settle(now, key.slot() as u32);
        self.share_usage(index);
    }

    /// kube-proxy sends no new connections to the server from now on; it may be gone already.
    pub fn remove_endpoint(&mut self, now: SimTime, key: Key<Server>) {
        let Some(server) = self.arena.get_mut(key) else {
            let mut gone = self.gone_endpoints.iter();
            if let Some(place) = gone.position(|(gone, _)| *gone == key) {
                let (_, service) = self.gone_endpoints.swap_remove(place);
                self.services[service as usize]
                    .gone
                    .retain(|gone| *gone != key);
            }
            return;
        };
        if !server.is_endpoint {
            return;
        }
        let slot = key.slot() as u32;
        self.leave(slot);
        let Some(server) = self.arena.get_mut(key) else {
            return;
        };
        server.is_endpoint = false;
        let index = server.service as usize;
        let service = &mut self.services[index];
        service.passed_by += u64::from(server.is_passed_by(service));
        server.kept_before = None;
        if let Some(place) = service.endpoints.iter().position(|other| *other == slot) {
            service.endpoints.remove(place);
        }
        self.apply_usage(now, slot);
        self.share_usage(index);
    }

    /// kube-proxy sends connections to another service to this server as well, from now on. One that
    /// gets no requests of its own and so keeps its past gets none of others; nor does one take from
    /// another's shared queue.
    pub fn lend(&mut self, key: Key<Server>, service: usize) {
        let may =
            !self.services[service].is_shared() && !self.lent.contains(&(key, service as u32));
        let gets_requests = |server: &mut Server| !server.cpu.keeps_past();
        if may && self.alone_mut(key).is_some_and(gets_requests) {
            self.lent.push((key, service as u32));
            let host = &mut self.services[service];
            host.endpoints.push(key.slot() as u32);
            host.guests += 1;
        }
    }

    /// Whether servers are lent to other services.
    pub fn lends(&self) -> bool {
        !self.lent.is_empty()
    }

    /// kube-proxy sends no new connections to another service to this server any more; it may be gone
    /// already.
    pub fn take_back(&mut self, key: Key<Server>, service: usize) {
        let mut lent = self.lent.iter();
        let Some(place) = lent.position(|one| *one == (key, service as u32)) else {
            return;
        };
        self.lent.swap_remove(place);
        if self.arena.get(key).is_some() {
            self.services[service].dismiss(key.slot() as u32);
        }
        self.services[service].gone.retain(|gone| *gone != key);
    }

    /// The server's application begins to start: it takes no connections until it has.
    pub fn start_up(&mut self, key: Key<Server>) {
        if let Some(server) = self.alone_mut(key) {
            server.starting = true;
        }
    }

    /// The server's application has started.
    pub fn started(&mut self, now: SimTime, key: Key<Server>) {
        self.alone_mut(key);
        let Self {
            services,
            arena,
            requests,
            finished,
            ..
        } = self;
        let Some(server) = arena.get_mut(key) else {
            return;
        };
        server.starting = false;
        server.cpu.advance(now);
        let service = &mut services[server.service as usize];
        server.fill_slots(now, service, requests, finished);
        self.settle(now, key.slot() as u32);
    }

    /// The server gets SIGTERM: it refuses connections and finishes its requests.
    pub fn terminate(&mut self, now: SimTime, key: Key<Server>) {
        let Some(server) = self.alone_mut(key) else {
            return;
        };
        server.cpu.advance(now);
        server.terminating = true;
        self.settle(now, key.slot() as u32);
    }

    /// The server, by itself.
    pub(super) fn alone_mut(&mut self, key: Key<Server>) -> Option<&mut Server> {
        self.arena.get(key)?;
        self.leave(key.slot() as u32);
        self.arena.get_mut(key)
    }

    /// Whether kube-proxy sends connections to the server.
    pub fn is_endpoint(&self, key: Key<Server>) -> bool {
        self.arena.get(key).is_some_and(|server| server.is_endpoint)
    }

    /// As [`Servers::kill`], but kube-proxy goes on sending connections to its address, where
    /// nobody takes them, until [`Servers::remove_endpoint`].
    pub fn stop(&mut self, now: SimTime, key: Key<Server>) -> bool {
        if let Some(server) = self.arena.get(key).filter(|server| server.is_endpoint) {
            self.services[server.service as usize].gone.push(key);
            self.gone_endpoints.push((key, server.service));
        }
        for (_, service) in self.lent.iter().filter(|(lent, _)| *lent == key) {
            self.services[*service as usize].gone.push(key);
        }
        self.kill(now, key)
    }

    /// The server ends now, with everything in it. Returns false if it is already gone.
    pub fn kill(&mut self, now: SimTime, key: Key<Server>) -> bool {
        self.remove_endpoint(now, key);
        if self.arena.get(key).is_some() {
            for (_, service) in self.lent.iter().filter(|(lent, _)| *lent == key) {
                self.services[*service as usize].dismiss(key.slot() as u32);
            }
        }
        self.alone_mut(key);
        let Self {
            arena,
            requests,
            finished,
            ..
        } = self;
        let Some(server) = arena.get_mut(key) else {
            return false;
        };
        server.cpu.advance(now);
        server.fail_all(requests, finished);
        server.cpu.flow.set_background(0);
        self.update_demand(now, key.slot() as u32);
        let Some(server) = self.arena.get(key) else {
            return false;
        };
        let (arena, serial) = (&self.arena, server.serial);
        let take_out = |servers: &mut Vec<u32>| {
            let of = |slot: &u32| arena.at(*slot as usize).map_or(0, |other| other.serial);
            if let Ok(place) = servers.binary_search_by_key(&serial, of) {
                servers.remove(place);
            }
        };
        take_out(&mut self.nodes[server.node as usize].servers);
        take_out(&mut self.services[server.service as usize].servers);
        take_out(&mut self.services[server.service as usize].apart);
        self.gone += server.cpu.account(now, &self.requests);
        let node = server.node;
        let was_there = self.arena.remove(key).is_some();
        self.groups_change(now, node);
        was_there
    }

    /// The container's limits change in place.
    pub fn resize(&mut self, now: SimTime, key: Key<Server>, limits: ServerLimits) {
        if let Some(node) = self.arena.get(key).map(|server| server.node) {
            self.scatter(node);
        }
        let Some(server) = self.arena.get_mut(key) else {
            return;
        };
        server.cpu.advance(now);
        server.set_limits(now, limits);
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
}
