//! The status of a ScaledObject.

use std::collections::BTreeMap;

use super::conditions::Conditions;
use crate::sim::SimTime;

/// Whether a metric could be fetched, and how often not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HealthStatus {
    /// Failures since the last success.
    pub failures: i32,
    /// Whether the last fetch failed.
    pub failing: bool,
}

impl HealthStatus {
    /// Upstream's word.
    pub const fn name(self) -> &'static str {
        if self.failing { "Failing" } else { "Happy" }
    }
}

/// What KEDA knows and tells of a ScaledObject.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Status {
    /// The scale target, `apps/v1.Deployment`; empty until it has been found.
    pub scale_target_kind: String,
    /// The target's replicas when it was found.
    pub original_replica_count: Option<i32>,
    /// When a trigger was last active, cut to whole seconds.
    pub last_active_time: Option<SimTime>,
    /// Names of external metrics, in the triggers' order.
    pub external_metric_names: Vec<String>,
    /// `cpu` and `memory`, in the triggers' order.
    pub resource_metric_names: Vec<String>,
    /// The composite metric's name, once there was one.
    pub composite_scaler_name: String,
    /// Conditions; `None` until the first reconcile.
    pub conditions: Option<Conditions>,
    /// Health of each external metric.
    pub health: BTreeMap<String, HealthStatus>,
    /// Whether each external metric's trigger is active.
    pub triggers_activity: BTreeMap<String, bool>,
    /// The replicas it is paused at.
    pub paused_replica_count: Option<i32>,
    /// The HPA's name; empty until there was one.
    pub hpa_name: String,
    /// Types of triggers.
    pub triggers_types: String,
    /// Names of authentications.
    pub authentications_types: String,
}

impl Status {
    /// The conditions, initialized if they were not.
    pub fn conditions_mut(&mut self) -> &mut Conditions {
        self.conditions.get_or_insert_with(Conditions::initialized)
    }

    /// The conditions as they are read: initialized if they were not.
    pub fn known_conditions(&self) -> Conditions {
        self.conditions
            .clone()
            .unwrap_or_else(Conditions::initialized)
    }
}
