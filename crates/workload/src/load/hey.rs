//! `hey` (`requester/requester.go`, 0.1.4).
//!
//! `-c` workers, each a closed loop of the whole part of n/c requests. With `-q` each worker
//! has its own ticker of whole microseconds and takes one tick before each request. A ticker
//! holds at most one tick, so a worker that falls behind goes on at once and is then paced
//! again; further missed ticks are lost. Tickers begin with their workers: they tick in step.
//!
//! A request that breaks on a connection that has served before is sent again on a new one, as
//! Go's transport does with what may be repeated; only on a fresh connection it is an error.
//!
//! With `-z` the workers are told to stop after that time. They look before they wait for a
//! tick, so a worker that waits for one still sends; requests in flight complete and count.

use super::answer::{Answer, AnswerCounts};
use super::latency::micros;
use super::spec::HeySpec;
use super::timers::Timers;
use super::{Due, LEAST_CYCLE, span};
use crate::sim::{SimDuration, SimTime, Stream};

/// `maxRes` of hey: latencies beyond these are not in its distributions.
const MOST_RESULTS: usize = 1_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Send,
    /// The same request once more.
    Repeat,
    Read(Answer),
}

#[derive(Debug, Clone, Copy)]
struct Worker {
    sent: SimTime,
    turn: Turn,
    /// Whether its connection has brought an answer.
    proven: bool,
    remaining: u64,
    /// When it last took a tick.
    ticked: SimTime,
}

/// A run of `hey`.
#[derive(Debug, Clone)]
pub struct Hey {
    pub(super) spec: HeySpec,
    stream: Stream,
    timers: Timers,
    workers: Vec<Worker>,
    /// Workers that have not ended.
    running: u32,
    period: Option<SimDuration>,
    started: Option<SimTime>,
    /// From when on workers that look stop.
    stop_at: Option<SimTime>,
    ended: Option<SimTime>,
    pub(super) answers: AnswerCounts,
    /// Latencies of answers with a status, at most [`MOST_RESULTS`].
    pub(super) latencies: Vec<u32>,
    /// Sum of all latencies of answers with a status, in microseconds.
    pub(super) total_micros: u64,
}

impl Hey {
    pub(super) fn new(spec: &HeySpec, stream: Stream) -> Self {
        let period = spec
            .rate_per_worker
            .filter(|&rate| rate > 0.0)
            .map(|rate| SimDuration(((1e6 / rate) as i64).max(1).saturating_mul(1000)));
        Self {
            spec: spec.clone(),
            stream,
            timers: Timers::default(),
            workers: Vec::new(),
            running: 0,
            period,
            started: None,
            stop_at: None,
            ended: None,
            answers: AnswerCounts::default(),
            latencies: Vec::new(),
            total_micros: 0,
        }
    }

    pub(super) fn start(&mut self, now: SimTime) {
        self.started = Some(now);
        self.stop_at = self.spec.duration.map(|duration| now + duration);
        let concurrency = self.spec.concurrency;
        let remaining = match self.spec.duration {
            Some(_) => u64::MAX,
            None => self.spec.requests / u64::from(concurrency.max(1)),
        };
        self.workers = vec![
            Worker {
                sent: now,
                turn: Turn::Send,
                proven: false,
                remaining,
                ticked: now
            };
            concurrency as usize
        ];
        self.running = concurrency;
        for client in 0..concurrency {
            if let Some(at) = self.next_send(client, now) {
                self.timers.set(at, client);
            }
        }
    }

    pub(super) fn stop(&mut self, now: SimTime) {
        self.stop_at = Some(self.stop_at.map_or(now, |at| at.min(now)));
    }

    #[inline]
    pub(super) fn next_due(&self) -> Option<SimTime> {
        self.timers.first()
    }

    /// The worker looks at time `at` whether it goes on; when it sends next, if it does.
    fn next_send(&mut self, client: u32, at: SimTime) -> Option<SimTime> {
        let worker = &mut self.workers[client as usize];
        let stopped = self.stop_at.is_some_and(|stop| at >= stop);
        if worker.remaining == 0 || stopped {
            self.running -= 1;
            if self.running == 0 {
                self.ended.get_or_insert(at);
            }
            return None;
        }
        worker.remaining -= 1;
        worker.turn = Turn::Send;
        let (Some(period), Some(start)) = (self.period, self.started) else {
            return Some(at);
        };
        let ticks = at.since(start).0 / period.0;
        let last_tick = start + period * ticks;
        let held = ticks > 0 && last_tick > worker.ticked;
        worker.ticked = if held {
            at
        } else {
            start + period * (ticks + 1)
        };
        Some(worker.ticked)
    }

    #[inline]
    pub(super) fn take_due(&mut self, now: SimTime) -> Due {
        let Some((at, client)) = self.timers.take(now) else {
            return Due::Nothing;
        };
        let Worker { sent, turn, .. } = self.workers[client as usize];
        if let Turn::Read(answer) = turn {
            self.read(at.since(sent), answer);
            match self.next_send(client, at) {
                Some(next) if next <= now => {}
                Some(next) => {
                    self.timers.set(next, client);
                    return Due::Nothing;
                }
                None => return Due::Nothing,
            }
        }
        if turn != Turn::Repeat {
            self.workers[client as usize].sent = at;
        }
        Due::Issue(client)
    }

    fn read(&mut self, latency: SimDuration, answer: Answer) {
        if answer.status().is_none() {
            return;
        }
        let latency = micros(latency);
        self.total_micros += u64::from(latency);
        if self.latencies.len() < MOST_RESULTS {
            self.latencies.push(latency);
        }
    }

    #[inline]
    pub(super) fn answered(&mut self, client: u32, sent: SimTime, now: SimTime, answer: Answer) {
        let least = sent + LEAST_CYCLE;
        let worker = &mut self.workers[client as usize];
        let was_proven = worker.proven;
        worker.proven = answer.status().is_some() && !self.spec.disable_keepalive;
        if answer == Answer::Reset && was_proven {
            worker.turn = Turn::Repeat;
            self.timers.set(now.max(least), client);
            return;
        }
        worker.turn = Turn::Read(answer);
        self.answers.add(answer);
        let overhead = span(self.spec.client_overhead.sample(&mut self.stream));
        self.timers.set((now + overhead).max(least), client);
    }

    #[inline]
    pub(super) fn is_finished(&self) -> bool {
        self.ended.is_some()
    }

    pub(super) fn span(&self) -> (Option<SimTime>, Option<SimTime>) {
        (self.started, self.ended)
    }
}
