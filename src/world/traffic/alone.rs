//! Servers one by one between two events of others.
//!
//! As long as only open loads send, what a server does changes nothing for another: arrivals do not
//! hang on answers. So up to the next event of the queue all arrivals are drawn, in their order and
//! from their streams, each is put before its server, and each server is then run through by
//! itself. What is counted of answers does not hang on their order.
//!
//! What is due at one instant in one server and in a load keeps its order: each knows behind
//! which arrival it was set. Where arrivals and work are both without chance, whole chains of
//! such instants are possible, and the turns are taken one by one ([`Traffic::run`]). So they are
//! with closed loops, balancers that look at their servers, contended nodes, limits of memory
//! in reach and servers that drain (`docs/decisions/010`).

use super::agenda::Turn;
use super::requests::turned_away;
use super::{Traffic, TrafficEvent};
use crate::load::Due;
use crate::record::{Outcome, RequestSink};
use crate::sim::{EventQueue, Place, SimTime};
use crate::workload::{Finished, Origin, RequestKey, Room, Served, Work};

/// Arrivals in one stretch at most: what is kept of them stays in the cache.
const MOST_ARRIVALS: usize = 4096;

/// An arrival of an open load.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    at: SimTime,
    /// When it was set: by which arrival, or the place it had before.
    set: Set,
    load: u32,
    request: Option<RequestKey>,
}

/// When something was set to its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    /// Before the servers were run, with this place.
    Before(Place),
    /// By the arrival of this number.
    By(u32),
    /// By a change in the server at this time.
    At(SimTime),
}

/// The buffers of a stretch that servers are run through.
#[derive(Debug, Clone, Default)]
pub(super) struct Stretch {
    room: Room,
    arrivals: Vec<Arrival>,
    /// What comes to each server, by slot, with the number of its arrival.
    inboxes: Vec<Vec<(u32, Work)>>,
    finished: Vec<Finished>,
    /// When requests ended, and how many have ended so far then.
    ends: Vec<(SimTime, usize)>,
    rejected: Vec<(Origin, SimTime, Outcome)>,
    served: Vec<Served>,
    /// What is set anew at the end: when it was set, loads before servers, whose it is, and to when.
    set: Vec<(SimTime, u64, Turn, SimTime)>,
    /// The arrival of each load that came last.
    last: Vec<Option<u32>>,
    /// Turns so far.
    pub(super) turns: u64,
    /// Turns taken and time passed of late, to guess what a stretch holds, and up to when.
    seen: (u64, i64, SimTime),
}

impl Stretch {
    /// Keeps how many turns were taken up to a time.
    pub(super) fn saw(&mut self, turns: u64, now: SimTime) {
        let (before, time, at) = self.seen;
        self.seen = (before / 2 + turns, time / 2 + (now - at).0, now);
    }

    /// Notes that what has ended since the last call has ended now.
    fn note_ends(&mut self, now: SimTime) {
        let so_far = self.finished.len();
        if self.ends.last().map_or(0, |&(_, before)| before) < so_far {
            self.ends.push((now, so_far));
        }
    }

    /// Whether so much time probably holds enough turns to be worth it.
    fn is_worth(&self, span: i64, players: usize) -> bool {
        let (turns, time, _) = self.seen;
        let expected = i128::from(turns) * i128::from(span);
        expected > i128::from(time) * (2 * players as i128 + 16)
    }
}

impl Traffic {
    /// Runs servers one by one as far as they can be, at most up to the next event of the queue
    /// and including `end`. Returns how many turns that saved.
    pub(super) fn run_alone<E: From<TrafficEvent> + Copy>(
        &mut self,
        end: SimTime,
        queue: &mut EventQueue<E>,
        sink: &mut impl RequestSink,
    ) -> u64 {
        let now = queue.now();
        let until = queue.first().time().min(SimTime(end.0.saturating_add(1)));
        let players = self.loads.len() + self.servers.slots();
        if !self.stretch.is_worth((until - now).0, players) {
            return 0;
        }
        let Some(until) = self.alone_until(now, until) else {
            return 0;
        };
        let mut stretch = std::mem::take(&mut self.stretch);
        let mut turns = 0;
        if self.servers.room(now, until, &mut stretch.room) {
            turns = self.run_stretch(until, &mut stretch, queue, sink);
            stretch.turns += turns;
        }
        self.stretch = stretch;
        turns
    }

    /// Up to when nothing but open loads acts, if that is so now.
    fn alone_until(&self, now: SimTime, until: SimTime) -> Option<SimTime> {
        let mut until = until.min(self.agenda.next_timeout());
        for load in &self.loads {
            if load.finished || !load.source.has_started() {
                continue;
            }
            if !load.source.is_open()
                || load.source.next_due().is_none()
                || load.is_certain()
                || !self.servers.chooses_blindly(load.service)
            {
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

    fn run_stretch<E: From<TrafficEvent> + Copy>(
        &mut self,
        until: SimTime,
        stretch: &mut Stretch,
        queue: &mut EventQueue<E>,
        sink: &mut impl RequestSink,
    ) -> u64 {
        let (until, ended) = self.draw_arrivals(until, stretch, queue, sink);
        let mut turns = stretch.arrivals.len() as u64;
        let mut last = stretch.arrivals.last().map_or(queue.now(), |one| one.at);
        for slot in 0..self.servers.slots() as u32 {
            let due = self.agenda.server(slot).time();
            let inbox = stretch.inboxes.get(slot as usize);
            if due < until || inbox.is_some_and(|inbox| !inbox.is_empty()) {
                let (own, at) = self.run_server(slot, until, stretch);
                turns += own;
                last = last.max(at);
                self.answer_ended(stretch, sink);
            }
        }
        stretch
            .set
            .sort_unstable_by_key(|&(at, order, ..)| (at, order));
        for (_, _, turn, at) in stretch.set.drain(..) {
            self.agenda.renew(turn, at, queue);
        }
        for arrival in &stretch.arrivals {
            let load = &mut self.loads[arrival.load as usize];
            if let (Some(timeout), Some(request)) = (load.timeout, arrival.request)
                && self.servers.is_awaited(request)
            {
                load.waiting.push_back((arrival.at + timeout, request));
                self.forget_answered(arrival.load);
            }
        }
        queue.advance_to(last);
        if let Some(load) = ended {
            self.wake(load);
        }
        if !self.awake.is_empty() {
            self.settle(queue, sink);
        }
        turns
    }

    /// Draws all arrivals before a time, and puts each before its server. Returns up to when that
    /// was possible, and the load that ended then.
    fn draw_arrivals<E: From<TrafficEvent> + Copy>(
        &mut self,
        until: SimTime,
        stretch: &mut Stretch,
        queue: &mut EventQueue<E>,
        sink: &mut impl RequestSink,
    ) -> (SimTime, Option<u32>) {
        stretch.arrivals.clear();
        stretch.last.clear();
        stretch.last.resize(self.loads.len(), None);
        let mut more = true;
        while let (place, Some(index)) = self.agenda.next_load()
            && place.time() < until
        {
            let mut at = place.time();
            if !more {
                return (self.keep_set(at, stretch), None);
            }
            // Up to there it is this load's turn, however often.
            let others = self.agenda.second_load().min(until);
            let next = loop {
                let number = stretch.arrivals.len() as u32;
                let set = match stretch.last[index as usize].replace(number) {
                    Some(by) => Set::By(by),
                    None => Set::Before(place),
                };
                more = self.draw_arrival(index, at, set, stretch, sink)
                    && stretch.arrivals.len() < MOST_ARRIVALS;
                match self.loads[index as usize].source.next_due() {
                    Some(next) if more && next < others => at = next,
                    next => break next,
                }
            };
            self.agenda.set_load(index, next, queue);
            if next.is_none() {
                return (self.keep_set(SimTime(at.0 + 1), stretch), Some(index));
            }
        }
        (self.keep_set(until, stretch), None)
    }

    /// Notes which loads are set anew.
    fn keep_set(&self, until: SimTime, stretch: &mut Stretch) -> SimTime {
        for (index, last) in (0..).zip(&stretch.last) {
            if let Some(number) = *last
                && let Some(next) = self.loads[index as usize].source.next_due()
            {
                let at = stretch.arrivals[number as usize].at;
                let order = 2 * u64::from(number);
                stretch.set.push((at, order, Turn::Load(index), next));
            }
        }
        until
    }

    /// Draws one arrival; returns whether there is room for more.
    fn draw_arrival(
        &mut self,
        index: u32,
        at: SimTime,
        set: Set,
        stretch: &mut Stretch,
        sink: &mut impl RequestSink,
    ) -> bool {
        let load = &mut self.loads[index as usize];
        let Due::Issue(client) = load.source.take_due(at) else {
            return true;
        };
        let origin = Origin {
            load: index,
            client,
        };
        let work = load.draw(at, origin);
        self.outcomes.issued += 1;
        let service = load.service;
        sink.issue(service, index as usize, at);
        let server = self.servers.choose(service, &mut load.balancing);
        let number = stretch.arrivals.len() as u32;
        stretch.arrivals.push(Arrival {
            at,
            set,
            load: index,
            request: None,
        });
        match server {
            Some(server) if self.servers.accepts(server) => {
                let slot = server.slot();
                if stretch.inboxes.len() <= slot {
                    stretch.inboxes.resize(slot + 1, Vec::new());
                }
                stretch.inboxes[slot].push((number, work));
                return stretch.room.take(slot as u32);
            }
            Some(server) if self.servers.is_starting(server) => sink.too_early(service, at),
            _ => {}
        }
        self.answer(origin, at, at, Outcome::Refused, sink);
        true
    }

    /// Runs one server through its arrivals and changes before a time. Returns how many changes
    /// there were, and the time of the last.
    fn run_server(&mut self, slot: u32, until: SimTime, stretch: &mut Stretch) -> (u64, SimTime) {
        let before = self.agenda.server(slot);
        let (mut due, mut set) = (before.time(), Set::Before(before));
        let Some(mut lane) = self.servers.lane(slot) else {
            return (0, SimTime::ZERO);
        };
        let (mut turns, mut last) = (0, SimTime::ZERO);
        let mut inbox = match stretch.inboxes.get_mut(slot as usize) {
            Some(inbox) => std::mem::take(inbox),
            None => Vec::new(),
        };
        let mut left = inbox.as_slice();
        if let Some(mut plain) = lane.plain(left, until, &mut stretch.served) {
            let arrivals = &mut stretch.arrivals;
            let late = loop {
                let (now, by) = match plain.next() {
                    Some(&(number, ref work))
                        if work.arrival < due
                            || (work.arrival == due
                                && !comes_first(set, arrivals, number as usize)) =>
                    {
                        let now = work.arrival;
                        if !plain.admit() {
                            break None;
                        }
                        (now, Set::By(number))
                    }
                    _ if due < until => {
                        last = due;
                        turns += 1;
                        plain.work_off(last);
                        (last, Set::At(last))
                    }
                    _ => break None,
                };
                match plain.settle(now) {
                    Some(then) if then == due && by == Set::At(now) => set = by,
                    Some(then) if then == due => {}
                    Some(then) => (due, set) = (then, by),
                    None => break Some((now, by)),
                }
            };
            let come = plain.end(|number, request| {
                arrivals[number as usize].request = Some(request);
            });
            left = &left[come..];
            if let Some((now, by)) = late {
                let then = lane.settle(now);
                if then != due || by == Set::At(now) {
                    (due, set) = (then, by);
                }
            }
        }
        loop {
            let arrives = left.split_first().filter(|((number, work), _)| {
                work.arrival < due
                    || (work.arrival == due
                        && !comes_first(set, &stretch.arrivals, *number as usize))
            });
            if let Some(((number, work), others)) = arrives {
                left = others;
                let request = match lane.admit(*work, &mut stretch.finished) {
                    Ok(request) => request,
                    Err(why) => {
                        let rejected = (work.origin, work.arrival, turned_away(why));
                        stretch.rejected.push(rejected);
                        continue;
                    }
                };
                stretch.arrivals[*number as usize].request = Some(request);
                stretch.note_ends(work.arrival);
                let then = lane.settle(work.arrival);
                if then != due {
                    (due, set) = (then, Set::By(*number));
                }
            } else if due < until {
                last = due;
                turns += 1;
                lane.work_off(last, &mut stretch.finished);
                stretch.note_ends(last);
                (due, set) = (lane.settle(last), Set::At(last));
            } else {
                break;
            }
        }
        lane.end();
        inbox.clear();
        if let Some(place) = stretch.inboxes.get_mut(slot as usize) {
            *place = inbox;
        }
        if let Some((at, order)) = match set {
            Set::Before(_) => None,
            Set::By(number) => {
                let at = stretch.arrivals[number as usize].at;
                Some((at, 2 * u64::from(number) + 1))
            }
            Set::At(time) => Some((time, u64::MAX)),
        } {
            stretch.set.push((at, order, Turn::Server(slot), due));
        }
        (turns, last)
    }

    /// Answers the clients of all requests that ended.
    fn answer_ended(&mut self, stretch: &mut Stretch, sink: &mut impl RequestSink) {
        for one in stretch.served.drain(..) {
            self.answer(one.origin, one.arrival, one.at, Outcome::Ok, sink);
        }
        let mut from = 0;
        for (now, to) in stretch.ends.drain(..) {
            for ended in &stretch.finished[from..to] {
                self.answer_one(ended, now, sink);
            }
            from = to;
        }
        stretch.finished.clear();
        for (origin, at, outcome) in stretch.rejected.drain(..) {
            self.answer(origin, at, at, outcome, sink);
        }
    }
}

/// Whether a change in a server that was `set` so comes before an arrival of the same instant.
#[cold]
fn comes_first(set: Set, arrivals: &[Arrival], number: usize) -> bool {
    match (set, arrivals[number].set) {
        (Set::Before(own), Set::Before(other)) => own < other,
        (Set::Before(_), _) => true,
        (_, Set::Before(_) | Set::At(_)) => false,
        (Set::By(own), Set::By(other)) => own < other,
        (Set::At(time), Set::By(other)) => arrivals[other as usize].at > time,
    }
}
