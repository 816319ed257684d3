//! Who sends requests, and when: load tools and declared profiles.
//!
//! A [`Source`] is a state machine without an event queue: its owner asks
//! [`Source::next_due`], calls [`Source::take_due`] then, sends the request of the client it
//! names, and tells it the answer. Clients wait in one sorted deque, so a load never has more
//! than one event in the queue however many clients it has.

mod ab;
mod answer;
pub mod command_line;
mod hey;
mod latency;
mod open;
pub mod report;
mod shape;
pub mod spec;
mod timers;
mod wget_job;

use ab::Ab;
use hey::Hey;
use open::Open;
use spec::{Generator, LoadSpec};
use wget_job::WgetJob;

pub use answer::{Answer, AnswerCounts};
pub use latency::LatencySummary;

use crate::sim::{Dist, SimDuration, SimTime, Streams};

/// The least time from one request of a client to its next: a round trip on one machine. It
/// keeps a client that is refused at once from asking endlessly at one instant.
const LEAST_CYCLE: SimDuration = SimDuration(50_000);

/// The client overhead of `ab`, in seconds per answer on its one thread: that is the rate at
/// which the real one takes in answers that come at once.
pub const AB_CLIENT_OVERHEAD: f64 = 0.000_085;
/// Its coefficient of variation: the thread takes in what is ready batch by batch.
pub const AB_CLIENT_OVERHEAD_CV: f64 = 2.0;
/// The client overhead of a worker of `hey`, in seconds per request.
pub const HEY_CLIENT_OVERHEAD: f64 = 0.000_4;
/// What the processes of one `wget` and `sleep` cycle cost, in seconds.
pub const WGET_PROCESS_COST: f64 = 0.004;

/// A non-negative number of seconds as a span; what `f64::round` costs matters here.
#[inline]
fn span(seconds: f64) -> SimDuration {
    SimDuration((seconds * 1e9 + 0.5) as i64)
}

/// What a source does when something of it is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// This client sends a request now.
    Issue(u32),
    /// The script of this client is over; whether it failed.
    Exit(u32, bool),
    /// No request for now; ask again what is due.
    Nothing,
}

/// A load at work.
#[derive(Debug, Clone)]
pub enum Source {
    /// A run of `ab`.
    Ab(Box<Ab>),
    /// A run of `hey`.
    Hey(Box<Hey>),
    /// The loops of a Job.
    WgetJob(Box<WgetJob>),
    /// Open arrivals.
    Open(Box<Open>),
}

impl Source {
    /// A source that has not started. Arrivals and client overheads have streams of their
    /// own, named after the load.
    pub fn new(spec: &LoadSpec, streams: &Streams) -> Self {
        let arrivals = || streams.of("load").of(&spec.name).stream("arrivals");
        let client = || streams.of("load").of(&spec.name).stream("client");
        match &spec.generator {
            Generator::Ab(ab) => Self::Ab(Box::new(Ab::new(ab, client()))),
            Generator::Hey(hey) => Self::Hey(Box::new(Hey::new(hey, client()))),
            Generator::WgetJob(job) => Self::WgetJob(Box::new(WgetJob::new(job, client()))),
            Generator::Profile(profile) => Self::Open(Box::new(Open::new(profile, arrivals()))),
        }
    }

    /// Begins.
    pub fn start(&mut self, now: SimTime) {
        match self {
            Self::Ab(ab) => ab.start(now),
            Self::Hey(hey) => hey.start(now),
            Self::WgetJob(job) => job.start(now),
            Self::Open(open) => open.start(now),
        }
    }

    /// Is stopped from outside.
    pub fn stop(&mut self, now: SimTime) {
        match self {
            Self::Ab(ab) => ab.stop(now),
            Self::Hey(hey) => hey.stop(now),
            Self::WgetJob(job) => job.stop(now),
            Self::Open(open) => open.stop(now),
        }
    }

    /// When something of it is due.
    #[inline]
    pub fn next_due(&self) -> Option<SimTime> {
        match self {
            Self::Ab(ab) => ab.next_due(),
            Self::Hey(hey) => hey.next_due(),
            Self::WgetJob(job) => job.next_due(),
            Self::Open(open) => open.next_due(),
        }
    }

    /// Deadline for the next answer; after it `ab` gives up (`ab -s`).
    pub fn silence(&self) -> Option<SimTime> {
        match self {
            Self::Ab(ab) => ab.silence(),
            Self::Hey(_) | Self::WgetJob(_) | Self::Open(_) => None,
        }
    }

    /// The tool gives up on everything that is in flight, and ends.
    pub fn give_up(&mut self, now: SimTime) {
        if let Self::Ab(ab) = self {
            ab.give_up(now);
        }
    }

    /// Does one thing that is due.
    #[inline]
    pub fn take_due(&mut self, now: SimTime) -> Due {
        match self {
            Self::Ab(ab) => ab.take_due(now),
            Self::Hey(hey) => hey.take_due(now),
            Self::WgetJob(job) => job.take_due(now),
            Self::Open(open) => open.take_due(now).map_or(Due::Nothing, Due::Issue),
        }
    }

    /// The request that a client sent at `sent` has ended. Returns whether what is due next
    /// may have changed.
    #[inline]
    pub fn answered(&mut self, client: u32, sent: SimTime, now: SimTime, answer: Answer) -> bool {
        match self {
            Self::Ab(ab) => ab.answered(client, sent, now, answer),
            Self::Hey(hey) => hey.answered(client, sent, now, answer),
            Self::WgetJob(job) => job.answered(client, sent, now, answer),
            Self::Open(open) => {
                open.answered(sent, now, answer);
                return open.is_finished();
            }
        }
        true
    }

    /// Takes up to `most` arrivals of an open load before a time, at least one, in place of `times`.
    pub fn take_until(&mut self, until: SimTime, most: usize, times: &mut Vec<SimTime>) {
        times.clear();
        if let Self::Open(open) = self {
            open.take_until(until, most, times);
        }
    }

    /// Requests of an open load have been answered with status 200: when each was sent and answered.
    /// Returns whether what is due next may have changed.
    pub fn served_block(
        &mut self,
        times: impl ExactSizeIterator<Item = (SimTime, SimTime)>,
    ) -> bool {
        if let Self::Open(open) = self {
            open.served_block(times);
        }
        self.is_finished()
    }

    /// Starts a loop of a Job; other loads have no clients from outside.
    pub fn start_client(&mut self, client: u32, now: SimTime) {
        if let Self::WgetJob(job) = self {
            job.start_client(client, now);
        }
    }

    /// Ends a loop of a Job.
    pub fn stop_client(&mut self, client: u32, now: SimTime) {
        if let Self::WgetJob(job) = self {
            job.stop_client(client, now);
        }
    }

    /// Whether requests come whether or not earlier ones were answered.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }

    /// Whether the times of its requests are without chance.
    pub fn is_even(&self) -> bool {
        matches!(self, Self::Open(open) if open.is_even())
    }

    /// Whether it has begun.
    pub fn has_started(&self) -> bool {
        let (started, _) = match self {
            Self::Ab(ab) => ab.span(),
            Self::Hey(hey) => hey.span(),
            Self::WgetJob(job) => job.span(),
            Self::Open(open) => open.span(),
        };
        started.is_some()
    }

    /// Whether it has ended.
    pub fn is_finished(&self) -> bool {
        match self {
            Self::Ab(ab) => ab.is_finished(),
            Self::Hey(hey) => hey.is_finished(),
            Self::WgetJob(job) => job.is_finished(),
            Self::Open(open) => open.is_finished(),
        }
    }
}

impl Generator {
    /// The longest that a client waits for one answer. `ab` has no such limit: its `-s` is
    /// about silence on all connections.
    pub fn request_timeout(&self) -> Option<SimDuration> {
        match self {
            Self::Ab(_) => None,
            Self::Hey(hey) => hey.timeout,
            Self::WgetJob(job) => job.timeout,
            Self::Profile(profile) => profile.timeout,
        }
    }

    /// Sets what a request costs a tool itself, and a cycle the processes of a wget loop.
    pub fn set_overhead(&mut self, overhead: Dist) {
        match self {
            Self::Ab(ab) => ab.client_overhead = overhead,
            Self::Hey(hey) => hey.client_overhead = overhead,
            Self::WgetJob(job) => job.process_cost = overhead,
            Self::Profile(_) => {}
        }
    }

    /// How many clients keep their connection from request to request.
    pub fn kept_connections(&self) -> u32 {
        match self {
            Self::Ab(ab) if ab.keep_alive => ab.concurrency,
            Self::Hey(hey) if !hey.disable_keepalive => hey.concurrency,
            _ => 0,
        }
    }
}
