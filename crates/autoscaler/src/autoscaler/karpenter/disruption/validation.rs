//! Whether a command still holds once its waiting time is over.
//!
//! Upstream: `validation.go`.

use super::super::schedule::Cluster;
use super::candidate::candidates;
use super::consolidation::simulate;
use super::{Method, Pass, budgets};

/// The nodes of a command that go all the same; none if the command is given up. `types` are names
/// of the instance types that may take their place, if one node is to.
pub fn validate(
    cluster: Cluster<'_>,
    pass: &Pass<'_>,
    method: Method,
    nodes: &[usize],
    types: Option<&[&str]>,
) -> Option<Vec<usize>> {
    if method.validation_delay().is_none() {
        return Some(nodes.to_vec());
    }
    let mut left = budgets(cluster, pass, method.reason());
    let mut within_budget = |pool: usize| {
        left[pool] -= 1;
        left[pool] >= 0
    };
    let still: Vec<(usize, usize)> = candidates(cluster, method, pass.now)
        .iter()
        .filter(|candidate| nodes.contains(&candidate.node))
        .map(|candidate| (candidate.node, candidate.pool))
        .collect();
    if method == Method::Emptiness {
        // Those that are empty still go without the others.
        let still = still.into_iter().filter(|(_, pool)| within_budget(*pool));
        let still: Vec<usize> = still.map(|(node, _)| node).collect();
        return (!still.is_empty()).then_some(still);
    }
    if still.len() != nodes.len() || !still.iter().all(|(_, pool)| within_budget(*pool)) {
        return None;
    }
    let made = simulate(cluster, pass, nodes, true)?.claims;
    let holds = match (made.as_slice(), types) {
        ([], None) => true,
        ([claim], Some(types)) => {
            let could_be = |name: &&str| claim.types.iter().any(|kind| kind.name == **name);
            types.iter().all(could_be)
        }
        _ => false,
    };
    holds.then(|| nodes.to_vec())
}
