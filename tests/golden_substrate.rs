//! Replays recorded tables of the components around the controllers: no row may differ.

mod common;

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
