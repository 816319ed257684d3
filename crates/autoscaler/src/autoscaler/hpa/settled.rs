//! A reconcile that sees what the last one saw, and comes to the same.
//!
//! Metrics that have been added up to the same sums lead to the same proposal. What is left to look at
//! is what time alone changes: past recommendations and rates. Where they too give what they gave,
//! and the last reconcile changed nothing, this one changes nothing but the recommendations.

use super::decision::Decision;
use super::observation::Observation;
use super::reconcile::Controller;
use super::tally::Tally;
use crate::sim::SimTime;

/// The last reconcile, if it changed nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Settled {
    /// What it saw: each metric added up.
    tallies: Vec<Tally>,
    /// `spec.replicas` and `status.replicas` of the scale.
    replicas: (i32, i32),
    /// Whether it changed nothing.
    changed_nothing: bool,
    /// What it did, once its owner has given that back.
    decision: Option<Decision>,
    /// Whether it did what the one before had done.
    is_again: bool,
}

impl Settled {
    /// Whatever was seen last does not count any more.
    pub(super) fn forget(&mut self) {
        self.changed_nothing = false;
        self.decision = None;
        self.is_again = false;
    }

    /// A reconcile saw this and did that.
    pub(super) fn note(&mut self, observation: &Observation<'_>, decision: &Decision) {
        self.forget();
        if let (Some(tallies), Ok(scale)) = (observation.tallies, observation.scale)
            && decision.write.is_none()
            && decision.error.is_none()
            && decision.events.is_empty()
            && !decision.status_changed
        {
            self.changed_nothing = true;
            self.tallies.clear();
            self.tallies.extend_from_slice(tallies);
            self.replicas = (scale.spec_replicas, scale.status_replicas);
        }
    }
}

impl Controller {
    /// Gives back what the last reconcile did, once nobody needs it any more: should the next one come
    /// to the same, it is told by this.
    pub fn keep(&mut self, decision: Decision) {
        if self.settled.changed_nothing {
            self.settled.decision = Some(decision);
        }
    }

    /// Whether the last reconcile saw and did what the one before it had: neither its decision nor the
    /// status is another.
    pub fn decided_again(&self) -> bool {
        self.settled.is_again
    }

    /// What the last reconcile did, if this one sees and does the same.
    pub(super) fn decide_again(
        &mut self,
        observation: &Observation<'_>,
        now: SimTime,
    ) -> Option<Decision> {
        let settled = &self.settled;
        let steps = settled.decision.as_ref()?.steps;
        let (scale, tallies) = (observation.scale.ok()?, observation.tallies?);
        let (current, raw) = (scale.spec_replicas, steps.raw?.max(0));
        if current == 0
            || settled.replicas != (current, scale.status_replicas)
            || settled.tallies != tallies
            || self.good_selector != scale.selector
            || observation.selected_by.len() > 1
        {
            return None;
        }
        let (stabilized, old_slot) = self.stabilize(now, current, raw);
        let (limited, limit) = self.limit(now, current, stabilized);
        let corrected = (Some(stabilized), Some(limited), limit);
        if corrected != (steps.stabilized, steps.limited, steps.limit) {
            return None;
        }
        self.recommendations.put(old_slot, now, raw);
        self.settled.is_again = true;
        self.settled.decision.take()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{
        Adder, BehaviorInput, Config, HpaSpec, HpaSpecInput, MetricSpec, Observation, Phase,
        ReadyCondition, ReadyStatus, Resource, ResourceTarget, Sample, Scale, ScalingRulesInput,
        Standing,
    };
    use super::*;
    use crate::sim::SimDuration;

    fn spec(window: Option<i32>) -> HpaSpec {
        let behavior = window.map(|seconds| BehaviorInput {
            scale_down: Some(ScalingRulesInput {
                stabilization_window: Some(seconds),
                ..ScalingRulesInput::default()
            }),
            ..BehaviorInput::default()
        });
        let input = HpaSpecInput {
            max_replicas: 12,
            behavior,
            metrics: vec![MetricSpec::Resource {
                resource: Resource::Cpu,
                target: ResourceTarget::Utilization(60),
            }],
            ..HpaSpecInput::default()
        };
        input.defaulted()
    }

    /// A reconcile with so many pods that all use this, in millicores.
    fn reconcile(controller: &mut Controller, now: SimTime, pods: i32, usage: i64) -> Decision {
        reconcile_some(controller, now, pods, 0, usage)
    }

    /// As [`reconcile`], where some pods have never been ready.
    fn reconcile_some(
        controller: &mut Controller,
        now: SimTime,
        pods: i32,
        unready: i32,
        usage: i64,
    ) -> Decision {
        let standing = |is_ready| Standing {
            phase: Phase::Running,
            deleting: false,
            start_time: Some(SimTime::ZERO),
            ready: Some(ReadyCondition {
                status: if is_ready {
                    ReadyStatus::True
                } else {
                    ReadyStatus::False
                },
                last_transition: SimTime::ZERO,
            }),
        };
        let metric = controller.spec().metrics[0].clone();
        let mut adder = Adder::new(&metric, controller.config(), now).expect("a resource");
        let sample = Sample {
            value: usage,
            timestamp: now,
            window: SimDuration::from_secs(15),
        };
        for place in 0..pods {
            adder.add(&standing(place >= unready), Some(&sample), 100);
        }
        let tallies = [adder.finish()];
        let observation = Observation {
            reference: "Deployment/default/web",
            scale: Ok(Scale {
                spec_replicas: pods,
                status_replicas: pods,
                selector: "app=web",
            }),
            selected_by: &[],
            pods: &[],
            resource_metrics: Ok(&[]),
            tallies: Some(&tallies),
            custom_metrics: &[],
        };
        controller.reconcile(&observation, now, |_| Ok(()))
    }

    #[test]
    fn the_same_again_is_told_by_the_decision_before() {
        let mut controller = Controller::new(spec(None), Config::default());
        let at = |turn: i64| SimTime::from_secs(1000 + 15 * turn);
        reconcile(&mut controller, at(0), 3, 60);
        let mut decision = reconcile(&mut controller, at(1), 3, 60);
        decision.reason = "kept".to_owned();
        controller.keep(decision);
        let again = reconcile(&mut controller, at(2), 3, 60);
        assert_eq!(again.reason, "kept");
        assert_eq!(controller.recommendations().len(), 4);
        controller.keep(again);
        assert_ne!(reconcile(&mut controller, at(3), 3, 61).reason, "kept");
    }

    proptest! {
        /// A controller that is given its decisions back decides as one that is not.
        #[test]
        fn what_is_decided_again_is_what_would_be_decided(
            window in prop::option::of(0i32..120),
            steps in prop::collection::vec((0usize..3, 0u8..16), 1..120),
        ) {
            let mut spec = spec(window);
            let mut both = [0, 1].map(|_| Controller::new(spec.clone(), Config::default()));
            let (mut replicas, mut unready, mut usage) = (3, 0, 60);
            let mut before = None;
            for (turn, (which, change)) in (0..).zip(steps) {
                match change {
                    0 | 1 => usage = [60, 200, 10][which],
                    2 | 3 => unready = [0, 1, 2][which],
                    4 => {
                        spec.max_replicas = [12, 5, 2][which];
                        for one in &mut both {
                            one.set_spec(spec.clone());
                        }
                    }
                    _ => {}
                }
                let now = SimTime::from_secs(1000 + 15 * turn);
                let [expected, decided] =
                    both.each_mut().map(|one| reconcile_some(one, now, replicas, unready, usage));
                prop_assert_eq!(&decided, &expected);
                prop_assert_eq!(both[1].status(), both[0].status());
                prop_assert_eq!(both[1].recommendations(), both[0].recommendations());
                if both[1].decided_again() {
                    prop_assert_eq!(Some(&decided), before.as_ref());
                }
                before = Some(decided.clone());
                replicas = decided.write.unwrap_or(replicas);
                both[1].keep(decided);
            }
        }
    }
}
