//! A Job whose containers run `wget` and `sleep`, mostly in a loop: closed loops with think time.
//!
//! Each running pod is a client. Its cycle: the processes' own cost, the request on a new
//! connection, the `sleep`. A failed `wget` only makes the script go on. The pods come and go
//! in the cluster; nothing here starts or ends them, but the end of a script is told.

use super::answer::{Answer, AnswerCounts};
use super::latency::LatencyHistogram;
use super::spec::WgetJobSpec;
use super::timers::Timers;
use super::{Due, LEAST_CYCLE, span};
use crate::sim::{SimDuration, SimTime, Stream};

#[derive(Debug, Clone, Copy)]
struct Loop {
    running: bool,
    sent: SimTime,
    /// The request that is next or in flight: the part of the script, its round, its place.
    part: usize,
    round: u64,
    place: usize,
    /// The script waits for nothing but its end; whether it fails.
    ends: Option<bool>,
}

impl Loop {
    const NONE: Self = Self {
        running: false,
        sent: SimTime(i64::MIN),
        part: 0,
        round: 0,
        place: 0,
        ends: None,
    };
}

/// The loops of a Job.
#[derive(Debug, Clone)]
pub struct WgetJob {
    spec: WgetJobSpec,
    stream: Stream,
    timers: Timers,
    loops: Vec<Loop>,
    running: u32,
    started: Option<SimTime>,
    stopped: bool,
    ended: Option<SimTime>,
    pub(super) answers: AnswerCounts,
    pub(super) latencies: LatencyHistogram,
}

impl WgetJob {
    pub(super) fn new(spec: &WgetJobSpec, stream: Stream) -> Self {
        Self {
            spec: spec.clone(),
            stream,
            timers: Timers::default(),
            loops: Vec::new(),
            running: 0,
            started: None,
            stopped: false,
            ended: None,
            answers: AnswerCounts::default(),
            latencies: LatencyHistogram::new(),
        }
    }

    pub(super) fn start(&mut self, now: SimTime) {
        self.started.get_or_insert(now);
    }

    /// The Job is deleted: it has ended as soon as its last pod has.
    pub(super) fn stop(&mut self, now: SimTime) {
        self.stopped = true;
        if self.running == 0 {
            self.ended.get_or_insert(now);
        }
    }

    pub(super) fn start_client(&mut self, client: u32, now: SimTime) {
        self.started.get_or_insert(now);
        (self.stopped, self.ended) = (false, None);
        let size = self.loops.len().max(client as usize + 1);
        self.loops.resize(size, Loop::NONE);
        let entry = &mut self.loops[client as usize];
        if !entry.running {
            entry.running = true;
            self.running += 1;
            let first = self.spec.script.parts.first();
            let wait = first.map_or(SimDuration::ZERO, |part| part.before + part.waits[0]);
            self.cycle(client, now + wait);
        }
    }

    pub(super) fn stop_client(&mut self, client: u32, now: SimTime) {
        let Some(entry) = self
            .loops
            .get_mut(client as usize)
            .filter(|entry| entry.running)
        else {
            return;
        };
        *entry = Loop::NONE;
        self.timers.cancel(client);
        self.running -= 1;
        if self.stopped && self.running == 0 {
            self.ended.get_or_insert(now);
        }
    }

    /// Begins a cycle that sends its request after the processes' cost.
    fn cycle(&mut self, client: u32, at: SimTime) {
        let cost = span(self.spec.process_cost.sample(&mut self.stream));
        self.timers.set(at + cost, client);
    }

    #[inline]
    pub(super) fn next_due(&self) -> Option<SimTime> {
        self.timers.first()
    }

    #[inline]
    pub(super) fn take_due(&mut self, now: SimTime) -> Due {
        let Some((at, client)) = self.timers.take(now) else {
            return Due::Nothing;
        };
        let entry = &mut self.loops[client as usize];
        if let Some(failed) = entry.ends {
            return Due::Exit(client, failed);
        }
        entry.sent = at;
        Due::Issue(client)
    }

    /// Goes on to the next request; returns the wait before it. The script may be over instead.
    fn advance(&mut self, client: u32, failed: bool) -> SimDuration {
        let script = &self.spec.script;
        let entry = &mut self.loops[client as usize];
        let Some(part) = script.parts.get(entry.part) else {
            return SimDuration::ZERO;
        };
        entry.place += 1;
        if let Some(wait) = part.waits.get(entry.place) {
            return *wait;
        }
        (entry.place, entry.round) = (0, entry.round + 1);
        if part.rounds.is_none_or(|rounds| entry.round < rounds) {
            return part.rest + part.waits[0];
        }
        (entry.part, entry.round) = (entry.part + 1, 0);
        if let Some(next) = script.parts.get(entry.part) {
            return part.rest + next.before + next.waits[0];
        }
        entry.ends = Some(failed && script.fails_with_last);
        part.rest + script.after
    }

    #[inline]
    pub(super) fn answered(&mut self, client: u32, sent: SimTime, now: SimTime, answer: Answer) {
        self.answers.add(answer);
        if answer.status().is_some() {
            self.latencies.record(now.since(sent));
        }
        // An answer to a container that is gone reaches nobody.
        let entry = self.loops[client as usize];
        if entry.running && entry.sent == sent {
            let wait = self.advance(client, answer != Answer::Ok);
            let at = (now + wait).max(sent + LEAST_CYCLE);
            match self.loops[client as usize].ends {
                Some(_) => self.timers.set(at, client),
                None => self.cycle(client, at),
            }
        }
    }

    #[inline]
    pub(super) fn is_finished(&self) -> bool {
        self.ended.is_some()
    }

    pub(super) fn span(&self) -> (Option<SimTime>, Option<SimTime>) {
        (self.started, self.ended)
    }
}
