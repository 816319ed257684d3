//! Whole roll-outs, sync by sync, against the sizes that a real cluster went through.

use crate::rollout_rig::{Rig, fenced, millis, replicas};
use nlsim::controller::deployment::{
    ConditionStatus, ConditionType, DeploymentSpecInput, IntOrPercent, StrategyType, Undo,
    UndoError,
};
use nlsim::controller::rollout_status;
use nlsim::sim::SimTime;

/// Delays that let pods become ready one after the other.
fn one_by_one(count: i64) -> Vec<nlsim::sim::SimDuration> {
    (0..count).map(|n| millis(5_000 + 100 * n)).collect()
}

fn progressing(rig: &Rig) -> (ConditionStatus, &str, &str) {
    let found = rig.condition(ConditionType::Progressing);
    (found.status, &found.reason, &found.message)
}

#[test]
fn the_default_fenceposts_add_a_quarter_and_go_on_with_each_ready_pod() {
    let mut rig = Rig::rolled_out(replicas(10));
    rig.ready_after = one_by_one(10);
    rig.set_image(2);
    assert_eq!(rig.take_sizes(), ["v2 0>3", "v1 10>8", "v2 3>5"]);
    rig.run_for(60);
    assert_eq!(
        rig.take_sizes(),
        [
            "v1 8>7", "v2 5>6", "v1 7>6", "v2 6>7", "v1 6>5", "v2 7>8", "v1 5>4", "v2 8>9",
            "v1 4>3", "v2 9>10", "v1 3>2", "v1 2>1", "v1 1>0",
        ]
    );
    assert_eq!(
        progressing(&rig),
        (
            ConditionStatus::True,
            "NewReplicaSetAvailable",
            "ReplicaSet \"web-v2\" has successfully progressed."
        )
    );
    assert_eq!(rig.revision, Some(2));
}

#[test]
fn each_new_size_is_an_event() {
    let mut rig = Rig::rolled_out(fenced(2, 1, 0));
    rig.set_image(2);
    rig.run_for(5);
    assert_eq!(
        rig.events,
        [
            "Scaled up replica set web-v2 from 0 to 1",
            "Scaled down replica set web-v1 from 2 to 1",
            "Scaled up replica set web-v2 from 1 to 2",
        ]
    );
}

#[test]
fn an_undone_rollout_reuses_the_old_replica_set_under_a_new_revision() {
    let mut rig = Rig::rolled_out(replicas(10));
    rig.set_image(2);
    rig.run_for(60);
    rig.forget();
    assert_eq!(rig.undo(0), Ok(Undo::RolledBack { key: 0 }));
    assert_eq!(rig.take_sizes(), ["v1 0>3", "v2 10>8", "v1 3>5"]);
    rig.run_for(60);
    assert_eq!(rig.revisions(), [2, 3]);
    assert_eq!(rig.revision, Some(3));
    assert_eq!(rig.set("web-v1").history, "1");
}

#[test]
fn a_surge_of_one_replaces_pods_one_by_one() {
    let mut rig = Rig::rolled_out(fenced(4, 1, 0));
    rig.set_image(2);
    rig.run_for(60);
    assert_eq!(
        rig.take_sizes(),
        [
            "v2 0>1", "v1 4>3", "v2 1>2", "v1 3>2", "v2 2>3", "v1 2>1", "v2 3>4", "v1 1>0"
        ]
    );
}

#[test]
fn without_a_surge_the_old_replica_set_shrinks_first() {
    let mut rig = Rig::rolled_out(fenced(4, 0, 1));
    rig.set_image(2);
    assert_eq!(rig.take_sizes(), ["v2 0", "v1 4>3", "v2 0>1"]);
    rig.run_for(60);
    assert_eq!(
        rig.take_sizes(),
        ["v1 3>2", "v2 1>2", "v1 2>1", "v2 2>3", "v1 1>0", "v2 3>4"]
    );
}

#[test]
fn a_full_surge_waits_for_readiness_only() {
    let mut rig = Rig::rolled_out(DeploymentSpecInput {
        max_surge: Some(IntOrPercent::Percent(100)),
        ..fenced(5, 0, 0)
    });
    let late = millis(6_000);
    rig.ready_after = vec![millis(5_000), late, late, late, late];
    rig.set_image(2);
    assert_eq!(rig.take_sizes(), ["v2 0>5"]);
    rig.run_for(60);
    assert_eq!(rig.take_sizes(), ["v1 5>4", "v1 4>0"]);
}

#[test]
fn full_unavailability_replaces_all_at_once() {
    let mut rig = Rig::rolled_out(DeploymentSpecInput {
        max_unavailable: Some(IntOrPercent::Percent(100)),
        ..fenced(5, 0, 0)
    });
    rig.set_image(2);
    assert_eq!(rig.take_sizes(), ["v2 0", "v1 5>0", "v2 0>5"]);
    assert_eq!(
        rig.condition(ConditionType::Available).status,
        ConditionStatus::True
    );
    assert_eq!(rig.status.available_replicas, 0);
}

#[test]
fn recreate_waits_until_the_last_old_pod_has_ended() {
    let mut rig = Rig::rolled_out(DeploymentSpecInput {
        strategy: Some(StrategyType::Recreate),
        ..replicas(4)
    });
    rig.pre_stop = millis(8_340);
    rig.set_image(2);
    assert_eq!(rig.take_sizes(), ["v1 4>0"]);
    assert_eq!(rig.status.terminating_replicas, Some(4));
    rig.run_for(8);
    assert_eq!(rig.sets.len(), 1);
    rig.run_for(1);
    assert_eq!(rig.take_sizes(), ["v2 0>4"]);
    assert_eq!(rig.status.terminating_replicas, Some(0));
    rig.run_for(10);
    assert_eq!(progressing(&rig).1, "NewReplicaSetAvailable");
}

#[test]
fn min_ready_seconds_count_from_the_whole_second_of_readiness() {
    let mut rig = Rig::rolled_out(DeploymentSpecInput {
        min_ready_seconds: 15,
        ..fenced(3, 1, 0)
    });
    rig.ready_after = vec![millis(5_230)];
    rig.set_image(2);
    assert_eq!(rig.take_sizes(), ["v2 0>1"]);
    // Ready at 65.23 s, that is at 65 s.
    rig.run_for(19);
    assert_eq!(rig.take_sizes(), [""; 0]);
    rig.run_for(1);
    assert_eq!(rig.take_sizes(), ["v1 3>2", "v2 1>2"]);
}

#[test]
fn a_rollout_over_another_takes_its_unready_pods_first() {
    let mut rig = Rig::rolled_out(replicas(6));
    rig.set_image(2);
    assert_eq!(rig.take_sizes(), ["v2 0>2", "v1 6>5", "v2 2>3"]);
    rig.run_for(3);
    rig.set_image(3);
    assert_eq!(rig.take_sizes(), ["v3 0", "v2 3>0", "v3 0>3"]);
    rig.run_for(4);
    assert_eq!(rig.take_sizes(), [""; 0]);
    rig.run_for(60);
    assert_eq!(rig.set("web-v3").size.replicas, 6);
}

#[test]
fn a_stuck_rollout_exceeds_its_deadline_and_stays() {
    let mut rig = Rig::rolled_out(DeploymentSpecInput {
        progress_deadline_seconds: Some(40),
        ..replicas(4)
    });
    rig.broken = Some(2);
    rig.run_for(1);
    rig.now += millis(70);
    rig.set_image(2);
    assert_eq!(rig.take_sizes(), ["v2 0>1", "v1 4>3", "v2 1>2"]);
    assert_eq!(
        progressing(&rig),
        (
            ConditionStatus::True,
            "ReplicaSetUpdated",
            "ReplicaSet \"web-v2\" is progressing."
        )
    );
    rig.run_for(120);
    assert_eq!(
        progressing(&rig),
        (
            ConditionStatus::False,
            "ProgressDeadlineExceeded",
            "ReplicaSet \"web-v2\" has timed out progressing."
        )
    );
    // 40 s and the second that upstream adds after 61.07 s, which counts as 61 s.
    let late = rig.condition(ConditionType::Progressing);
    assert_eq!(late.last_transition, SimTime::from_secs(102));
    assert_eq!(rig.take_sizes(), [""; 0]);
    assert!(rig.undo(0).is_ok());
    assert_eq!(rig.take_sizes(), ["v2 2>0", "v1 3>4"]);
    rig.run_for(10);
    assert_eq!(progressing(&rig).1, "NewReplicaSetAvailable");
}

#[test]
fn pods_that_are_never_ready_leave_the_deployment_unavailable() {
    let mut rig = Rig::new(DeploymentSpecInput {
        progress_deadline_seconds: Some(30),
        ..replicas(2)
    });
    rig.broken = Some(1);
    rig.run_for(100);
    let available = rig.condition(ConditionType::Available);
    assert_eq!(available.status, ConditionStatus::False);
    assert_eq!(available.reason, "MinimumReplicasUnavailable");
    assert_eq!(progressing(&rig).1, "ProgressDeadlineExceeded");
}

#[test]
fn a_paused_deployment_scales_but_does_not_roll_out() {
    let mut rig = Rig::rolled_out(replicas(4));
    rig.change(|rig| rig.spec.paused = true);
    assert_eq!(
        progressing(&rig),
        (
            ConditionStatus::Unknown,
            "DeploymentPaused",
            "Deployment is paused"
        )
    );
    rig.set_image(2);
    rig.set_image(3);
    assert_eq!(rig.take_sizes(), [""; 0]);
    rig.scale(6);
    assert_eq!(rig.take_sizes(), ["v1 4>6"]);
    rig.run_for(20);
    rig.spec.paused = false;
    assert!(rig.sync());
    assert_eq!(
        progressing(&rig),
        (
            ConditionStatus::Unknown,
            "DeploymentResumed",
            "Deployment is resumed"
        )
    );
    rig.run_for(60);
    assert_eq!(rig.sizes[..2], ["v3 0>2", "v1 6>5"]);
    assert_eq!(rig.revisions(), [1, 2]);
}

#[test]
fn old_replica_sets_beyond_the_limit_go_when_the_rollout_is_complete() {
    let mut rig = Rig::rolled_out(DeploymentSpecInput {
        revision_history_limit: Some(2),
        ..replicas(2)
    });
    for version in 2..=4 {
        rig.set_image(version);
        rig.run_for(30);
    }
    assert_eq!(rig.sizes.last().map(String::as_str), Some("-v1"));
    rig.set_image(5);
    rig.run_for(30);
    assert_eq!(rig.revisions(), [3, 4, 5]);
    assert!(rig.undo(4).is_ok());
    rig.run_for(30);
    assert_eq!(rig.revisions(), [3, 5, 6]);
    assert_eq!(rig.undo(1), Err(UndoError::RevisionNotFound(1)));
    assert_eq!(
        UndoError::RevisionNotFound(1).to_string(),
        "unable to find specified revision 1 in history"
    );
}

#[test]
fn a_scaled_rollout_keeps_its_proportions() {
    let mut rig = Rig::rolled_out(fenced(10, 3, 2));
    rig.broken = Some(2);
    rig.set_image(2);
    rig.forget();
    rig.scale(15);
    assert_eq!(rig.take_sizes(), ["v1 8>11", "v2 5>7"]);
    rig.run_for(20);
    rig.scale(6);
    assert_eq!(rig.take_sizes(), ["v1 11>5", "v2 7>4", "v1 5>4", "v2 4>5"]);
    rig.scale(7);
    assert_eq!(rig.take_sizes(), ["v2 5>6"]);
    rig.undo(0).expect("revision 1 is there");
    assert_eq!(rig.take_sizes(), ["v2 6>1", "v1 4>7"]);
    rig.run_for(20);
    assert_eq!(rig.take_sizes(), ["v2 1>0"]);
}

#[test]
fn a_scaled_rollout_shares_the_surge_of_its_new_size() {
    let mut rig = Rig::rolled_out(replicas(10));
    rig.broken = Some(2);
    rig.set_image(2);
    rig.forget();
    rig.scale(16);
    assert_eq!(rig.take_sizes(), ["v1 8>12", "v2 5>8"]);
    rig.run_for(20);
    rig.scale(6);
    assert_eq!(rig.sizes[..2], ["v1 12>5", "v2 8>3"]);
}

#[test]
fn a_deleted_replica_set_is_created_again() {
    let mut rig = Rig::rolled_out(replicas(3));
    rig.sets.clear();
    rig.run_for(1);
    assert_eq!(rig.take_sizes(), ["v1 0>3"]);
    assert_eq!(rig.revision, Some(1));
}

#[test]
fn an_undo_needs_a_history_and_a_deployment_that_is_not_paused() {
    let mut rig = Rig::rolled_out(replicas(2));
    assert_eq!(
        rig.undo(0).expect_err("there is one revision").to_string(),
        "no rollout history found for deployment \"web\""
    );
    assert_eq!(
        rig.undo(1),
        Ok(Undo::Skipped(
            "skipped rollback (current template already matches revision 1)".to_owned()
        ))
    );
    rig.set_image(2);
    rig.run_for(30);
    rig.change(|rig| rig.spec.paused = true);
    assert_eq!(
        rig.undo(0).expect_err("it is paused").to_string(),
        "you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' \
         and try again"
    );
}

/// What `kubectl rollout status` prints now.
fn status_line(rig: &Rig) -> String {
    match rollout_status::deployment(&rig.view().0, 0) {
        Ok(status) => status.line,
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn kubectl_tells_how_far_a_rollout_is() {
    let mut rig = Rig::rolled_out(fenced(4, 0, 1));
    rig.set_image(2);
    let waiting = "Waiting for deployment \"web\" rollout to finish:";
    assert_eq!(
        status_line(&rig),
        format!("{waiting} 1 out of 4 new replicas have been updated...")
    );
    rig.run_for(16);
    assert_eq!(
        status_line(&rig),
        format!("{waiting} 3 of 4 updated replicas are available...")
    );
    rig.run_for(10);
    assert_eq!(
        status_line(&rig),
        "deployment \"web\" successfully rolled out"
    );
    assert_eq!(
        rollout_status::deployment(&rig.view().0, 1)
            .expect_err("it is at revision 2")
            .to_string(),
        "desired revision (1) is different from the running revision (2)"
    );
}

#[test]
fn kubectl_gives_up_on_a_stuck_rollout() {
    let mut rig = Rig::rolled_out(DeploymentSpecInput {
        progress_deadline_seconds: Some(40),
        ..replicas(4)
    });
    rig.broken = Some(2);
    rig.set_image(2);
    rig.run_for(60);
    assert_eq!(
        status_line(&rig),
        "error: deployment \"web\" exceeded its progress deadline"
    );
}
