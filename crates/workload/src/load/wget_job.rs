//! A Job whose containers loop `wget` and `sleep`: closed loops with think time.
//!
//! Each running pod is a client. Its cycle: the processes' own cost, the request on a new
//! connection, the `sleep`. A failed `wget` only makes the loop go on. The pods come and go
//! in the cluster; nothing here starts or ends them.

use super::answer::{Answer, AnswerCounts};
use super::latency::LatencyHistogram;
use super::spec::WgetJobSpec;
use super::timers::Timers;
use super::{LEAST_CYCLE, span};
use crate::sim::{SimTime, Stream};

#[derive(Debug, Clone, Copy)]
struct Loop {
    running: bool,
    sent: SimTime,
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
        let size = self.loops.len().max(client as usize + 1);
        self.loops.resize(
            size,
            Loop {
                running: false,
                sent: SimTime(i64::MIN),
            },
        );
        let entry = &mut self.loops[client as usize];
        if !entry.running {
            entry.running = true;
            self.running += 1;
            self.cycle(client, now);
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
        *entry = Loop {
            running: false,
            sent: SimTime(i64::MIN),
        };
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
    pub(super) fn take_due(&mut self, now: SimTime) -> Option<u32> {
        let (at, client) = self.timers.take(now)?;
        self.loops[client as usize].sent = at;
        Some(client)
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
            self.cycle(client, (now + self.spec.sleep).max(sent + LEAST_CYCLE));
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
