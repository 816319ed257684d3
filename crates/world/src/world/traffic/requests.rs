//! The life of a request: issued by a client, handed to a server, answered or given up.

use super::agenda::Turn;
use super::calls::CALLS;
use super::{Effect, ServerId, Traffic, TrafficEvent};
use crate::load::{Answer, Due};
use crate::record::{Outcome, RequestSink};
use crate::sim::{EventQueue, SimTime, Stream};
use crate::workload::spec::Balancing;
use crate::workload::{
    Client, Ending, Finished, Origin, RequestKey, Served, Servers, TurnedAway, Work,
};

/// What happened to a request on its way to a server.
pub(super) enum Handed {
    In(RequestKey),
    /// Turned away by a server.
    Away(TurnedAway),
    Refused,
    /// Refused by a server whose application has not started.
    TooEarly,
}

/// What the client sees of an outcome.
fn seen(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Ok => Answer::Ok,
        Outcome::Rejected503 => Answer::Status503,
        Outcome::Timeout => Answer::Timeout,
        Outcome::Refused => Answer::Refused,
        Outcome::Killed => Answer::Reset,
        Outcome::ServerTimeout504 => Answer::Status504,
        Outcome::Limited429 => Answer::Status429,
    }
}

/// The outcome of a request that a server has turned away.
pub(super) fn turned_away(why: TurnedAway) -> Outcome {
    match why {
        TurnedAway::Full => Outcome::Rejected503,
        TurnedAway::Limited => Outcome::Limited429,
    }
}

/// The outcome of a request that has left its server.
fn outcome(ending: Ending) -> Outcome {
    match ending {
        Ending::Done => Outcome::Ok,
        Ending::TimedOut => Outcome::ServerTimeout504,
        Ending::Killed => Outcome::Killed,
        Ending::CallFailed => Outcome::Rejected503,
    }
}

/// Picks the server of a service that a request goes to, over a connection that is open or a new one;
/// none where requests go to a shared queue.
#[inline]
pub(super) fn pick(
    servers: &mut Servers,
    service: usize,
    kept: Option<ServerId>,
    balancing: &mut Stream,
    client: (Client, SimTime),
) -> Result<Option<ServerId>, Handed> {
    if servers.spec(service).balancing == Balancing::SharedQueue {
        return Ok(None);
    }
    if let Some(server) = kept.filter(|&server| servers.accepts(server)) {
        servers.keep(service);
        return Ok(Some(server));
    }
    match servers.choose(service, balancing, client) {
        Some(server) if servers.accepts(server) => Ok(Some(server)),
        Some(server) if servers.is_starting(server) => Err(Handed::TooEarly),
        _ => Err(Handed::Refused),
    }
}

/// Hands a request to the server that was picked.
#[inline]
pub(super) fn hand(
    servers: &mut Servers,
    (now, service): (SimTime, usize),
    picked: Option<ServerId>,
    work: Work,
) -> Handed {
    let job = match picked {
        Some(server) => servers.admit(now, server, work),
        None => servers.submit(now, service, work),
    };
    job.map_or_else(Handed::Away, Handed::In)
}

impl Traffic {
    /// Handles everything that is due in a load's clients.
    pub(super) fn issue_due<E: From<TrafficEvent> + Copy>(
        &mut self,
        index: u32,
        queue: &mut EventQueue<E>,
        sink: &mut impl RequestSink,
    ) {
        let now = queue.now();
        let at = loop {
            let load = &mut self.loads[index as usize];
            match load.source.next_due() {
                Some(at) if at <= now => match load.source.take_due(now) {
                    Due::Issue(client) => self.issue(index, client, queue, sink),
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
        if !load.finished && load.source.is_finished() {
            load.finished = true;
            self.effects.push(Effect::LoadFinished(index as usize));
        }
    }

    fn issue<E: From<TrafficEvent> + Copy>(
        &mut self,
        index: u32,
        client: u32,
        queue: &mut EventQueue<E>,
        sink: &mut impl RequestSink,
    ) {
        let now = queue.now();
        let load = &mut self.loads[index as usize];
        let origin = Origin {
            load: index,
            client,
        };
        let work = load.draw(now, origin);
        self.outcomes.issued += 1;
        sink.issue(load.service, index as usize, now);
        if let Some(queue) = self.queues.of_load(index) {
            self.queues.produce(queue, now, work);
            return;
        }
        match self.hand(now, work) {
            Handed::In(job) => self.watch(index, job, queue),
            Handed::Away(why) => self.answer(origin, now, now, turned_away(why), sink),
            Handed::Refused => self.answer(origin, now, now, Outcome::Refused, sink),
            Handed::TooEarly => {
                sink.too_early(self.loads[index as usize].service, now);
                self.answer(origin, now, now, Outcome::Refused, sink);
            }
        }
    }

    /// Hands a request to a server of its service, over the client's connection or a new one.
    fn hand(&mut self, now: SimTime, work: Work) -> Handed {
        let origin = work.origin;
        let Origin { load, client } = origin;
        let load = &mut self.loads[load as usize];
        let kept = load.connections.get(client as usize).copied().flatten();
        let to = (now, load.service);
        let from = (load.address(origin), now);
        let servers = &mut self.servers;
        let picked = match pick(servers, load.service, kept, &mut load.balancing, from) {
            Ok(picked) => picked,
            Err(handed) => return handed,
        };
        if let Some(connection) = load.connections.get_mut(client as usize)
            && picked.is_some()
        {
            *connection = picked;
        }
        hand(&mut self.servers, to, picked, work)
    }

    /// Registers a waiting client that has a timeout.
    pub(super) fn watch<E: From<TrafficEvent> + Copy>(
        &mut self,
        index: u32,
        job: RequestKey,
        queue: &mut EventQueue<E>,
    ) {
        let load = &mut self.loads[index as usize];
        let Some(timeout) = load.timeout else { return };
        let deadline = queue.now() + timeout;
        load.waiting.push_back((deadline, job));
        self.forget_answered(index);
        let load = &mut self.loads[index as usize];
        if !load.timeout_scheduled {
            load.timeout_scheduled = true;
            let turn = Turn::ClientTimeout(index);
            self.agenda.set(turn, Some(deadline), queue);
        }
    }

    /// Most clients are answered long before their time is up: they need not be watched.
    pub(super) fn forget_answered(&mut self, index: u32) {
        let waiting = &mut self.loads[index as usize].waiting;
        while let Some(&(_, job)) = waiting.front()
            && !self.servers.is_awaited(job)
        {
            waiting.pop_front();
        }
    }

    /// Times out the clients of a load whose time is up and schedules the next timeout.
    pub(super) fn time_out<E: From<TrafficEvent> + Copy>(
        &mut self,
        index: u32,
        queue: &mut EventQueue<E>,
        sink: &mut impl RequestSink,
    ) {
        let now = queue.now();
        self.agenda.set(Turn::ClientTimeout(index), None, queue);
        if self.watch_silence(index, queue) {
            return;
        }
        if self.loads[index as usize].source.silence().is_some() {
            self.loads[index as usize].source.give_up(now);
            self.fail_all(index, now, sink);
            self.wake(index);
            return;
        }
        self.loads[index as usize].timeout_scheduled = false;
        while let Some(&(deadline, job)) = self.loads[index as usize].waiting.front() {
            if self.servers.is_awaited(job) {
                if deadline > now {
                    self.loads[index as usize].timeout_scheduled = true;
                    let turn = Turn::ClientTimeout(index);
                    self.agenda.set(turn, Some(deadline), queue);
                    break;
                }
                if let Some(work) = self.servers.abandon(job) {
                    self.answer(work.origin, work.arrival, now, Outcome::Timeout, sink);
                }
            }
            self.loads[index as usize].waiting.pop_front();
        }
    }

    /// Schedules the next check of a tool that gives up after a silence. Returns false if it has no
    /// such limit or has reached it.
    pub(super) fn watch_silence<E: From<TrafficEvent> + Copy>(
        &mut self,
        index: u32,
        queue: &mut EventQueue<E>,
    ) -> bool {
        let silence = self.loads[index as usize].source.silence();
        let Some(limit) = silence.filter(|&limit| limit > queue.now()) else {
            return false;
        };
        self.agenda
            .set(Turn::ClientTimeout(index), Some(limit), queue);
        true
    }

    /// Fails everything that a load has in flight.
    fn fail_all(&mut self, index: u32, now: SimTime, sink: &mut impl RequestSink) {
        for job in self.servers.awaited_of(index) {
            if let Some(work) = self.servers.abandon(job) {
                self.answer(work.origin, work.arrival, now, Outcome::Timeout, sink);
            }
        }
    }

    /// Answers the clients of all requests that have left their servers.
    pub(super) fn deliver_finished(&mut self, now: SimTime, sink: &mut impl RequestSink) {
        while !self.servers.finished.is_empty() {
            let mut finished = std::mem::take(&mut self.servers.finished);
            for ended in finished.drain(..) {
                if ended.origin.load < CALLS {
                    self.answer_one(&ended, now, sink);
                } else if !self.queues.ended(now, &ended) {
                    self.attempt_answered(ended.origin.client, outcome(ended.ending), now, sink);
                }
            }
            // Clients react later, callers may end at once. Keep the buffer.
            if self.servers.finished.is_empty() {
                self.servers.finished = finished;
                return;
            }
        }
    }

    /// Answers the client of a request that ended now.
    #[inline]
    pub(super) fn answer_one(
        &mut self,
        ended: &Finished,
        now: SimTime,
        sink: &mut impl RequestSink,
    ) {
        let outcome = outcome(ended.ending);
        self.answer(ended.origin, ended.arrival, now, outcome, sink);
    }

    /// Answers clients whose requests were served.
    #[inline]
    pub(super) fn answer_block(&mut self, served: &[Served], sink: &mut impl RequestSink) {
        let mut left = served;
        while let Some(index) = left.first().map(|one| one.origin.load) {
            let own = left.iter().take_while(|one| one.origin.load == index);
            let (own, others) = left.split_at(own.count());
            left = others;
            let load = &mut self.loads[index as usize];
            self.outcomes.count_block(Outcome::Ok, own.len() as u64);
            let times = own.iter().map(|one| (one.arrival, one.at));
            sink.serve_block(load.service, index as usize, times.clone());
            let mut wakes = false;
            if load.source.is_open() {
                wakes = load.source.served_block(times);
            } else {
                for one in own {
                    let (client, arrival) = (one.origin.client, one.arrival);
                    wakes |= load.source.answered(client, arrival, one.at, Answer::Ok);
                }
            }
            if wakes {
                self.wake(index);
            }
        }
    }

    #[inline]
    pub(super) fn answer(
        &mut self,
        origin: Origin,
        arrival: SimTime,
        now: SimTime,
        outcome: Outcome,
        sink: &mut impl RequestSink,
    ) {
        let Origin {
            load: index,
            client,
        } = origin;
        let load = &mut self.loads[index as usize];
        self.outcomes.count(outcome);
        sink.answer(load.service, index as usize, arrival, now, outcome);
        let answer = seen(outcome);
        if answer.status().is_none()
            && let Some(connection) = load.connections.get_mut(client as usize)
        {
            *connection = None::<ServerId>;
        }
        if load.source.answered(client, arrival, now, answer) {
            self.wake(index);
        }
    }
}
