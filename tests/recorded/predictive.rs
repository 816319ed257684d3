//! Replays the tables of the models that predict, and of Karpenter's budgets: no case may differ.

use crate::common;

#[test]
fn every_answer_is_the_recorded_one() {
    for (kind, cases) in [
        ("predictive_holt_winters", 100),
        ("predictive_linear", 60),
        ("predictive_decision_type", 24),
        ("karpenter_budgets", 24),
    ] {
        let report = common::replay_golden(kind, &format!("autoscalers/{kind}.json"));
        assert_eq!(report.cases, cases, "{kind}");
        assert_eq!(report.differences.first(), None, "{kind}");
    }
}
