//! The HorizontalPodAutoscaler controller of Kubernetes 1.36, decision for decision.
//!
//! A [`Controller`] holds one HPA's spec, status and memory. [`Controller::reconcile`] takes
//! an [`Observation`] and the clock and returns a [`Decision`]: what to write, what to
//! report, and how the number came about. It follows `pkg/controller/podautoscaler`
//! (`horizontal.go`, `replica_calculator.go`) in the order of operations, in integer and
//! float arithmetic, and in every message.

mod arithmetic;
mod behavior;
mod conditions;
mod config;
mod decision;
mod evaluate;
mod explain;
mod metric;
mod normalize;
mod observation;
mod outside;
mod pods;
mod reconcile;
mod replica_calculator;
mod selector;
mod settled;
mod spec;
mod stabilization;
mod tally;
mod tolerance;
#[cfg(test)]
mod upstream_tables;
mod validation;
mod zero;

pub use conditions::{Condition, ConditionStatus, ConditionType, Limit};
pub use config::{Config, KubernetesVersion};
pub use decision::{
    Calculation, CurrentMetric, Decision, Event, EventType, MetricDecision, PodCounts, Steps,
};
pub use observation::{
    ContainerRequest, ContainerUsage, MetricsError, Observation, Phase, Pod, PodRequests, PodUsage,
    PodValue, ReadyCondition, ReadyStatus, Scale, Standing,
};
pub use pods::Sample;
pub use reconcile::{Controller, Status};
pub use spec::{
    Behavior, BehaviorInput, HpaSpec, HpaSpecInput, MetricSpec, ObjectReference, Policy,
    PolicyType, Resource, ResourceTarget, ScalingRules, ScalingRulesInput, SelectPolicy,
    TypedTarget, ValueTarget,
};
pub use tally::{Adder, Tally, is_ready_since, ready_from, request_of};
pub use validation::SpecProblem;
