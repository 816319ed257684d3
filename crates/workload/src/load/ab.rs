//! `ab`, the Apache HTTP server benchmarking tool (`support/ab.c`, 2.4).
//!
//! One thread, `-c` connections, no think time. The first connection goes alone; when its
//! answer has come, the others are opened. Each answer is read by the one thread, which takes
//! the client overhead, and is followed by the next request until `-n` were started. The
//! clock of a request runs from its connect to the end of its reading.
//!
//! `-t`: the run ends with the first answer after the limit. `-s`: the run is given up when
//! *no* connection has anything to tell for that long. A refused or broken connection ends
//! the run unless `-r`, with which it counts as complete and as failed, once for each of the
//! counters that `ab` adds it to.

use super::answer::{Answer, AnswerCounts};
use super::latency::micros;
use super::spec::AbSpec;
use super::timers::Timers;
use super::{Due, LEAST_CYCLE, span};
use crate::sim::{SimTime, Stream};

/// Bytes of the documents that the simulated servers send: a body of two bytes with status
/// 200, none otherwise; headers as those of the server that the tool was measured against.
pub(super) const BODY_200: u64 = 2;
pub(super) const HEADER_200: u64 = 116;
pub(super) const HEADER_ERROR: u64 = 92;

/// What a connection of `ab` does next when its timer is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Send,
    Read(Answer),
}

#[derive(Debug, Clone, Copy)]
struct Connection {
    sent: SimTime,
    turn: Turn,
}

/// Why a run was broken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbAbort {
    /// Nothing happened on any connection for the time of `-s`.
    TimedOut,
    /// A connection was refused.
    Refused,
    /// A connection broke.
    Reset,
}

/// `ab`'s own counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AbCounters {
    /// Complete requests.
    pub done: u64,
    /// Failed requests, the sum of the four below.
    pub failed: u64,
    /// Failed to connect.
    pub connect: u64,
    /// Failed to receive.
    pub receive: u64,
    /// Another length than the first answer's.
    pub length: u64,
    /// Other exceptions.
    pub exceptions: u64,
    /// Answers with a status other than 2xx.
    pub non_2xx: u64,
    /// Requests on kept-alive connections.
    pub keep_alive: u64,
    /// Bytes received.
    pub total_read: u64,
    /// Bytes of documents received.
    pub html_read: u64,
    /// Length of the document as it was first answered.
    pub document_length: u64,
    good: u64,
}

impl AbCounters {
    /// Counts a finished connection or kept-alive answer with a body of `length` bytes.
    fn close(&mut self, length: u64, any_length: bool) {
        if self.good == 1 {
            self.document_length = length;
        } else if length != self.document_length && !any_length {
            self.failed += 1;
            self.length += 1;
        }
        self.done += 1;
    }
}

/// A run of `ab`.
#[derive(Debug, Clone)]
pub struct Ab {
    pub(super) spec: AbSpec,
    stream: Stream,
    timers: Timers,
    connections: Vec<Connection>,
    /// When the thread is free to read the next answer.
    thread_free: SimTime,
    started: Option<SimTime>,
    ended: Option<SimTime>,
    /// Time of the last start or end of a request.
    last_activity: SimTime,
    issued: u64,
    all_opened: bool,
    pub(super) abort: Option<AbAbort>,
    pub(super) counters: AbCounters,
    pub(super) answers: AnswerCounts,
    pub(super) latencies: Vec<u32>,
}

impl Ab {
    pub(super) fn new(spec: &AbSpec, stream: Stream) -> Self {
        Self {
            spec: spec.clone(),
            stream,
            timers: Timers::default(),
            connections: Vec::new(),
            thread_free: SimTime::ZERO,
            started: None,
            ended: None,
            last_activity: SimTime::ZERO,
            issued: 0,
            all_opened: false,
            abort: None,
            counters: AbCounters::default(),
            answers: AnswerCounts::default(),
            latencies: Vec::new(),
        }
    }

    pub(super) fn start(&mut self, now: SimTime) {
        self.started = Some(now);
        (self.thread_free, self.last_activity) = (now, now);
        let connection = Connection {
            sent: now,
            turn: Turn::Send,
        };
        self.connections = vec![connection; self.spec.concurrency as usize];
        self.timers.set(now, 0);
    }

    /// Ends the run: what is in flight is not read any more.
    fn end(&mut self, at: SimTime) {
        self.ended.get_or_insert(at);
        self.timers.clear();
    }

    pub(super) fn stop(&mut self, now: SimTime) {
        self.end(now);
    }

    #[inline]
    pub(super) fn next_due(&self) -> Option<SimTime> {
        if self.ended.is_some() {
            return None;
        }
        self.timers.first()
    }

    /// Until when something must happen on a connection; `None` before and after the run.
    pub(super) fn silence(&self) -> Option<SimTime> {
        if self.started.is_none() || self.ended.is_some() {
            return None;
        }
        // What the thread is about to read counts as heard.
        Some(self.timers.first().unwrap_or(self.last_activity) + self.spec.timeout)
    }

    /// Nothing has happened for too long.
    pub(super) fn give_up(&mut self, now: SimTime) {
        self.abort = Some(AbAbort::TimedOut);
        self.counters.failed += 1;
        self.end(now);
    }

    #[inline]
    pub(super) fn take_due(&mut self, now: SimTime) -> Due {
        let Some((at, client)) = self.timers.take(now) else {
            return Due::Nothing;
        };
        let Connection { sent, turn } = self.connections[client as usize];
        if let Turn::Read(answer) = turn {
            self.read(at, sent, answer);
            let over = self
                .spec
                .time_limit
                .is_some_and(|limit| self.started.is_some_and(|start| at >= start + limit));
            if self.ended.is_some() || over || self.counters.done >= self.spec.requests {
                self.end(at);
                return Due::Nothing;
            }
            if !self.all_opened && answer.status().is_some() {
                self.all_opened = true;
                for other in 1..self.spec.concurrency {
                    self.timers.set(at, other);
                }
                self.connections[client as usize].turn = Turn::Send;
                self.timers.set(at, client);
                return Due::Nothing;
            }
        }
        if self.issued >= self.spec.requests {
            return Due::Nothing;
        }
        self.issued += 1;
        self.last_activity = at;
        self.connections[client as usize].sent = at;
        Due::Issue(client)
    }

    /// The thread has read an answer.
    #[inline]
    fn read(&mut self, at: SimTime, sent: SimTime, answer: Answer) {
        self.last_activity = at;
        let length = match answer {
            Answer::Ok => BODY_200,
            Answer::Status429 | Answer::Status503 | Answer::Status504 => {
                self.counters.non_2xx += 1;
                0
            }
            Answer::Timeout | Answer::Refused | Answer::Reset => {
                self.counters.receive += 1;
                if !self.spec.continue_on_error {
                    self.counters.failed += 1;
                    self.abort = Some(if answer == Answer::Refused {
                        AbAbort::Refused
                    } else {
                        AbAbort::Reset
                    });
                    self.end(at);
                    return;
                }
                // Once as not received, once more for the error that the poll reports.
                self.counters.failed += 2;
                self.counters.exceptions += 1;
                0
            }
        };
        if answer.status().is_some() {
            self.counters.good += 1;
            self.counters.keep_alive += u64::from(self.spec.keep_alive);
            let header = if answer == Answer::Ok {
                HEADER_200
            } else {
                HEADER_ERROR
            };
            self.counters.total_read += header + length;
            self.counters.html_read += length;
        }
        self.counters.close(length, self.spec.any_length);
        self.latencies.push(micros(at.since(sent)));
    }

    #[inline]
    pub(super) fn answered(&mut self, client: u32, sent: SimTime, now: SimTime, answer: Answer) {
        if self.ended.is_some() {
            return;
        }
        self.answers.add(answer);
        let overhead = span(self.spec.client_overhead.sample(&mut self.stream));
        let read_at = (self.thread_free.max(now) + overhead).max(sent + LEAST_CYCLE);
        self.thread_free = read_at;
        self.connections[client as usize].turn = Turn::Read(answer);
        self.timers.set(read_at, client);
    }

    #[inline]
    pub(super) fn is_finished(&self) -> bool {
        self.ended.is_some()
    }

    pub(super) fn span(&self) -> (Option<SimTime>, Option<SimTime>) {
        (self.started, self.ended)
    }
}
