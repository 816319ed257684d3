//! Past recommendations and the windows over them (`stabilizeRecommendation`,
//! `stabilizeRecommendationWithBehaviors`).

use crate::sim::{SimDuration, SimTime};

/// Past recommendations in slot order; outdated slots are reused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Recommendations(Vec<(SimTime, i32)>);

impl Recommendations {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn record(&mut self, now: SimTime, replicas: i32) {
        self.0.push((now, replicas));
    }

    /// The slots as they stand: time and replicas.
    pub(super) fn slots(&self) -> &[(SimTime, i32)] {
        &self.0
    }

    /// Remembers what was recommended now, in an old slot if there is one.
    pub(super) fn put(&mut self, old_slot: Option<usize>, now: SimTime, replicas: i32) {
        match old_slot {
            Some(slot) => self.0[slot] = (now, replicas),
            None => self.0.push((now, replicas)),
        }
    }

    /// Without `behavior`: the highest recommendation of the window. One exactly on the
    /// edge still counts. Beside it the slot that is old.
    pub(super) fn stabilize(
        &self,
        now: SimTime,
        window: SimDuration,
        raw: i32,
    ) -> (i32, Option<usize>) {
        let cutoff = now - window;
        let (mut highest, mut old_slot) = (raw, None);
        for (slot, &(time, replicas)) in self.0.iter().enumerate() {
            if time < cutoff {
                old_slot = Some(slot);
            } else {
                highest = highest.max(replicas);
            }
        }
        (highest, old_slot)
    }

    /// With `behavior`: not above the highest of the down window, not below the lowest of
    /// the up window, otherwise as it is. One exactly on the edge is out. Beside it the slot that is
    /// old.
    pub(super) fn stabilize_both(
        &self,
        now: SimTime,
        up_window: SimDuration,
        down_window: SimDuration,
        current: i32,
        raw: i32,
    ) -> (i32, Option<usize>) {
        let (up_cutoff, down_cutoff) = (now - up_window, now - down_window);
        let (mut up, mut down, mut old_slot) = (raw, raw, None);
        for (slot, &(time, replicas)) in self.0.iter().enumerate() {
            if time > up_cutoff {
                up = up.min(replicas);
            }
            if time > down_cutoff {
                down = down.max(replicas);
            }
            if time < up_cutoff && time < down_cutoff {
                old_slot = Some(slot);
            }
        }
        // `clamp` would panic where up > down; upstream raises first, then lowers.
        let raised = current.max(up);
        (raised.min(down), old_slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: SimDuration = SimDuration::from_secs(300);

    #[test]
    fn without_behavior_the_highest_of_the_window_wins_edge_included() {
        let mut past = Recommendations::default();
        past.record(SimTime::ZERO, 9);
        assert_eq!(past.stabilize(SimTime::from_secs(300), WINDOW, 3).0, 9);
        assert_eq!(past.stabilize(SimTime::from_secs(301), WINDOW, 3).0, 3);
    }

    #[test]
    fn with_behavior_a_recommendation_on_the_edge_is_out() {
        let mut past = Recommendations::default();
        past.record(SimTime::ZERO, 9);
        let at = |seconds| {
            let now = SimTime::from_secs(seconds);
            past.stabilize_both(now, SimDuration::ZERO, WINDOW, 9, 3).0
        };
        assert_eq!(at(299), 9);
        assert_eq!(at(300), 3);
    }

    #[test]
    fn an_old_slot_is_reused() {
        let mut past = Recommendations::default();
        for seconds in 0..1000 {
            let now = SimTime::from_secs(seconds * 15);
            let (_, old_slot) = past.stabilize(now, WINDOW, 1);
            past.put(old_slot, now, 1);
        }
        assert!(past.slots().len() <= 22, "{}", past.slots().len());
    }
}
