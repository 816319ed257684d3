//! Conservation of requests and CPU time, checked at the end of every run.

use std::fmt;

use super::Traffic;
use crate::record::Outcome;
use crate::sim::SimTime;
use crate::workload::CpuLedger;

/// Counts of requests by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Outcomes {
    pub(super) issued: u64,
    by_kind: [u64; Outcome::ALL.len()],
}

impl Outcomes {
    pub(super) fn count(&mut self, outcome: Outcome) {
        self.count_block(outcome, 1);
    }

    pub(super) fn count_block(&mut self, outcome: Outcome, requests: u64) {
        self.by_kind[outcome as usize] += requests;
    }
}

/// What came in, what went out, and what is still inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ledger {
    /// Requests issued.
    pub issued: u64,
    /// Requests that ended, in the order of [`Outcome::ALL`].
    pub ended: [u64; Outcome::ALL.len()],
    /// Requests whose clients wait, counted in the engine itself, and messages of queues that are
    /// not settled.
    pub in_flight: u64,
    /// CPU time.
    pub cpu: CpuLedger,
}

/// What does not add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Imbalance {
    /// The count of requests does not add up.
    #[error("{issued} requests issued, but {ended} ended and {in_flight} in flight")]
    Requests {
        /// Requests issued.
        issued: u64,
        /// Requests ended.
        ended: u64,
        /// Requests in flight.
        in_flight: u64,
    },
    /// CPU time does not add up; in 1/1024 ns of one core.
    #[error("{served} units of CPU given to requests, but {completed} + {partial} received")]
    Cpu {
        /// Given by servers.
        served: u128,
        /// Demanded by completed work.
        completed: u128,
        /// Received by unfinished work.
        partial: u128,
    },
}

impl Ledger {
    /// Checks that requests issued are those that ended and those in flight, and that CPU time
    /// given to requests is what completed work demanded and unfinished work received. Both
    /// hold exactly.
    pub fn check(&self) -> Result<(), Imbalance> {
        let Self {
            issued,
            in_flight,
            cpu,
            ..
        } = *self;
        let ended = self.ended.iter().sum();
        if issued != ended + in_flight {
            return Err(Imbalance::Requests {
                issued,
                ended,
                in_flight,
            });
        }
        let CpuLedger {
            served,
            completed,
            partial,
            ..
        } = cpu;
        if served != completed + partial {
            return Err(Imbalance::Cpu {
                served,
                completed,
                partial,
            });
        }
        Ok(())
    }

    /// Requests that ended so.
    pub fn ended(&self, outcome: Outcome) -> u64 {
        self.ended[outcome as usize]
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "issued {}, in flight {}", self.issued, self.in_flight)?;
        for outcome in Outcome::ALL {
            write!(f, ", {} {}", outcome.name(), self.ended(outcome))?;
        }
        let seconds = CpuLedger::core_seconds;
        write!(
            f,
            "; core-seconds: {:.6} by requests ({:.6} completed, {:.6} partial), \
             {:.6} in the background",
            seconds(self.cpu.served),
            seconds(self.cpu.completed),
            seconds(self.cpu.partial),
            seconds(self.cpu.background)
        )
    }
}

impl Traffic {
    /// The accounts at `now`.
    pub fn ledger(&self, now: SimTime) -> Ledger {
        Ledger {
            issued: self.outcomes.issued,
            ended: self.outcomes.by_kind,
            in_flight: (self.servers.awaited() as i64 + self.queues.outstanding()) as u64,
            cpu: self.servers.ledger(now),
        }
    }
}
