//! What holds a proposal back: past recommendations, then rates and bounds
//! (`normalizeDesiredReplicas`, `normalizeDesiredReplicasWithBehaviors`).

use super::behavior::{Rates, limit_by_rules, store};
use super::conditions::{Finding, Limit};
use super::decision::Decision;
use super::reconcile::Controller;
use crate::sim::{SimDuration, SimTime};

impl Controller {
    /// The number that remains of `raw`.
    pub(super) fn normalize(
        &mut self,
        now: SimTime,
        current: i32,
        raw: i32,
        decision: &mut Decision,
    ) -> i32 {
        let (stabilized, old_slot) = self.stabilize(now, current, raw);
        self.recommendations.put(old_slot, now, raw);
        let (limited, limit) = self.limit(now, current, stabilized);
        decision.steps.stabilized = Some(stabilized);
        decision.steps.limited = Some(limited);
        decision.steps.limit = limit;
        let held_upward = self.spec.behavior.is_some() && raw >= current;
        self.set(
            now,
            match stabilized == raw {
                true => Finding::ReadyForNewScale,
                false if held_upward => Finding::ScaleUpStabilized,
                false => Finding::ScaleDownStabilized,
            },
        );
        self.set(now, limit.map_or(Finding::WithinRange, Finding::Limited));
        limited
    }

    /// The number by past recommendations, and the slot of one that is old.
    pub(super) fn stabilize(&self, now: SimTime, current: i32, raw: i32) -> (i32, Option<usize>) {
        let downscale_window = self.config.downscale_stabilization;
        let past = &self.recommendations;
        match &self.spec.behavior {
            None => past.stabilize(now, downscale_window, raw),
            Some(behavior) => {
                let (up, down) = (&behavior.scale_up, &behavior.scale_down);
                let up_window = up.stabilization_window.unwrap_or(SimDuration::ZERO);
                // The controller writes its flag into the spec, which counts whole seconds.
                let whole_seconds = SimDuration::from_secs(downscale_window.0 / 1_000_000_000);
                let down_window = down.stabilization_window.unwrap_or(whole_seconds);
                past.stabilize_both(now, up_window, down_window, current, raw)
            }
        }
    }

    /// The number within rates and bounds, and what held it back.
    pub(super) fn limit(
        &self,
        now: SimTime,
        current: i32,
        stabilized: i32,
    ) -> (i32, Option<Limit>) {
        let (min, max) = (self.spec.min_replicas, self.spec.max_replicas);
        match &self.spec.behavior {
            None => limit_by_rules(current, stabilized, min, max),
            Some(behavior) => {
                let rates = Rates {
                    now,
                    current,
                    min,
                    max,
                    up_events: &self.scale_up_events,
                    down_events: &self.scale_down_events,
                };
                rates.limit(stabilized, &behavior.scale_up, &behavior.scale_down)
            }
        }
    }

    /// Records a change that was written; only `behavior` needs it.
    pub(super) fn store_scale_event(&mut self, now: SimTime, current: i32, desired: i32) {
        let Some(behavior) = &self.spec.behavior else {
            return;
        };
        if desired > current {
            let change = desired.wrapping_sub(current);
            store(&mut self.scale_up_events, &behavior.scale_up, now, change);
        } else {
            let change = current.wrapping_sub(desired);
            store(
                &mut self.scale_down_events,
                &behavior.scale_down,
                now,
                change,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::Config;
    use super::super::spec::{BehaviorInput, HpaSpecInput};
    use super::*;

    #[test]
    fn the_flags_window_is_cut_to_whole_seconds_where_there_is_behavior() {
        let highest_at = |behavior| {
            let spec = HpaSpecInput {
                max_replicas: 10,
                behavior,
                ..HpaSpecInput::default()
            };
            let config = Config {
                downscale_stabilization: SimDuration::from_millis(300_900),
                ..Config::default()
            };
            let mut controller = Controller::new(spec.defaulted(), config);
            controller.recommendations.record(SimTime::ZERO, 9);
            controller.stabilize(SimTime::from_millis(300_500), 9, 3).0
        };
        assert_eq!(highest_at(None), 9);
        assert_eq!(highest_at(Some(BehaviorInput::default())), 3);
    }
}
