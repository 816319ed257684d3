//! Calls between services: a sample per step and way, and what the summary needs, added up as it comes.

use super::labels::Labels;
use super::recording::Recording;
use super::request::Outcome;
use super::windows::LatencyStats;
use crate::sim::SimTime;

/// Why a call failed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallFailure {
    /// The called pod's backlog was full, or a call of its own failed (503).
    Rejected503,
    /// Its last attempt was not answered in time.
    Timeout,
    /// No pod took the connection.
    Refused,
    /// The called pod ended.
    Killed,
    /// The called server's own time limit ended it (504).
    ServerTimeout504,
    /// The circuit breaker was open.
    CircuitOpen,
    /// No connection of the pool became free in time.
    NoConnection,
    /// The calling pod ended, or the request that made it did.
    CallerGone,
    /// The called pod takes no more requests a second (429): that is not tried again.
    Limited429,
}

impl CallFailure {
    /// Every one, in the order of counts.
    pub const ALL: [Self; 9] = [
        Self::Rejected503,
        Self::Timeout,
        Self::Refused,
        Self::Killed,
        Self::ServerTimeout504,
        Self::CircuitOpen,
        Self::NoConnection,
        Self::CallerGone,
        Self::Limited429,
    ];

    /// Whether another attempt may do better, as gateways see it: they try again after answers from 500
    /// on and broken connections, and count these against the called pod, not after a 429.
    pub const fn is_retried(self) -> bool {
        !matches!(self, Self::Limited429)
    }

    /// Its name in outputs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rejected503 => "rejected_503",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Killed => "killed",
            Self::ServerTimeout504 => "server_timeout_504",
            Self::CircuitOpen => "circuit_open",
            Self::NoConnection => "no_connection",
            Self::CallerGone => "caller_gone",
            Self::Limited429 => "limited_429",
        }
    }

    /// What a call is whose last attempt ended so; none if that was answered.
    pub const fn of(outcome: Outcome) -> Option<Self> {
        match outcome {
            Outcome::Ok => None,
            Outcome::Rejected503 => Some(Self::Rejected503),
            Outcome::Timeout => Some(Self::Timeout),
            Outcome::Refused => Some(Self::Refused),
            Outcome::Killed => Some(Self::Killed),
            Outcome::ServerTimeout504 => Some(Self::ServerTimeout504),
            Outcome::Limited429 => Some(Self::Limited429),
        }
    }
}

/// Sums of the calls from a service to another, or to a queue, since the start of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallTotals {
    /// Calls.
    pub calls: u64,
    /// Calls that would have been made without any retry: those of requests that come from no retry.
    pub first: u64,
    /// Attempts that were sent.
    pub attempts: u64,
    /// Calls that were answered.
    pub answered: u64,
    /// Calls that failed, in the order of [`CallFailure::ALL`].
    pub failed: [u64; CallFailure::ALL.len()],
    /// Failed attempts after which another was to be made.
    pub retries: u64,
    /// Calls that were not tried again because the retry budget was used up.
    pub unbudgeted: u64,
    /// Attempts that were refused as the called pod had as many connections as it takes.
    pub turned_away: u64,
    /// How often a circuit breaker opened.
    pub opened: u64,
    /// Time from the calls that ended to their ends, in nanoseconds.
    pub time: i128,
}

impl CallTotals {
    /// Calls that failed.
    pub fn failures(&self) -> u64 {
        self.failed.iter().sum()
    }

    /// Calls that have not ended.
    pub fn under_way(&self) -> u64 {
        self.calls - self.answered - self.failures()
    }

    /// By how much retries, here and on the way here, have multiplied what is sent: 1 without any.
    pub fn amplification(&self) -> f64 {
        self.attempts as f64 / self.first as f64
    }

    /// What has come since an earlier time.
    fn since(self, before: &Self) -> Self {
        let mut failed = self.failed;
        for (count, before) in failed.iter_mut().zip(before.failed) {
            *count -= before;
        }
        Self {
            calls: self.calls - before.calls,
            first: self.first - before.first,
            attempts: self.attempts - before.attempts,
            answered: self.answered - before.answered,
            failed,
            retries: self.retries - before.retries,
            unbudgeted: self.unbudgeted - before.unbudgeted,
            turned_away: self.turned_away - before.turned_away,
            opened: self.opened - before.opened,
            time: self.time - before.time,
        }
    }
}

/// One row of the series of a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallSample {
    /// End of the step.
    pub time: SimTime,
    /// Connections that are open: of pools.
    pub connections: u64,
    /// Calls that wait for a connection.
    pub waiting: u64,
    /// Sums since the start.
    pub totals: CallTotals,
}

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Called {
    /// A service, by its index.
    Service(usize),
    /// A queue, by its index.
    Queue(usize),
}

/// What is known of the way from a service to another, or to a queue.
#[derive(Debug, Clone, PartialEq)]
pub struct CallRecord {
    /// The calling service, by its index.
    pub caller: usize,
    /// What is called.
    pub called: Called,
    /// One sample per step.
    pub samples: Vec<CallSample>,
    /// Sums at the end of the warm-up.
    before: CallTotals,
    /// The last sample.
    pub last: CallSample,
    /// Most calls that waited for a connection at the end of a step after the warm-up.
    pub max_waiting: u64,
    /// Most connections of pools that were open then.
    pub max_connections: u64,
    /// From a call after the warm-up to its answer, retries and waits for connections included.
    pub latency: LatencyStats,
}

impl CallRecord {
    /// No calls yet.
    pub fn new(caller: usize, called: Called) -> Self {
        Self {
            caller,
            called,
            samples: Vec::new(),
            before: CallTotals::default(),
            last: CallSample::default(),
            max_waiting: 0,
            max_connections: 0,
            latency: LatencyStats::default(),
        }
    }

    /// Adds a sample up, which counts from `start` on.
    pub(super) fn add(&mut self, sample: &CallSample, start: SimTime) {
        self.last = *sample;
        if sample.time <= start {
            self.before = sample.totals;
        } else {
            self.max_waiting = self.max_waiting.max(sample.waiting);
            self.max_connections = self.max_connections.max(sample.connections);
        }
    }

    /// The name of what is called.
    pub fn called<'a>(&self, recording: &'a Recording, labels: &'a Labels) -> &'a str {
        match self.called {
            Called::Service(index) => &labels.services[index],
            Called::Queue(index) => &recording.queues[index].name,
        }
    }

    /// Sums after the warm-up.
    pub fn totals(&self) -> CallTotals {
        self.last.totals.since(&self.before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_before_the_warm_up_does_not_count() {
        let sample = |second, calls, attempts| CallSample {
            time: SimTime::from_secs(second),
            waiting: calls / 10,
            totals: CallTotals {
                calls,
                first: calls,
                attempts,
                failed: [calls / 2, 0, 0, 0, 0, 0, 0, 0, 0],
                ..CallTotals::default()
            },
            ..CallSample::default()
        };
        let mut way = CallRecord::new(0, Called::Service(1));
        for one in [
            sample(15, 900, 900),
            sample(30, 910, 920),
            sample(45, 920, 950),
        ] {
            way.add(&one, SimTime::from_secs(15));
        }
        let totals = way.totals();
        assert_eq!(
            (totals.calls, totals.attempts, totals.failures()),
            (20, 50, 10)
        );
        assert_eq!((totals.under_way(), totals.amplification()), (10, 2.5));
        assert_eq!(way.max_waiting, 92);
    }
}
