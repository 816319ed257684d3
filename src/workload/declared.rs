//! CPU and memory that servers use without requests: background work and declared curves.

use super::engine::Servers;
use super::processor_sharing::CORE;
use super::server::Server;
use super::service::{self, Declared};
use crate::sim::{Dist, Key, SimTime};
use crate::units::Millicores;

impl Servers {
    /// CPU that the server burns besides requests and what its service declares.
    pub fn set_background(&mut self, now: SimTime, key: Key<Server>, cpu: Millicores) {
        if let Some(server) = self.arena.get_mut(key) {
            server.extra = cpu.0.max(0) as u64 * 1000;
            self.apply_usage(now, key.slot() as u32);
        }
    }

    /// When the declared usage of a service changes next.
    pub fn next_usage_change(&self, now: SimTime, service: usize) -> Option<SimTime> {
        self.services[service].next_usage_change(now)
    }

    /// Brings the servers of a service to the usage declared for now.
    pub fn change_usage(&mut self, now: SimTime, service: usize) {
        let declared = self.services[service].declared(now);
        for index in 0..self.services[service].servers.len() {
            let slot = self.services[service].servers[index];
            if service::is_noise_step(now) {
                self.draw_noise(slot);
            }
            self.apply(now, slot, declared);
        }
    }

    /// The number of endpoints has changed: so has each one's part of a declared total.
    pub(super) fn share_usage(&mut self, service: usize) {
        let entry = &mut self.services[service];
        if entry.spec.usage.is_some() && !entry.shares_anew {
            entry.shares_anew = true;
            self.shared_anew.push(service as u32);
        }
    }

    /// Shares declared totals anew where the number of endpoints has changed: once per instant,
    /// however many have come and gone. Returns false if there is none.
    pub fn share_totals(&mut self, now: SimTime) -> bool {
        let services = std::mem::take(&mut self.shared_anew);
        for &service in &services {
            let entry = &mut self.services[service as usize];
            entry.shares_anew = false;
            let declared = entry.declared(now);
            for index in 0..entry.servers.len() {
                self.apply(
                    now,
                    self.services[service as usize].servers[index],
                    declared,
                );
            }
        }
        !services.is_empty()
    }

    pub(super) fn draw_noise(&mut self, slot: u32) {
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

    pub(super) fn apply_usage(&mut self, now: SimTime, slot: u32) {
        if let Some(server) = self.arena.at(slot as usize) {
            let declared = self.services[server.service as usize].declared(now);
            self.apply(now, slot, declared);
        }
    }

    /// Brings a server to what its service declares for now.
    fn apply(&mut self, now: SimTime, slot: u32, declared: Declared) {
        let Some(server) = self.arena.at_mut(slot as usize) else {
            return;
        };
        let factor = server.noise.as_deref().map_or(1.0, |&(factor, _)| factor);
        let cores = if server.is_endpoint {
            declared.of_endpoint
        } else {
            declared.of_others
        };
        let cpu = (cores * factor * CORE as f64).round() as u64;
        server.cpu.advance(now);
        server
            .cpu
            .set_background(declared.background + server.extra + cpu);
        server.memory.set_declared(now, declared.memory);
        self.settle(now, slot);
    }
}
