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
