//! Replays recorded tables of the components around the controllers: no row may differ.

use crate::common;

#[test]
fn metrics_server_reports_what_the_recording_reports() {
    let report = common::replay_golden(
        "metrics_server_pod_metrics",
        "substrate/metrics_server_pod_metrics.json.gz",
    );
    assert_eq!(report.cases, 60);
    assert_eq!(report.differences.first(), None);
}

#[test]
fn replica_sets_delete_pods_in_the_recorded_order() {
    let report = common::replay_golden(
        "rs_scale_down_ranking",
        "substrate/rs_scale_down_ranking.json.gz",
    );
    assert_eq!(report.cases, 200);
    assert_eq!(report.differences.first(), None);
}

#[test]
fn create_calls_come_in_the_recorded_batches() {
    let report = common::replay_golden("slow_start_batch", "substrate/slow_start_batch.json");
    assert_eq!(report.cases, 160);
    assert_eq!(report.differences.first(), None);
}

#[test]
fn disruption_budgets_allow_what_the_recording_allows() {
    let report = common::replay_golden("pdb_math", "substrate/pdb_math.json.gz");
    assert_eq!(report.cases, 272);
    assert_eq!(report.differences.first(), None);
}

#[test]
fn eviction_requests_are_answered_as_recorded() {
    let report = common::replay_golden("eviction_api", "substrate/eviction_api.json");
    assert_eq!(report.cases, 67);
    assert_eq!(report.differences.first(), None);
}

#[test]
fn crashed_containers_wait_as_recorded() {
    let report = common::replay_golden("crashloop_backoff", "substrate/crashloop_backoff.json");
    assert_eq!(report.cases, 18);
    assert_eq!(report.differences.first(), None);
}

#[test]
fn nodes_fit_and_score_as_recorded() {
    let report = common::replay_golden(
        "scheduler_resource_scores",
        "substrate/scheduler_resource_scores.json.gz",
    );
    assert_eq!((report.cases, report.steps), (80, 240));
    assert_eq!(report.differences.first(), None);
}

#[test]
fn pods_are_spread_as_recorded() {
    let report = common::replay_golden(
        "scheduler_topology_spread_default",
        "substrate/scheduler_topology_spread_default.json.gz",
    );
    assert_eq!(report.cases, 40);
    assert_eq!(report.differences.first(), None);
}

#[test]
fn cpu_requests_weigh_as_recorded() {
    let report = common::replay_golden("cpu_weight", "substrate/cpu_weight.json");
    assert_eq!(report.cases, 28);
    assert_eq!(report.differences.first(), None);
}

#[test]
fn fenceposts_of_a_rollout_are_the_recorded_ones() {
    let report = common::replay_golden("rollout_fenceposts", "substrate/rollout_fenceposts.json");
    assert_eq!(report.cases, 96);
    assert_eq!(report.differences.first(), None);
}

#[test]
fn a_new_replica_set_gets_the_recorded_size() {
    let report = common::replay_golden("rollout_new_rs", "substrate/rollout_new_rs.json.gz");
    assert_eq!(report.cases, 234);
    assert_eq!(report.differences.first(), None);
}

#[test]
fn replica_sets_share_a_scaling_as_recorded() {
    let report = common::replay_golden(
        "rollout_proportional_scaling",
        "substrate/rollout_proportional_scaling.json.gz",
    );
    assert_eq!(report.cases, 432);
    assert_eq!(report.differences.first(), None);
}

#[test]
fn each_sync_of_a_rollout_leaves_the_recorded_sizes() {
    let report = common::replay_golden("rollout_steps", "substrate/rollout_steps.json.gz");
    assert_eq!(report.cases, 200);
    assert_eq!(report.differences.first(), None);
}

#[test]
fn pods_are_evicted_in_the_recorded_order() {
    let report = common::replay_golden(
        "kubelet_memory_eviction_rank",
        "substrate/kubelet_memory_eviction_rank.json",
    );
    assert_eq!(report.cases, 60);
    assert_eq!(report.differences.first(), None);
}

#[test]
fn providers_leave_pods_what_they_publish() {
    let report = common::replay_golden(
        "node_allocatable_formula",
        "substrate/node_allocatable_formula.json",
    );
    assert_eq!(report.cases, 9);
    assert_eq!(report.differences.first(), None);
}
