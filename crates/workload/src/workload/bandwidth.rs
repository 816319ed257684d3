//! CPU limits as the kernel enforces them: CFS bandwidth control.
//!
//! In each period of 100 ms a container may use its limit's worth of CPU time, at any speed;
//! when that quota is used up, all of its threads stand still until the next period begins
//! (`kernel/sched/fair.c`, Turner, Rao and Rao 2010). A lone request of 30 ms under a limit of
//! half a core is so done after 30 ms, where a rate of half a core would need 60.
//!
//! Periods follow each other from the container's start. Nothing happens at their ends unless
//! the container stands still: what is left of the quota is worked out when it is asked for.
//! While only background work runs, which has no latency, the limit is a rate.

use crate::sim::{SimDuration, SimTime};

/// `cpu.cfs_period_us`, as the kubelet leaves it.
const PERIOD: SimDuration = SimDuration::from_millis(100);
/// The least limit in millionths of a core: a quota of 1 ms (`minQuotaPeriod` of the kubelet).
const LEAST: u64 = 10_000;

/// What a container's quota has done to it (`cpu.stat`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Throttling {
    /// Periods in which it ran (`nr_periods`).
    pub periods: u64,
    /// Those of them in which the quota was used up (`nr_throttled`).
    pub throttled: u64,
    /// How long it stood still, once and not for each of its threads (`throttled_usec`).
    pub stood: SimDuration,
}

/// The quota of one container.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bandwidth {
    /// Millionths of a core.
    limit: u64,
    /// The end of the current period.
    period_end: SimTime,
    /// Quota left in it, in ns of a millionth of a core.
    left: u64,
    /// Since when the container stands still, if it does, until the period ends.
    throttled: Option<SimTime>,
    /// What has been, up to the period of now.
    past: Throttling,
}

impl Bandwidth {
    /// A limit in millionths of a core, whose first period begins now.
    pub(super) fn new(now: SimTime, limit: u64) -> Self {
        let limit = limit.max(LEAST);
        Self {
            limit,
            period_end: now + PERIOD,
            left: quota(limit),
            throttled: None,
            past: Throttling::default(),
        }
    }

    /// The same container under another limit, whose first period begins now.
    pub(super) fn changed(&self, now: SimTime, limit: u64) -> Self {
        Self {
            past: self.throttling(now),
            ..Self::new(now, limit)
        }
    }

    /// What the quota has done by now; the container was brought to it, or has only been idle since.
    pub(super) fn throttling(&self, now: SimTime) -> Throttling {
        let mut all = self.past;
        if self.left < quota(self.limit) {
            all.periods += 1;
        }
        if let Some(since) = self.throttled {
            all.throttled += 1;
            all.stood += now.min(self.period_end) - since;
        }
        all
    }

    #[inline]
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    #[inline]
    pub(super) fn is_throttled(&self) -> bool {
        self.throttled.is_some()
    }

    /// The container ran at `rate`, in millionths of a core, from `from` to `to`.
    #[inline]
    pub(super) fn consume(&mut self, rate: u64, from: SimTime, to: SimTime) {
        if self.throttled.is_some() {
            return;
        }
        let mut from = from;
        if to >= self.period_end {
            let past = (to - self.period_end).0 / PERIOD.0;
            let ran = if rate > 0 {
                past as u64 + 1
            } else {
                u64::from(self.left < quota(self.limit))
            };
            self.past.periods += ran;
            from = self.period_end + PERIOD * past;
            self.period_end = from + PERIOD;
            self.left = quota(self.limit);
        }
        let used = rate.saturating_mul((to - from).0 as u64);
        self.left = self.left.saturating_sub(used);
    }

    /// Stops the container if its quota is used up, lets it run if its period is over.
    #[inline]
    pub(super) fn tick(&mut self, now: SimTime) {
        match self.throttled {
            Some(since) if now >= self.period_end => {
                self.past.periods += 1;
                self.past.throttled += 1;
                self.past.stood += self.period_end - since;
                let past = (now - self.period_end).0 / PERIOD.0;
                self.period_end += PERIOD * (past + 1);
                self.left = quota(self.limit);
                self.throttled = None;
            }
            None if self.left == 0 => self.throttled = Some(now),
            _ => {}
        }
    }

    /// When [`Self::tick`] is due next if the container runs on at `rate`, or `due` if that is before.
    #[inline]
    pub(super) fn tick_before(&self, due: SimTime, now: SimTime, rate: u64) -> SimTime {
        if self.throttled.is_none() {
            // Most often the quota lasts longer, which is seen without a division.
            let lasts = |left: u64, span: SimDuration| left > rate.saturating_mul(span.0 as u64);
            let later = due > self.period_end;
            let first = if later { self.period_end } else { due };
            if lasts(self.left, first - now)
                && (!later || lasts(quota(self.limit), due - self.period_end))
            {
                return due;
            }
        }
        let tick = self.next_tick(now, rate);
        tick.map_or(due, |tick| due.min(tick.max(now)))
    }

    /// When [`Self::tick`] is due next if the container runs on at `rate`.
    fn next_tick(&self, now: SimTime, rate: u64) -> Option<SimTime> {
        if self.throttled.is_some() {
            return Some(self.period_end);
        }
        if rate == 0 {
            return None;
        }
        // Whether a quota is used up before so much time has passed, without a division.
        let is_less = |left: u64, span: SimDuration| {
            span.0 > 0 && left <= rate.saturating_mul(span.0 as u64 - 1)
        };
        let lasts = |left: u64| SimDuration(left.div_ceil(rate) as i64);
        if is_less(self.left, self.period_end - now) {
            return Some(now + lasts(self.left));
        }
        // This period's quota lasts; does a whole one?
        let whole = quota(self.limit);
        is_less(whole, PERIOD).then(|| self.period_end + lasts(whole))
    }
}

/// The quota of a period.
fn quota(limit: u64) -> u64 {
    limit.saturating_mul(PERIOD.0 as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::flow::CORE;
    use super::*;

    fn ms(millis: i64) -> SimTime {
        SimTime::from_millis(millis)
    }

    #[test]
    fn a_burst_within_the_quota_is_never_stopped() {
        let mut bandwidth = Bandwidth::new(ms(0), CORE / 2);
        assert_eq!(bandwidth.next_tick(ms(10), CORE), Some(ms(60)));
        bandwidth.consume(CORE, ms(10), ms(40));
        bandwidth.tick(ms(40));
        assert!(!bandwidth.is_throttled());
        // Idle over the end of the period: the next quota is whole.
        bandwidth.consume(0, ms(40), ms(130));
        assert_eq!(bandwidth.next_tick(ms(130), CORE), Some(ms(180)));
    }

    #[test]
    fn a_used_up_quota_stops_until_the_period_ends() {
        let mut bandwidth = Bandwidth::new(ms(0), CORE / 2);
        bandwidth.consume(4 * CORE, ms(20), ms(32));
        assert_eq!(
            bandwidth.next_tick(ms(32), 4 * CORE),
            Some(SimTime(32_500_000))
        );
        bandwidth.consume(4 * CORE, ms(32), SimTime(32_500_000));
        bandwidth.tick(SimTime(32_500_000));
        assert!(bandwidth.is_throttled());
        assert_eq!(bandwidth.next_tick(ms(50), 0), Some(ms(100)));
        bandwidth.tick(ms(100));
        assert!(!bandwidth.is_throttled());
        assert_eq!(
            bandwidth.next_tick(ms(100), 4 * CORE),
            Some(SimTime(112_500_000))
        );
    }

    #[test]
    fn periods_and_standstills_are_counted() {
        let mut bandwidth = Bandwidth::new(ms(0), CORE / 2);
        // Half a period at full speed, and the quota is gone.
        bandwidth.consume(CORE, ms(0), ms(50));
        bandwidth.tick(ms(50));
        let seen = bandwidth.throttling(ms(80));
        assert_eq!((seen.periods, seen.throttled), (1, 1));
        assert_eq!(seen.stood, SimDuration::from_millis(30));
        bandwidth.tick(ms(100));
        // Two periods within the limit, one of them begun, then idle for ten.
        bandwidth.consume(CORE / 4, ms(100), ms(250));
        bandwidth.consume(0, ms(250), ms(1250));
        let seen = bandwidth.throttling(ms(1250));
        assert_eq!((seen.periods, seen.throttled), (3, 1));
        assert_eq!(seen.stood, SimDuration::from_millis(50));
        // Another limit is a new period and not a new container.
        let other = bandwidth.changed(ms(1250), CORE);
        assert_eq!(other.throttling(ms(1250)), seen);
    }

    #[test]
    fn a_rate_within_the_limit_needs_no_event() {
        let bandwidth = Bandwidth::new(ms(0), CORE);
        assert_eq!(bandwidth.next_tick(ms(30), CORE), None);
        // What is left now lasts beyond this period, but a whole quota does not.
        let late = bandwidth.next_tick(ms(90), 2 * CORE);
        assert_eq!(late, Some(ms(150)));
    }

    proptest! {
        /// However the demand moves, no window gets more than its quota and one more.
        #[test]
        fn no_time_gets_more_than_the_limit_and_one_quota(
            limit in 1u64..4_000_000,
            steps in prop::collection::vec((0u64..8_000_000, 1i64..300_000_000), 1..100),
        ) {
            let mut bandwidth = Bandwidth::new(SimTime::ZERO, limit);
            let (mut now, mut used) = (SimTime::ZERO, 0u128);
            for (rate, length) in steps {
                let end = now + SimDuration(length);
                while now < end {
                    let running = if bandwidth.is_throttled() { 0 } else { rate };
                    let tick = bandwidth.next_tick(now, running).unwrap_or(SimTime::MAX);
                    let until = tick.min(end).max(now);
                    bandwidth.consume(running, now, until);
                    used += u128::from(running) * (until - now).0 as u128;
                    now = until;
                    if until == tick {
                        bandwidth.tick(now);
                    }
                }
                let quota = u128::from(quota(limit.max(LEAST)));
                let periods = (now.0 / PERIOD.0) as u128 + 1;
                // Events come on whole nanoseconds: a period may overrun by one of the rate.
                prop_assert!(used <= periods * (quota + 8_000_000));
            }
        }

        /// The quick look sees a tick where the long one does.
        #[test]
        fn the_earlier_of_two_times_is_found_without_a_division(
            limit in 1u64..4_000_000,
            steps in prop::collection::vec((0u64..8, 1i64..90_000_000, 0i64..250_000_000), 1..100),
        ) {
            let (mut bandwidth, mut now) = (Bandwidth::new(SimTime::ZERO, limit), SimTime::ZERO);
            for (threads, length, due) in steps {
                let rate = threads * CORE / 2;
                let due = now + SimDuration(due);
                for due in [due, SimTime::MAX] {
                    let tick = bandwidth.next_tick(now, rate).unwrap_or(SimTime::MAX);
                    let expected = due.min(tick.max(now));
                    prop_assert_eq!(bandwidth.tick_before(due, now, rate), expected);
                }
                let end = now + SimDuration(length);
                bandwidth.consume(rate, now, end);
                bandwidth.tick(end);
                now = end;
            }
        }

        /// Under lasting demand the mean is the limit.
        #[test]
        fn a_greedy_container_gets_its_limit(limit in 10_000u64..4_000_000, cores in 4u64..16) {
            let mut bandwidth = Bandwidth::new(SimTime::ZERO, limit);
            let (mut now, mut used) = (SimTime::ZERO, 0u128);
            let end = SimTime::from_secs(10);
            while now < end {
                let rate = if bandwidth.is_throttled() { 0 } else { cores * CORE };
                let until = bandwidth.next_tick(now, rate).unwrap_or(end).min(end);
                bandwidth.consume(rate, now, until);
                used += u128::from(rate) * (until - now).0 as u128;
                now = until;
                bandwidth.tick(now);
            }
            let mean = used as f64 / 10e9;
            prop_assert!((mean / limit as f64 - 1.0).abs() < 1e-4, "{mean}");
        }
    }
}
