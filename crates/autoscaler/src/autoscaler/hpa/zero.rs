//! A target without replicas: when metrics count there, and the condition that tells a
//! target which the HPA scaled to zero from one that somebody switched off.
//!
//! The condition ScaledToZero came with 1.36; up to 1.35 a minimum of 0 alone decides.

use super::conditions::{ConditionStatus, ConditionType, Finding};
use super::config::KubernetesVersion;
use super::reconcile::Controller;
use super::spec::MetricSpec;
use crate::sim::SimTime;

impl Controller {
    fn knows_scaled_to_zero(&self) -> bool {
        self.config.version >= KubernetesVersion(36)
    }

    /// Whether the HPA itself scaled the target to zero.
    pub(super) fn is_scaled_to_zero(&self) -> bool {
        self.config.scale_to_zero
            && self.status.conditions.iter().any(|condition| {
                condition.kind == ConditionType::ScaledToZero
                    && condition.status == ConditionStatus::True
            })
    }

    /// Whether metrics count while the target is at zero.
    pub(super) fn evaluates_at_zero(&self) -> bool {
        let min = self.spec.min_replicas;
        if !self.knows_scaled_to_zero() {
            return min == 0;
        }
        self.is_scaled_to_zero() && (min != 0 || self.has_object_or_external())
    }

    /// Removes a condition that the gate, switched off since, left behind.
    pub(super) fn forget_leftover_zero(&mut self) {
        if self.knows_scaled_to_zero() && !self.config.scale_to_zero {
            self.remove_scaled_to_zero();
        }
    }

    /// Notes after a write whether it was the HPA that scaled the target to zero.
    pub(super) fn note_scaled_to_zero(&mut self, now: SimTime, current: i32, desired: i32) {
        if !self.knows_scaled_to_zero() {
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
        self.set(
            now,
            if ours {
                Finding::ScaledToZero
            } else {
                Finding::NotScaledToZero
            },
        );
    }

    fn has_object_or_external(&self) -> bool {
        self.spec.metrics.iter().any(MetricSpec::is_outside_pods)
    }

    fn remove_scaled_to_zero(&mut self) {
        self.status
            .conditions
            .retain(|condition| condition.kind != ConditionType::ScaledToZero);
    }
}
