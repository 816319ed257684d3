//! Bounds on recommendations: the VPA's policy and the recommender's global maximum.
//!
//! Follows `ApplyVPAPolicy` and its helpers in `pkg/utils/vpa/capping.go`. What concerns one
//! pod (its limits and the namespace's LimitRange) is not here.

use super::spec::{ContainerPolicy, Recommendation, Resource, Resources, VpaSpec};
use crate::units::Quantity;

/// The amount, or the minimum if that is more; a minimum of 0 is none. Also tells whether
/// the amount was changed.
pub fn cap_to_min(
    amount: Quantity,
    resource: Resource,
    min_allowed: &Resources,
) -> (Quantity, bool) {
    match min_allowed.get(resource) {
        Some(min) if !min.is_zero() && amount < min => (min, true),
        _ => (amount, false),
    }
}

/// The amount, or the maximum if that is less; a maximum of 0 is none. Also tells whether
/// the amount was changed.
pub fn cap_to_max(
    amount: Quantity,
    resource: Resource,
    max_allowed: &Resources,
) -> (Quantity, bool) {
    match max_allowed.get(resource) {
        Some(max) if !max.is_zero() && amount > max => (max, true),
        _ => (amount, false),
    }
}

/// Caps target and bounds (never the uncapped target) of every recommendation to the
/// policies' minimum, then to their maximum or, for resources without one, to
/// `global_max_allowed`.
pub fn apply_policy(
    recommendations: &mut [Recommendation],
    vpa: &VpaSpec,
    global_max_allowed: &Resources,
) {
    for recommendation in recommendations {
        let policy = vpa.policy(&recommendation.container_name);
        let min_allowed = policy.map_or_else(Resources::default, |policy| policy.min_allowed);
        let max_allowed = max_allowed(policy, global_max_allowed);
        for amounts in [
            &mut recommendation.target,
            &mut recommendation.lower_bound,
            &mut recommendation.upper_bound,
        ] {
            for (resource, amount) in amounts.iter() {
                let (amount, _) = cap_to_min(amount, resource, &min_allowed);
                let (amount, _) = cap_to_max(amount, resource, &max_allowed);
                *amounts.get_mut(resource) = Some(amount);
            }
        }
    }
}

fn max_allowed(policy: Option<&ContainerPolicy>, global: &Resources) -> Resources {
    let own = policy.map_or_else(Resources::default, |policy| policy.max_allowed);
    Resources {
        cpu: own.cpu.or(global.cpu),
        memory: own.memory.or(global.memory),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts(cpu: &str, memory: &str) -> Resources {
        let read = |text: &str| text.parse().ok();
        Resources {
            cpu: read(cpu),
            memory: read(memory),
        }
    }

    fn capped(policy: ContainerPolicy, global: &Resources) -> Recommendation {
        let mut recommendations = [Recommendation {
            container_name: "api".to_owned(),
            lower_bound: amounts("50m", "100Mi"),
            target: amounts("300m", "300Mi"),
            upper_bound: amounts("4", "3Gi"),
            uncapped_target: amounts("300m", "300Mi"),
        }];
        let vpa = VpaSpec {
            container_policies: vec![policy],
            ..VpaSpec::default()
        };
        apply_policy(&mut recommendations, &vpa, global);
        let [recommendation] = recommendations;
        recommendation
    }

    fn any(min_allowed: Resources, max_allowed: Resources) -> ContainerPolicy {
        ContainerPolicy {
            container_name: ContainerPolicy::ANY.to_owned(),
            min_allowed,
            max_allowed,
            ..ContainerPolicy::default()
        }
    }

    #[test]
    fn all_but_the_uncapped_target_are_held_within_the_policy() {
        let policy = any(amounts("400m", "200Mi"), amounts("2", "1Gi"));
        let capped = capped(policy, &Resources::default());
        assert_eq!(capped.lower_bound, amounts("400m", "200Mi"));
        assert_eq!(capped.target, amounts("400m", "300Mi"));
        assert_eq!(capped.upper_bound, amounts("2", "1Gi"));
        assert_eq!(capped.uncapped_target, amounts("300m", "300Mi"));
    }

    #[test]
    fn the_global_maximum_counts_where_the_policy_has_none() {
        let global = amounts("1", "2Gi");
        let capped = capped(any(Resources::default(), amounts("3", "")), &global);
        assert_eq!(capped.upper_bound, amounts("3", "2Gi"));
    }

    #[test]
    fn bounds_of_zero_are_ignored() {
        let capped = capped(
            any(amounts("0", "0"), amounts("0", "0")),
            &Resources::default(),
        );
        assert_eq!(capped.upper_bound, amounts("4", "3Gi"));
        assert_eq!(capped.lower_bound, amounts("50m", "100Mi"));
    }
}
