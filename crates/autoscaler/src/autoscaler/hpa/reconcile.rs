//! The order of one reconcile (`reconcileAutoscaler`) and the state that outlives it.
//!
//! Reading the scale, choosing the branch, writing and storing the status are here;
//! `evaluate.rs` turns metrics into a number, `normalize.rs` holds the number back and
//! `zero.rs` has the rules of a target without replicas.

use super::behavior::ScaleEvents;
use super::conditions::{Condition, Finding};
use super::config::Config;
use super::decision::{CurrentMetric, Decision};
use super::observation::{Observation, Scale};
use super::replica_calculator::Scratch;
use super::settled::Settled;
use super::spec::HpaSpec;
use super::stabilization::Recommendations;
use crate::autoscaler::predictive::Predictor;
use crate::sim::SimTime;

const ABOVE_MAX: &str = "Current number of replicas above Spec.MaxReplicas";
const BELOW_MIN: &str = "Current number of replicas below Spec.MinReplicas";
const ALL_BELOW_TARGET: &str = "All metrics below target";

/// The HPA's stored status.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct Status {
    /// `currentReplicas`: the scale's `spec.replicas` before this reconcile's write.
    pub current_replicas: i32,
    /// `desiredReplicas`.
    pub desired_replicas: i32,
    /// `currentMetrics`, in the order of the spec.
    pub current_metrics: Vec<CurrentMetric>,
    /// `conditions`, in order of first appearance.
    pub conditions: Vec<Condition>,
    /// `lastScaleTime`, cut to whole seconds.
    pub last_scale_time: Option<SimTime>,
}

impl Clone for Status {
    fn clone(&self) -> Self {
        let mut made = Self::default();
        made.clone_from(self);
        made
    }

    fn clone_from(&mut self, other: &Self) {
        self.current_replicas = other.current_replicas;
        self.desired_replicas = other.desired_replicas;
        self.current_metrics.clone_from(&other.current_metrics);
        self.conditions.clone_from(&other.conditions);
        self.last_scale_time = other.last_scale_time;
    }
}

impl Status {
    /// Cuts its times as the API server stores them. The comparison that decides about a
    /// write comes before: a time set within the second that is stored already differs.
    fn cut_to_seconds(&mut self) {
        for condition in &mut self.conditions {
            condition.last_transition = condition.last_transition.truncate_to_second();
        }
        self.last_scale_time = self.last_scale_time.map(SimTime::truncate_to_second);
    }
}

/// One HPA: spec, status and the controller's memory of it.
#[derive(Debug, Clone)]
pub struct Controller {
    pub(super) spec: HpaSpec,
    pub(super) config: Config,
    pub(super) status: Status,
    pub(super) recommendations: Recommendations,
    pub(super) scale_up_events: ScaleEvents,
    pub(super) scale_down_events: ScaleEvents,
    pub(super) scratch: Scratch,
    /// The selector that was checked last and is well-formed.
    pub(super) good_selector: String,
    /// The status before a reconcile; kept to be written over.
    before: Status,
    /// The last reconcile, if it changed nothing.
    pub(super) settled: Settled,
    /// What predicts from the numbers that the metrics come to.
    predictor: Option<Box<Predictor>>,
}

/// The number a branch arrives at, and the metric entries that go into the status.
struct Desired {
    replicas: i32,
    metrics: Vec<CurrentMetric>,
}

impl Controller {
    /// A controller that has not seen this HPA before.
    pub fn new(spec: HpaSpec, config: Config) -> Self {
        Self {
            spec,
            config,
            status: Status::default(),
            recommendations: Recommendations::default(),
            scale_up_events: ScaleEvents::new(),
            scale_down_events: ScaleEvents::new(),
            scratch: Scratch::default(),
            good_selector: String::new(),
            before: Status::default(),
            settled: Settled::default(),
            predictor: None,
        }
    }

    /// Lets models have a say: before stabilization and policies, beside what the metrics come to.
    pub fn set_predictor(&mut self, predictor: Predictor) {
        self.predictor = Some(Box::new(predictor));
    }

    /// The spec in force.
    pub fn spec(&self) -> &HpaSpec {
        &self.spec
    }

    /// Replaces the spec; status and memory stay, as upstream's do.
    pub fn set_spec(&mut self, spec: HpaSpec) {
        self.spec = spec;
        self.settled.forget();
    }

    /// Another object has this HPA's name, before a sync has missed the one before: its status
    /// is empty, what the controller remembers by the name stays.
    pub fn renew(&mut self) {
        self.status = Status::default();
        self.settled.forget();
    }

    /// The controller's settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The stored status.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// The recommendations remembered, in slot order: (time, replicas).
    pub fn recommendations(&self) -> &[(SimTime, i32)] {
        self.recommendations.slots()
    }

    /// The changes remembered, in slot order: (time, size, outdated), upward and downward.
    pub fn scale_events(&self) -> [Vec<(SimTime, i32, bool)>; 2] {
        [&self.scale_up_events, &self.scale_down_events].map(|events| {
            events
                .iter()
                .map(|event| (event.time, event.change, event.outdated))
                .collect()
        })
    }

    /// One reconcile. `write` carries the new number to the scale subresource.
    pub fn reconcile(
        &mut self,
        observation: &Observation<'_>,
        now: SimTime,
        write: impl FnOnce(i32) -> Result<(), String>,
    ) -> Decision {
        if let Some(decision) = self.decide_again(observation, now) {
            return decision;
        }
        let mut before = std::mem::take(&mut self.before);
        before.clone_from(&self.status);
        let mut decision = Decision::default();
        if let Some(scale) = self.read_scale(observation, now, &mut decision)
            && let Some(desired) = self.choose(observation, scale, now, &mut decision)
        {
            decision.steps.desired = desired.replicas;
            let current = scale.spec_replicas;
            if desired.replicas == current {
                self.store_status(current, current, desired.metrics);
            } else {
                let written = write(desired.replicas);
                self.rescale(observation, now, current, desired, written, &mut decision);
            }
        }
        decision.status_changed = self.status != before;
        self.before = before;
        self.status.cut_to_seconds();
        // Models learn in every sync.
        if self.predictor.is_none() {
            self.settled.note(observation, &decision);
        }
        decision
    }

    /// Sets the condition that a finding stands for.
    pub(super) fn set(&mut self, now: SimTime, finding: Finding<'_>) {
        finding.set_in(&mut self.status.conditions, now);
    }

    fn read_scale<'a>(
        &mut self,
        observation: &Observation<'a>,
        now: SimTime,
        decision: &mut Decision,
    ) -> Option<Scale<'a>> {
        match observation.scale {
            Ok(scale) => {
                self.set(now, Finding::SucceededGetScale);
                decision.steps.current = scale.spec_replicas;
                if self.recommendations.is_empty() && !self.config.is_predictive {
                    self.recommendations.record(now, scale.spec_replicas);
                }
                Some(scale)
            }
            Err(error) => {
                decision.warn("FailedGetScale", error);
                self.set(now, Finding::FailedGetScale(error));
                let reference = observation.reference;
                decision.error = Some(format!(
                    "failed to query scale subresource for {reference}: {error}"
                ));
                None
            }
        }
    }

    /// Which branch decides: switched off at zero, out of range, or the metrics. `None`
    /// if the metrics could not be evaluated.
    fn choose(
        &mut self,
        observation: &Observation<'_>,
        scale: Scale<'_>,
        now: SimTime,
        decision: &mut Decision,
    ) -> Option<Desired> {
        let without_metrics = |replicas| Desired {
            replicas,
            metrics: Vec::new(),
        };
        let current = scale.spec_replicas;
        let (min, max) = (self.spec.min_replicas, self.spec.max_replicas);
        if self.config.is_predictive {
            self.follow_metrics(observation, scale, now, decision)
        } else if current == 0 && !self.evaluates_at_zero() {
            self.set(now, Finding::ScalingDisabled);
            self.forget_leftover_zero();
            Some(without_metrics(0))
        } else if current > max {
            ABOVE_MAX.clone_into(&mut decision.reason);
            Some(without_metrics(max))
        } else if current != 0 && current < min {
            BELOW_MIN.clone_into(&mut decision.reason);
            Some(without_metrics(min))
        } else {
            self.follow_metrics(observation, scale, now, decision)
        }
    }

    fn follow_metrics(
        &mut self,
        observation: &Observation<'_>,
        scale: Scale<'_>,
        now: SimTime,
        decision: &mut Decision,
    ) -> Option<Desired> {
        let current = scale.spec_replicas;
        let scaled_to_zero_by_us = self.is_scaled_to_zero();
        let evaluated = match self.evaluate(observation, scale, now, decision) {
            Ok(evaluated) => evaluated,
            Err(failed) => {
                self.status.current_replicas = current;
                self.status.current_metrics = failed.metrics;
                decision.warn("FailedComputeMetricsReplicas", &failed.error);
                decision.error = Some(format!(
                    "failed to compute desired number of replicas based on listed metrics for {}: {}",
                    observation.reference, failed.error
                ));
                return None;
            }
        };
        let calculated = evaluated.raw.max(0);
        let raw = self.predict(now, calculated, decision);
        if raw != calculated && raw != current {
            let models = self.predictor.as_ref().zip(decision.prediction.as_ref());
            let whose = models.map(|(models, prediction)| models.whose(prediction));
            let whose = whose.unwrap_or_default();
            decision.reason = format!("models predict {raw} replicas ({whose})");
        } else if raw > current {
            decision.reason = format!("{} above target", evaluated.name);
        } else if raw < current {
            ALL_BELOW_TARGET.clone_into(&mut decision.reason);
        }
        decision.steps.raw = Some(evaluated.raw);
        decision.metric_name = Some(evaluated.name);
        decision.error = evaluated.partial_error;
        let mut replicas = self.normalize(now, current, raw, decision);
        let min = self.spec.min_replicas;
        if self.config.is_predictive {
            replicas = self.within_bounds(replicas, decision);
        }
        if current == 0 && scaled_to_zero_by_us && min > 0 && replicas < min {
            replicas = min;
            if decision.reason.is_empty() {
                BELOW_MIN.clone_into(&mut decision.reason);
            }
        }
        Some(Desired {
            replicas,
            metrics: evaluated.metrics,
        })
    }

    /// The bounds come last, whatever the rates allow.
    fn within_bounds(&self, replicas: i32, decision: &mut Decision) -> i32 {
        let (min, max) = (self.spec.min_replicas, self.spec.max_replicas);
        let (bounded, why) = if replicas > max {
            (max, ABOVE_MAX)
        } else if replicas < min {
            (min, BELOW_MIN)
        } else {
            return replicas;
        };
        if decision.reason.is_empty() {
            why.clone_into(&mut decision.reason);
        }
        bounded
    }

    /// What the models make of the number that the metrics come to.
    fn predict(&mut self, now: SimTime, calculated: i32, decision: &mut Decision) -> i32 {
        let Some(predictor) = &mut self.predictor else {
            return calculated;
        };
        let bounds = (self.spec.min_replicas, self.spec.max_replicas);
        let prediction = predictor.sync(now, calculated, bounds);
        let replicas = prediction.replicas.max(0);
        decision.prediction = Some(prediction);
        replicas
    }

    /// Reports the write's outcome and, if it went well, remembers the change.
    fn rescale(
        &mut self,
        observation: &Observation<'_>,
        now: SimTime,
        current: i32,
        desired: Desired,
        written: Result<(), String>,
        decision: &mut Decision,
    ) {
        let Desired { replicas, metrics } = desired;
        let change = format!("New size: {replicas}; reason: {}", decision.reason);
        if let Err(error) = written {
            decision.warn("FailedRescale", &format!("{change}; error: {error}"));
            self.set(now, Finding::FailedUpdateScale(&error));
            self.status.current_replicas = current;
            self.status.current_metrics = metrics;
            let reference = observation.reference;
            decision.error = Some(format!("failed to rescale {reference}: {error}"));
            return;
        }
        decision.write = Some(replicas);
        self.set(now, Finding::SucceededRescale(replicas));
        decision.inform("SuccessfulRescale", change);
        self.store_scale_event(now, current, replicas);
        self.note_scaled_to_zero(now, current, replicas);
        self.status.last_scale_time = Some(now);
        self.store_status(current, replicas, metrics);
    }

    fn store_status(&mut self, current: i32, desired: i32, metrics: Vec<CurrentMetric>) {
        self.status.current_replicas = current;
        self.status.desired_replicas = desired;
        self.status.current_metrics = metrics;
    }
}
