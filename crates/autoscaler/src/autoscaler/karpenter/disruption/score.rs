//! Whether a saving is worth its disruption: the policy `Balanced`.
//!
//! Upstream: `balanced.go`.

use super::super::node_pool::ConsolidationPolicy;
use super::super::schedule::Cluster;
use super::candidate::{Candidate, cost, price};

/// A move is worth it if its share of the saving is at least one in so many of its share of the
/// disruption (`BalancedK`).
const K: f64 = 2.0;

/// What all nodes of a pool cost, and what it would cost to move all of their pods.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PoolTotals {
    /// US dollars per hour.
    pub price: f64,
    /// Costs of moving.
    pub cost: f64,
}

/// Shares of a pool's price and cost.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Score {
    /// Share that is saved.
    pub savings: f64,
    /// Share that is disrupted.
    pub disruption: f64,
}

impl Score {
    /// The score of a move in a pool.
    pub fn of(savings: f64, cost: f64, totals: PoolTotals) -> Self {
        if totals.price <= 0.0 || totals.cost <= 0.0 {
            return Self::default();
        }
        Self {
            savings: savings / totals.price,
            disruption: cost / totals.cost,
        }
    }

    /// Saving for disruption.
    pub fn value(self) -> f64 {
        if self.savings <= 0.0 {
            0.0
        } else if self.disruption == 0.0 {
            f64::INFINITY
        } else {
            self.savings / self.disruption
        }
    }

    /// The event's message.
    pub fn message(self) -> String {
        let value = self.value();
        let value = if value.is_infinite() {
            "+Inf".to_owned()
        } else {
            format!("{value:.2}")
        };
        format!(
            "score {value} >= threshold {:.2} (k: {K:.0}, savings {:.1}%, disruption {:.1}%)",
            1.0 / K,
            self.savings * 100.0,
            self.disruption * 100.0
        )
    }

    /// Whether it is worth it.
    pub fn is_approved(self) -> bool {
        self.value() >= 1.0 / K
    }
}

/// The totals of each pool.
pub(super) fn totals(cluster: Cluster<'_>) -> Vec<PoolTotals> {
    let mut totals = vec![PoolTotals::default(); cluster.pools.len()];
    for node in cluster.nodes {
        if let Some(pool) = node.pool {
            totals[pool].price += price(node, cluster.instance_type(node));
            totals[pool].cost += cost(node);
        }
    }
    totals
}

/// Whether every pool that wants it balanced approves a move.
pub(super) fn approve(
    cluster: Cluster<'_>,
    totals: &[PoolTotals],
    candidates: &[&Candidate<'_>],
    savings: f64,
) -> bool {
    let scores = scores(cluster, totals, candidates, savings);
    scores.iter().all(|(_, score)| score.is_approved())
}

/// The score of a move in every pool that wants it balanced, each by its part of the saving.
pub(super) fn scores(
    cluster: Cluster<'_>,
    totals: &[PoolTotals],
    candidates: &[&Candidate<'_>],
    savings: f64,
) -> Vec<(usize, Score)> {
    let all: f64 = candidates.iter().map(|candidate| candidate.price).sum();
    let is_balanced =
        |pool: usize| cluster.pools[pool].consolidation_policy == ConsolidationPolicy::Balanced;
    let mut pools: Vec<usize> = candidates.iter().map(|candidate| candidate.pool).collect();
    pools.sort_unstable();
    pools.dedup();
    let score = |pool: &usize| {
        let own = candidates
            .iter()
            .filter(|candidate| candidate.pool == *pool);
        let (price, cost) = own.fold((0.0, 0.0), |(price, cost), candidate| {
            (price + candidate.price, cost + candidate.cost)
        });
        let part = if all > 0.0 && pools.len() > 1 {
            savings * (price / all)
        } else {
            savings
        };
        (*pool, Score::of(part, cost, totals[*pool]))
    };
    let balanced = pools.iter().filter(|pool| is_balanced(**pool));
    balanced.map(score).collect()
}

/// Whether a node's going without replacement would be worth it: more can never be saved.
pub(super) fn can_pass(cluster: Cluster<'_>, totals: &[PoolTotals], one: &Candidate<'_>) -> bool {
    let balanced = cluster.pools[one.pool].consolidation_policy == ConsolidationPolicy::Balanced;
    let totals = totals[one.pool];
    !balanced || totals.price <= 0.0 || Score::of(one.price, one.cost, totals).is_approved()
}
