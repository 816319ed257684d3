//! All servers at once, each with little to it, while requests go back and forth between them and
//! clients.
//!
//! Closed loops answer to answers, so servers must be taken in the order of time; but what is in a server
//! may be kept as shortly as where it is run by itself ([`Plain`]), up to the next event of others.

use super::engine::Servers;
use super::plain::{Around, Plain};
use super::request::{RequestKey, Served, Work};
use crate::sim::SimTime;

/// No post.
const NONE: u32 = u32::MAX;

/// Servers of which requests want CPU and a wait, and nothing else.
#[derive(Debug, Clone, Default)]
pub struct Posts {
    /// By slot of a server: its post.
    by_slot: Vec<u32>,
    /// The first so many are in use.
    states: Vec<Plain>,
    used: usize,
    /// What has come, with its number.
    inbox: Vec<(u32, Work)>,
    /// What was served and not yet answered.
    pub served: Vec<Served>,
}

impl Posts {
    /// How many requests have come.
    pub fn come(&self) -> usize {
        self.inbox.len()
    }

    #[inline]
    fn post(&self, slot: u32) -> Option<usize> {
        let post = self.by_slot.get(slot as usize).copied();
        post.filter(|&post| post != NONE).map(|post| post as usize)
    }
}

impl Servers {
    /// Takes out the state of all servers that requests may come to; false if there is more to one of
    /// them, or a time limit of a request inside passes before a time.
    pub fn man(&mut self, until: SimTime, posts: &mut Posts) -> bool {
        posts.by_slot.clear();
        posts.by_slot.resize(self.slots(), NONE);
        posts.inbox.clear();
        posts.used = 0;
        for slot in 0..self.slots() as u32 {
            let Some(mut lane) = self.lane(slot) else {
                continue;
            };
            if lane.is_still() {
                continue;
            }
            if posts.states.len() == posts.used {
                posts.states.push(Plain::default());
            }
            if lane.is_instrumented() || !lane.begin(until, &mut posts.states[posts.used]) {
                return false;
            }
            posts.by_slot[slot as usize] = posts.used as u32;
            posts.used += 1;
        }
        true
    }

    /// A request comes to a server; false if there is more to it, and it has not come.
    #[inline]
    pub fn admit_at(&mut self, posts: &mut Posts, slot: u32, work: Work) -> bool {
        let Some(post) = posts.post(slot) else {
            return false;
        };
        let place = posts.inbox.len() as u32;
        posts.inbox.push((place, work));
        let mut around = Around {
            requests: &mut self.requests,
            inbox: &posts.inbox,
            latency: None,
            served: &mut posts.served,
        };
        let comes = posts.states[post].admit(place, &work, &mut around);
        if !comes {
            posts.inbox.pop();
        }
        comes
    }

    /// Does everything that is due in a server by now.
    #[inline]
    pub fn work_off_at(&mut self, posts: &mut Posts, slot: u32, now: SimTime) {
        let Some(post) = posts.post(slot) else { return };
        let mut around = Around {
            requests: &mut self.requests,
            inbox: &posts.inbox,
            latency: None,
            served: &mut posts.served,
        };
        posts.states[post].work_off(now, &mut around);
    }

    /// Grants CPU after a change, and says when something is due next, [`SimTime::MAX`] if never;
    /// nothing if there may be more to it before.
    #[inline]
    pub fn settle_at(&mut self, posts: &mut Posts, slot: u32, now: SimTime) -> Option<SimTime> {
        let post = posts.post(slot)?;
        posts.states[post].settle(now)
    }

    /// Puts the state of all servers back. `keep` hears which of those that came is still there, and as
    /// which request.
    pub fn dismiss(&mut self, posts: &Posts, mut keep: impl FnMut(&Work, RequestKey)) {
        let mut kept = Vec::new();
        for slot in 0..posts.by_slot.len() as u32 {
            if let Some(post) = posts.post(slot)
                && let Some(mut lane) = self.lane(slot)
            {
                let keep = |number, request| kept.push((number, request));
                lane.end_plain(&posts.states[post], &posts.inbox, keep);
                lane.end();
            }
        }
        kept.sort_unstable_by_key(|&(number, _)| number);
        for (number, request) in kept {
            keep(&posts.inbox[number as usize].1, request);
        }
    }

    /// Something has changed in a server on a node that is not contended: its next event may have
    /// moved.
    pub fn touch(&mut self, slot: u32) {
        let Some(server) = self.arena.at_mut(slot as usize) else {
            return;
        };
        let (flow, node) = (&mut server.cpu.flow, &self.nodes[server.node as usize]);
        flow.set_grant(flow.cap().min(node.capacity));
        if !server.touched {
            server.touched = true;
            self.touched.push(slot);
        }
    }
}
