//! The life of a call: begun by a request, sent, answered or tried again, and over.

use super::super::requests::{Handed, hand, pick, turned_away};
use super::timers::Due;
use super::{Asker, CALLS, Call, MESSAGES, NO_LOAD, Stage, Todo, is_first};
use crate::record::{CallFailure, Outcome, RequestSink};
use crate::sim::{EventQueue, Key, SimTime};
use crate::workload::call::Pass;
use crate::workload::spec::CallTarget;
use crate::workload::{Client, Origin};
use crate::world::traffic::{ServerId, Traffic, TrafficEvent};

/// Whether an answer came over the connection, which then can be kept.
fn keeps_connection(outcome: Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Ok | Outcome::Rejected503 | Outcome::ServerTimeout504 | Outcome::Limited429
    )
}

impl Traffic {
    /// Requests that have done their CPU work begin their calls. Returns whether any did.
    pub(in super::super) fn carry_calls<E: From<TrafficEvent> + Copy>(
        &mut self,
        queue: &mut EventQueue<E>,
        sink: &mut impl RequestSink,
    ) -> bool {
        let callers = self.servers.take_callers();
        for &(server, request) in &callers {
            let service = self.servers.service_of(server);
            let (Some(service), Some(origin)) = (service, self.servers.origin(request)) else {
                continue;
            };
            let asker = self.calls.askers.insert(Asker {
                server,
                request,
                service,
                next: 0,
                open: 0,
                failed: false,
                is_first: is_first(origin),
            });
            self.calls.todo.push_back(Todo::Ask(asker));
        }
        self.work_through_calls(queue.now(), sink);
        self.calls.timers.arm(&self.calls.calls, queue);
        !callers.is_empty()
    }

    /// Does what is due for calls.
    pub(in super::super) fn calls_due(&mut self, now: SimTime, sink: &mut impl RequestSink) {
        while let Some((key, due)) = self.calls.timers.take(now, &self.calls.calls) {
            match due {
                Due::Retry => self.calls.todo.push_back(Todo::Attempt(key)),
                Due::NoConnection => self.give_up_waiting(key, now, sink),
                Due::Timeout => self.time_out_attempt(key, now, sink),
            }
            self.work_through_calls(now, sink);
        }
    }

    /// A pod that may have made calls is gone: those that wait for a connection end.
    pub(in super::super) fn lose_caller(
        &mut self,
        server: ServerId,
        now: SimTime,
        sink: &mut impl RequestSink,
    ) {
        for place in 0..self.calls.ways.len() {
            if let Some(pod) = self.calls.ways[place].lose(server) {
                let (waiting, idle) = pod.pool.into_parts();
                for key in waiting {
                    self.end_call(key, Some(CallFailure::CallerGone), now, sink);
                }
                if self.calls.ways[place].counted {
                    for server in idle {
                        self.servers.disconnect(server);
                    }
                }
            }
        }
        self.work_through_calls(now, sink);
    }

    /// The answer to an attempt.
    pub(in super::super) fn attempt_answered(
        &mut self,
        slot: u32,
        outcome: Outcome,
        now: SimTime,
        sink: &mut impl RequestSink,
    ) {
        if let Some(key) = self.calls.calls.key_at(slot as usize) {
            self.attempt_ended(key, outcome, now, sink);
            self.work_through_calls(now, sink);
        }
    }

    fn work_through_calls(&mut self, now: SimTime, sink: &mut impl RequestSink) {
        while let Some(todo) = self.calls.todo.pop_front() {
            match todo {
                Todo::Ask(asker) => self.ask(asker, now, sink),
                Todo::Attempt(call) => self.attempt(call, now, sink),
                Todo::Send(call, connection) => self.send(call, connection, now, sink),
            }
        }
    }

    /// Begins the next calls of a request: one, and those that go beside it. If none is left, the
    /// request goes on.
    fn ask(&mut self, key: Key<Asker>, now: SimTime, sink: &mut impl RequestSink) {
        while let Some(asker) = self.calls.askers.get(key).copied()
            && asker.open == 0
        {
            let ways = &self.calls.of_service[asker.service][asker.next..];
            let is_gone = self.servers.origin(asker.request).is_none();
            let Some((first, rest)) = ways.split_first().filter(|_| !asker.failed && !is_gone)
            else {
                self.calls.askers.remove(key);
                let Asker {
                    server, request, ..
                } = asker;
                self.servers.resume(now, server, request, !asker.failed);
                return;
            };
            let is_beside = |way: &&u32| self.calls.ways[**way as usize].spec.parallel;
            let count = 1 + rest.iter().take_while(is_beside).count() as u32;
            let first = *first;
            for way in first..first + count {
                let one = &mut self.calls.ways[way as usize];
                let probability = one.spec.probability;
                if probability >= 1.0 || one.chance.unit() < probability {
                    let times = one.times();
                    self.begin_call(key, (way, times), now, sink);
                }
            }
            if let Some(asker) = self.calls.askers.get_mut(key) {
                asker.next += count as usize;
            }
        }
    }

    /// Begins a call that is made so often, one after the other.
    fn begin_call(
        &mut self,
        key: Key<Asker>,
        (way, times): (u32, u32),
        now: SimTime,
        sink: &mut impl RequestSink,
    ) {
        let Some(asker) = self.calls.askers.get_mut(key) else {
            return;
        };
        let one = &mut self.calls.ways[way as usize];
        one.totals.calls += 1;
        one.totals.first += u64::from(asker.is_first);
        if let CallTarget::Queue(queue) = one.spec.to {
            // What it costs to publish is not modelled.
            let load = MESSAGES + way;
            let work = one.demand.draw(now, Origin { load, client: 0 });
            one.totals.attempts += 1;
            one.totals.answered += 1;
            self.outcomes.issued += 1;
            sink.issue(one.service, NO_LOAD, now);
            sink.call_answered(way as usize, now, now);
            self.queues.produce(queue as u32, now, work);
            if times > 1 {
                self.begin_call(key, (way, times - 1), now, sink);
            }
            return;
        }
        one.pod(asker.server, now).budget.pay_in(now);
        asker.open += 1;
        let call = self.calls.calls.insert(Call {
            asker: key,
            way,
            left: times - 1,
            began: now,
            sent: now,
            attempt: 0,
            stage: Stage::Idle,
            pass: Pass::default(),
            connection: None,
        });
        self.calls.todo.push_back(Todo::Attempt(call));
    }

    /// Makes an attempt if the breaker lets it, as soon as there is a connection.
    fn attempt(&mut self, key: Key<Call>, now: SimTime, sink: &mut impl RequestSink) {
        let Some(call) = self.calls.calls.get_mut(key) else {
            return;
        };
        let Some(asker) = self.calls.askers.get(call.asker) else {
            return;
        };
        if self.servers.origin(asker.request).is_none() {
            self.end_call(key, Some(CallFailure::CallerGone), now, sink);
            return;
        }
        let way = &mut self.calls.ways[call.way as usize];
        let timeout = way.spec.timeout;
        let pod = way.pod(asker.server, now);
        let Some(pass) = pod.breaker.admit(now) else {
            self.end_call(key, Some(CallFailure::CircuitOpen), now, sink);
            return;
        };
        call.pass = pass;
        call.attempt += 1;
        call.stage = Stage::Queued;
        if let Some(connection) = pod.pool.acquire(key) {
            self.calls.todo.push_back(Todo::Send(key, connection));
        } else if let Some(timeout) = timeout {
            let timers = &mut self.calls.timers;
            timers.set(now + timeout, key, call, Due::NoConnection);
        }
    }

    /// Sends an attempt over a connection, or over a new one.
    fn send(
        &mut self,
        key: Key<Call>,
        connection: Option<ServerId>,
        now: SimTime,
        sink: &mut impl RequestSink,
    ) {
        let Some(call) = self.calls.calls.get_mut(key) else {
            return;
        };
        let asker = self.calls.askers.get(call.asker).copied();
        if asker.is_none_or(|asker| self.servers.origin(asker.request).is_none()) {
            self.leave_unsent(key, connection, now, sink);
            return;
        }
        let is_first = call.attempt == 1 && asker.is_some_and(|asker| asker.is_first);
        let way = &mut self.calls.ways[call.way as usize];
        way.totals.attempts += 1;
        call.sent = now;
        let origin = Origin {
            load: CALLS + 2 * call.way + u32::from(is_first),
            client: key.slot() as u32,
        };
        let work = way.demand.draw(now, origin);
        let service = way.service;
        self.outcomes.issued += 1;
        sink.issue(service, NO_LOAD, now);
        let servers = &mut self.servers;
        let caller = asker.map(|asker| Client::Server(asker.server));
        let from = (caller.unwrap_or(Client::Load(CALLS)), now);
        let picked = pick(servers, service, connection, &mut way.balancing, from);
        let server = picked.as_ref().ok().copied().flatten();
        if way.counted && server != connection {
            if let Some(closed) = connection {
                servers.disconnect(closed);
            }
            if server.is_some_and(|server| !servers.connect(server)) {
                way.totals.turned_away += 1;
                self.attempt_ended(key, Outcome::Refused, now, sink);
                return;
            }
        }
        call.connection = server.filter(|_| way.stays || way.counted);
        let handed = picked.map(|server| hand(servers, (now, service), server, work));
        let outcome = match handed.unwrap_or_else(|refused| refused) {
            Handed::In(request) => {
                call.stage = Stage::Sent(request);
                if let Some(timeout) = way.spec.timeout {
                    let timers = &mut self.calls.timers;
                    timers.set(now + timeout, key, call, Due::Timeout);
                }
                return;
            }
            Handed::Away(why) => turned_away(why),
            Handed::Refused => Outcome::Refused,
            Handed::TooEarly => {
                sink.too_early(service, now);
                Outcome::Refused
            }
        };
        self.attempt_ended(key, outcome, now, sink);
    }

    /// The request of a call that waited for a connection has ended: nothing is sent.
    fn leave_unsent(
        &mut self,
        key: Key<Call>,
        connection: Option<ServerId>,
        now: SimTime,
        sink: &mut impl RequestSink,
    ) {
        let Some(call) = self.calls.calls.get(key) else {
            return;
        };
        let way = &mut self.calls.ways[call.way as usize];
        let server = self.calls.askers.get(call.asker).map(|one| one.server);
        if let Some(pod) = server.and_then(|server| way.known(server)) {
            pod.breaker.give_back(now, call.pass);
            if let Some((next, connection)) = pod.pool.release(connection) {
                self.calls.todo.push_back(Todo::Send(next, connection));
            }
        }
        self.end_call(key, Some(CallFailure::CallerGone), now, sink);
    }

    fn attempt_ended(
        &mut self,
        key: Key<Call>,
        outcome: Outcome,
        now: SimTime,
        sink: &mut impl RequestSink,
    ) {
        let Some(call) = self.calls.calls.get_mut(key) else {
            return;
        };
        call.stage = Stage::Idle;
        let connection = call.connection.take();
        let way = &mut self.calls.ways[call.way as usize];
        let mut closed = connection.filter(|_| way.counted);
        self.outcomes.count(outcome);
        sink.answer(way.service, NO_LOAD, call.sent, now, outcome);
        let failure = CallFailure::of(outcome);
        let server = self.calls.askers.get(call.asker).map(|one| one.server);
        let may_keep = way.stays && keeps_connection(outcome);
        if let Some(pod) = server.and_then(|server| way.known(server)) {
            let is_well = failure.is_none_or(|failure| !failure.is_retried());
            let opened = pod.breaker.note(now, call.pass, is_well);
            let keeps = may_keep && pod.pool.keeps();
            closed = closed.filter(|_| !keeps);
            let next = pod.pool.release(connection.filter(|_| keeps));
            if let Some((next, connection)) = next {
                self.calls.todo.push_back(Todo::Send(next, connection));
            }
            way.totals.opened += u64::from(opened);
        }
        if let Some(server) = closed {
            self.servers.disconnect(server);
        }
        match failure {
            None => self.end_call(key, None, now, sink),
            Some(failure) => self.fail(key, failure, now, sink),
        }
    }

    /// An attempt has failed: another one is made later, or the call has failed.
    fn fail(
        &mut self,
        key: Key<Call>,
        failure: CallFailure,
        now: SimTime,
        sink: &mut impl RequestSink,
    ) {
        let Some(call) = self.calls.calls.get(key) else {
            return;
        };
        let way = &mut self.calls.ways[call.way as usize];
        let server = self.calls.askers.get(call.asker).map(|one| one.server);
        let may = call.attempt <= way.spec.retries && failure.is_retried();
        let pod = server.filter(|_| may).and_then(|server| way.known(server));
        match pod.map(|pod| pod.budget.take(now)) {
            Some(true) => {
                way.totals.retries += 1;
                let chance = || way.jitter.unit();
                let backoff = way.spec.jitter.wait(way.spec.backoff, call.attempt, chance);
                let timers = &mut self.calls.timers;
                timers.set(now + backoff, key, call, Due::Retry);
                return;
            }
            Some(false) => way.totals.unbudgeted += 1,
            None => {}
        }
        self.end_call(key, Some(failure), now, sink);
    }

    /// A call has been answered, or has failed for good.
    fn end_call(
        &mut self,
        key: Key<Call>,
        failure: Option<CallFailure>,
        now: SimTime,
        sink: &mut impl RequestSink,
    ) {
        let Some(call) = self.calls.calls.remove(key) else {
            return;
        };
        let way = &mut self.calls.ways[call.way as usize];
        way.totals.time += i128::from((now - call.began).0);
        match failure {
            None => {
                way.totals.answered += 1;
                sink.call_answered(call.way as usize, call.began, now);
            }
            Some(failure) => way.totals.failed[failure as usize] += 1,
        }
        if let Some(asker) = self.calls.askers.get_mut(call.asker) {
            asker.open -= 1;
            asker.failed |= failure.is_some() && !way.spec.optional;
            if call.left > 0 && !asker.failed && self.servers.origin(asker.request).is_some() {
                self.begin_call(call.asker, (call.way, call.left), now, sink);
            }
        }
        self.calls.todo.push_back(Todo::Ask(call.asker));
    }

    /// An attempt has not been answered in time. The called server does not notice and works on.
    fn time_out_attempt(&mut self, key: Key<Call>, now: SimTime, sink: &mut impl RequestSink) {
        if let Some(Stage::Sent(request)) = self.calls.calls.get(key).map(|call| call.stage) {
            self.servers.abandon(request);
            self.attempt_ended(key, Outcome::Timeout, now, sink);
        }
    }

    /// No connection has become free in time.
    fn give_up_waiting(&mut self, key: Key<Call>, now: SimTime, sink: &mut impl RequestSink) {
        let Some(call) = self.calls.calls.get_mut(key) else {
            return;
        };
        call.stage = Stage::Idle;
        let way = &mut self.calls.ways[call.way as usize];
        let server = self.calls.askers.get(call.asker).map(|one| one.server);
        if let Some(pod) = server.and_then(|server| way.known(server)) {
            pod.pool.give_up(&key);
            let opened = pod.breaker.note(now, call.pass, false);
            way.totals.opened += u64::from(opened);
        }
        self.fail(key, CallFailure::NoConnection, now, sink);
    }
}
