//! The two events of a request: issued and ended.
//!
//! The request engine calls a [`RequestSink`] from its hot path; a recorder implements it.
//! Nothing is allocated and nothing is looked up by name: services and loads are their
//! indices in the scenario.

use crate::sim::SimTime;

/// How a request ended, as its client saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Answered with success.
    Ok,
    /// Turned away at once because the pod's backlog was full (503).
    Rejected503,
    /// The client gave up waiting.
    Timeout,
    /// No pod took the connection.
    Refused,
    /// The connection broke because the pod ended while the request was in it.
    Killed,
    /// The server's own time limit ended it (504).
    ServerTimeout504,
    /// Turned away at once because the pod takes no more requests a second (429).
    Limited429,
}

impl Outcome {
    /// Every outcome, in the order in which counts of them are kept.
    pub const ALL: [Self; 7] = [
        Self::Ok,
        Self::Rejected503,
        Self::Timeout,
        Self::Refused,
        Self::Killed,
        Self::ServerTimeout504,
        Self::Limited429,
    ];

    /// Its name in outputs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Rejected503 => "rejected_503",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Killed => "killed",
            Self::ServerTimeout504 => "server_timeout_504",
            Self::Limited429 => "limited_429",
        }
    }
}

/// Receives every request. `service` and `load` are indices in the scenario.
pub trait RequestSink {
    /// A load sent a request to a service.
    fn issue(&mut self, service: usize, load: usize, now: SimTime);

    /// A request issued at `arrival` ended now.
    fn answer(
        &mut self,
        service: usize,
        load: usize,
        arrival: SimTime,
        now: SimTime,
        outcome: Outcome,
    );

    /// Many of [`RequestSink::issue`], in order of time.
    #[inline]
    fn issue_block(&mut self, service: usize, load: usize, times: &[SimTime]) {
        for &now in times {
            self.issue(service, load, now);
        }
    }

    /// Many of [`RequestSink::answer`] with success: when each was issued and when it ended.
    #[inline]
    fn serve_block(
        &mut self,
        service: usize,
        load: usize,
        times: impl Iterator<Item = (SimTime, SimTime)>,
    ) {
        for (arrival, now) in times {
            self.answer(service, load, arrival, now, Outcome::Ok);
        }
    }

    /// A request, whose answer follows, is refused now as the pod's application has not started.
    fn too_early(&mut self, _service: usize, _now: SimTime) {}

    /// A call that began then was answered now. `way` is its place in the recording.
    fn call_answered(&mut self, _way: usize, _began: SimTime, _now: SimTime) {}
}

/// A sink that drops everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRequests;

impl RequestSink for NoRequests {
    fn issue(&mut self, _: usize, _: usize, _: SimTime) {}

    fn answer(&mut self, _: usize, _: usize, _: SimTime, _: SimTime, _: Outcome) {}
}
