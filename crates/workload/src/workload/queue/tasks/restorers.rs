//! When messages of a list of Redis are restored: by a worker that lives, as it starts and at each of
//! its sweeps. Redis does nothing by itself.

use std::collections::BTreeMap;

use crate::sim::{SimDuration, SimTime};

/// A worker sweeps so often: `unacked_restore_interval` of 10 s × `unacked_restore_throttle` of 10.
const SWEEP: SimDuration = SimDuration::from_secs(100);

/// The workers that sweep.
#[derive(Debug, Clone, Default)]
pub(super) struct Restorers {
    /// How many sweep at which time after a whole number of intervals.
    phases: BTreeMap<i64, u32>,
}

impl Restorers {
    /// A worker has started.
    pub(super) fn add(&mut self, since: SimTime) {
        *self.phases.entry(since.0.rem_euclid(SWEEP.0)).or_default() += 1;
    }

    /// A worker that started at this time sweeps no more.
    pub(super) fn remove(&mut self, since: SimTime) {
        let phase = since.0.rem_euclid(SWEEP.0);
        let Some(count) = self.phases.get_mut(&phase) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            self.phases.remove(&phase);
        }
    }

    /// The first sweep at or after a time; none without workers.
    pub(super) fn first_from(&self, time: SimTime) -> Option<SimTime> {
        let (whole, phase) = (time.0.div_euclid(SWEEP.0), time.0.rem_euclid(SWEEP.0));
        let in_this = self
            .phases
            .range(phase..)
            .next()
            .map(|(at, _)| (whole, *at));
        let in_next = || {
            self.phases
                .first_key_value()
                .map(|(at, _)| (whole + 1, *at))
        };
        let (whole, phase) = in_this.or_else(in_next)?;
        Some(SimTime(whole * SWEEP.0 + phase))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_sweeps_every_hundred_seconds_from_its_start_on() {
        let at = SimTime::from_secs;
        let mut restorers = Restorers::default();
        assert_eq!(restorers.first_from(at(5)), None);
        restorers.add(at(130));
        assert_eq!(restorers.first_from(at(130)), Some(at(130)));
        assert_eq!(restorers.first_from(at(131)), Some(at(230)));
        restorers.add(at(390));
        assert_eq!(restorers.first_from(at(431)), Some(at(490)));
        restorers.remove(at(390));
        assert_eq!(restorers.first_from(at(431)), Some(at(530)));
    }
}
