//! How many pods a roll-out may add and how many it may miss
//! (`pkg/controller/deployment/util/deployment_util.go`).

use super::spec::{DeploymentSpec, Strategy};

/// A number of pods, or a percentage of the desired ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntOrPercent {
    /// A number of pods.
    Int(i32),
    /// A percentage of the desired pods.
    Percent(i32),
}

impl IntOrPercent {
    /// The number of pods out of `total`, a fraction rounded up
    /// (`GetScaledValueFromIntOrPercent`).
    pub fn scaled_up(self, total: i32) -> i32 {
        match self {
            Self::Int(number) => number,
            Self::Percent(percent) => {
                let hundredths = hundredths(percent, total);
                (hundredths.div_euclid(100) + i64::from(hundredths.rem_euclid(100) > 0)) as i32
            }
        }
    }

    /// The number of pods out of `total`, a fraction rounded down
    /// (`GetScaledValueFromIntOrPercent`).
    pub fn scaled_down(self, total: i32) -> i32 {
        match self {
            Self::Int(number) => number,
            Self::Percent(percent) => hundredths(percent, total).div_euclid(100) as i32,
        }
    }
}

fn hundredths(percent: i32, total: i32) -> i64 {
    i64::from(percent) * i64::from(total)
}

/// maxSurge and maxUnavailable in pods, out of `desired` (`ResolveFenceposts`). Where both come
/// out as 0, one pod may be unavailable, since the roll-out could not begin otherwise.
pub fn resolve_fenceposts(
    max_surge: IntOrPercent,
    max_unavailable: IntOrPercent,
    desired: i32,
) -> (i32, i32) {
    let surge = max_surge.scaled_up(desired);
    let unavailable = max_unavailable.scaled_down(desired);
    if surge == 0 && unavailable == 0 {
        return (0, 1);
    }
    (surge, unavailable)
}

/// The size that the new ReplicaSet should have, which has `new_replicas` of the `all_replicas`
/// in the specs of all ReplicaSets, itself included (`NewRSNewReplicas`).
pub fn new_rs_new_replicas(spec: &DeploymentSpec, all_replicas: i32, new_replicas: i32) -> i32 {
    let Strategy::RollingUpdate(rolling) = spec.strategy else {
        return spec.replicas;
    };
    let surge = rolling.max_surge.scaled_up(spec.replicas);
    let most = spec.replicas.saturating_add(surge);
    if all_replicas >= most {
        return new_replicas;
    }
    new_replicas + (most - all_replicas).min(spec.replicas - new_replicas)
}

impl DeploymentSpec {
    /// Pods that may exist beyond `replicas` (`MaxSurge`).
    pub fn max_surge(&self) -> i32 {
        match self.strategy {
            Strategy::Recreate => 0,
            Strategy::RollingUpdate(rolling) => {
                resolve_fenceposts(rolling.max_surge, rolling.max_unavailable, self.replicas).0
            }
        }
    }

    /// The most pods that may exist: the annotation `deployment.kubernetes.io/max-replicas`.
    pub fn max_replicas(&self) -> i32 {
        self.replicas.saturating_add(self.max_surge())
    }

    /// Pods of `replicas` that may be unavailable (`MaxUnavailable`).
    pub fn max_unavailable(&self) -> i32 {
        match self.strategy {
            Strategy::RollingUpdate(rolling) if self.replicas != 0 => {
                let (_, unavailable) =
                    resolve_fenceposts(rolling.max_surge, rolling.max_unavailable, self.replicas);
                unavailable.min(self.replicas)
            }
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::DeploymentSpecInput;
    use super::*;

    #[test]
    fn percentages_round_surge_up_and_unavailability_down() {
        let quarter = IntOrPercent::Percent(25);
        assert_eq!(resolve_fenceposts(quarter, quarter, 10), (3, 2));
        assert_eq!(resolve_fenceposts(quarter, quarter, 1), (1, 0));
    }

    #[test]
    fn where_both_are_zero_one_pod_may_be_unavailable() {
        let (zero, one_percent) = (IntOrPercent::Int(0), IntOrPercent::Percent(1));
        assert_eq!(resolve_fenceposts(zero, one_percent, 2), (0, 1));
    }

    #[test]
    fn no_more_pods_than_desired_may_be_unavailable() {
        let spec = DeploymentSpec::from(DeploymentSpecInput {
            replicas: Some(2),
            max_unavailable: Some(IntOrPercent::Int(5)),
            ..DeploymentSpecInput::default()
        });
        assert_eq!(spec.max_unavailable(), 2);
        assert_eq!(
            DeploymentSpec {
                replicas: 0,
                ..spec
            }
            .max_unavailable(),
            0
        );
    }

    #[test]
    fn a_recreated_deployment_has_neither_surge_nor_budget() {
        let spec = DeploymentSpec {
            replicas: 4,
            strategy: Strategy::Recreate,
            ..DeploymentSpec::default()
        };
        assert_eq!((spec.max_surge(), spec.max_unavailable()), (0, 0));
        assert_eq!(new_rs_new_replicas(&spec, 4, 0), 4);
    }
}
