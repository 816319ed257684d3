//! A circuit breaker: after failures one after the other nothing is sent for a while, then one attempt
//! is, which decides. Results of attempts from before a change count for nothing (as in gobreaker).

use crate::sim::SimTime;
use crate::workload::spec::BreakerSpec;

/// Leave to make an attempt; it is handed in with the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pass(u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open(SimTime),
    /// One attempt is under way.
    HalfOpen,
}

/// A circuit breaker.
#[derive(Debug, Clone)]
pub struct Breaker {
    spec: Option<BreakerSpec>,
    state: State,
    /// Failures one after the other.
    failures: u32,
    changes: u32,
}

impl Breaker {
    /// Closed; it stays so if no spec is given.
    pub fn new(spec: Option<BreakerSpec>) -> Self {
        Self {
            spec,
            state: State::Closed,
            failures: 0,
            changes: 0,
        }
    }

    /// Whether an attempt may be made now.
    pub fn admit(&mut self, now: SimTime) -> Option<Pass> {
        match self.state {
            State::Closed => {}
            State::Open(until) if until <= now => self.change_to(State::HalfOpen),
            State::Open(_) | State::HalfOpen => return None,
        }
        Some(Pass(self.changes))
    }

    /// An attempt has ended. Returns whether the breaker opens.
    pub fn note(&mut self, now: SimTime, pass: Pass, ok: bool) -> bool {
        let Some(spec) = self.spec.filter(|_| pass.0 == self.changes) else {
            return false;
        };
        if ok {
            self.failures = 0;
            if self.state == State::HalfOpen {
                self.change_to(State::Closed);
            }
            return false;
        }
        self.failures += 1;
        let opens = self.state == State::HalfOpen || self.failures >= spec.failures;
        if opens {
            self.change_to(State::Open(now + spec.open_for));
        }
        opens
    }

    /// An attempt is not made after all: if it was the trial, the next one is.
    pub fn give_back(&mut self, now: SimTime, pass: Pass) {
        if self.state == State::HalfOpen && pass.0 == self.changes {
            self.change_to(State::Open(now));
        }
    }

    fn change_to(&mut self, state: State) {
        self.state = state;
        self.failures = 0;
        self.changes = self.changes.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::SimDuration;

    fn at(second: i64) -> SimTime {
        SimTime::from_secs(second)
    }

    fn breaker() -> Breaker {
        Breaker::new(Some(BreakerSpec {
            failures: 3,
            open_for: SimDuration::from_secs(10),
        }))
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_closes_after_a_good_trial() {
        let mut one = breaker();
        for ok in [false, false, true, false, false] {
            let pass = one.admit(at(0)).unwrap();
            assert!(!one.note(at(0), pass, ok));
        }
        let pass = one.admit(at(1)).unwrap();
        assert!(one.note(at(1), pass, false));
        assert_eq!(one.admit(at(10)), None);
        let trial = one.admit(at(11)).unwrap();
        assert_eq!(one.admit(at(11)), None);
        assert!(one.note(at(12), trial, false));
        assert_eq!(one.admit(at(21)), None);
        let trial = one.admit(at(22)).unwrap();
        assert!(!one.note(at(22), trial, true));
        assert!(one.admit(at(22)).is_some());
    }

    #[test]
    fn a_trial_that_is_not_made_leaves_room_for_the_next() {
        let mut one = breaker();
        let passes: Vec<Pass> = (0..4).map(|_| one.admit(at(0)).unwrap()).collect();
        for pass in &passes[..3] {
            one.note(at(1), *pass, false);
        }
        one.give_back(at(2), passes[3]);
        assert_eq!(one.admit(at(2)), None);
        let trial = one.admit(at(11)).unwrap();
        one.give_back(at(12), passes[3]);
        assert_eq!(one.admit(at(12)), None);
        one.give_back(at(12), trial);
        let trial = one.admit(at(12)).unwrap();
        assert!(!one.note(at(13), trial, true));
        assert!(one.admit(at(13)).is_some());
    }

    #[test]
    fn results_from_before_it_opened_count_for_nothing() {
        let mut one = breaker();
        let passes: Vec<Pass> = (0..5).map(|_| one.admit(at(0)).unwrap()).collect();
        let opened = passes.iter().filter(|pass| one.note(at(1), **pass, false));
        assert_eq!(opened.count(), 1);
        let trial = one.admit(at(11)).unwrap();
        assert!(!one.note(at(11), passes[0], true));
        assert_eq!(one.admit(at(11)), None);
        assert!(!one.note(at(11), trial, true));
    }
}
