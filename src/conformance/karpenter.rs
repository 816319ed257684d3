//! The table of Karpenter's disruption budgets, `karpenter_budgets`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ReplayError, Report, table};
use crate::autoscaler::karpenter::{Budget, Nodes, PoolNodes, Reason, allowed};

#[derive(Deserialize)]
struct Case {
    id: String,
    nodes_in_pool: i64,
    nodes_disrupting_or_not_ready: i64,
    budgets: Vec<BudgetJson>,
    expected_allowed: BTreeMap<Reason, i64>,
}

#[derive(Deserialize, Debug)]
struct BudgetJson {
    nodes: String,
    reasons: Option<Vec<Reason>>,
    active: bool,
}

/// Replays pools with their budgets; whether each is in force is given.
pub(super) fn budgets(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in table::rows::<Case>(text)? {
        report.cases += 1;
        let nodes = PoolNodes {
            initialized: case.nodes_in_pool,
            disrupting: case.nodes_disrupting_or_not_ready,
        };
        // A budget that does not read allows nothing.
        let budget = |json: &BudgetJson| Budget {
            nodes: json.nodes.parse().unwrap_or(Nodes::Count(0)),
            reasons: json.reasons.clone(),
            window: None,
        };
        let budgets: Vec<Budget> = case.budgets.iter().map(budget).collect();
        let active = case.budgets.iter().map(|json| json.active);
        let of = |reason: &Reason| {
            let budgets = budgets.iter().zip(active.clone());
            (*reason, allowed(budgets, *reason, nodes))
        };
        let got: BTreeMap<Reason, i64> = case.expected_allowed.keys().map(of).collect();
        let input = (nodes, &case.budgets);
        report.step(table::difference(
            case.id,
            &case.expected_allowed,
            &got,
            &input,
        ));
    }
    Ok(report)
}
