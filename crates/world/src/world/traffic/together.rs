//! Servers and clients together between two events of others.
//!
//! Closed loops send when they are answered, so turns are taken in the order of time. But as long as no
//! node is contended and servers have little to do but to serve, what is in them is kept as shortly as
//! where they are run one by one ([`Posts`]); it is put back at the end, or when something is to happen
//! that this does not cover: that turn is then finished as ever.

use super::agenda::Turn;
use super::loads::Load;
use super::requests::{Handed, hand, pick, turned_away};
use super::{Effect, Traffic, TrafficEvent};
use crate::load::Due;
use crate::record::{Outcome, RequestSink};
use crate::sim::{EventQueue, SimTime};
use crate::workload::{Origin, Posts, Work};

/// Requests between two looks at whether there is room for more: what is kept of them stays in the cache.
const MOST_REQUESTS: u64 = 1024;

/// What is kept of one turn, and of the turns so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Together {
    posts: Posts,
    /// Servers in which something changed at this instant.
    touched: Vec<u32>,
    /// How many more requests there is room for.
    room: u64,
    /// By load: whether every server that may be drawn takes requests.
    all_accept: Vec<bool>,
}

/// Why servers are not kept so any longer, in the middle of a turn.
#[derive(Debug, Clone, Copy)]
enum Late {
    /// A request of a load needs more, or the server in a slot that it goes to.
    Request(u32, u32, Work),
    /// What comes next in the server that was touched last needs more.
    Server,
}

impl Traffic {
    /// Takes turns of servers and clients up to the next event of the queue and including `end`. Returns
    /// how many; none if there is more to some server.
    pub(super) fn run_together<E: From<TrafficEvent> + Copy>(
        &mut self,
        end: SimTime,
        queue: &mut EventQueue<E>,
        sink: &mut impl RequestSink,
    ) -> u64 {
        let now = queue.now();
        let until = queue.first().time().min(SimTime(end.0.saturating_add(1)));
        let players = self.loads.len() + self.servers.slots();
        if self.agenda.first().time() >= until
            || !self.stretch.is_worth((until - now).0, 4 * players)
        {
            return 0;
        }
        let Some(until) = self.together_until(now, until) else {
            return 0;
        };
        let mut room = std::mem::take(&mut self.stretch.room);
        let left = if self.servers.room(now, until, &mut room) {
            room.left(std::iter::repeat(0))
        } else {
            0
        };
        self.stretch.room = room;
        let mut together = std::mem::take(&mut self.together);
        together.room = left.min(MOST_REQUESTS);
        let mut turns = 0;
        if left > 0 && self.servers.man(until, &mut together.posts) {
            turns = self.turns_until(until, &mut together, queue, sink);
        }
        self.together = together;
        turns
    }

    /// Up to when no client may have waited too long, if balancers need not look at servers.
    fn together_until(&self, now: SimTime, until: SimTime) -> Option<SimTime> {
        let mut until = until.min(self.agenda.next_timeout());
        for load in &self.loads {
            if load.finished || !load.source.has_started() {
                continue;
            }
            if !self.servers.chooses_blindly(load.service) {
                return None;
            }
            if let Some(timeout) = load.timeout {
                if !load.timeout_scheduled {
                    return None;
                }
                until = until.min(now + timeout);
            }
        }
        Some(until)
    }

    fn turns_until<E: From<TrafficEvent> + Copy>(
        &mut self,
        until: SimTime,
        together: &mut Together,
        queue: &mut EventQueue<E>,
        sink: &mut impl RequestSink,
    ) -> u64 {
        together.all_accept.clear();
        let accept = |load: &Load| self.servers.all_accept(load.service);
        (together.all_accept).extend(self.loads.iter().map(accept));
        let mut turns = 0;
        let late = loop {
            let now = self.agenda.first().time();
            if now >= until || together.room == 0 || !self.effects.is_empty() {
                break None;
            }
            queue.advance_to(now);
            turns += 1;
            match self.agenda.take() {
                Turn::Server(slot) => {
                    self.servers.work_off_at(&mut together.posts, slot, now);
                    together.touched.push(slot);
                }
                Turn::Load(index) => self.wake(index),
                // Comes at `until` at the earliest.
                Turn::ClientTimeout(_) => {}
            }
            let late = self.go_round(now, together, queue, sink);
            if late.is_some() {
                break late;
            }
        };
        let Self { servers, loads, .. } = self;
        servers.dismiss(&together.posts, |work, request| {
            let load = &mut loads[work.origin.load as usize];
            if let Some(timeout) = load.timeout {
                load.waiting.push_back((work.arrival + timeout, request));
            }
        });
        for index in 0..self.loads.len() as u32 {
            self.forget_answered(index);
        }
        if let Some(late) = late {
            self.finish_turn(late, together, queue, sink);
        }
        turns
    }

    /// Carries answers to clients and their requests to servers until nothing is left to do at this
    /// instant, then says when servers come next.
    fn go_round<E: From<TrafficEvent> + Copy>(
        &mut self,
        now: SimTime,
        together: &mut Together,
        queue: &mut EventQueue<E>,
        sink: &mut impl RequestSink,
    ) -> Option<Late> {
        loop {
            if !together.posts.served.is_empty() {
                self.answer_block(&together.posts.served, sink);
                together.posts.served.clear();
            }
            let Some(index) = self.awake.pop() else {
                break;
            };
            let load = &mut self.loads[index as usize];
            load.awake = false;
            let at = loop {
                let load = &mut self.loads[index as usize];
                match load.source.next_due() {
                    Some(at) if at <= now => match load.source.take_due(now) {
                        Due::Issue(client) => {
                            let late = self.issue_at((index, client), now, together, sink);
                            if late.is_some() {
                                return late;
                            }
                        }
                        Due::Exit(client, failed) => self.effects.push(Effect::Exited {
                            load: index,
                            client,
                            failed,
                        }),
                        Due::Nothing => {}
                    },
                    at => break at,
                }
            };
            self.agenda.set(Turn::Load(index), at, queue);
            let load = &mut self.loads[index as usize];
            if !load.finished && at.is_none() && load.source.is_finished() {
                load.finished = true;
                self.effects.push(Effect::LoadFinished(index as usize));
            }
        }
        while let Some(&slot) = together.touched.last() {
            let posts = &mut together.posts;
            let Some(due) = self.servers.settle_at(posts, slot, now) else {
                return Some(Late::Server);
            };
            self.agenda.set(Turn::Server(slot), Some(due), queue);
            together.touched.pop();
        }
        None
    }

    /// A client sends a request.
    #[inline]
    fn issue_at(
        &mut self,
        (index, client): (u32, u32),
        now: SimTime,
        together: &mut Together,
        sink: &mut impl RequestSink,
    ) -> Option<Late> {
        let load = &mut self.loads[index as usize];
        let origin = Origin {
            load: index,
            client,
        };
        let work = load.draw(now, origin);
        self.outcomes.issued += 1;
        let service = load.service;
        sink.issue(service, index as usize, now);
        if load.connections.is_empty() && together.all_accept[index as usize] {
            let slot = self.servers.choose_one(service, &mut load.balancing);
            return self.admit_at((index, slot), work, together);
        }
        let kept = load.connections.get(client as usize).copied().flatten();
        let from = (load.address(origin), now);
        let server = match pick(&mut self.servers, service, kept, &mut load.balancing, from) {
            Ok(Some(server)) => server,
            Err(Handed::TooEarly) => {
                sink.too_early(service, now);
                self.answer(origin, now, now, Outcome::Refused, sink);
                return None;
            }
            _ => {
                self.answer(origin, now, now, Outcome::Refused, sink);
                return None;
            }
        };
        if let Some(connection) = load.connections.get_mut(client as usize) {
            *connection = Some(server);
        }
        self.admit_at((index, server.slot() as u32), work, together)
    }

    #[inline]
    fn admit_at(
        &mut self,
        (index, slot): (u32, u32),
        work: Work,
        together: &mut Together,
    ) -> Option<Late> {
        let posts = &mut together.posts;
        if together.room == 0 || !self.servers.admit_at(posts, slot, work) {
            return Some(Late::Request(index, slot, work));
        }
        together.room -= 1;
        if !together.touched.contains(&slot) {
            together.touched.push(slot);
        }
        None
    }

    /// Finishes a turn as any other; servers have got their state back.
    fn finish_turn<E: From<TrafficEvent> + Copy>(
        &mut self,
        late: Late,
        together: &mut Together,
        queue: &mut EventQueue<E>,
        sink: &mut impl RequestSink,
    ) {
        let now = queue.now();
        for slot in together.touched.drain(..) {
            self.servers.touch(slot);
        }
        if let Late::Request(index, slot, work) = late {
            // What was served at this instant is answered behind it, as what it served by itself.
            let service = self.loads[index as usize].service;
            let server = self.servers.in_slot(slot);
            match hand(&mut self.servers, (now, service), server, work) {
                Handed::In(request) => self.watch(index, request, queue),
                Handed::Away(why) => {
                    self.answer(work.origin, now, now, turned_away(why), sink);
                }
                Handed::Refused | Handed::TooEarly => {}
            }
            self.issue_due(index, queue, sink);
            self.answer_block(&together.posts.served, sink);
            together.posts.served.clear();
        }
        self.settle(queue, sink);
    }
}
