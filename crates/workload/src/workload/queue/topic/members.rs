//! Members that come, leave and are put out, and the rebalances that this causes.

use super::{Delivery, Member, Topic};
use crate::sim::{Key, SimTime};
use crate::workload::server::Server;

impl Topic {
    pub(in super::super) fn connect(&mut self, now: SimTime, server: Key<Server>, slots: u32) {
        let mut all = self.members.iter().chain(&self.away);
        if all.any(|one| one.server == server) {
            return;
        }
        self.members.push(Member {
            server,
            slots: slots.max(1),
            running: 0,
            leaving: false,
            silent_until: None,
        });
        if now <= SimTime::ZERO {
            // What is there at the start has been assigned long ago.
            self.assign();
        } else {
            self.rebalance(now);
        }
    }

    /// A member is told to go: it leaves when it has finished what it is at.
    pub(in super::super) fn disconnect(&mut self, now: SimTime, server: Key<Server>) {
        let mut all = self.members.iter_mut().chain(&mut self.away);
        if let Some(member) = all.find(|one| one.server == server) {
            member.leaving = true;
            self.leave_if_over(now, server);
        }
    }

    /// A member that is to go and has finished leaves the group: it commits what it has done, and the
    /// others rebalance.
    pub(super) fn leave_if_over(&mut self, now: SimTime, server: Key<Server>) {
        let is_over = |one: &Member| one.leaving && one.running == 0 && one.silent_until.is_none();
        if let Some(place) = self.place_of(server)
            && is_over(&self.members[place])
        {
            self.commit_of(|owner| owner == server);
            self.members.remove(place);
            self.rebalance(now);
        }
    }

    pub(in super::super) fn lose(&mut self, now: SimTime, server: Key<Server>) {
        self.away.retain(|one| one.server != server);
        if let Some(place) = self.place_of(server) {
            let member = &mut self.members[place];
            let expelled = now + self.worker.session_timeout;
            member.silent_until.get_or_insert(expelled);
        }
    }

    fn place_of(&self, server: Key<Server>) -> Option<usize> {
        self.members.iter().position(|one| one.server == server)
    }

    /// Whether a server's member is there and sends heartbeats.
    pub(super) fn is_live(&self, server: Key<Server>) -> bool {
        let mut members = self.members.iter();
        members.any(|one| one.server == server && one.silent_until.is_none())
    }

    /// Commits what members have done.
    fn commit_of(&mut self, is_one: impl Fn(Key<Server>) -> bool) {
        let owned = self.partitions.iter_mut();
        for partition in owned.filter(|one| one.owner.is_some_and(&is_one)) {
            partition.commit();
        }
    }

    pub(super) fn commit_live(&mut self) {
        let live = self.members.iter().filter(|one| one.silent_until.is_none());
        let live: Vec<Key<Server>> = live.map(|one| one.server).collect();
        self.commit_of(|owner| live.contains(&owner));
    }

    /// Members commit, and take nothing until they have joined again.
    fn rebalance(&mut self, now: SimTime) {
        self.commit_live();
        self.rebalancing = Some(now + self.worker.rebalance);
    }

    /// Ends the rebalance if nothing holds it up.
    pub(super) fn end_rebalance(&mut self, now: SimTime) {
        let is_due = self.rebalancing.is_some_and(|at| at <= now);
        let silent = self.members.iter().any(|one| one.silent_until.is_some());
        // Members join again when they have finished what they are at.
        if is_due && !silent && !self.is_busy() {
            self.rebalancing = None;
            self.assign();
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.partitions.iter().any(|one| one.under_way.is_some())
    }

    /// Shares the partitions out by range.
    fn assign(&mut self) {
        let members = self.members.len();
        let (each, more) = match members {
            0 => (0, 0),
            _ => (
                self.partitions.len() / members,
                self.partitions.len() % members,
            ),
        };
        let mut place = 0;
        for partition in &mut self.partitions {
            partition.owner = None;
        }
        for (number, member) in self.members.iter().enumerate() {
            for _ in 0..each + usize::from(number < more) {
                self.partitions[place].owner = Some(member.server);
                self.eager.push_back(place as u32);
                place += 1;
            }
        }
    }

    /// When the first member has worked on a record for too long.
    pub(super) fn next_slow(&mut self) -> Option<(SimTime, Key<Server>)> {
        while let Some(&(at, number, serial)) = self.polls.front() {
            let delivery = self.deliveries[number as usize].as_ref();
            let holds = |one: &&Delivery| one.serial == serial && !one.orphaned;
            if let Some(delivery) = delivery.filter(holds) {
                return Some((at, delivery.server));
            }
            self.polls.pop_front();
        }
        None
    }

    /// A member that works on a record for too long leaves by itself: others get its partitions, which
    /// begin at what is committed.
    pub(super) fn put_out_slow(&mut self, now: SimTime) {
        while let Some((at, server)) = self.next_slow()
            && at <= now
        {
            for delivery in self.deliveries.iter_mut().flatten() {
                delivery.orphaned |= delivery.server == server;
            }
            let Some(place) = self.place_of(server) else {
                continue;
            };
            let member = self.members.remove(place);
            self.away.push(member);
            self.counts.expelled += 1;
            self.release(server);
            self.rebalance(now);
        }
    }

    /// Members that have finished what took too long join again.
    pub(super) fn come_back(&mut self, now: SimTime) {
        if self.away.iter().all(|one| one.running > 0) {
            return;
        }
        let over = self.away.extract_if(.., |one| one.running == 0);
        let joining: Vec<Member> = over.filter(|one| !one.leaving).collect();
        if !joining.is_empty() {
            self.members.extend(joining);
            self.rebalance(now);
        }
    }

    /// Nobody has the partitions of a member any more.
    fn release(&mut self, server: Key<Server>) {
        let all = self.partitions.iter_mut();
        for partition in all.filter(|one| one.owner == Some(server)) {
            partition.next = partition.committed;
            partition.owner = None;
            partition.under_way = None;
            partition.blocked_until = None;
        }
    }

    /// Puts out members whose sessions have timed out: their partitions begin at what is committed.
    pub(super) fn expel(&mut self, now: SimTime) {
        let is_out = |one: &Member| one.silent_until.is_some_and(|at| at <= now);
        let out: Vec<Member> = self.members.extract_if(.., |one| is_out(one)).collect();
        for member in &out {
            self.release(member.server);
        }
        if !out.is_empty() {
            self.rebalance(now);
        }
    }
}
