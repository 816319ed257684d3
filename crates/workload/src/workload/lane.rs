//! One server at a time: what is possible as long as servers have nothing to do with each other.
//!
//! That is so while no node can want more CPU than it has, no memory can be used up and no server
//! drains. [`Servers::room`] says for how many more requests it holds; a [`Lane`] then takes one
//! server through its requests and its own changes, by the same code as ever.

use super::engine::Servers;
use super::flow::CORE;
use super::node::Node;
use super::request::{ActiveRequests, Finished, RequestKey, TurnedAway, Work};
use super::server::Server;
use super::service::Service;
use super::spec::Balancing;
use crate::sim::{Key, SimTime, Stream};

/// Running servers one by one is worth it for so many requests.
const ENOUGH: u64 = 32;

/// How many requests may come while servers can be run one by one.
#[derive(Debug, Clone, Default)]
pub struct Room {
    /// By node.
    nodes: Vec<u64>,
    /// By server: its node, and what its memory holds.
    servers: Vec<(u32, u64)>,
    /// By node, less what has come.
    left: Vec<u64>,
}

impl Room {
    /// How many more may come, wherever they go, after those that have come to servers, by slot. 0 if
    /// they are not worth it.
    pub fn left(&mut self, come: impl Iterator<Item = usize>) -> u64 {
        self.left.clone_from(&self.nodes);
        let mut least = u64::MAX;
        for (&(node, memory), come) in self.servers.iter().zip(come) {
            let cores = &mut self.left[node as usize];
            *cores = cores.saturating_sub(come as u64);
            least = least.min(memory.saturating_sub(come as u64));
        }
        let least = self
            .left
            .iter()
            .fold(least, |least, &cores| least.min(cores));
        if least < ENOUGH / 4 { 0 } else { least }
    }
}

impl Servers {
    /// Works out the room up to a time; false if servers cannot be run one by one, or not for long.
    pub fn room(&self, now: SimTime, until: SimTime, room: &mut Room) -> bool {
        room.nodes.clear();
        room.servers.clear();
        if self.services.iter().any(Service::is_shared) {
            return false;
        }
        for (index, node) in (0..).zip(&self.nodes) {
            let (mut least, mut most) = (0u64, 0u64);
            for &slot in &node.servers {
                let Some(server) = self.arena.at(slot as usize) else {
                    continue;
                };
                let service = &self.services[server.service as usize];
                let memory = server.memory_room(now, until, &service.spec.request.memory);
                if memory < ENOUGH || server.drains() {
                    return false;
                }
                if room.servers.len() <= slot as usize {
                    room.servers.resize(slot as usize + 1, (0, u64::MAX));
                }
                room.servers[slot as usize] = (index, memory);
                let (threads, slots) = server.threads();
                let shared = self.rate_in_cohort(slot);
                let background = shared.unwrap_or_else(|| server.cpu.flow.background());
                least += threads * CORE + background;
                most = most.saturating_add(slots.saturating_mul(CORE) + background);
            }
            let spare = node.capacity.saturating_sub(least) / CORE;
            let spare = if most <= node.capacity {
                u64::MAX
            } else {
                spare
            };
            if node.contended || (spare < ENOUGH && !node.servers.is_empty()) {
                return false;
            }
            room.nodes.push(spare);
        }
        true
    }

    /// Whether which server gets a request does not hang on how busy they are.
    pub fn chooses_blindly(&self, service: usize) -> bool {
        let service = &self.services[service];
        match service.spec.balancing {
            Balancing::RandomPerConnection | Balancing::RoundRobin => service.affinity.is_none(),
            Balancing::LeastRequest | Balancing::SharedQueue => false,
        }
    }

    /// Whether a service has endpoints, and every address that may be drawn takes requests.
    pub fn all_accept(&self, service: usize) -> bool {
        let service = &self.services[service];
        let accepts = |&slot: &u32| self.arena.at(slot as usize).is_some_and(Server::accepts);
        !service.endpoints.is_empty()
            && service.gone.is_empty()
            && service.endpoints.iter().all(accepts)
    }

    /// The endpoint for a request to a service of which [`Servers::all_accept`] holds, by slot.
    #[inline]
    pub fn choose_one(&mut self, service: usize, stream: &mut Stream) -> u32 {
        self.services[service].choose_one(stream)
    }

    /// The server in a slot.
    pub fn in_slot(&self, slot: u32) -> Option<Key<Server>> {
        self.arena.key_at(slot as usize)
    }

    /// The endpoints for many requests to a service of which [`Servers::all_accept`] holds, by slot.
    pub fn choose_block(
        &mut self,
        (service, requests): (usize, usize),
        stream: &mut Stream,
        mut each: impl FnMut(u32),
    ) {
        let service = &mut self.services[service];
        for _ in 0..requests {
            each(service.choose_one(stream));
        }
    }

    /// The server in a slot, to be run by itself.
    pub fn lane(&mut self, slot: u32) -> Option<Lane<'_>> {
        let server = self.arena.at_mut(slot as usize)?;
        Some(Lane {
            service: &mut self.services[server.service as usize],
            node: &mut self.nodes[server.node as usize],
            server,
            requests: &mut self.requests,
        })
    }
}

/// One server, run by itself.
#[derive(Debug)]
pub struct Lane<'a> {
    pub(super) server: &'a mut Server,
    pub(super) service: &'a mut Service,
    pub(super) node: &'a mut Node,
    pub(super) requests: &'a mut ActiveRequests,
}

impl Lane<'_> {
    /// Whether nothing is ever due in it by itself, and no request comes to it.
    pub(super) fn is_still(&self) -> bool {
        self.server.is_still()
    }

    /// Whether it counts how long requests take.
    pub(super) fn is_instrumented(&self) -> bool {
        self.server.latency.is_some()
    }

    /// A request comes; that it is turned away is counted and changes nothing else.
    #[inline]
    pub fn admit(&mut self, work: Work, out: &mut Vec<Finished>) -> Result<RequestKey, TurnedAway> {
        let now = work.arrival;
        self.server.lets_in(now)?;
        self.server.cpu.advance(now);
        let slot = self.requests.insert(work);
        let (service, requests) = (&mut *self.service, &mut *self.requests);
        Ok(self.server.take(now, slot, service, requests, out))
    }

    /// Does everything that is due by now.
    #[inline]
    pub fn work_off(&mut self, now: SimTime, out: &mut Vec<Finished>) {
        self.server.cpu.advance(now);
        let (service, requests) = (&mut *self.service, &mut *self.requests);
        self.server.work_off(now, service, requests, out);
    }

    /// Grants CPU after a change, and says when something is due next; [`SimTime::MAX`] if never.
    #[inline]
    pub fn settle(&mut self, now: SimTime) -> SimTime {
        let server = &mut *self.server;
        let flow = &mut server.cpu.flow;
        flow.set_grant(flow.cap().min(self.node.capacity));
        server.next_due(now, self.requests).unwrap_or(SimTime::MAX)
    }

    /// Tells the node what the server wants now.
    pub fn end(self) {
        let Self { server, node, .. } = self;
        let wanted = server.cpu.flow.demand().min(server.cpu.flow.cap());
        node.demand = node.demand - server.demand + wanted;
        server.demand = wanted;
    }
}
