//! StatefulSets, sync by sync, against the order that a real cluster created and deleted pods in.

use crate::stateful_rig::Rig;
use nlsim::cluster::spec::FeatureGate;
use nlsim::controller::deployment::IntOrPercent;
use nlsim::controller::rollout_status;
use nlsim::controller::statefulset::{
    RevisionKey, StatefulSetSpec, StatefulSetSpecInput, Undo, UndoError, UpdateStrategy,
    UpdateStrategyType,
};
use nlsim::sim::SimDuration;

fn ordered(replicas: i32) -> StatefulSetSpecInput {
    StatefulSetSpecInput {
        replicas: Some(replicas),
        ..StatefulSetSpecInput::default()
    }
}

fn parallel(replicas: i32) -> StatefulSetSpecInput {
    StatefulSetSpecInput {
        is_parallel: true,
        ..ordered(replicas)
    }
}

#[test]
fn pods_start_one_by_one_each_after_the_one_before_is_ready() {
    let mut rig = Rig::new(ordered(3));
    rig.run_for(5);
    assert_eq!(rig.take_log(), ["+0@1"]);
    rig.run_for(5);
    assert_eq!(rig.take_log(), ["+1@1"]);
    rig.run_for(10);
    assert_eq!(rig.take_log(), ["+2@1"]);
    assert_eq!(
        rig.events[0],
        "Create Pod db-0 in StatefulSet db successful"
    );
    assert_eq!(rig.status.ready_replicas, 3);
    assert_eq!(rig.status.current_revision, Some(RevisionKey(1)));
}

#[test]
fn a_rollout_goes_from_the_top_down_to_the_partition() {
    let mut rig = Rig::ready(StatefulSetSpecInput {
        partition: Some(2),
        ..ordered(4)
    });
    rig.set_image(2);
    assert_eq!(rig.log, ["-3"]);
    rig.run_for(60);
    assert_eq!(rig.take_log(), ["-3", "+3@2", "-2", "+2@2"]);
    assert_eq!(rig.status.current_revision, Some(RevisionKey(1)));
    assert_eq!(
        (rig.status.current_replicas, rig.status.updated_replicas),
        (2, 2)
    );
    rig.change(|rig| {
        let partition = Some(0);
        rig.spec.update_strategy = UpdateStrategy::RollingUpdate { partition };
    });
    rig.run_for(60);
    assert_eq!(rig.take_log(), ["-1", "+1@2", "-0", "+0@2"]);
    assert_eq!(rig.status.current_revision, Some(RevisionKey(2)));
}

#[test]
fn below_the_partition_pods_come_back_as_they_were() {
    let mut rig = Rig::ready(StatefulSetSpecInput {
        partition: Some(2),
        ..ordered(3)
    });
    rig.set_image(2);
    rig.run_for(30);
    rig.delete(&[0]);
    rig.run_for(30);
    assert_eq!(rig.versions(), [(0, 1), (1, 1), (2, 2)]);
}

#[test]
fn an_undo_renumbers_the_old_revision() {
    let mut rig = Rig::ready(ordered(4));
    assert_eq!(rig.undo(0), Err(UndoError::NoHistory));
    rig.set_image(2);
    rig.run_for(100);
    rig.log.clear();
    let key = RevisionKey(1);
    assert_eq!(rig.undo(0), Ok(Undo::RolledBack { key }));
    rig.run_for(100);
    assert_eq!(
        rig.log,
        ["-3", "+3@1", "-2", "+2@1", "-1", "+1@1", "-0", "+0@1"]
    );
    let mut numbers: Vec<_> = rig.revisions.iter().map(|found| found.revision).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [2, 3]);
    assert_eq!(
        rig.undo(1).expect_err("it is revision 3 now").to_string(),
        "unable to find specified revision 1 in history"
    );
}

#[test]
fn scaling_waits_for_each_pod_to_be_gone_or_ready() {
    let mut rig = Rig::ready(ordered(4));
    rig.scale(2);
    assert_eq!(rig.take_log(), ["-3"]);
    rig.run_for(1);
    assert_eq!(rig.take_log(), ["-2"]);
    rig.run_for(10);
    rig.scale(5);
    assert_eq!(rig.take_log(), ["+2@1"]);
    rig.run_for(60);
    assert_eq!(rig.take_log(), ["+3@1", "+4@1"]);
}

#[test]
fn of_two_missing_pods_the_lower_comes_first() {
    let mut rig = Rig::ready(ordered(4));
    rig.delete(&[1, 3]);
    rig.run_for(1);
    assert_eq!(rig.take_log(), ["+1@1"]);
    rig.run_for(10);
    assert_eq!(rig.take_log(), ["+3@1"]);
}

#[test]
fn an_unready_pod_on_top_may_go() {
    let mut rig = Rig::ready(ordered(4));
    rig.set_image(2);
    rig.run_for(3);
    assert_eq!(rig.take_log(), ["-3", "+3@2"]);
    rig.scale(3);
    assert_eq!(rig.take_log(), ["-3"]);
}

#[test]
fn ordinals_that_are_added_in_a_rollout_come_first_and_are_new() {
    let mut rig = Rig::ready(ordered(3));
    rig.scale(5);
    rig.set_image(2);
    rig.run_for(12);
    assert_eq!(rig.take_log(), ["+3@1", "+4@2", "-3", "+3@2"]);
}

#[test]
fn under_on_delete_only_new_pods_have_the_new_revision() {
    let mut rig = Rig::ready(StatefulSetSpecInput {
        update_strategy: Some(UpdateStrategyType::OnDelete),
        ..ordered(3)
    });
    rig.set_image(2);
    rig.run_for(30);
    assert_eq!(rig.take_log(), [""; 0]);
    rig.delete(&[1]);
    rig.run_for(30);
    rig.scale(4);
    rig.run_for(30);
    assert_eq!(rig.versions(), [(0, 1), (1, 2), (2, 1), (3, 2)]);
}

#[test]
fn parallel_pods_come_and_go_together_but_are_replaced_one_by_one() {
    let mut rig = Rig::new(parallel(3));
    rig.run_for(30);
    assert_eq!(rig.take_log(), ["+0@1", "+1@1", "+2@1"]);
    rig.set_image(2);
    assert_eq!(rig.log, ["-2"]);
    rig.run_for(60);
    assert_eq!(rig.take_log(), ["-2", "+2@2", "-1", "+1@2", "-0", "+0@2"]);
    rig.scale(6);
    assert_eq!(rig.take_log(), ["+3@2", "+4@2", "+5@2"]);
    rig.run_for(30);
    rig.scale(3);
    assert_eq!(rig.take_log(), ["-5", "-4", "-3"]);
}

#[test]
fn an_undo_does_not_repair_a_pod_that_is_never_ready() {
    let mut rig = Rig::ready(ordered(3));
    rig.broken = Some(2);
    rig.set_image(2);
    rig.run_for(60);
    assert_eq!(rig.take_log(), ["-2", "+2@2"]);
    rig.undo(0).expect("revision 1 is there");
    rig.run_for(60);
    assert_eq!(rig.take_log(), [""; 0]);
    rig.delete(&[2]);
    rig.run_for(60);
    assert_eq!(rig.versions(), [(0, 1), (1, 1), (2, 1)]);
}

#[test]
fn min_ready_seconds_hold_up_the_next_ordinal() {
    let mut rig = Rig::new(StatefulSetSpecInput {
        min_ready_seconds: 10,
        ..ordered(2)
    });
    // Ready at 5.2 s, that is at 5 s.
    rig.run_for(14);
    assert_eq!(rig.take_log(), ["+0@1"]);
    rig.run_for(1);
    assert_eq!(rig.take_log(), ["+1@1"]);
    assert_eq!(rig.status.available_replicas, 1);
}

#[test]
fn ordinals_may_start_above_zero() {
    let mut rig = Rig::new(StatefulSetSpecInput {
        start_ordinal: 5,
        ..parallel(2)
    });
    rig.run_for(30);
    assert_eq!(rig.versions(), [(5, 1), (6, 1)]);
    rig.change(|rig| rig.spec.start_ordinal = 6);
    assert_eq!(rig.log[2..], ["+7@1", "-5"]);
}

#[test]
fn revisions_beyond_the_limit_go_unless_a_pod_has_them() {
    let mut rig = Rig::ready(StatefulSetSpecInput {
        revision_history_limit: Some(1),
        ..ordered(1)
    });
    for version in 2..=4 {
        rig.set_image(version);
        rig.run_for(30);
    }
    let keys: Vec<_> = rig.revisions.iter().map(|found| found.key.0).collect();
    assert_eq!(keys, [3, 4]);
}

#[test]
fn a_strategy_without_its_block_gives_missing_pods_their_old_revision_back() {
    let mut rig = Rig::ready(StatefulSetSpecInput {
        update_strategy: Some(UpdateStrategyType::RollingUpdate),
        ..ordered(3)
    });
    rig.ends_after = SimDuration::from_secs(2);
    rig.set_image(2);
    rig.run_for(3);
    rig.delete(&[0]);
    rig.run_for(3);
    assert_eq!(rig.take_log(), ["-2", "+2@2", "+0@1"]);
}

/// What `kubectl rollout status` prints now.
fn status_line(rig: &Rig) -> String {
    match rollout_status::stateful_set(&rig.view(), |key| format!("db-v{}", key.0)) {
        Ok(status) => status.line,
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn kubectl_tells_how_far_a_rollout_is() {
    let mut rig = Rig::ready(StatefulSetSpecInput {
        partition: Some(2),
        ..ordered(4)
    });
    rig.set_image(2);
    assert_eq!(
        status_line(&rig),
        "Waiting for partitioned roll out to finish: 0 out of 2 new pods have been updated..."
    );
    rig.run_for(1);
    assert_eq!(status_line(&rig), "Waiting for 1 pods to be ready...");
    rig.run_for(30);
    assert_eq!(
        status_line(&rig),
        "partitioned roll out complete: 2 new pods have been updated..."
    );
    let partition = None;
    rig.spec.update_strategy = UpdateStrategy::RollingUpdate { partition };
    assert_eq!(
        status_line(&rig),
        "waiting for statefulset rolling update to complete 2 pods at revision db-v2..."
    );
    rig.spec.update_strategy = UpdateStrategy::OnDelete;
    assert_eq!(
        status_line(&rig),
        "error: rollout status is only available for RollingUpdate strategy type"
    );
}

/// A roll-out of six pods above the partition 3 that may take two away.
fn two_at_once(is_parallel: bool) -> StatefulSetSpecInput {
    StatefulSetSpecInput {
        is_parallel,
        partition: Some(3),
        max_unavailable: Some(IntOrPercent::Int(2)),
        ..ordered(6)
    }
}

#[test]
fn max_unavailable_lets_several_pods_go_at_once() {
    // OrderedReady makes them anew one by one, and goes on when all are available.
    let mut rig = Rig::ready(two_at_once(false));
    rig.set_image(2);
    assert_eq!(rig.log, ["-5", "-4"]);
    rig.run_for(60);
    assert_eq!(rig.take_log(), ["-5", "-4", "+4@2", "+5@2", "-3", "+3@2"]);
    // Parallel makes them anew together.
    let mut rig = Rig::ready(two_at_once(true));
    rig.set_image(2);
    rig.run_for(60);
    let log = rig.take_log();
    assert_eq!(log, ["-5", "-4", "+4@2", "+5@2", "-3", "+3@2"]);
    assert_eq!(
        rig.versions(),
        [(0, 1), (1, 1), (2, 1), (3, 2), (4, 2), (5, 2)]
    );
}

#[test]
fn pods_that_are_away_anyhow_count_also_below_the_partition() {
    for (gone, deleted) in [
        (&[][..], &["-5", "-4"][..]),
        (&[5], &["-4"]),
        (&[3], &["-5"]),
        (&[5, 4], &[]),
        (&[5, 4, 3], &[]),
        (&[2], &["-5"]),
        (&[1], &["-5"]),
    ] {
        let mut rig = Rig::ready(two_at_once(true));
        rig.ends_after = SimDuration::from_secs(30);
        rig.delete(gone);
        rig.log.clear();
        rig.set_image(2);
        assert_eq!(rig.log, deleted, "{gone:?}");
    }
}

#[test]
fn a_share_is_rounded_down_and_one_pod_at_least_may_go() {
    for (percent, deleted) in [(20, 1), (40, 2), (10, 1), (100, 5)] {
        let mut rig = Rig::ready(StatefulSetSpecInput {
            max_unavailable: Some(IntOrPercent::Percent(percent)),
            ..parallel(5)
        });
        rig.set_image(2);
        assert_eq!(rig.log.len(), deleted, "{percent} %");
    }
    let shut = StatefulSetSpec::from(two_at_once(true)).behind_gate(FeatureGate::Off);
    assert_eq!(shut.max_unavailable, None, "the API server drops it");
    let unset = StatefulSetSpec::default().behind_gate(FeatureGate::On);
    assert_eq!(unset.max_unavailable, Some(IntOrPercent::Int(1)));
}
