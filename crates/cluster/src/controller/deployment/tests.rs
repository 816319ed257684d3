//! Single syncs whose writes, conflicts and conditions matter more than the sizes.

use std::borrow::Cow;

use super::*;
use crate::sim::{SimDuration, SimTime};

/// A ReplicaSet of the first revision, all of whose pods are available.
fn full(key: usize, name: &str, replicas: i32) -> ReplicaSet<'_> {
    ReplicaSet {
        key,
        name,
        created: SimTime::from_secs(key as i64),
        deleting: false,
        has_deployments_template: false,
        has_deployments_annotations: true,
        revision: Some(key as i64 + 1),
        revision_history: "",
        desired_replicas: Some(4),
        max_replicas: Some(5),
        replicas,
        min_ready_seconds: 0,
        unfinished_pods: replicas,
        status: ReplicaSetStatus {
            replicas,
            ready_replicas: replicas,
            available_replicas: replicas,
            terminating_replicas: Some(0),
            ..ReplicaSetStatus::default()
        },
    }
}

/// A Deployment of four pods with the default strategy: one more, one less.
fn four(status: &DeploymentStatus) -> Deployment<'_> {
    Deployment {
        name: "web",
        generation: 1,
        deleting: false,
        template_hash: "new",
        revision: Some(1),
        spec: DeploymentSpecInput {
            replicas: Some(4),
            ..DeploymentSpecInput::default()
        }
        .into(),
        status,
    }
}

fn run(deployment: &Deployment<'_>, sets: &[ReplicaSet<'_>]) -> SyncResult {
    sync(deployment, sets, SimTime::from_millis(100_700))
}

/// The status that a sync with one complete ReplicaSet leaves.
fn settled() -> DeploymentStatus {
    let empty = DeploymentStatus::default();
    let mut only = full(0, "web-old", 4);
    only.has_deployments_template = true;
    let mut status = run(&four(&empty), &[only])
        .status()
        .expect("an empty status is written")
        .clone();
    for _ in 0..2 {
        if let Some(next) = run(&four(&status), &[only]).status() {
            status = next.clone();
        }
    }
    status
}

#[test]
fn what_is_settled_stays_as_it_is() {
    let status = settled();
    let mut only = full(0, "web-old", 4);
    only.has_deployments_template = true;
    assert_eq!(run(&four(&status), &[only]), SyncResult::default());
    let reasons: Vec<_> = status
        .conditions
        .iter()
        .map(|found| &found.reason)
        .collect();
    assert_eq!(
        reasons,
        ["MinimumReplicasAvailable", "NewReplicaSetAvailable"]
    );
}

#[test]
fn the_sync_that_creates_shrinks_too_and_then_meets_a_conflict() {
    let status = settled();
    let outcome = run(&four(&status), &[full(0, "web-old", 4)]);
    let Step::CreateReplicaSet(new) = &outcome.steps[0] else {
        panic!("it creates first: {outcome:?}");
    };
    assert_eq!(
        (new.name.as_str(), new.replicas, new.revision),
        ("web-new", 1, 2)
    );
    assert_eq!((new.desired_replicas, new.max_replicas), (4, 5));
    let writes = outcome.steps.iter();
    let statuses = writes.filter(|step| matches!(step, Step::UpdateStatus { .. }));
    assert_eq!(statuses.count(), 1);
    let written = outcome.status().expect("the revision is written");
    let progressing = written.condition(ConditionType::Progressing);
    let progressing = progressing.expect("it is set");
    assert_eq!(progressing.message, "Created new replica set \"web-new\"");
    assert_eq!(progressing.last_update, SimTime::from_secs(100));
    let messages: Vec<_> = outcome.events().map(|event| &event.message).collect();
    assert_eq!(
        messages,
        [
            "Scaled up replica set web-new from 0 to 1",
            "Scaled down replica set web-old from 4 to 3",
        ]
    );
    assert_eq!(outcome.requeue, Requeue::RateLimited);
}

#[test]
fn a_changed_annotation_is_copied_in_a_sync_of_its_own() {
    let status = settled();
    let mut only = full(0, "web-old", 4);
    only.has_deployments_template = true;
    only.has_deployments_annotations = false;
    let outcome = run(&four(&status), &[only]);
    let annotate = Step::AnnotateReplicaSet {
        key: 0,
        revision: 1,
        revision_history: None,
        min_ready_seconds: 0,
    };
    assert_eq!(outcome.steps, [annotate]);
    assert_eq!(outcome.requeue, Requeue::RateLimited);
}

#[test]
fn old_replica_sets_that_still_report_deleted_pods_are_left_alone() {
    let status = settled();
    let mut old = full(0, "web-old", 3);
    let mut new = full(1, "web-new", 2);
    new.has_deployments_template = true;
    new.status.available_replicas = 1;
    let sizes = |sets: &[ReplicaSet<'_>]| -> Vec<(usize, i32)> {
        let steps = run(&four(&status), sets).steps.into_iter();
        let scaled = steps.filter_map(|step| match step {
            Step::ScaleReplicaSet { key, to, .. } => Some((key, to)),
            _ => None,
        });
        scaled.collect()
    };
    assert_eq!(sizes(&[old, new]), [(0, 2)]);
    old.status.available_replicas = 4;
    assert_eq!(sizes(&[old, new]), []);
}

#[test]
fn a_saturated_replica_set_takes_over_what_a_scaling_finds() {
    let status = settled();
    let mut old = full(0, "web-old", 2);
    old.desired_replicas = Some(3);
    let mut new = full(1, "web-new", 4);
    new.has_deployments_template = true;
    let outcome = run(&four(&status), &[old, new]);
    let event = outcome.events().next().expect("one is emptied");
    assert_eq!(event.message, "Scaled down replica set web-old from 2 to 0");
}

#[test]
fn the_new_replica_sets_failure_comes_before_those_of_the_old() {
    let status = settled();
    let failed = |reason: &'static str| Condition {
        kind: ConditionType::ReplicaFailure,
        status: ConditionStatus::True,
        reason: Cow::Borrowed(reason),
        message: Cow::Borrowed("exceeded quota"),
        last_update: SimTime::from_secs(9),
        last_transition: SimTime::from_secs(8),
    };
    let (ours, theirs) = (failed("FailedCreate"), failed("FailedDelete"));
    let mut old = full(0, "web-old", 3);
    old.status.replica_failure = Some(&theirs);
    let mut new = full(1, "web-new", 2);
    new.has_deployments_template = true;
    new.status.replica_failure = Some(&ours);
    let mut deployment = four(&status);
    deployment.revision = Some(2);
    let outcome = run(&deployment, &[old, new]);
    let written = outcome.status().expect("a failure is news");
    let failure = written.condition(ConditionType::ReplicaFailure);
    let failure = failure.expect("it is passed on");
    assert_eq!(failure.reason, "FailedCreate");
    assert_eq!(failure.last_update, SimTime::from_secs(8));
}

#[test]
fn a_rollout_without_news_is_looked_at_when_its_deadline_has_passed() {
    let mut status = settled();
    let old = full(0, "web-old", 3);
    let mut new = full(1, "web-new", 2);
    new.has_deployments_template = true;
    new.status.ready_replicas = 0;
    new.status.available_replicas = 0;
    let mut outcome = SyncResult::default();
    for _ in 0..3 {
        let mut deployment = four(&status);
        deployment.revision = Some(2);
        outcome = run(&deployment, &[old, new]);
        if let Some(next) = outcome.status() {
            status = next.clone();
        }
    }
    assert_eq!(outcome.steps, []);
    // From 100 s in whole seconds on, looked at 100.7 s, and one second more.
    assert_eq!(
        outcome.requeue,
        Requeue::After(SimDuration::from_millis(600_300))
    );
    let mut deployment = four(&status);
    deployment.revision = Some(2);
    let shortly_before = sync(&deployment, &[old, new], SimTime::from_millis(699_500));
    assert_eq!(shortly_before.requeue, Requeue::RateLimited);
}

#[test]
fn without_a_deadline_there_is_no_progress_to_report() {
    let status = settled();
    let mut only = full(0, "web-old", 4);
    only.has_deployments_template = true;
    let mut deployment = four(&status);
    deployment.spec.progress_deadline_seconds = i32::MAX;
    let outcome = run(&deployment, &[only]);
    let written = outcome.status().expect("the condition goes");
    assert_eq!(written.condition(ConditionType::Progressing), None);
}

#[test]
fn a_deployment_that_is_being_deleted_rolls_nothing_out() {
    let status = settled();
    let mut deployment = four(&status);
    deployment.deleting = true;
    let outcome = run(&deployment, &[full(0, "web-old", 4)]);
    assert_eq!(outcome.events().count(), 0);
    assert_eq!(
        outcome.status().map(|status| status.updated_replicas),
        Some(0)
    );
}

#[test]
fn terminating_pods_are_not_counted_until_all_replica_sets_report_them() {
    let status = DeploymentStatus::default();
    let mut old = full(0, "web-old", 2);
    old.status.terminating_replicas = Some(3);
    let mut fresh = full(1, "web-new", 2);
    fresh.has_deployments_template = true;
    fresh.status = ReplicaSetStatus {
        never_observed: true,
        ..ReplicaSetStatus::default()
    };
    let mut deployment = four(&status);
    deployment.deleting = true;
    deployment.revision = Some(2);
    deployment.spec.progress_deadline_seconds = i32::MAX;
    let counted = |sets: &[ReplicaSet<'_>]| {
        let outcome = run(&deployment, sets);
        outcome
            .status()
            .expect("it is written")
            .terminating_replicas
    };
    assert_eq!(counted(&[old, fresh]), Some(3));
    fresh.status.never_observed = false;
    assert_eq!(counted(&[old, fresh]), None);
}

#[test]
fn a_failed_creation_is_told_in_the_status_and_by_an_event() {
    let status = DeploymentStatus::default();
    let now = SimTime::from_secs(5);
    let outcome = creation_failed(&four(&status), "web-new", "exceeded quota", now);
    let told = "Failed to create new replica set \"web-new\": exceeded quota";
    let event = outcome.events().next().expect("an event is emitted");
    assert_eq!(
        (event.kind, event.reason),
        (EventType::Warning, "ReplicaSetCreateError")
    );
    assert_eq!(event.message, told);
    let written = outcome.status().expect("there is a deadline");
    let condition = written.condition(ConditionType::Progressing);
    assert_eq!(condition.map(|found| found.message.as_ref()), Some(told));
}

#[test]
fn a_taken_name_asks_for_another_hash() {
    let status = DeploymentStatus {
        collision_count: Some(1),
        ..DeploymentStatus::default()
    };
    let outcome = hash_collision(&four(&status));
    let written = outcome.status().expect("the count is written");
    assert_eq!(written.collision_count, Some(2));
}
