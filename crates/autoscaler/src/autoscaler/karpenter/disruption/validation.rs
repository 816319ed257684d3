//! Whether a command still holds once its waiting time is over.
//!
//! Upstream: `validation.go`.

use super::super::schedule::Cluster;
use super::candidate::noted;
use super::consolidation::simulate;
use super::{Method, Pass, budgets};

/// Why a command is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// Some of its nodes may not go any more.
    Churn,
    /// The budgets do not allow it any more.
    Budget,
    /// Pods would go elsewhere.
    Scheduling,
}

impl Rejected {
    /// As events have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Churn => "churn",
            Self::Budget => "budget",
            Self::Scheduling => "scheduling",
        }
    }
}

/// The nodes of a command that go all the same, or why it is given up. `types` are names of the
/// instance types that may take their place, if one node is to.
pub fn validate(
    cluster: Cluster<'_>,
    pass: &Pass<'_>,
    method: Method,
    nodes: &[usize],
    types: Option<&[&str]>,
) -> Result<Vec<usize>, Rejected> {
    if method.validation_delay().is_none() {
        return Ok(nodes.to_vec());
    }
    let still: Vec<(usize, usize)> = noted(cluster, method, pass)
        .iter()
        .filter(|candidate| nodes.contains(&candidate.node))
        .map(|candidate| (candidate.node, candidate.pool))
        .collect();
    let is_empty = method == Method::Emptiness;
    if still.is_empty() || !is_empty && still.len() != nodes.len() {
        return Err(Rejected::Churn);
    }
    let mut left = budgets(cluster, pass, method);
    let mut within_budget = |pool: usize| {
        left[pool] -= 1;
        left[pool] >= 0
    };
    if is_empty {
        // Those that are empty still go without the others.
        let still = still.into_iter().filter(|(_, pool)| within_budget(*pool));
        let still: Vec<usize> = still.map(|(node, _)| node).collect();
        return Some(still)
            .filter(|still| !still.is_empty())
            .ok_or(Rejected::Budget);
    }
    if !still.iter().all(|(_, pool)| within_budget(*pool)) {
        return Err(Rejected::Budget);
    }
    let made = simulate(cluster, pass, nodes, true).map_err(|_| Rejected::Scheduling)?;
    let holds = match (made.claims.as_slice(), types) {
        ([], None) => true,
        ([claim], Some(types)) => {
            let could_be = |name: &&str| claim.types.iter().any(|kind| kind.name == **name);
            types.iter().all(could_be)
        }
        _ => false,
    };
    if holds {
        Ok(nodes.to_vec())
    } else {
        Err(Rejected::Scheduling)
    }
}
