//! Tables of the report's figures: `metrics_*` and `cost_*`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{ReplayError, Report, table};
use crate::analysis::cost::{
    AllocationNode, AllocationPod, RequestPrices, allocate, billed_seconds, interrupted_within,
    node_cost, request_cost, spot_hazard_per_hour,
};
use crate::analysis::elasticity::{elastic_speedup, elasticity};
use crate::analysis::flapping::{ScaleEvent, flapping};
use crate::analysis::scaling_latency::{LoadStep, scaling_latency};
use crate::analysis::slo::{Request, slo};

/// A case: inputs by name, and what is expected.
#[derive(Deserialize)]
struct Case {
    id: String,
    expected: BTreeMap<String, Value>,
    #[serde(flatten)]
    input: BTreeMap<String, Value>,
}

impl Case {
    fn number(&self, name: &str) -> f64 {
        self.input
            .get(name)
            .and_then(Value::as_f64)
            .unwrap_or(f64::NAN)
    }

    fn rows(&self, name: &str) -> &[Value] {
        self.input
            .get(name)
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    fn curve(&self, name: &str) -> Vec<(f64, f64)> {
        self.rows(name)
            .iter()
            .map(|row| (of(&row[0]), of(&row[1])))
            .collect()
    }
}

fn of(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

/// Whether two values agree; numbers to 1 part in 10^9.
fn same(expected: &Value, got: &Value) -> bool {
    match (expected, got) {
        (Value::Number(_), Value::Number(_)) => table::close(of(expected), of(got)),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        _ => expected == got,
    }
}

/// Replays a table: one step per case, every expected figure compared.
fn replay(text: &str, compute: impl Fn(&Case) -> Value) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in table::rows::<Case>(text)? {
        report.cases += 1;
        let got = compute(&case);
        let null = Value::Null;
        let differing = case
            .expected
            .iter()
            .find(|(name, value)| !same(value, got.get(*name).unwrap_or(&null)));
        report.step(differing.and_then(|(name, value)| {
            let place = format!("{} {name}", case.id);
            let got = got.get(name).unwrap_or(&null);
            table::difference(place, value, got, &case.input.keys().collect::<Vec<_>>())
        }));
    }
    Ok(report)
}

pub(super) fn metrics_elasticity(text: &str) -> Result<Report, ReplayError> {
    replay(text, |case| {
        let (supply, demand) = (case.curve("supply"), case.curve("demand"));
        let found = elasticity(
            &supply,
            &demand,
            case.number("t0_s"),
            case.number("t1_s"),
            case.number("sample_step_s"),
        );
        json!({
            "mean_missing_replicas": found.mean_missing,
            "mean_excess_replicas": found.mean_excess,
            "theta_u_pct": found.theta_u_pct,
            "theta_o_pct": found.theta_o_pct,
            "tau_u_pct": found.tau_u_pct,
            "tau_o_pct": found.tau_o_pct,
            "instability_pct": found.instability_pct,
            "opposite_direction_pct": found.opposite_pct,
            "supply_adaptations": found.supply_changes,
            "demand_changes": found.demand_changes,
            "jitter_per_hour": found.jitter_per_hour,
        })
    })
}

pub(super) fn metrics_elastic_speedup(text: &str) -> Result<Report, ReplayError> {
    replay(text, |case| {
        let four = |name: &str| {
            let values = &case.input[name];
            ["theta_u_pct", "theta_o_pct", "tau_u_pct", "tau_o_pct"].map(|key| of(&values[key]))
        };
        json!({ "elastic_speedup": elastic_speedup(four("baseline"), four("candidate"), case.number("floor_pct")) })
    })
}

pub(super) fn metrics_flapping(text: &str) -> Result<Report, ReplayError> {
    replay(text, |case| {
        let event = |row: &Value| ScaleEvent {
            time: of(&row[0]),
            from: row[1].as_i64().unwrap_or_default(),
            to: row[2].as_i64().unwrap_or_default(),
        };
        let events: Vec<ScaleEvent> = case.rows("events").iter().map(event).collect();
        let found = flapping(&events, case.number("window_s"), case.number("duration_s"));
        json!({
            "scale_events": found.events,
            "scale_ups": found.ups,
            "scale_downs": found.downs,
            "churn_replicas": found.churn,
            "reversals_total": found.reversals,
            "flaps": found.flaps,
            "flap_oscillations": found.oscillations,
            "flap_wasted_replicas": found.wasted_replicas,
            "flaps_per_hour": found.flaps_per_hour,
        })
    })
}

pub(super) fn metrics_scaling_latency(text: &str) -> Result<Report, ReplayError> {
    replay(text, |case| {
        let step = LoadStep {
            time: case.number("step_at_s"),
            demand: case.number("demand_after"),
            target: case.number("target_utilization"),
            tolerance: case.number("tolerance"),
            hold: case.number("hold_s"),
            end: case.number("end_s"),
        };
        let found = scaling_latency(
            &step,
            &case.curve("desired"),
            &case.curve("ready"),
            &case.curve("utilization"),
        );
        json!({
            "time_to_first_decision_s": found.first_decision,
            "time_to_full_decision_s": found.full_decision,
            "time_to_ready_s": found.ready,
            "time_to_recover_s": found.recover,
            "overshoot_replicas": found.overshoot,
        })
    })
}

pub(super) fn metrics_slo(text: &str) -> Result<Report, ReplayError> {
    replay(text, |case| {
        let request = |row: &Value| Request {
            arrival: of(&row["arrival_s"]),
            latency_ms: of(&row["latency_ms"]),
            ok: row["ok"].as_bool().unwrap_or_default(),
        };
        let requests: Vec<Request> = case.rows("requests").iter().map(request).collect();
        let limit = case.number("latency_threshold_ms");
        let found = slo(
            &requests,
            case.number("window_s"),
            case.number("percentile"),
            limit,
        );
        json!({
            "window_percentile_ms": found.window_percentiles,
            "windows_with_traffic": found.windows,
            "windows_violated": found.violated,
            "slo_violation_pct": found.violation_pct,
            "error_rate_pct": found.error_rate_pct,
            "good_request_pct": found.good_pct,
            "p50_ms": found.percentiles[0],
            "p95_ms": found.percentiles[1],
            "p99_ms": found.percentiles[2],
        })
    })
}

/// Rows carry their own expected figures; a row that differs shows in the total.
fn total(costs: &[(f64, f64, &Value)]) -> Value {
    let wrong = costs.iter().any(|(billed, cost, row)| {
        !table::close(of(&row["expected_billed_s"]), *billed)
            || !table::close(of(&row["expected_cost"]), *cost)
    });
    let sum: f64 = costs.iter().map(|(_, cost, _)| cost).sum();
    json!({ "total": if wrong { Value::Null } else { json!(sum) } })
}

pub(super) fn cost_node(text: &str) -> Result<Report, ReplayError> {
    replay(text, |case| {
        let minimum = case.number("min_billed_s");
        let cost = |row| -> (f64, f64, &Value) {
            let row: &Value = row;
            let seconds = of(&row["end_s"]) - of(&row["start_s"]);
            (
                billed_seconds(seconds, minimum),
                node_cost(seconds, of(&row["price_per_hour"]), minimum).0,
                row,
            )
        };
        total(&case.rows("nodes").iter().map(cost).collect::<Vec<_>>())
    })
}

pub(super) fn cost_request(text: &str) -> Result<Report, ReplayError> {
    replay(text, |case| {
        let price = &case.input["price"];
        let prices = RequestPrices {
            cpu_hour: of(&price["per_vcpu_hour"]),
            gib_hour: of(&price["per_gib_hour"]),
            minimum: of(&price["min_billed_s"]),
        };
        let cost = |row| -> (f64, f64, &Value) {
            let row: &Value = row;
            let seconds = of(&row["end_s"]) - of(&row["start_s"]);
            let (cores, gib) = (
                of(&row["cpu_request_milli"]) / 1000.0,
                of(&row["memory_request_mib"]) / 1024.0,
            );
            (
                billed_seconds(seconds, prices.minimum),
                request_cost(seconds, cores, gib, &prices).0,
                row,
            )
        };
        total(&case.rows("pods").iter().map(cost).collect::<Vec<_>>())
    })
}

pub(super) fn cost_opencost_allocation(text: &str) -> Result<Report, ReplayError> {
    replay(text, |case| {
        let (node, reference) = (&case.input["node"], &case.input["reference_prices"]);
        let node = AllocationNode {
            cores: of(&node["cores"]),
            gib: of(&node["memory_gib"]),
            price_per_hour: of(&node["price_per_hour"]),
            hours: of(&node["hours"]),
        };
        let rows = case.rows("pods");
        let pod = |row: &Value| AllocationPod {
            cpu_request: of(&row["cpu_request"]),
            cpu_usage: of(&row["cpu_usage_avg"]),
            gib_request: of(&row["mem_request_gib"]),
            gib_usage: of(&row["mem_usage_avg_gib"]),
        };
        let pods: Vec<AllocationPod> = rows.iter().map(pod).collect();
        let found = allocate(
            &node,
            &pods,
            of(&reference["per_vcpu_hour"]),
            of(&reference["per_gib_hour"]),
        );
        let agrees = found.pods.iter().zip(rows).all(|(share, row)| {
            [
                ("cpu_cost", share.cpu_cost),
                ("mem_cost", share.gib_cost),
                ("cpu_efficiency", share.cpu_efficiency),
                ("mem_efficiency", share.gib_efficiency),
                ("total_with_shared_idle", share.total_with_idle),
            ]
            .iter()
            .all(|(name, value)| table::close(of(&row[*name]), *value))
        });
        json!({
            "cpu_price_per_core_hour": found.cpu_price,
            "ram_price_per_gib_hour": found.gib_price,
            // A workload's figure that differs shows in the node's.
            "node_cost": if agrees { json!(found.node_cost) } else { Value::Null },
            "idle_cpu_cost": found.idle_cpu,
            "idle_mem_cost": found.idle_gib,
            "idle_cost": found.idle_cpu + found.idle_gib,
            "idle_share_pct": found.idle_share_pct,
        })
    })
}

pub(super) fn cost_spot_hazard(text: &str) -> Result<Report, ReplayError> {
    replay(text, |case| {
        let hazard = spot_hazard_per_hour(
            case.number("monthly_interruption_frequency"),
            case.number("hours_per_month"),
        );
        json!({
            "hazard_per_hour": hazard,
            "prob_within_24h": interrupted_within(hazard, 24.0),
            "mean_hours_between": 1.0 / hazard,
        })
    })
}
