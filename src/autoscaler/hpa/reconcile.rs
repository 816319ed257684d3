//! The order of one reconcile (`reconcileAutoscaler`) and the state that outlives it.

use std::borrow::Cow;

use super::behavior::{Rates, ScaleEvents, limit_by_rules, store};
use super::conditions::{self, Condition, ConditionType, Limit};
use super::config::Config;
use super::decision::{CurrentMetric, Decision, Event, EventType, MetricDecision};
use super::metric;
use super::observation::{Observation, Scale};
use super::replica_calculator::{Context, Scratch};
use super::selector;
use super::spec::{HpaSpec, MetricSpec};
use super::stabilization::Recommendations;
use super::tolerance::Tolerances;
use crate::sim::{SimDuration, SimTime};

/// The HPA's stored status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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

/// One HPA: spec, status and the controller's memory of it.
#[derive(Debug, Clone)]
pub struct Controller {
    spec: HpaSpec,
    config: Config,
    status: Status,
    recommendations: Recommendations,
    scale_up_events: ScaleEvents,
    scale_down_events: ScaleEvents,
    scratch: Scratch,
}

/// Why the evaluation of all metrics failed.
struct Failed {
    error: String,
    metrics: Vec<CurrentMetric>,
}

/// What the evaluation of all metrics found.
struct Evaluated {
    raw: i32,
    name: Cow<'static, str>,
    metrics: Vec<CurrentMetric>,
    partial_error: Option<String>,
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
        }
    }

    /// The spec in force.
    pub fn spec(&self) -> &HpaSpec {
        &self.spec
    }

    /// Replaces the spec; status and memory stay, as upstream's do.
    pub fn set_spec(&mut self, spec: HpaSpec) {
        self.spec = spec;
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
        let before = self.status.clone();
        let mut decision = Decision::default();
        self.run(observation, now, write, &mut decision);
        decision.status_changed = self.status != before;
        decision
    }

    fn set(
        &mut self,
        now: SimTime,
        kind: ConditionType,
        status: bool,
        reason: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) {
        conditions::set(
            &mut self.status.conditions,
            now,
            kind,
            status,
            reason,
            message,
        );
    }

    fn run(
        &mut self,
        observation: &Observation<'_>,
        now: SimTime,
        write: impl FnOnce(i32) -> Result<(), String>,
        decision: &mut Decision,
    ) {
        let reference = observation.reference;
        let scale = match observation.scale {
            Ok(scale) => scale,
            Err(text) => {
                decision.warn("FailedGetScale", text);
                let message = format!(
                    "the HPA controller was unable to get the target's current scale: {text}"
                );
                self.set(
                    now,
                    ConditionType::AbleToScale,
                    false,
                    "FailedGetScale",
                    message,
                );
                decision.error = Some(format!(
                    "failed to query scale subresource for {reference}: {text}"
                ));
                return;
            }
        };
        let able = "the HPA controller was able to get the target's current scale";
        self.set(
            now,
            ConditionType::AbleToScale,
            true,
            "SucceededGetScale",
            able,
        );
        let current = scale.spec_replicas;
        decision.steps.current = current;
        if self.recommendations.is_empty() {
            self.recommendations.record(now, current);
        }
        let zero_by_us = self.config.scale_to_zero && self.is_scaled_to_zero();
        let (min, max) = (self.spec.min_replicas, self.spec.max_replicas);
        let mut metrics = Vec::new();
        let mut desired;
        if current == 0 && !self.evaluates_at_zero(zero_by_us) {
            desired = 0;
            let message = "scaling is disabled since the replica count of the target is zero";
            self.set(
                now,
                ConditionType::ScalingActive,
                false,
                "ScalingDisabled",
                message,
            );
            if self.config.version.0 >= 36 && !self.config.scale_to_zero {
                self.remove_scaled_to_zero();
            }
        } else if current > max {
            "Current number of replicas above Spec.MaxReplicas".clone_into(&mut decision.reason);
            desired = max;
        } else if current != 0 && current < min {
            "Current number of replicas below Spec.MinReplicas".clone_into(&mut decision.reason);
            desired = min;
        } else {
            let evaluated = match self.compute_replicas(observation, scale, now, decision) {
                Ok(evaluated) => evaluated,
                Err(failed) => {
                    self.status.current_replicas = current;
                    self.status.current_metrics = failed.metrics;
                    decision.warn("FailedComputeMetricsReplicas", &failed.error);
                    decision.error = Some(format!(
                        "failed to compute desired number of replicas based on listed metrics for {reference}: {}",
                        failed.error
                    ));
                    return;
                }
            };
            let raw = evaluated.raw.max(0);
            let name: &str = if raw > 0 { &evaluated.name } else { "" };
            if raw > current {
                decision.reason = format!("{name} above target");
            } else if raw < current {
                "All metrics below target".clone_into(&mut decision.reason);
            }
            metrics = evaluated.metrics;
            decision.steps.raw = Some(evaluated.raw);
            decision.metric_name = Some(evaluated.name);
            decision.error = evaluated.partial_error;
            desired = self.normalize(now, current, raw, decision);
            if current == 0 && zero_by_us && min > 0 && desired < min {
                desired = min;
                if decision.reason.is_empty() {
                    "Current number of replicas below Spec.MinReplicas"
                        .clone_into(&mut decision.reason);
                }
            }
        }
        decision.steps.desired = desired;
        if desired == current {
            self.store_status(current, current, metrics);
        } else {
            self.rescale(now, current, desired, metrics, reference, write, decision);
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one step of a reconcile, called once"
    )]
    fn rescale(
        &mut self,
        now: SimTime,
        current: i32,
        desired: i32,
        metrics: Vec<CurrentMetric>,
        reference: &str,
        write: impl FnOnce(i32) -> Result<(), String>,
        decision: &mut Decision,
    ) {
        let reason = &decision.reason;
        if let Err(text) = write(desired) {
            let message = format!("New size: {desired}; reason: {reason}; error: {text}");
            decision.warn("FailedRescale", &message);
            let message =
                format!("the HPA controller was unable to update the target scale: {text}");
            self.set(
                now,
                ConditionType::AbleToScale,
                false,
                "FailedUpdateScale",
                message,
            );
            self.status.current_replicas = current;
            self.status.current_metrics = metrics;
            decision.error = Some(format!("failed to rescale {reference}: {text}"));
            return;
        }
        decision.write = Some(desired);
        let message =
            format!("the HPA controller was able to update the target scale to {desired}");
        self.set(
            now,
            ConditionType::AbleToScale,
            true,
            "SucceededRescale",
            message,
        );
        let message = format!("New size: {desired}; reason: {reason}");
        decision.events.push(Event {
            kind: EventType::Normal,
            reason: "SuccessfulRescale",
            message,
        });
        self.store_scale_event(now, current, desired);
        self.note_scaled_to_zero(now, current, desired);
        self.status.last_scale_time = Some(now.truncate_to_second());
        self.store_status(current, desired, metrics);
    }

    fn store_status(&mut self, current: i32, desired: i32, metrics: Vec<CurrentMetric>) {
        self.status.current_replicas = current;
        self.status.desired_replicas = desired;
        self.status.current_metrics = metrics;
    }

    /// `computeReplicasForMetrics`.
    fn compute_replicas(
        &mut self,
        observation: &Observation<'_>,
        scale: Scale<'_>,
        now: SimTime,
        decision: &mut Decision,
    ) -> Result<Evaluated, Failed> {
        self.check_selector(scale.selector, now, decision)?;
        let (spec, config) = (&self.spec, &self.config);
        let context = Context {
            observation,
            config,
            tolerances: tolerances(spec, config),
            now,
            current_replicas: scale.spec_replicas,
        };
        let mut metrics = Vec::with_capacity(spec.metrics.len());
        let (mut best, mut best_name): (i32, Cow<'static, str>) = (0, Cow::Borrowed(""));
        let mut first_failure = None;
        let mut failed = 0;
        for (index, spec) in spec.metrics.iter().enumerate() {
            match metric::evaluate(
                spec,
                index,
                &context,
                &mut self.scratch,
                scale.status_replicas,
            ) {
                Ok(proposal) => {
                    metrics.push(proposal.current);
                    decision.metrics.push(MetricDecision {
                        proposal: Ok(proposal.replicas),
                        name: proposal.name.clone(),
                    });
                    if best == 0 || proposal.replicas > best {
                        (best, best_name) = (proposal.replicas, proposal.name);
                    }
                }
                Err(failure) => {
                    failed += 1;
                    metrics.push(CurrentMetric::Empty);
                    decision.warn(failure.reason, &failure.cause);
                    decision.metrics.push(MetricDecision {
                        proposal: Err(failure.cause.clone()),
                        name: Cow::Borrowed(""),
                    });
                    first_failure.get_or_insert(failure);
                }
            }
        }
        let total = spec.metrics.len();
        let error = first_failure.as_ref().map(|failure| {
            format!(
                "invalid metrics ({failed} invalid out of {total}), first error is: {}",
                failure.error
            )
        });
        if let (Some(failure), Some(error)) = (first_failure, &error)
            && (failed >= total || best < scale.spec_replicas)
        {
            let message = format!(
                "the HPA was unable to compute the replica count: {}",
                failure.cause
            );
            self.set(
                now,
                ConditionType::ScalingActive,
                false,
                failure.reason,
                message,
            );
            return Err(Failed {
                error: error.clone(),
                metrics,
            });
        }
        let message =
            format!("the HPA was able to successfully calculate a replica count from {best_name}");
        self.set(
            now,
            ConditionType::ScalingActive,
            true,
            "ValidMetricFound",
            message,
        );
        Ok(Evaluated {
            raw: best,
            name: best_name,
            metrics,
            partial_error: error,
        })
    }

    fn check_selector(
        &mut self,
        text: &str,
        now: SimTime,
        decision: &mut Decision,
    ) -> Result<(), Failed> {
        if text.is_empty() {
            let error = "selector is required";
            decision.warn("SelectorRequired", error);
            let message = "the HPA target's scale is missing a selector";
            self.set(
                now,
                ConditionType::ScalingActive,
                false,
                "InvalidSelector",
                message,
            );
            return Err(Failed {
                error: error.to_owned(),
                metrics: Vec::new(),
            });
        }
        selector::check(text).map_err(|cause| {
            let error = format!(
                "couldn't convert selector into a corresponding internal selector object: {cause}"
            );
            decision.warn("InvalidSelector", &error);
            self.set(
                now,
                ConditionType::ScalingActive,
                false,
                "InvalidSelector",
                error.clone(),
            );
            Failed {
                error,
                metrics: Vec::new(),
            }
        })
    }

    /// `normalizeDesiredReplicas` and `normalizeDesiredReplicasWithBehaviors`.
    fn normalize(&mut self, now: SimTime, current: i32, raw: i32, decision: &mut Decision) -> i32 {
        let (min, max) = (self.spec.min_replicas, self.spec.max_replicas);
        let downscale_window = self.config.downscale_stabilization;
        let (stabilized, limited, limit) = match &self.spec.behavior {
            None => {
                let stabilized = self.recommendations.stabilize(now, downscale_window, raw);
                let (limited, limit) = limit_by_rules(current, stabilized, min, max);
                (stabilized, limited, limit)
            }
            Some(behavior) => {
                let (up, down) = (&behavior.scale_up, &behavior.scale_down);
                let up_window = up.stabilization_window.unwrap_or(SimDuration::ZERO);
                let down_window = down.stabilization_window.unwrap_or(downscale_window);
                let stabilized =
                    self.recommendations
                        .stabilize_both(now, up_window, down_window, current, raw);
                let rates = Rates {
                    now,
                    current,
                    min,
                    max,
                    up_events: &self.scale_up_events,
                    down_events: &self.scale_down_events,
                };
                let (limited, limit) = rates.limit(stabilized, up, down);
                (stabilized, limited, limit)
            }
        };
        decision.steps.stabilized = Some(stabilized);
        decision.steps.limited = Some(limited);
        let (reason, message) = if stabilized == raw {
            ("ReadyForNewScale", "recommended size matches current size")
        } else if self.spec.behavior.is_some() && raw >= current {
            (
                "ScaleUpStabilized",
                "recent recommendations were lower than current one, applying the lowest recent recommendation",
            )
        } else {
            (
                "ScaleDownStabilized",
                "recent recommendations were higher than current one, applying the highest recent recommendation",
            )
        };
        self.set(now, ConditionType::AbleToScale, true, reason, message);
        let (reason, message) = if limited == stabilized {
            (
                Limit::DesiredWithinRange.reason(),
                Limit::DesiredWithinRange.message(),
            )
        } else {
            (limit.reason(), limit.message())
        };
        self.set(
            now,
            ConditionType::ScalingLimited,
            limited != stabilized,
            reason,
            message,
        );
        limited
    }

    fn store_scale_event(&mut self, now: SimTime, current: i32, desired: i32) {
        let Some(behavior) = &self.spec.behavior else {
            return;
        };
        if desired > current {
            store(
                &mut self.scale_up_events,
                &behavior.scale_up,
                now,
                desired.wrapping_sub(current),
            );
        } else {
            store(
                &mut self.scale_down_events,
                &behavior.scale_down,
                now,
                current.wrapping_sub(desired),
            );
        }
    }

    fn is_scaled_to_zero(&self) -> bool {
        self.status.conditions.iter().any(|condition| {
            condition.kind == ConditionType::ScaledToZero && condition.status == true.into()
        })
    }

    fn has_object_or_external(&self) -> bool {
        let outside = |metric: &MetricSpec| {
            matches!(
                metric,
                MetricSpec::Object { .. } | MetricSpec::External { .. }
            )
        };
        self.spec.metrics.iter().any(outside)
    }

    /// Whether metrics count while the target is at zero.
    fn evaluates_at_zero(&self, zero_by_us: bool) -> bool {
        if self.config.version.0 < 36 {
            return self.spec.min_replicas == 0;
        }
        zero_by_us && (self.spec.min_replicas != 0 || self.has_object_or_external())
    }

    fn remove_scaled_to_zero(&mut self) {
        self.status
            .conditions
            .retain(|condition| condition.kind != ConditionType::ScaledToZero);
    }

    /// The condition that tells a target scaled to zero by the HPA from one set by hand.
    fn note_scaled_to_zero(&mut self, now: SimTime, current: i32, desired: i32) {
        if self.config.version.0 < 36 {
            return;
        }
        if !self.config.scale_to_zero {
            self.remove_scaled_to_zero();
            return;
        }
        let ours = current > 0
            && desired == 0
            && self.spec.min_replicas == 0
            && self.has_object_or_external();
        let (reason, message) = if ours {
            (
                "ScaledToZero",
                "the HPA controller scaled the workload to zero",
            )
        } else {
            (
                "NotScaledToZero",
                "the HPA controller did not scale the workload to zero",
            )
        };
        self.set(now, ConditionType::ScaledToZero, ours, reason, message);
    }
}

/// The controller's tolerance, replaced per direction where the spec sets one.
fn tolerances(spec: &HpaSpec, config: &Config) -> Tolerances {
    let own = |rules: fn(&super::spec::Behavior) -> Option<f64>| {
        let behavior = spec
            .behavior
            .as_ref()
            .filter(|_| config.configurable_tolerance);
        behavior.and_then(rules).unwrap_or(config.tolerance)
    };
    Tolerances {
        scale_down: own(|b| b.scale_down.tolerance),
        scale_up: own(|b| b.scale_up.tolerance),
    }
}
