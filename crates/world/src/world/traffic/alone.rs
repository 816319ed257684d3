//! Servers one by one between two events of others.
//!
//! As long as only open loads send, what a server does changes nothing for another: arrivals do not
//! hang on answers. So up to the next event of the queue all arrivals are drawn, in their order and
//! from their streams, each is put before its server, and each server is then run through by
//! itself. What is counted of answers does not hang on their order.
//!
//! What is due at one instant in one server and in a load keeps its order: each knows behind
//! which arrival it was set. Where arrivals and work are both without chance, whole chains of
//! such instants are possible, and turns are taken in the order of time ([`Traffic::run`]). So they are
//! with closed loops, balancers that look at their servers, contended nodes, limits of memory
//! in reach and servers that drain (`docs/decisions/010`).

use super::agenda::Turn;
use super::requests::turned_away;
use super::{Traffic, TrafficEvent};
use crate::load::Due;
use crate::record::{Outcome, RequestSink};
use crate::sim::{EventQueue, Place, SimTime};
use crate::workload::{Calm, Course, Finished, Origin, RequestKey, Room, Served, Set, Work};

/// Arrivals in one stretch at most: what is kept of them stays in the cache.
const MOST_ARRIVALS: usize = 4096;

/// Arrivals that are drawn at a time.
const BLOCK: usize = 128;

/// No arrival of a stretch.
const NONE: u32 = u32::MAX;

/// An arrival of an open load.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    at: SimTime,
    load: u32,
    /// The load's arrival before, by which it was set; [`NONE`] if that was before the stretch.
    before: u32,
}

/// The buffers of a stretch that servers are run through.
#[derive(Debug, Clone, Default)]
pub(super) struct Stretch {
    pub(super) room: Room,
    arrivals: Vec<Arrival>,
    /// What came to be a request with a record, by the number of its arrival.
    kept: Vec<(u32, RequestKey)>,
    /// By load: the place of its first arrival.
    places: Vec<Place>,
    /// By load: whether every server that may be drawn takes requests.
    is_open: Vec<bool>,
    /// Times and demands of a block of arrivals.
    times: Vec<SimTime>,
    works: Vec<Work>,
    /// What comes to each server, by slot, with the number of its arrival.
    inboxes: Vec<Vec<(u32, Work)>>,
    finished: Vec<Finished>,
    /// When requests ended, and how many have ended so far then.
    ends: Vec<(SimTime, usize)>,
    rejected: Vec<(Origin, SimTime, Outcome)>,
    calm: Calm,
    served: Vec<Served>,
    /// What is set anew at the end: when it was set, loads before servers, whose it is, and to when.
    set: Vec<(SimTime, u64, Turn, SimTime)>,
    /// The arrival of each load that came last.
    last: Vec<u32>,
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

    /// Whether so much time probably holds enough turns to be worth it.
    pub(super) fn is_worth(&self, span: i64, players: usize) -> bool {
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
        stretch.kept.sort_unstable_by_key(|&(number, _)| number);
        for (number, request) in stretch.kept.drain(..) {
            let arrival = &stretch.arrivals[number as usize];
            let load = &mut self.loads[arrival.load as usize];
            if let Some(timeout) = load.timeout
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
        stretch.last.resize(self.loads.len(), NONE);
        stretch.places.resize(self.loads.len(), Place::NEVER);
        let slots = self.servers.slots().max(stretch.inboxes.len());
        stretch.inboxes.resize_with(slots, Vec::new);
        let mut room = 0;
        stretch.is_open.resize(self.loads.len(), false);
        while let (place, Some(index)) = self.agenda.next_load()
            && place.time() < until
        {
            if room == 0 {
                let come = stretch.inboxes.iter().map(Vec::len);
                let left = MOST_ARRIVALS - stretch.arrivals.len();
                room = stretch.room.left(come).min(left as u64);
            }
            if room == 0 {
                return (self.keep_set(place.time(), stretch), None);
            }
            let before = stretch.arrivals.len();
            if stretch.last[index as usize] == NONE {
                stretch.places[index as usize] = place;
                let service = self.loads[index as usize].service;
                stretch.is_open[index as usize] = self.servers.all_accept(service);
            }
            // Up to there it is this load's turn, however often.
            let others = self.agenda.second_load().min(until);
            let last = if stretch.is_open[index as usize] {
                let most = room.min(BLOCK as u64) as usize;
                self.draw_block(index, (others, most), stretch, sink)
            } else {
                self.draw_arrival(index, place.time(), stretch, sink);
                place.time()
            };
            room -= (stretch.arrivals.len() - before) as u64;
            let next = self.loads[index as usize].source.next_due();
            self.agenda.set_load(index, next, queue);
            if next.is_none() {
                return (self.keep_set(SimTime(last.0 + 1), stretch), Some(index));
            }
        }
        (self.keep_set(until, stretch), None)
    }

    /// Notes which loads are set anew.
    fn keep_set(&self, until: SimTime, stretch: &mut Stretch) -> SimTime {
        for (index, last) in (0..).zip(&stretch.last) {
            if *last != NONE
                && let Some(next) = self.loads[index as usize].source.next_due()
            {
                let at = stretch.arrivals[*last as usize].at;
                let order = 2 * u64::from(*last);
                stretch.set.push((at, order, Turn::Load(index), next));
            }
        }
        until
    }

    /// Draws a block of a load's arrivals before a time, at least one and not more than so many; all
    /// servers take them. Returns the time of the last.
    fn draw_block(
        &mut self,
        index: u32,
        (until, most): (SimTime, usize),
        stretch: &mut Stretch,
        sink: &mut impl RequestSink,
    ) -> SimTime {
        let Stretch {
            arrivals,
            times,
            works,
            inboxes,
            last,
            ..
        } = stretch;
        let load = &mut self.loads[index as usize];
        load.source.take_until(until, most, times);
        let origin = Origin {
            load: index,
            client: 0,
        };
        load.draw_block(times, origin, works);
        self.outcomes.issued += times.len() as u64;
        sink.issue_block(load.service, index as usize, times);
        let mut before = std::mem::replace(
            &mut last[index as usize],
            (arrivals.len() + times.len()) as u32 - 1,
        );
        let mut works = works.iter();
        let choices = (load.service, works.len());
        self.servers
            .choose_block(choices, &mut load.balancing, |slot| {
                if let Some(work) = works.next() {
                    let number = arrivals.len() as u32;
                    arrivals.push(Arrival {
                        at: work.arrival,
                        load: index,
                        before,
                    });
                    before = number;
                    inboxes[slot as usize].push((number, *work));
                }
            });
        times.last().copied().unwrap_or(until)
    }

    /// Draws one arrival.
    fn draw_arrival(
        &mut self,
        index: u32,
        at: SimTime,
        stretch: &mut Stretch,
        sink: &mut impl RequestSink,
    ) {
        let load = &mut self.loads[index as usize];
        let Due::Issue(client) = load.source.take_due(at) else {
            return;
        };
        let origin = Origin {
            load: index,
            client,
        };
        let work = load.draw(at, origin);
        self.outcomes.issued += 1;
        let service = load.service;
        sink.issue(service, index as usize, at);
        let from = (load.address(origin), at);
        let server = (self.servers).choose(service, &mut load.balancing, from);
        let number = stretch.arrivals.len() as u32;
        let before = std::mem::replace(&mut stretch.last[index as usize], number);
        stretch.arrivals.push(Arrival {
            at,
            load: index,
            before,
        });
        match server {
            Some(server) if self.servers.accepts(server) => {
                let slot = server.slot();
                stretch.inboxes[slot].push((number, work));
                return;
            }
            Some(server) if self.servers.is_starting(server) => sink.too_early(service, at),
            _ => {}
        }
        self.answer(origin, at, at, Outcome::Refused, sink);
    }

    /// Runs one server through its arrivals and changes before a time. Returns how many changes
    /// there were, and the time of the last.
    fn run_server(&mut self, slot: u32, until: SimTime, stretch: &mut Stretch) -> (u64, SimTime) {
        let before = self.agenda.server(slot);
        let mut course = Course {
            due: before.time(),
            set: Set::Before,
            turns: 0,
            last: SimTime::ZERO,
        };
        let Some(mut lane) = self.servers.lane(slot) else {
            return (0, SimTime::ZERO);
        };
        let mut inbox = match stretch.inboxes.get_mut(slot as usize) {
            Some(inbox) => std::mem::take(inbox),
            None => Vec::new(),
        };
        let (arrivals, places) = (&stretch.arrivals, &stretch.places);
        let is_first =
            |set, number| comes_first((set, before), (number as usize, arrivals), places);
        let kept = &mut stretch.kept;
        let keep = |number, request| kept.push((number, request));
        let room = (&mut stretch.calm, &mut stretch.served);
        let come = lane.run_plain(&inbox, until, &mut course, room, is_first, keep);
        let mut left = &inbox[come..];
        loop {
            let arrives = left.split_first().filter(|((number, work), _)| {
                work.arrival < course.due
                    || (work.arrival == course.due && !is_first(course.set, *number))
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
                kept.push((*number, request));
                note_ends(&mut stretch.ends, &stretch.finished, work.arrival);
                let then = lane.settle(work.arrival);
                course.go_on(then, Set::By(*number), work.arrival);
            } else if course.due < until {
                let now = course.due;
                course.last = now;
                course.turns += 1;
                lane.work_off(now, &mut stretch.finished);
                note_ends(&mut stretch.ends, &stretch.finished, now);
                course.go_on(lane.settle(now), Set::At(now), now);
            } else {
                break;
            }
        }
        lane.end();
        inbox.clear();
        if let Some(place) = stretch.inboxes.get_mut(slot as usize) {
            *place = inbox;
        }
        if let Some((at, order)) = match course.set {
            Set::Before => None,
            Set::By(number) => {
                let at = stretch.arrivals[number as usize].at;
                Some((at, 2 * u64::from(number) + 1))
            }
            Set::At(time) => Some((time, u64::MAX)),
        } {
            let turn = Turn::Server(slot);
            stretch.set.push((at, order, turn, course.due));
        }
        (course.turns, course.last)
    }

    /// Answers the clients of all requests that ended.
    fn answer_ended(&mut self, stretch: &mut Stretch, sink: &mut impl RequestSink) {
        self.answer_block(&stretch.served, sink);
        stretch.served.clear();
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

/// Notes that what has ended since the last call has ended now.
fn note_ends(ends: &mut Vec<(SimTime, usize)>, finished: &[Finished], now: SimTime) {
    let so_far = finished.len();
    if ends.last().map_or(0, |&(_, before)| before) < so_far {
        ends.push((now, so_far));
    }
}

/// Whether a change in a server that was set so, or had this place before, comes before an arrival of
/// the same instant. `places` are those of the first arrivals of loads.
#[cold]
fn comes_first(
    (set, before): (Set, Place),
    (number, arrivals): (usize, &[Arrival]),
    places: &[Place],
) -> bool {
    let arrival = &arrivals[number];
    let place = (arrival.before == NONE).then(|| places[arrival.load as usize]);
    match (set, place) {
        (Set::Before, Some(place)) => before < place,
        (Set::Before, None) => true,
        (_, Some(_)) => false,
        (Set::By(own), None) => own < arrival.before,
        (Set::At(time), None) => arrivals[arrival.before as usize].at > time,
    }
}
