//! The law: money adds up, to the cent.

use super::super::fold::billed_seconds;
use super::super::recording::{NodeRecord, Recording};
use super::{Owner, price_at, price_over};
use crate::sim::SimTime;

/// A cent's half: what rounding may leave.
const HALF_A_CENT: f64 = 0.005;

/// What rounding may leave of a sum: of large ones more than half a cent.
fn rounding(sum: f64) -> f64 {
    HALF_A_CENT.max(1e-9 * sum.abs())
}

/// What a node cost by its life alone, from the warm-up on, without commitments.
pub fn by_its_life(node: &NodeRecord, recording: &Recording) -> f64 {
    let start = SimTime::ZERO + recording.warm_up;
    let end = SimTime::ZERO + recording.duration;
    let from = node.started.max(start);
    let to = node.ended.unwrap_or(end).min(end);
    if to <= from {
        return 0.0;
    }
    let seconds = (to - from).as_secs_f64();
    let more = billed_seconds(seconds, recording.prices.node_minimum_seconds) - seconds;
    let (steps, plain) = (&node.prices, node.price_per_hour);
    price_over(steps, plain, from, to) + price_at(steps, plain, to) * more / 3600.0
}

/// Whether the costs of a run add up: by purchase, by owner, by rows, and by the lives of the nodes.
pub fn check(recording: &Recording) -> Result<(), String> {
    let costs = &recording.costs;
    let start = SimTime::ZERO + recording.warm_up;
    let end = SimTime::ZERO + recording.duration;
    let same = |what: &str, a: f64, b: f64| {
        if (a - b).abs() < rounding(a) {
            Ok(())
        } else {
            Err(format!("{what}: ${a:.4} is not ${b:.4}"))
        }
    };
    let owners: f64 = costs.workloads.iter().map(|one| one.value()).sum();
    let owners = owners + costs.system.value() + costs.idle.value();
    let paid: f64 = costs.paid.iter().sum();
    same("what nodes cost and what their owners pay", paid, owners)?;
    if !costs.rows.is_empty() {
        let rows: f64 = costs.rows.iter().map(super::CostRow::cost).sum();
        same("the cost of the run and of its hours", costs.total(), rows)?;
        let mut hours = vec![0.0; costs.workloads.len()];
        for row in &costs.rows {
            if let Owner::Workload(place) = row.owner
                && let Some(sum) = hours.get_mut(place)
            {
                *sum += row.cost();
            }
        }
        for (one, hours) in costs.workloads.iter().zip(hours) {
            same(
                "the cost of a workload and of its hours",
                one.value(),
                hours,
            )?;
        }
    }
    let listed: f64 = recording
        .nodes
        .iter()
        .map(|node| by_its_life(node, recording))
        .sum();
    let refunded = recording.nodes.iter().filter(|node| node.refunded);
    let refunds = refunded
        .map(|node| by_its_life(node, recording))
        .sum::<f64>();
    same(
        "what is given back and what it was paid for",
        costs.refunds,
        refunds,
    )?;
    let due = costs.nodes() + costs.fee - costs.refunds;
    let credits = recording.prices.credit.min(due.max(0.0));
    same(
        "the credit that is used and what there was to pay",
        costs.credits,
        credits,
    )?;
    if recording.commitments.is_empty() {
        return same("what nodes cost by time and by their lives", paid, listed);
    }
    let committed: f64 = recording
        .commitments
        .iter()
        .map(|one| one.over(start, end))
        .sum();
    same(
        "what is committed to and what is paid for it",
        committed + costs.reserved,
        costs.paid[2] + costs.unused,
    )?;
    if costs.paid[0] + costs.paid[1] > listed + rounding(listed) {
        return Err(format!(
            "${:.4} for nodes that cost ${listed:.4}",
            costs.paid[0] + costs.paid[1]
        ));
    }
    Ok(())
}
