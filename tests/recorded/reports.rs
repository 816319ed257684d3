//! Replays the tables of the report's figures: no case may differ.

use crate::common;

#[test]
fn every_figure_is_the_recorded_one() {
    for (kind, cases) in [
        ("metrics_elasticity", 20),
        ("metrics_elastic_speedup", 8),
        ("metrics_flapping", 20),
        ("metrics_scaling_latency", 12),
        ("metrics_slo", 12),
        ("cost_node", 14),
        ("cost_opencost_allocation", 15),
        ("cost_request", 16),
        ("cost_spot_hazard", 4),
    ] {
        let report = common::replay_golden(kind, &format!("autoscalers/{kind}.json"));
        assert_eq!(report.cases, cases, "{kind}");
        assert_eq!(report.differences.first(), None, "{kind}");
    }
}
