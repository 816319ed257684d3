//! Endpoints of a service that use the same: kept once, not pod by pod.
//!
//! Where usage is declared and no request comes, endpoints under the same grant use CPU along one
//! curve. A [`Cohort`] keeps that curve; a member keeps what it had used more than the curve when it
//! joined. So sharing a total anew costs the same for any number of endpoints.
//!
//! A server joins when all of its service are brought to a new level, and leaves as soon as anything
//! else happens to it, or as its node might not have what everybody on it wants. What it has used is
//! the same to the last unit as if it had been by itself.

use std::collections::VecDeque;

use super::engine::Servers;
use super::flow::{Background, CORE, FINE, nanos};
use crate::sim::SimTime;
use crate::units::{Bytes, CpuTime};

/// Not in a cohort.
const APART: u32 = u32::MAX;
/// Not in a cohort, and what is shared anew does not concern it.
const RESTING: u32 = u32::MAX - 1;

/// Servers that use CPU along one curve.
#[derive(Debug, Clone)]
pub(super) struct Cohort {
    members: Vec<Member>,
    /// What each member uses, and what the curve comes to so far.
    curve: Background,
    /// The most that each member may use, in millionths of a core.
    cap: u64,
    /// What nodes have room for on behalf of each member, up to its cap, in millionths of a core.
    level: u64,
    /// What held until an instant, each from where the one before ends.
    past: VecDeque<(SimTime, Background)>,
    /// Declared memory of each member, in bytes.
    memory: f64,
    /// What each member holds, in bytes.
    held: i64,
    /// How often it changed what members use, or one left.
    epoch: u32,
    bases: Bases,
}

/// What members had used when they joined, so that their sum needs no look at each.
#[derive(Debug, Clone)]
enum Bases {
    /// Not asked for since one came or went.
    Changed,
    /// Asked for once: they may change again.
    Asked,
    /// In whole nanoseconds of a core, and what that leaves of each, in order.
    Known { whole: i64, rests: Vec<u32> },
}

/// What a server uses until something happens to it or to its cohort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Even {
    /// Its service.
    pub service: usize,
    /// [`Servers::epoch`] as long as it goes on so.
    pub epoch: u32,
    /// From when on.
    pub since: SimTime,
    /// The CPU that it had used by then, in 1/1024 ns of one millionth of a core.
    pub used: u128,
    /// The CPU that it uses, in millionths of a core.
    pub rate: u64,
    /// What it holds.
    pub memory: Bytes,
}

/// A server in a cohort.
#[derive(Debug, Clone, Copy)]
struct Member {
    /// What it had used when it joined, less what the curve had come to: in 1/1024 ns of one
    /// millionth of a core, modulo 2^128.
    base: u128,
    slot: u32,
    node: u32,
}

/// Where a server belongs: its service, and its place in the cohort.
#[derive(Debug, Clone, Copy)]
pub(super) struct Home {
    /// As its member has it, for those who ask for one server: it lies nearer.
    base: u128,
    /// When it joined.
    since: SimTime,
    service: u32,
    place: u32,
}

impl Default for Cohort {
    fn default() -> Self {
        Self {
            members: Vec::new(),
            curve: Background::new(SimTime::ZERO, 0),
            cap: u64::MAX,
            level: 0,
            past: VecDeque::new(),
            memory: 0.0,
            held: 0,
            epoch: 0,
            bases: Bases::Changed,
        }
    }
}

impl Cohort {
    /// Brings the curve to now.
    fn advance(&mut self, now: SimTime) {
        if self.members.is_empty() || now == self.curve.updated {
            return;
        }
        self.epoch += 1;
        self.past.push_back((now, self.curve));
        self.curve.used = self.curve.used_at(now);
        self.curve.updated = now;
    }

    /// What all members have used when the curve comes to this, in nanoseconds, each cut.
    fn used(&mut self, curve: u128) -> i64 {
        match &self.bases {
            Bases::Changed => self.bases = Bases::Asked,
            Bases::Asked => self.bases = Bases::of(&self.members),
            Bases::Known { whole, rests } => {
                let (nanos, rest) = parts(curve);
                let carry = rests.len() - rests.partition_point(|one| one + rest < NANOSECOND);
                return whole + nanos * rests.len() as i64 + carry as i64;
            }
        }
        self.members.iter().map(|member| member.used(curve)).sum()
    }

    /// What a node has room for on behalf of each member.
    fn reserved(&self) -> u64 {
        self.level.min(self.cap)
    }

    /// What the curve comes to at a time that may have passed, in 1/1024 ns of one millionth of a
    /// core.
    #[inline]
    fn used_at(&self, time: SimTime) -> u128 {
        if time >= self.curve.updated {
            return self.curve.used_at(time);
        }
        let place = self.past.partition_point(|(until, _)| *until <= time);
        let held = self.past.get(place).map_or(self.curve, |(_, held)| *held);
        held.used_at(time)
    }
}

/// A nanosecond of a core, in 1/1024 ns of one millionth of a core.
const NANOSECOND: u32 = (CORE as u32) << FINE;

/// Whole nanoseconds of a core, and the rest.
fn parts(used: u128) -> (i64, u32) {
    let (used, nanosecond) = (used as i128, i128::from(NANOSECOND));
    let whole = used.div_euclid(nanosecond);
    (whole as i64, used.rem_euclid(nanosecond) as u32)
}

impl Bases {
    fn of(members: &[Member]) -> Self {
        let (mut whole, mut rests) = (0, Vec::with_capacity(members.len()));
        for member in members {
            let (nanos, rest) = parts(member.base);
            whole += nanos;
            rests.push(rest);
        }
        rests.sort_unstable();
        Self::Known { whole, rests }
    }
}

impl Member {
    /// What it has used when the curve comes to this, in nanoseconds.
    #[inline]
    fn used(&self, curve: u128) -> i64 {
        nanos(self.base.wrapping_add(curve))
    }
}

impl Servers {
    /// A new server is by itself.
    pub(super) fn settle_home(&mut self, service: usize, slot: u32) {
        let home = Home {
            base: 0,
            since: SimTime::ZERO,
            service: service as u32,
            place: APART,
        };
        if self.homes.len() <= slot as usize {
            self.homes.resize(slot as usize + 1, home);
        }
        self.homes[slot as usize] = home;
        self.services[service].apart.push(slot);
    }

    /// The cohort's home of a server that is in one.
    #[inline]
    fn home(&self, slot: u32) -> Option<&Home> {
        let home = self.homes.get(slot as usize)?;
        (home.place < RESTING).then_some(home)
    }

    /// What a member of a cohort has used by a time, in 1/1024 ns of one millionth of a core; none if
    /// the server was by itself then.
    pub(super) fn used_in_cohort(&self, slot: u32, time: SimTime) -> Option<u128> {
        let home = self.home(slot).filter(|home| time >= home.since)?;
        let cohort = &self.services[home.service as usize].cohort;
        Some(home.base.wrapping_add(cohort.used_at(time)))
    }

    /// What a member of a cohort has used by a time, in nanoseconds, and what it held then; none if
    /// the server was by itself then.
    #[inline]
    pub(super) fn usage_in_cohort(&self, slot: u32, time: SimTime) -> Option<(CpuTime, Bytes)> {
        let home = self.home(slot).filter(|home| time >= home.since)?;
        let cohort = &self.services[home.service as usize].cohort;
        let used = nanos(home.base.wrapping_add(cohort.used_at(time)));
        Some((CpuTime(used), Bytes(cohort.held)))
    }

    /// What a member of a cohort uses until [`epoch`](Self::epoch) of its service changes; none if it is
    /// in none, or gets less CPU than it wants.
    pub fn even_usage(&self, slot: u32) -> Option<Even> {
        let home = self.home(slot)?;
        let cohort = &self.services[home.service as usize].cohort;
        let since = home.since.max(cohort.curve.updated);
        (cohort.curve.rate <= cohort.curve.grant).then(|| Even {
            service: home.service as usize,
            epoch: cohort.epoch,
            since,
            used: home.base.wrapping_add(cohort.curve.used_at(since)),
            rate: cohort.curve.rate,
            memory: Bytes(cohort.held),
        })
    }

    /// How often members of a service's cohort have begun to use something else.
    pub fn epoch(&self, service: usize) -> u32 {
        self.services[service].cohort.epoch
    }

    /// What each member of a server's cohort uses, in millionths of a core; none if it is in none.
    pub(super) fn rate_in_cohort(&self, slot: u32) -> Option<u64> {
        let home = self.home(slot)?;
        Some(self.services[home.service as usize].cohort.curve.rate)
    }

    /// What the servers of a service that are there have used, and what they hold.
    pub fn service_usage(&mut self, now: SimTime, service: usize) -> (CpuTime, Bytes) {
        let entry = &mut self.services[service];
        let cohort = &mut entry.cohort;
        let mut cpu = cohort.used(cohort.used_at(now));
        let mut memory = cohort.held * cohort.members.len() as i64;
        for &slot in entry.apart.iter().chain(&entry.resting) {
            if let Some(server) = self.arena.at(slot as usize) {
                cpu += server.cpu.used(now);
                memory += server.memory.level(now);
            }
        }
        (CpuTime(cpu), Bytes(memory))
    }

    /// Nobody asks any more what cohorts used before a time.
    pub fn forget_past(&mut self, time: SimTime) {
        for service in &mut self.services {
            let past = &mut service.cohort.past;
            while past.front().is_some_and(|(until, _)| *until <= time) {
                past.pop_front();
            }
        }
    }

    /// Each server is brought to each new level by itself: what comes out is the same, later.
    pub fn keep_apart(&mut self) {
        self.stays_apart = true;
    }

    /// Brings a service's cohort to what is declared for now, as far as it stays one.
    pub(super) fn turn_cohort(&mut self, now: SimTime, service: usize, rate: u64, memory: f64) {
        if self.services[service].cohort.memory != memory {
            let members = &self.services[service].cohort.members;
            let slots: Vec<u32> = members.iter().map(|member| member.slot).collect();
            for slot in slots {
                self.leave(slot);
            }
        }
        let cohort = &mut self.services[service].cohort;
        cohort.advance(now);
        cohort.epoch += u32::from(cohort.curve.rate != rate);
        cohort.memory = memory;
        cohort.curve.rate = rate;
        if rate > cohort.level || rate < cohort.level / 2 {
            // Some more than it takes now: it is not to be counted anew for each endpoint that goes.
            self.reserve(now, service, rate.saturating_add(rate / 4));
        }
    }

    /// Makes room on nodes for what each member of a cohort may use from now on, in millionths of a
    /// core; where there is none, all are by themselves.
    fn reserve(&mut self, now: SimTime, service: usize, level: u64) {
        let cohort = &mut self.services[service].cohort;
        let before = cohort.reserved();
        cohort.level = level;
        let mut full = Vec::new();
        for member in &cohort.members {
            let node = &mut self.nodes[member.node as usize];
            node.bound = node.bound - before + cohort.reserved();
            full.push(member.node);
        }
        full.sort_unstable();
        full.dedup();
        full.retain(|node| self.nodes[*node as usize].is_short());
        for node in full {
            self.scatter(node);
            self.contend(now, node);
        }
    }

    /// Takes a server into its service's cohort, if it is at the same level; true if it is in it.
    pub(super) fn join(&mut self, now: SimTime, slot: u32) -> bool {
        let Some(server) = self.arena.at_mut(slot as usize) else {
            return false;
        };
        let entry = &mut self.services[server.service as usize];
        let node = &mut self.nodes[server.node as usize];
        let cohort = &mut entry.cohort;
        let grant = server.cpu.flow.grant();
        let cap = server.cpu.flow.cap();
        let same = cohort.members.is_empty() || (cohort.curve.grant, cohort.cap) == (grant, cap);
        let others = node.demand - server.demand;
        let bound = node.bound.saturating_add(cohort.level.min(cap));
        if self.stays_apart
            || node.contended
            || others.saturating_add(bound) > node.capacity
            || !same
            || !server.is_plain_endpoint()
        {
            return false;
        }
        if cohort.members.is_empty() {
            cohort.epoch += 1;
            cohort.past.clear();
            cohort.cap = cap;
            cohort.curve = Background {
                rate: cohort.curve.rate,
                ..Background::new(now, grant)
            };
        }
        let Some(used) = server.cpu.used_by_background(now, cohort.curve.rate) else {
            return false;
        };
        cohort.held = server.memory.level(now);
        node.demand = others;
        node.bound = bound;
        server.demand = 0;
        let base = used.wrapping_sub(cohort.curve.used);
        self.homes[slot as usize] = Home {
            base,
            since: now,
            service: server.service,
            place: cohort.members.len() as u32,
        };
        cohort.bases = Bases::Changed;
        cohort.members.push(Member {
            base,
            slot,
            node: server.node,
        });
        true
    }

    /// Brings all resting servers of a service back to those that are brought to each new level, if
    /// that is another for them: `others` in cores, `memory` in bytes.
    pub(super) fn rouse_all(&mut self, service: usize, others: f64, memory: f64) {
        let entry = &mut self.services[service];
        if entry.rest == (others, memory) {
            return;
        }
        entry.rest = (others, memory);
        for slot in std::mem::take(&mut entry.resting) {
            self.set_apart(service, slot);
        }
    }

    /// Lets a server rest that what is shared anew does not concern; false if it might.
    pub(super) fn rest(&mut self, slot: u32) -> bool {
        let Some(server) = self.arena.at(slot as usize) else {
            return false;
        };
        let rests = !self.stays_apart
            && server.noise.is_none()
            && server.goes_on(server.cpu.flow.background(), server.memory.declared());
        if rests {
            self.homes[slot as usize].place = RESTING;
            let service = server.service as usize;
            let place = self.place_among(&self.services[service].resting, slot);
            self.services[service].resting.insert(place, slot);
        }
        rests
    }

    /// Puts a server among those that are by themselves.
    fn set_apart(&mut self, service: usize, slot: u32) {
        self.homes[slot as usize].place = APART;
        let place = self.place_among(&self.services[service].apart, slot);
        self.services[service].apart.insert(place, slot);
    }

    /// Where a server belongs in a list by age, or is.
    fn place_among(&self, servers: &[u32], slot: u32) -> usize {
        let serial = |slot: u32| self.arena.at(slot as usize).map_or(0, |one| one.serial);
        let own = serial(slot);
        servers.partition_point(|other| serial(*other) < own)
    }

    /// Something happens to a server: it rests no longer.
    pub(super) fn rouse(&mut self, slot: u32) {
        let home = self.homes[slot as usize];
        if home.place == RESTING {
            let service = home.service as usize;
            let place = self.place_among(&self.services[service].resting, slot);
            self.services[service].resting.remove(place);
            self.set_apart(service, slot);
        }
    }

    /// A server is by itself from now on.
    pub(super) fn leave(&mut self, slot: u32) {
        self.rouse(slot);
        let Some(&home) = self.home(slot) else {
            return;
        };
        let Home {
            base,
            since,
            service,
            place,
        } = home;
        self.homes[slot as usize].place = APART;
        let entry = &mut self.services[service as usize];
        let cohort = &mut entry.cohort;
        cohort.epoch += 1;
        cohort.bases = Bases::Changed;
        cohort.members.swap_remove(place as usize);
        if let Some(moved) = cohort.members.get(place as usize) {
            self.homes[moved.slot as usize].place = place;
        }
        let Some(server) = self.arena.at_mut(slot as usize) else {
            return;
        };
        let own = |held: Background| Background {
            used: base.wrapping_add(held.used),
            ..held
        };
        let past = cohort.past.iter().filter(|(until, _)| *until > since);
        let past = past.map(|&(until, held)| (until, own(held)));
        server.cpu.go_on(own(cohort.curve), past);
        server.demand = server.cpu.flow.demand().min(server.cpu.flow.cap());
        let node = &mut self.nodes[server.node as usize];
        node.bound -= cohort.reserved();
        node.demand += server.demand;
        self.set_apart(service as usize, slot);
    }

    /// All servers on a node leave their cohorts: it may not have what they want.
    pub(super) fn scatter(&mut self, node: u32) {
        for slot in self.nodes[node as usize].servers.clone() {
            self.leave(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::spec::{ServerSpec, UsageSpec, UsageSplit};
    use super::super::{ServerLimits, Tier};
    use super::*;
    use crate::sim::{Key, SimDuration, Streams};
    use crate::units::Millicores;
    use crate::workload::Server;

    fn servers(split: UsageSplit) -> Servers {
        let at = SimTime::from_secs;
        let spec = ServerSpec {
            background_cpu: Millicores(3),
            usage: Some(UsageSpec {
                cpu: vec![(at(0), 0.8), (at(50), 0.2), (at(90), 0.37)],
                memory: vec![(at(0), 1000.0), (at(120), 3000.0)],
                period: Some(SimDuration::from_secs(170)),
                split,
                cpu_noise_cv: 0.0,
            }),
            ..ServerSpec::default()
        };
        let mut servers = Servers::new(&[spec], &Streams::new(1));
        servers.add_node(Millicores(900));
        servers.add_node(Millicores(100_000));
        servers
    }

    fn settle(servers: &mut Servers, now: SimTime) {
        servers.share_totals(now);
        while let Some(slot) = servers.take_touched() {
            servers.next_due(now, slot);
        }
    }

    fn limits(which: usize) -> ServerLimits {
        ServerLimits {
            cpu_limit: [None, Some(Millicores(100)), Some(Millicores(300))][which % 3],
            cpu_weight: 1 + which as u32 % 5,
            memory_limit: None,
            tier: Tier::default(),
        }
    }

    /// Carries a step out; the servers that are there are `keys`.
    fn carry_out(
        servers: &mut Servers,
        now: SimTime,
        (step, which): (u8, usize),
        keys: &mut Vec<Key<Server>>,
    ) {
        if step < 2 || keys.is_empty() {
            let key = servers.add_server(now, 0, u32::from(which % 4 > 0), limits(which / 4));
            servers.keep_past(key);
            keys.push(key);
            return;
        }
        let key = keys[which % keys.len()];
        match step {
            2..5 => servers.add_endpoint(now, key),
            5 => servers.remove_endpoint(now, key),
            6 => servers.terminate(now, key),
            7 => servers.set_background(now, key, Millicores(which as i64 % 2 * 40)),
            8 => servers.resize(now, key, limits(which)),
            _ => {
                servers.kill(now, key);
                keys.retain(|other| *other != key);
            }
        }
    }

    proptest! {
        #[test]
        fn members_use_what_they_would_by_themselves(
            total in any::<bool>(),
            steps in prop::collection::vec((0u8..10, any::<usize>(), 1i64..40_000_000_000), 1..120),
        ) {
            let split = if total { UsageSplit::Total } else { UsageSplit::PerPod };
            let mut both = [servers(split), servers(split)];
            both[1].keep_apart();
            let mut keys = [Vec::new(), Vec::new()];
            let mut now = SimTime::ZERO;
            for (step, which, nanos) in steps {
                let (before, until) = (now, now + SimDuration(nanos));
                while let Some(change) = both[0].next_usage_change(now, 0).filter(|at| *at <= until) {
                    now = change;
                    for servers in &mut both {
                        servers.change_usage(now, 0);
                        settle(servers, now);
                    }
                }
                now = until;
                for (servers, keys) in both.iter_mut().zip(&mut keys) {
                    carry_out(servers, now, (step, which), keys);
                    settle(servers, now);
                }
                prop_assert_eq!(&keys[0], &keys[1]);
                let asked = before + SimDuration(nanos / 2);
                let seen = both.each_mut().map(|servers| {
                    let usage = keys[0].iter().map(|key| {
                        let used = servers.usage(now, *key);
                        (used.cpu, used.memory, servers.usage_until(asked, key.slot() as u32))
                    });
                    let usage: Vec<_> = usage.collect();
                    let notes = std::mem::take(&mut servers.notes);
                    servers.forget_past(asked);
                    // What is asked again is added up in another way.
                    let sums = [now, now, now + SimDuration(17)].map(|at| servers.service_usage(at, 0));
                    (usage, notes, sums, servers.ledger(now))
                });
                prop_assert_eq!(&seen[0], &seen[1]);
            }
        }
    }
}
