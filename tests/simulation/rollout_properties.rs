//! What holds in every roll-out, whatever its size, fenceposts and delays.

use crate::rollout_rig::{Rig, millis};
use nlsim::controller::deployment::{ConditionType, DeploymentSpecInput, IntOrPercent};
use proptest::prelude::*;

fn fencepost() -> impl Strategy<Value = IntOrPercent> {
    prop_oneof![
        (0..5).prop_map(IntOrPercent::Int),
        (0..=100).prop_map(IntOrPercent::Percent),
    ]
}

fn spec() -> impl Strategy<Value = DeploymentSpecInput> {
    (1..40, fencepost(), fencepost(), 0..4).prop_map(|(replicas, surge, unavailable, min_ready)| {
        DeploymentSpecInput {
            replicas: Some(replicas),
            max_surge: Some(surge),
            max_unavailable: Some(unavailable),
            min_ready_seconds: min_ready,
            ..DeploymentSpecInput::default()
        }
    })
}

fn delays() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(100..9_000_i64, 1..7)
}

/// Pods in the sizes of all ReplicaSets.
fn pods(rig: &Rig) -> i32 {
    rig.sets.iter().map(|set| set.size.replicas).sum()
}

fn rolled_out(spec: DeploymentSpecInput, delays: &[i64]) -> Rig {
    let mut rig = Rig::rolled_out(spec);
    rig.ready_after = delays.iter().map(|delay| millis(*delay)).collect();
    rig
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        max_global_rejects: 100_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_rollout_stays_between_its_fenceposts_and_ends(spec in spec(), delays in delays()) {
        let mut rig = rolled_out(spec, &delays);
        rig.set_image(2);
        for _ in 0..900 {
            let status = &rig.status;
            prop_assert!(pods(&rig) <= rig.spec.max_replicas());
            prop_assert!(
                status.available_replicas >= rig.spec.replicas - rig.spec.max_unavailable()
            );
            rig.run_for(1);
        }
        prop_assert_eq!(rig.set("web-v1").size.replicas, 0);
        prop_assert_eq!(rig.set("web-v2").size.replicas, rig.spec.replicas);
        let progressing = rig.condition(ConditionType::Progressing);
        prop_assert_eq!(progressing.reason.as_ref(), "NewReplicaSetAvailable");
    }

    #[test]
    fn a_scaling_in_mid_rollout_fills_the_surge_exactly(
        spec in spec(),
        delays in delays(),
        seconds in 0..20_i64,
        replicas in 1..80,
    ) {
        let mut rig = rolled_out(spec, &delays);
        rig.set_image(2);
        rig.run_for(seconds);
        let active = rig.sets.iter().filter(|set| set.size.replicas > 0).count();
        prop_assume!(active > 1 && replicas != rig.spec.replicas);
        // The sync after the change, before the roll-out goes on.
        rig.spec.replicas = replicas;
        rig.sync();
        prop_assert_eq!(pods(&rig), rig.spec.max_replicas());
        rig.run_for(2_000);
        prop_assert_eq!(rig.set("web-v2").size.replicas, replicas);
        prop_assert_eq!(pods(&rig), replicas);
    }
}
