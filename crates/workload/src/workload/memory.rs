//! The memory of one server: what it starts with, what requests hold and leave behind, what
//! leaks over time, and what a declared curve adds.

use super::past::Past;
use super::spec::MemorySpec;
use crate::sim::{Dist, SimDuration, SimTime};
use crate::units::Bytes;

/// The memory of one server.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    spec: MemorySpec,
    limit: Option<i64>,
    started: SimTime,
    held: i64,
    finished: u64,
    declared: f64,
    /// Whether time or finished requests leave anything behind.
    grows: bool,
    /// What was declared lately, if that is kept.
    past: Option<Past<f64>>,
}

impl Memory {
    pub(super) fn new(now: SimTime, spec: &MemorySpec, limit: Option<Bytes>) -> Self {
        Self {
            spec: spec.clone(),
            limit: limit.map(|bytes| bytes.0),
            started: now,
            held: 0,
            finished: 0,
            declared: 0.0,
            grows: spec.growth_per_second != 0.0 || spec.retained_per_request != 0.0,
            past: None,
        }
    }

    /// Keeps what was declared until a change from now on.
    pub(super) fn keep_past(&mut self) {
        self.past.get_or_insert_default();
    }

    /// What is declared, in bytes.
    pub(super) fn declared(&self) -> f64 {
        self.declared
    }

    /// Whether time or finished requests leave anything behind.
    pub(super) fn grows(&self) -> bool {
        self.grows
    }

    /// Whether it cannot reach its limit while no request comes.
    pub(super) fn waits_for_requests(&self) -> bool {
        self.limit.is_none() || self.spec.growth_per_second <= 0.0
    }

    pub(super) fn set_limit(&mut self, limit: Option<Bytes>) {
        self.limit = limit.map(|bytes| bytes.0);
    }

    pub(super) fn set_declared(&mut self, now: SimTime, bytes: f64) {
        if let Some(past) = self.past.as_mut().filter(|_| bytes != self.declared) {
            past.push(now, self.declared);
        }
        self.declared = bytes;
    }

    #[inline]
    pub(super) fn hold(&mut self, bytes: i64) {
        self.held += bytes;
    }

    /// A request has left and no longer holds `bytes`.
    #[inline]
    pub(super) fn release(&mut self, bytes: i64) {
        self.held -= bytes;
        self.finished += 1;
    }

    /// So many requests have left, and those inside hold so much more than before.
    pub(super) fn pass(&mut self, more: i64, left: u64) {
        self.held += more;
        self.finished += left;
    }

    /// Bytes held at `now`.
    pub(super) fn level(&self, now: SimTime) -> i64 {
        self.spec.base.0 + self.held + self.grown(now, self.declared) as i64
    }

    /// Bytes held at a time that may have passed, by a server that takes no requests. Times ascend.
    pub(super) fn level_at(&mut self, time: SimTime) -> i64 {
        let past = self.past.as_mut().and_then(|past| past.at(time).copied());
        let declared = past.unwrap_or(self.declared);
        self.spec.base.0 + self.held + self.grown(time, declared) as i64
    }

    fn grown(&self, now: SimTime, declared: f64) -> f64 {
        if !self.grows {
            return declared;
        }
        let uptime = now.since(self.started).as_secs_f64();
        self.spec.growth_per_second * uptime
            + self.spec.retained_per_request * self.finished as f64
            + declared
    }

    /// Whether the limit is reached at `now`.
    #[inline]
    pub(super) fn is_exhausted(&self, now: SimTime) -> bool {
        match self.limit {
            Some(limit) => self.level(now) >= limit,
            None => false,
        }
    }

    /// How many requests may come up to a time before the limit can be reached, with so many in it
    /// now: none may be done by then, or all. 0 too if that cannot be told.
    pub(super) fn room(&self, now: SimTime, until: SimTime, inside: u32, each: &Dist) -> u64 {
        let Some(limit) = self.limit else {
            return u64::MAX;
        };
        let &Dist::Constant(each) = each else {
            return 0;
        };
        let retained = self.spec.retained_per_request.max(0.0);
        let level = self.level(now).max(self.level(until)) as f64;
        let left = limit as f64 - level - retained * f64::from(inside) - 1.0;
        if left <= 0.0 {
            0
        } else if each + retained > 0.0 {
            (left / (each + retained)) as u64
        } else {
            u64::MAX
        }
    }

    /// When growth alone reaches the limit, if it does and has not yet.
    #[inline]
    pub(super) fn exhaustion(&self, now: SimTime) -> Option<SimTime> {
        let limit = self.limit?;
        if self.spec.growth_per_second <= 0.0 {
            return None;
        }
        let fixed = self.spec.base.0 + self.held;
        let other = self.spec.retained_per_request * self.finished as f64 + self.declared;
        let seconds = ((limit - fixed) as f64 - other) / self.spec.growth_per_second;
        if seconds > 1e9 {
            return None;
        }
        // Rounded up. Should rounding still fall short, it is looked at again a little later.
        let nanos = (seconds * 1e9).ceil() as i64 + 1;
        let later = now + SimDuration(1_000);
        Some((self.started + SimDuration(nanos)).max(later))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_meets_the_limit_when_predicted() {
        let spec = MemorySpec {
            base: Bytes(1000),
            growth_per_second: 3.0,
            retained_per_request: 0.5,
        };
        let mut memory = Memory::new(SimTime::from_secs(10), &spec, Some(Bytes(2000)));
        memory.hold(100);
        memory.hold(50);
        memory.release(50);
        let at = memory.exhaustion(SimTime::from_secs(10)).unwrap();
        assert!(memory.is_exhausted(at));
        assert!(!memory.is_exhausted(SimTime(at.0 - 1_000)));
        assert!((at.as_secs_f64() - 10.0 - 899.5 / 3.0).abs() < 0.4);
    }

    #[test]
    fn without_growth_nothing_is_predicted() {
        let spec = MemorySpec {
            base: Bytes(10),
            ..MemorySpec::default()
        };
        let memory = Memory::new(SimTime::ZERO, &spec, Some(Bytes(20)));
        assert_eq!(memory.exhaustion(SimTime::ZERO), None);
        assert_eq!(memory.level(SimTime::from_secs(5)), 10);
    }
}
