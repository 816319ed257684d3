//! Processor sharing in virtual time.
//!
//! A server's CPU is shared equally among the requests on it, each on one core at most, and
//! its background work, which counts as that many threads. Virtual time V is the service
//! that each request on the CPU has received: it runs at rate min(1, grant / threads), so a
//! request that enters at V with work w is done at V + w whatever happens in between
//! (Kleinrock's processor sharing; the method is that of fair queueing, Demers, Keshav and
//! Shenker 1989).
//!
//! All arithmetic is in integers. V counts 1/1024 ns; each step cuts less than one such unit
//! off the service given, and what was given is accounted exactly: the sum over requests of
//! service received equals the total consumed.

use super::bandwidth::{Bandwidth, Throttling};
use crate::sim::SimTime;

/// Millionths of a core, the unit of grants.
pub(super) const CORE: u64 = 1_000_000;

/// Virtual time units per nanosecond, as a shift.
pub(super) const FINE: u32 = 10;

/// Background work up to the next change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Background {
    pub(super) updated: SimTime,
    /// Millionths of a core.
    pub(super) rate: u64,
    pub(super) grant: u64,
    /// Used up to the update, in 1/1024 ns of one millionth of a core.
    pub(super) used: u128,
}

impl Background {
    /// No work yet, under a grant.
    pub(super) fn new(updated: SimTime, grant: u64) -> Self {
        Self {
            updated,
            rate: 0,
            grant,
            used: 0,
        }
    }

    /// CPU time used until `now`, in 1/1024 ns of one millionth of a core.
    #[inline]
    pub(super) fn used_at(&self, now: SimTime) -> u128 {
        let given = given(now.0 - self.updated.0, self.rate, self.grant);
        // Modulo 2^128: what counts may be a difference.
        self.used
            .wrapping_add(u128::from(self.rate) * u128::from(given))
    }
}

/// Nanoseconds of a core in so many 1/1024 ns of one millionth of a core, cut.
#[inline]
pub(super) fn nanos(used: u128) -> i64 {
    let whole = used >> FINE;
    match u64::try_from(whole) {
        Ok(whole) => (whole / CORE) as i64,
        Err(_) => (whole / u128::from(CORE)) as i64,
    }
}

/// Service that each of these threads gets in so many nanoseconds, in 1/1024 ns.
#[inline]
fn given(elapsed: i64, threads: u64, grant: u64) -> u64 {
    let elapsed = elapsed as u64;
    if threads <= grant {
        return elapsed << FINE;
    }
    let fine = u128::from(elapsed << FINE) * u128::from(grant);
    match u64::try_from(fine) {
        Ok(fine) => fine / threads,
        Err(_) => (fine / u128::from(threads)) as u64,
    }
}

/// Virtual time, the quota and the accounts of a server's CPU: all but which requests are on it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flow {
    pub(super) updated: SimTime,
    /// Service given to each request since V was last 0, in 1/1024 ns.
    virtual_now: u64,
    /// Requests on the CPU.
    pub(super) active: u32,
    background: u64,
    /// What it would use with nothing in the way, in millionths of a core.
    demand: u64,
    grant: u64,
    /// The CPU limit, if there is one.
    bandwidth: Option<Bandwidth>,
    /// Given to requests in all, in 1/1024 ns of one core.
    pub(super) served: u128,
    /// Work of requests that were done, in 1/1024 ns of one core.
    pub(super) completed: u128,
    /// Given to background work, in 1/1024 ns of one millionth of a core.
    pub(super) background_used: u128,
}

impl Flow {
    pub(super) fn new(now: SimTime, grant: u64, limit: Option<u64>) -> Self {
        Self {
            updated: now,
            virtual_now: 0,
            active: 0,
            background: 0,
            demand: 0,
            grant,
            bandwidth: limit.map(|limit| Bandwidth::new(now, limit)),
            served: 0,
            completed: 0,
            background_used: 0,
        }
    }

    #[inline]
    pub(super) fn grant(&self) -> u64 {
        self.grant
    }

    /// The background work, in millionths of a core.
    pub(super) fn background(&self) -> u64 {
        self.background
    }

    /// The background work as it is now.
    pub(super) fn background_work(&self) -> Background {
        Background {
            updated: self.updated,
            rate: self.background,
            grant: self.grant,
            used: self.background_used,
        }
    }

    /// What it would use with nothing in the way, in millionths of a core.
    #[inline]
    pub(super) fn demand(&self) -> u64 {
        self.demand
    }

    /// The most that it may use at the moment, in millionths of a core: nothing while its
    /// quota is used up, any amount while it lasts, its limit while only background work runs.
    #[inline]
    pub(super) fn cap(&self) -> u64 {
        match &self.bandwidth {
            Some(bandwidth) if bandwidth.is_throttled() => 0,
            Some(bandwidth) if self.active == 0 => bandwidth.limit(),
            _ => u64::MAX,
        }
    }

    /// What it uses at the moment, in millionths of a core.
    #[inline]
    fn rate(&self) -> u64 {
        self.demand.min(self.grant)
    }

    /// Changes the CPU limit: the quota is whole again. The caller has advanced to now.
    pub(super) fn set_limit(&mut self, now: SimTime, limit: Option<u64>) {
        self.bandwidth = match (limit, &self.bandwidth) {
            (Some(limit), Some(before)) => Some(before.changed(now, limit)),
            (Some(limit), None) => Some(Bandwidth::new(now, limit)),
            (None, _) => None,
        };
    }

    /// What the CPU limit has done to it by now, if there is one.
    pub(super) fn throttling(&self, now: SimTime) -> Option<Throttling> {
        let mut bandwidth = self.bandwidth?;
        if !bandwidth.is_throttled() {
            bandwidth.consume(self.rate(), self.updated, now);
        }
        Some(bandwidth.throttling(now))
    }

    /// Notices that the quota is used up or whole again; the caller has advanced to now.
    #[inline]
    pub(super) fn tick(&mut self, now: SimTime) {
        if let Some(bandwidth) = &mut self.bandwidth {
            bandwidth.tick(now);
        }
    }

    /// Service given per request between the last update and `now`.
    #[inline]
    fn step(&self, now: SimTime) -> u64 {
        given(now.0 - self.updated.0, self.demand, self.grant)
    }

    /// Brings V and the accounts to `now`.
    #[expect(clippy::inline_always, reason = "most of what a change costs")]
    #[inline(always)]
    pub(super) fn advance(&mut self, now: SimTime) {
        let (given, rate) = (self.step(now), self.rate());
        if let Some(bandwidth) = &mut self.bandwidth {
            bandwidth.consume(rate, self.updated, now);
        }
        self.updated = now;
        self.virtual_now += given;
        self.served += u128::from(self.active) * u128::from(given);
        self.background_used += u128::from(self.background) * u128::from(given);
    }

    /// Changes the grant; the caller has advanced to now.
    #[inline]
    pub(super) fn set_grant(&mut self, grant: u64) {
        self.grant = grant;
    }

    /// Changes the background work; the caller has advanced to now.
    pub(super) fn set_background(&mut self, background: u64) {
        self.background = background;
        self.demand = u64::from(self.active) * CORE + background;
    }

    /// Work comes to the CPU; the caller has advanced to now. Returns the virtual time at which it is
    /// done.
    #[inline]
    pub(super) fn enter(&mut self, cpu: i64) -> u64 {
        if self.active == 0 {
            self.virtual_now = 0;
        }
        self.active += 1;
        self.demand += CORE;
        self.virtual_now + ((cpu as u64) << FINE)
    }

    /// Whether what is done at this virtual time is done by now; the caller has advanced to now.
    #[inline]
    pub(super) fn is_done(&self, finish: u64) -> bool {
        finish <= self.virtual_now
    }

    /// Work that is done by now leaves the CPU.
    #[inline]
    pub(super) fn leave(&mut self, finish: u64, cpu: i64) {
        self.active -= 1;
        self.demand -= CORE;
        // Events come on whole nanoseconds: take back what was given beyond its work.
        self.served -= u128::from(self.virtual_now - finish);
        self.completed += u128::from((cpu as u64) << FINE);
    }

    /// Work leaves the CPU before it is done; the caller has advanced to now. Returns what was given
    /// to it.
    pub(super) fn abort(&mut self, finish: u64, cpu: i64) -> u128 {
        let overshoot = u128::from(self.virtual_now.saturating_sub(finish));
        let received = self.received(finish, cpu) - overshoot;
        self.active -= 1;
        self.demand -= CORE;
        self.served -= overshoot;
        received
    }

    /// What was given to work so far.
    pub(super) fn received(&self, finish: u64, cpu: i64) -> u128 {
        u128::from(self.virtual_now) + (u128::from(cpu as u64) << FINE) - u128::from(finish)
    }

    /// When what is done at this virtual time is done if nothing changes; [`SimTime::MAX`] if it never
    /// is.
    #[inline]
    fn done_at(&self, finish: u64) -> SimTime {
        let missing = finish.saturating_sub(self.virtual_now);
        let threads = self.demand;
        let span = if threads <= self.grant {
            missing.div_ceil(1 << FINE)
        } else if self.grant == 0 {
            return SimTime::MAX;
        } else {
            let (work, rate) = (
                u128::from(missing) * u128::from(threads),
                self.grant << FINE,
            );
            match u64::try_from(work) {
                Ok(work) => work.div_ceil(rate),
                Err(_) => u64::try_from(work.div_ceil(u128::from(rate))).unwrap_or(u64::MAX),
            }
        };
        let at = i64::try_from(span).map(|span| self.updated.0.checked_add(span));
        SimTime(at.ok().flatten().unwrap_or(i64::MAX))
    }

    /// When the first of its requests, done at this virtual time, is done, or the quota is used up or
    /// whole again, if nothing changes; [`SimTime::MAX`] if neither will be. Of no requests the first is
    /// done at [`u64::MAX`]. The caller has advanced to now.
    #[expect(clippy::inline_always, reason = "most of what a change costs")]
    #[inline(always)]
    pub(super) fn next_change(&self, now: SimTime, first: u64) -> SimTime {
        let done = match first {
            u64::MAX => SimTime::MAX,
            _ => self.done_at(first).max(now),
        };
        match &self.bandwidth {
            Some(bandwidth) if self.active > 0 || bandwidth.is_throttled() => {
                bandwidth.tick_before(done, now, self.rate())
            }
            _ => done,
        }
    }

    /// CPU time used until `now` by requests and background work, in nanoseconds.
    pub(super) fn used(&self, now: SimTime) -> i64 {
        let step = u128::from(self.step(now));
        let served = self.served + u128::from(self.active) * step;
        let background = self.background_used + u128::from(self.background) * step;
        if served == 0 {
            return nanos(background);
        }
        ((served + background / u128::from(CORE)) >> FINE) as i64
    }
}
