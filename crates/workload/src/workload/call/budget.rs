//! A retry budget, as Finagle's: a token bucket from which tokens leak.
//!
//! `RetryBudget.scala` and, of twitter/util, `TokenBucket.newLeakyBucket` and `WindowedAdder.scala`. Each
//! call pays in; a retry costs so much that they are a share of the calls. What is paid in and what is
//! taken out is forgotten after a time, and a reserve is always added: so many retries a second are there
//! whatever is paid in.

use super::super::spec::RetryBudgetSpec;
use crate::sim::SimTime;

/// What a call pays in: small parts of it are what a retry costs.
const SCALE: f64 = 1000.0;
/// The window is forgotten in so many steps.
const SLICES: usize = 10;

/// A sum over a window that moves on in steps.
#[derive(Debug, Clone)]
struct Window {
    /// How long a slice is, in milliseconds.
    slice: i64,
    /// The slice that is written to.
    current: i64,
    /// Slices before it.
    past: [i64; SLICES - 1],
    place: usize,
    /// When the current slice began.
    began: i64,
}

impl Window {
    fn new(length: i64, now: i64) -> Self {
        Self {
            slice: length / SLICES as i64,
            current: 0,
            past: [0; SLICES - 1],
            place: 0,
            began: now,
        }
    }

    /// Closes the current slice if it is over, and forgets those that have come round.
    fn move_on(&mut self, now: i64) {
        let passed = now - self.began;
        if passed < self.slice {
            return;
        }
        self.past[self.place] = std::mem::take(&mut self.current);
        self.place = (self.place + 1) % self.past.len();
        let skipped = usize::try_from(passed / self.slice - 1).unwrap_or(0);
        for _ in 0..skipped.min(self.past.len()) {
            self.past[self.place] = 0;
            self.place = (self.place + 1) % self.past.len();
        }
        self.began = now;
    }

    fn add(&mut self, amount: i64, now: i64) {
        self.move_on(now);
        self.current += amount;
    }

    fn sum(&mut self, now: i64) -> i64 {
        self.move_on(now);
        self.current + self.past.iter().sum::<i64>()
    }
}

/// A retry budget; retries are free without one.
#[derive(Debug, Clone)]
pub struct Budget {
    bucket: Option<Bucket>,
}

#[derive(Debug, Clone)]
struct Bucket {
    deposit: i64,
    cost: i64,
    reserve: i64,
    window: Window,
}

impl Budget {
    /// One that begins now.
    pub fn new(spec: Option<RetryBudgetSpec>, now: SimTime) -> Self {
        let bucket = spec.map(|spec| {
            // Without a share all that there is comes by itself, and a retry costs one.
            let (deposit, cost) = if spec.share > 0.0 {
                (SCALE as i64, (SCALE / spec.share) as i64)
            } else {
                (0, 1)
            };
            let ttl = spec.ttl.0 / 1_000_000;
            let reserve = i64::from(spec.per_second) * (ttl / 1000) * cost;
            Bucket {
                deposit,
                cost,
                reserve,
                window: Window::new(ttl, millis(now)),
            }
        });
        Self { bucket }
    }

    /// A call is made.
    pub fn pay_in(&mut self, now: SimTime) {
        if let Some(bucket) = &mut self.bucket {
            bucket.window.add(bucket.deposit, millis(now));
        }
    }

    /// Takes a retry, if there is one.
    pub fn take(&mut self, now: SimTime) -> bool {
        let Some(bucket) = &mut self.bucket else {
            return true;
        };
        let now = millis(now);
        let is_there = bucket.window.sum(now) + bucket.reserve >= bucket.cost;
        if is_there {
            bucket.window.add(-bucket.cost, now);
        }
        is_there
    }
}

fn millis(time: SimTime) -> i64 {
    time.0.div_euclid(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::SimDuration;

    fn budget(share: f64, per_second: u32) -> Budget {
        let spec = RetryBudgetSpec {
            share,
            per_second,
            ttl: SimDuration::from_secs(10),
        };
        Budget::new(Some(spec), SimTime::ZERO)
    }

    fn taken(budget: &mut Budget, most: usize, millis: i64) -> usize {
        let now = SimTime::from_millis(millis);
        (0..most).take_while(|_| budget.take(now)).count()
    }

    #[test]
    fn a_share_of_the_calls_and_a_reserve_may_be_tried_again() {
        // RetryBudgetTest.scala: a share without a reserve, then with it.
        for (share, calls, retries) in [(0.25, 400, 100), (0.1, 100, 10), (2.0, 10, 20)] {
            let mut without = budget(share, 0);
            (0..calls).for_each(|_| without.pay_in(SimTime::ZERO));
            assert_eq!(taken(&mut without, 1000, 0), retries, "{share}");
            let mut with = budget(share, 10);
            (0..calls).for_each(|_| with.pay_in(SimTime::ZERO));
            assert_eq!(taken(&mut with, 1000, 0), retries + 100, "{share}");
        }
        let mut free = Budget::new(None, SimTime::ZERO);
        assert_eq!(taken(&mut free, 1000, 0), 1000);
    }

    #[test]
    fn what_was_paid_in_and_taken_out_is_forgotten() {
        let mut budget = budget(0.5, 0);
        (0..20).for_each(|_| budget.pay_in(SimTime::ZERO));
        assert_eq!(taken(&mut budget.clone(), 100, 9_999), 10);
        assert_eq!(taken(&mut budget, 100, 10_000), 0);
    }

    #[test]
    fn without_a_share_there_is_the_minimum() {
        let mut budget = budget(0.0, 1);
        (0..500).for_each(|_| budget.pay_in(SimTime::ZERO));
        assert_eq!(taken(&mut budget, 100, 0), 10);
        assert_eq!(taken(&mut budget, 100, 9_500), 0);
        assert_eq!(taken(&mut budget, 100, 10_500), 10);
    }
}
