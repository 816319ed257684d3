//! Replays what Prometheus and its adapter answered: no step may differ.

use crate::common;

#[test]
fn rates_of_one_series_are_those_of_both_editions() {
    let report = common::replay_golden("prometheus_rate", "substrate/prometheus_rate.json.gz");
    assert_eq!((report.cases, report.steps), (1284, 2568));
    assert_eq!(report.differences.first(), None);
}

#[test]
fn whole_queries_have_the_recorded_answers() {
    let report = common::replay_golden("prometheus_queries", "prometheus/queries.json.gz");
    assert_eq!(report.cases, 2000);
    assert_eq!(report.differences.first(), None);
}

#[test]
fn the_adapter_names_metrics_and_asks_for_them_as_recorded() {
    let report = common::replay_golden("prometheus_adapter", "prometheus/adapter.jsonl.gz");
    assert_eq!((report.cases, report.steps), (400, 6662));
    assert_eq!(report.differences.first(), None);
}
