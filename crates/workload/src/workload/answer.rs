//! How long one more request would take in a server: an estimate from what is in it now.

use super::Servers;
use super::flow::CORE;
use super::server::Server;
use crate::sim::{Key, SimDuration};

impl Servers {
    /// How long one more request of the mean cost would take. None if it would be turned away or
    /// nobody listens.
    ///
    /// With `n` requests in service, each takes at least its own time and at most as long as the
    /// CPU needs for all of them; whoever has no slot waits for as many to leave.
    pub fn answer_time(&self, key: Key<Server>) -> Option<SimDuration> {
        let server = self.arena.get(key)?;
        if server.starting || server.terminating {
            return None;
        }
        let service = server.service as usize;
        let spec = self.spec(service);
        let (cpu, wait) = (spec.request.cpu.mean(), spec.request.wait.mean());
        let (slots, backlog) = server.room();
        let is_full = server.in_service >= slots;
        if is_full && server.queued >= backlog && !self.services[service].is_shared() {
            return None;
        }
        let cores = server.cores();
        let inside = f64::from(server.in_service.saturating_add(1).min(slots));
        let takes = (cpu + wait).max(inside * cpu / cores.max(1e-3));
        let ahead = if is_full {
            f64::from(server.queued) + 1.0
        } else {
            0.0
        };
        Some(SimDuration::from_secs_f64(takes + ahead * takes / inside))
    }
}

impl Server {
    /// Slots, and how many requests may wait for one.
    fn room(&self) -> (u32, u32) {
        (self.slots(), self.backlog_limit())
    }

    /// The CPU that it gets, in cores.
    fn cores(&self) -> f64 {
        let grant = self.cpu.flow.grant();
        let granted = self.cpu_limit().map_or(grant, |limit| limit.min(grant));
        granted as f64 / CORE as f64
    }
}
