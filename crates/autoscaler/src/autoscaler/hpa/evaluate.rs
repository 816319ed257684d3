//! All metrics of the spec, one number (`computeReplicasForMetrics`).

use std::borrow::Cow;

use super::conditions::Finding;
use super::config::Config;
use super::decision::{Calculation, CurrentMetric, Decision, MetricDecision};
use super::metric::{self, Failure};
use super::observation::{Observation, Scale};
use super::reconcile::Controller;
use super::replica_calculator::Context;
use super::selector;
use super::spec::{Behavior, HpaSpec};
use super::tolerance::Tolerances;
use crate::sim::SimTime;

/// What the evaluation of all metrics found.
pub(super) struct Evaluated {
    /// The largest proposal.
    pub(super) raw: i32,
    /// Name of the metric that made it; empty while no metric proposes any replica.
    pub(super) name: Cow<'static, str>,
    pub(super) metrics: Vec<CurrentMetric>,
    /// The error of the metrics that failed beside it.
    pub(super) partial_error: Option<String>,
}

/// Why the evaluation of all metrics failed.
pub(super) struct Failed {
    pub(super) error: String,
    pub(super) metrics: Vec<CurrentMetric>,
}

impl From<String> for Failed {
    fn from(error: String) -> Self {
        Self {
            error,
            metrics: Vec::new(),
        }
    }
}

impl Controller {
    /// Evaluates every metric in the order of the spec; the largest proposal wins. With a
    /// failing metric the number may grow or stay, but not shrink.
    pub(super) fn evaluate(
        &mut self,
        observation: &Observation<'_>,
        scale: Scale<'_>,
        now: SimTime,
        decision: &mut Decision,
    ) -> Result<Evaluated, Failed> {
        self.check_selector(observation, scale.selector, now, decision)?;
        let context = Context {
            observation,
            config: &self.config,
            tolerances: tolerances(&self.spec, &self.config),
            now,
            current_replicas: scale.spec_replicas,
        };
        let total = self.spec.metrics.len();
        let mut metrics = Vec::with_capacity(total);
        decision.metrics.reserve_exact(total);
        let (mut best, mut best_name) = (0, Cow::Borrowed(""));
        let (mut failed, mut first_failure) = (0, None::<Failure>);
        for (index, spec) in self.spec.metrics.iter().enumerate() {
            let scratch = &mut self.scratch;
            match metric::evaluate(spec, index, &context, scratch, scale.status_replicas) {
                Ok(proposal) => {
                    metrics.push(proposal.current.clone());
                    decision.metrics.push(MetricDecision {
                        proposal: Ok(proposal.replicas),
                        name: proposal.name.clone(),
                        current: proposal.current,
                        calculation: Some(proposal.calculation),
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
                        current: CurrentMetric::Empty,
                        calculation: None::<Calculation>,
                    });
                    first_failure.get_or_insert(failure);
                }
            }
        }
        let mut partial_error = None;
        if total == 0 {
            // As predictive-horizontal-pod-autoscaler has it: the HPA always has a metric.
            let error = "invalid metrics (0 invalid out of 0), first error is: %!w(<nil>)";
            return Err(error.to_owned().into());
        }
        if let Some(Failure {
            reason,
            cause,
            error,
        }) = first_failure
        {
            let error = format!(
                "invalid metrics ({failed} invalid out of {total}), first error is: {error}"
            );
            let holds = best < scale.spec_replicas && !self.config.is_predictive;
            if failed >= total || holds {
                let cause = &cause;
                self.set(now, Finding::FailedMetric { reason, cause });
                return Err(Failed { error, metrics });
            }
            partial_error = Some(error);
        }
        self.set(now, Finding::ValidMetricFound(&best_name));
        Ok(Evaluated {
            raw: best,
            name: best_name,
            metrics,
            partial_error,
        })
    }

    fn check_selector(
        &mut self,
        observation: &Observation<'_>,
        text: &str,
        now: SimTime,
        decision: &mut Decision,
    ) -> Result<(), Failed> {
        if text.is_empty() {
            let error = "selector is required";
            decision.warn("SelectorRequired", error);
            self.set(now, Finding::MissingSelector);
            return Err(error.to_owned().into());
        }
        if self.good_selector != text
            && let Err(cause) = selector::check(text)
        {
            let error = format!(
                "couldn't convert selector into a corresponding internal selector object: {cause}"
            );
            decision.warn("InvalidSelector", &error);
            self.set(now, Finding::InvalidSelector(error.clone()));
            return Err(error.into());
        }
        if self.good_selector != text {
            text.clone_into(&mut self.good_selector);
        }
        if observation.selected_by.len() > 1 {
            let error = format!(
                "pods by selector {text} are controlled by multiple HPAs: [{}]",
                observation.selected_by.join(" ")
            );
            decision.warn("AmbiguousSelector", &error);
            self.set(now, Finding::AmbiguousSelector(error.clone()));
            return Err(error.into());
        }
        Ok(())
    }
}

/// The controller's tolerance, replaced per direction where the spec sets one.
fn tolerances(spec: &HpaSpec, config: &Config) -> Tolerances {
    let own = |direction: fn(&Behavior) -> Option<f64>| {
        let behavior = spec.behavior.as_ref();
        behavior
            .filter(|_| config.configurable_tolerance)
            .and_then(direction)
            .unwrap_or(config.tolerance)
    };
    Tolerances {
        scale_down: own(|behavior| behavior.scale_down.tolerance),
        scale_up: own(|behavior| behavior.scale_up.tolerance),
    }
}
