//! CPU and memory that servers use without requests: background work and declared curves.

use super::engine::Servers;
use super::server::Server;
use super::service::{self, Declared};
use crate::sim::{Dist, Key, SimTime};
use crate::units::Millicores;

impl Servers {
    /// CPU that the server burns besides requests and what its service declares.
    pub fn set_background(&mut self, now: SimTime, key: Key<Server>, cpu: Millicores) {
        if let Some(server) = self.alone_mut(key) {
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
        let usage = self.services[service].spec.usage.as_ref();
        let is_noisy = usage.is_some_and(|usage| usage.cpu_noise_cv > 0.0);
        if is_noisy && service::is_noise_step(now) {
            for index in 0..self.services[service].servers.len() {
                self.draw_noise(self.services[service].servers[index]);
            }
        }
        self.apply_to_all(now, service);
    }

    /// Brings the servers of a service to what it declares for now, its cohort at once.
    fn apply_to_all(&mut self, now: SimTime, service: usize) {
        let declared = self.services[service].declared(now);
        let rate = declared.background + service::micros(declared.of_endpoint);
        self.turn_cohort(now, service, rate, declared.memory);
        self.rouse_all(service, declared.of_others, declared.memory);
        let mut apart = std::mem::take(&mut self.services[service].apart);
        apart.retain(|&slot| {
            self.apply(now, slot, declared);
            !self.join(now, slot) && !self.rest(slot)
        });
        // Others may have been set apart meanwhile.
        let scattered = std::mem::replace(&mut self.services[service].apart, apart);
        if !scattered.is_empty() {
            let arena = &self.arena;
            let of = |slot: &u32| arena.at(*slot as usize).map_or(0, |server| server.serial);
            let all = &mut self.services[service].apart;
            all.extend(scattered);
            all.sort_by_key(of);
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

    /// Whether the number of endpoints has changed somewhere since totals were shared.
    pub fn has_totals_to_share(&self) -> bool {
        !self.shared_anew.is_empty()
    }

    /// Shares declared totals anew where the number of endpoints has changed: once per instant,
    /// however many have come and gone. Returns false if there is none.
    pub fn share_totals(&mut self, now: SimTime) -> bool {
        if self.shared_anew.is_empty() {
            return false;
        }
        let mut services = std::mem::take(&mut self.shared_anew);
        for service in services.drain(..) {
            self.services[service as usize].shares_anew = false;
            self.apply_to_all(now, service as usize);
        }
        self.shared_anew = services;
        true
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
        let may_go_on = !self.stays_apart;
        let Some(server) = self.arena.at_mut(slot as usize) else {
            return;
        };
        let factor = server.noise.as_deref().map_or(1.0, |&(factor, _)| factor);
        let cores = if server.is_endpoint {
            declared.of_endpoint
        } else {
            declared.of_others
        };
        let cpu = service::micros(cores * factor);
        let background = declared.background + server.extra + cpu;
        if may_go_on && server.goes_on(background, declared.memory) {
            return;
        }
        server.cpu.advance(now);
        server.cpu.flow.set_background(background);
        server.memory.set_declared(now, declared.memory);
        self.settle(now, slot);
    }
}
