//! The steps of a script as waits and requests.

use super::CommandError;
use super::script::{FOR_EVER, Step};
use crate::load::spec::{WgetPart, WgetScript};
use crate::sim::SimDuration;

/// Requests of one round of a loop.
const MOST_OF_A_ROUND: usize = 10_000;

/// Steps as waits and requests.
pub(super) fn script(steps: &[Step], decides: bool) -> Result<WgetScript, CommandError> {
    let mut made = WgetScript {
        parts: Vec::new(),
        after: SimDuration::ZERO,
        fails_with_last: decides,
    };
    let mut once = Round::default();
    for step in steps {
        let Step::Loop(body, rounds, open) = step else {
            once.add(step)?;
            continue;
        };
        if !step.sends() {
            once.add(step)?;
            continue;
        }
        if !once.waits.is_empty() {
            let waits = std::mem::take(&mut once.waits);
            made.parts.push(WgetPart {
                before: SimDuration::ZERO,
                rounds: Some(1),
                waits,
                rest: SimDuration::ZERO,
            });
        }
        let before = std::mem::take(&mut once.rest);
        let mut round = Round::default();
        for step in body {
            round.add(step).map_err(|_| open.wrong(TOO_MANY))?;
        }
        made.parts.push(WgetPart {
            before,
            rounds: *rounds,
            waits: round.waits,
            rest: round.rest,
        });
    }
    made.after = once.rest;
    if !once.waits.is_empty() {
        made.parts.push(WgetPart {
            before: SimDuration::ZERO,
            rounds: Some(1),
            waits: once.waits,
            rest: SimDuration::ZERO,
        });
    }
    Ok(made)
}

const TOO_MANY: &str = "a loop within a loop has an end, and 10000 requests at most";

/// Requests one after the other: the wait before each, and what is waited after the last.
#[derive(Default)]
struct Round {
    waits: Vec<SimDuration>,
    rest: SimDuration,
}

impl Round {
    fn wait(&mut self, time: SimDuration) {
        self.rest = SimDuration(self.rest.0.saturating_add(time.0)).min(FOR_EVER);
    }

    fn add(&mut self, step: &Step) -> Result<(), CommandError> {
        match step {
            Step::Wait(time) => self.wait(*time),
            Step::Wget => self.waits.push(std::mem::take(&mut self.rest)),
            Step::Loop(body, rounds, _) if !step.sends() => {
                let mut once = Self::default();
                if *rounds != Some(0) {
                    for step in body {
                        once.add(step)?;
                    }
                }
                let time = match rounds {
                    None => FOR_EVER,
                    Some(rounds) => {
                        let rounds = i64::try_from(*rounds).unwrap_or(i64::MAX);
                        SimDuration(once.rest.0.saturating_mul(rounds))
                    }
                };
                self.wait(time);
            }
            Step::Loop(body, rounds, open) => {
                let rounds = rounds.ok_or_else(|| open.wrong(TOO_MANY))?;
                for _ in 0..rounds {
                    for step in body {
                        self.add(step)?;
                    }
                    if self.waits.len() > MOST_OF_A_ROUND {
                        return Err(open.wrong(TOO_MANY));
                    }
                }
            }
        }
        Ok(())
    }
}
