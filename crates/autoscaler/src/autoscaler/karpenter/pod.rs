//! Pods as Karpenter sees them.
//!
//! Upstream: `pkg/scheduling/requirements.go`, `newPodRequirements`;
//! `pkg/controllers/provisioning/scheduling/preferences.go`; `pkg/utils/disruption`.

use super::requirements::Requirements;
use super::resources::Resources;
use super::taints::{Effect, Toleration};
use crate::sim::SimTime;

/// A pod.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pod {
    /// Namespace and name, or what else tells it apart.
    pub name: String,
    /// When it was created.
    pub created: SimTime,
    /// What it requests, itself as one of `pods` included.
    pub requests: Resources,
    /// `nodeSelector`.
    pub selector: Requirements,
    /// Terms of its required node affinity: one of them has to be met.
    pub required: Vec<Requirements>,
    /// Terms of its preferred node affinity with their weights.
    pub preferred: Vec<(i32, Requirements)>,
    /// `tolerations`.
    pub tolerations: Vec<Toleration>,
    /// `priority`.
    pub priority: Option<i32>,
    /// `controller.kubernetes.io/pod-deletion-cost`.
    pub deletion_cost: Option<f64>,
    /// `karpenter.sh/do-not-disrupt`, or a PodDisruptionBudget that allows no eviction.
    pub blocks_disruption: bool,
    /// Whether it waits for a node: what cannot be scheduled anyway does not keep a node.
    pub pending: bool,
}

impl Pod {
    /// What its node has to be, as long as nothing is given up: the first required term and the
    /// heaviest preference.
    pub(super) fn requirements(&self) -> Requirements {
        let mut requirements = self.selector.clone();
        if let Some((_, preference)) = self.preferred.first() {
            requirements.add_all(preference);
        }
        if let Some(term) = self.required.first() {
            requirements.add_all(term);
        }
        requirements
    }

    /// Puts the heaviest preference first.
    pub(super) fn order_preferences(&mut self) {
        self.preferred.sort_by_key(|(weight, _)| -weight);
    }

    /// Gives up the next thing that it can do without; false if there is none.
    pub(super) fn relax(&mut self, taints_may_be_preferences: bool) -> bool {
        if self.required.len() > 1 {
            self.required.remove(0);
            return true;
        }
        if !self.preferred.is_empty() {
            self.preferred.remove(0);
            return true;
        }
        let all = Toleration {
            exists: true,
            effect: Some(Effect::PreferNoSchedule),
            ..Toleration::default()
        };
        if taints_may_be_preferences && !self.tolerations.contains(&all) {
            self.tolerations.push(all);
            return true;
        }
        false
    }

    /// What its eviction costs: 1 as a rule, more or less by its deletion cost and priority.
    pub fn eviction_cost(&self) -> f64 {
        let mut cost = 1.0;
        cost += self.deletion_cost.unwrap_or_default() / 2f64.powi(27);
        cost += f64::from(self.priority.unwrap_or_default()) / 2f64.powi(25);
        cost.clamp(-10.0, 10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_gives_up_terms_then_preferences_then_soft_taints() {
        let zone = |zone| Requirements::of_labels([("zone", zone)]);
        let mut pod = Pod {
            required: vec![zone("a"), zone("b")],
            preferred: vec![(1, zone("light")), (9, zone("heavy"))],
            ..Pod::default()
        };
        pod.order_preferences();
        assert_eq!(pod.preferred[0].0, 9);
        assert!(pod.relax(true));
        assert_eq!(pod.required, [zone("b")]);
        assert!(pod.relax(true) && pod.relax(true));
        assert_eq!(pod.requirements(), zone("b"));
        assert!(pod.relax(true));
        assert!(!pod.relax(true));
    }

    #[test]
    fn evictions_cost_by_priority_and_deletion_cost() {
        let cost = |priority, deletion_cost| {
            Pod {
                priority,
                deletion_cost,
                ..Pod::default()
            }
            .eviction_cost()
        };
        assert_eq!(cost(None, None), 1.0);
        assert_eq!(cost(Some(1 << 25), None), 2.0);
        assert_eq!(cost(None, Some(-134_217_728.0)), 0.0);
        assert_eq!(cost(Some(i32::MAX), None), 10.0);
        assert_eq!(cost(Some(i32::MIN), None), -10.0);
    }
}
