//! Fewer or cheaper nodes for the same pods.
//!
//! Upstream: `emptiness.go`, `consolidation.go`, `multinodeconsolidation.go`,
//! `singlenodeconsolidation.go`, `helpers.go` (`SimulateScheduling`). Upstream's time limits, one
//! minute for many nodes and three for one, are not kept: a search takes no simulated time.

use std::collections::{BTreeMap, BTreeSet};

use super::super::instance_type::{order_by_price, types_for_min_values};
use super::super::pod::Pod;
use super::super::requirement::Requirement;
use super::super::requirements::{CAPACITY_TYPE, ON_DEMAND, SPOT};
use super::super::schedule::{Cluster, NodeClaim, Options, PodError, schedule};
use super::candidate::Candidate;
use super::score::{approve, can_pass, scores, totals};
use super::{Command, Method, Note, Pass, Stuck, Unconsolidatable};

/// Nodes that are looked at together, at most.
pub const MOST_NODES: usize = 100;
/// Cheaper types that a spot node needs to be replaced by another.
const SPOT_TYPES: usize = 15;

/// What most is saved by for what it costs comes first.
fn by_savings<'c, 'a>(all: &'c [Candidate<'a>]) -> Vec<&'c Candidate<'a>> {
    let mut order: Vec<&Candidate<'_>> = all.iter().collect();
    order.sort_by(|a, b| b.savings_ratio().total_cmp(&a.savings_ratio()));
    order
}

/// Those that their pools' budgets let go, in their order.
fn within_budgets<'c, 'a>(
    order: Vec<&'c Candidate<'a>>,
    mut budgets: Vec<i64>,
) -> Vec<&'c Candidate<'a>> {
    let takes = |candidate: &&Candidate<'_>| {
        let left = &mut budgets[candidate.pool];
        *left -= 1;
        *left >= 0
    };
    order.into_iter().filter(takes).collect()
}

/// Empty nodes go.
pub(super) fn empty<'a>(all: &[Candidate<'a>], budgets: Vec<i64>) -> Option<Command<'a>> {
    let go = within_budgets(by_savings(all), budgets);
    (!go.is_empty()).then(|| Command {
        method: Method::Emptiness,
        nodes: go.iter().map(|candidate| candidate.node).collect(),
        replacements: Vec::new(),
        targets: Vec::new(),
        moves: Vec::new(),
        savings: go.iter().map(|candidate| candidate.price).sum(),
    })
}

/// Where pods go if some nodes do.
pub(super) struct Simulated<'a> {
    /// Nodes to be made.
    pub(super) claims: Vec<NodeClaim<'a>>,
    /// Places of nodes that are there and take some of them.
    pub(super) targets: Vec<usize>,
    /// Which pods these are, by name.
    pub(super) moves: Vec<(String, usize)>,
}

/// Where pods go if these nodes do, or which pods that have a node now would have none, or only one
/// that is not ready yet.
pub(super) fn simulate<'a>(
    cluster: Cluster<'a>,
    pass: &Pass<'_>,
    nodes: &[usize],
    consolidates: bool,
) -> Result<Simulated<'a>, Stuck> {
    let mut pods: Vec<&Pod> = pass.pending.iter().collect();
    let moved = nodes.iter().flat_map(|node| &cluster.nodes[*node].pods);
    pods.extend(moved);
    let from_deleting = pods.len();
    let deleting = cluster.nodes.iter().filter(|node| node.is_deleting);
    // Their pods are on their way anyway, wherever they can go.
    let leaving: Vec<Pod> = deleting
        .flat_map(|node| &node.pods)
        .map(|pod| Pod {
            pending: true,
            ..pod.clone()
        })
        .collect();
    pods.extend(&leaving);
    let options = Options {
        without: nodes,
        consolidating_at: consolidates.then_some(pass.now),
    };
    let results = schedule(cluster, &pods, &options);
    let has_node = |place: usize| place >= pass.pending.len();
    let named = |place: &usize| pods[*place].name.clone();
    let errors = results.errors.iter();
    let errors = errors.filter(|(place, _)| has_node(**place));
    let mut stuck: Vec<(String, PodError, Option<usize>)> = errors
        .map(|(place, error)| (named(place), *error, None))
        .collect();
    let waits = |place: usize, node: usize| {
        let waits = cluster.nodes[node].initialized.is_none();
        waits && has_node(place) && place < from_deleting
    };
    let waiting = results.placed.iter();
    let waiting = waiting.filter(|(place, node)| waits(**place, **node));
    stuck.extend(waiting.map(|(place, node)| (named(place), PodError::Uninitialized, Some(*node))));
    if !stuck.is_empty() {
        return Err(Stuck { pods: stuck });
    }
    let moves = results.placed.iter();
    let moves = moves.map(|(place, node)| (named(place), *node)).collect();
    let targets: BTreeSet<usize> = results.placed.into_values().collect();
    Ok(Simulated {
        claims: results.claims,
        targets: targets.into_iter().collect(),
        moves,
    })
}

/// What nodes cost that are there, and whether all are preemptible.
fn price_of(cluster: Cluster<'_>, candidates: &[&Candidate<'_>]) -> (f64, bool) {
    let price = candidates.iter().map(|candidate| candidate.price).sum();
    let mut nodes = candidates
        .iter()
        .map(|candidate| &cluster.nodes[candidate.node]);
    (price, nodes.all(|node| node.spot))
}

/// What can be done with some nodes together.
fn compute<'a>(
    cluster: Cluster<'a>,
    pass: &Pass<'_>,
    method: Method,
    candidates: &[&Candidate<'a>],
) -> Option<Command<'a>> {
    let nodes: Vec<usize> = candidates.iter().map(|candidate| candidate.node).collect();
    // Of several nodes nothing is told: each has its own turn.
    let stays = |why: Unconsolidatable| {
        if let [only] = candidates {
            pass.note(|| Note::Unconsolidatable(only.node, why, false));
        }
        None
    };
    let simulated = match simulate(cluster, pass, &nodes, true) {
        Ok(simulated) => simulated,
        Err(stuck) => return stays(Unconsolidatable::Pods(stuck)),
    };
    let Simulated {
        claims: mut replacements,
        targets,
        moves,
    } = simulated;
    let (price, all_spot) = price_of(cluster, candidates);
    let command = |replacements: Vec<NodeClaim<'a>>| Command {
        method,
        nodes,
        savings: price - replacements.iter().map(price_at_least).sum::<f64>(),
        replacements,
        targets,
        moves,
    };
    if replacements.is_empty() {
        return Some(command(replacements));
    }
    // One node is not turned into several.
    let [claim] = &mut replacements[..] else {
        return stays(Unconsolidatable::Several(replacements.len()));
    };
    order_by_price(&mut claim.types, &claim.requirements);
    let [spot, on_demand] =
        [SPOT, ON_DEMAND].map(|kind| claim.requirements.allow(CAPACITY_TYPE, kind));
    if all_spot && spot {
        if !pass.spot_to_spot {
            return stays(Unconsolidatable::SpotToSpot);
        }
        claim
            .requirements
            .add(CAPACITY_TYPE, Requirement::value(SPOT));
        let requirements = &claim.requirements;
        claim
            .types
            .retain(|kind| kind.cheapest(requirements).is_some());
    }
    if !claim.keep_cheaper_than(price) {
        return stays(Unconsolidatable::MinValues);
    }
    if claim.types.is_empty() {
        return stays(Unconsolidatable::NotCheaper);
    }
    if all_spot && spot {
        if candidates.len() == 1 {
            if claim.types.len() < SPOT_TYPES {
                let why = Unconsolidatable::FewSpotTypes(SPOT_TYPES, claim.types.len());
                return stays(why);
            }
            // A launch from more types could end at one that is replaced again at once.
            let least = types_for_min_values(&claim.types, &claim.requirements);
            claim
                .types
                .truncate(SPOT_TYPES.max(least.unwrap_or_default()));
        }
    } else if spot && on_demand {
        // Only spot capacity is known to be cheaper.
        claim
            .requirements
            .add(CAPACITY_TYPE, Requirement::value(SPOT));
    }
    let command = command(replacements);
    pass.note(|| Note::Candidate(command.nodes.clone(), command.savings));
    Some(command)
}

/// The price of the cheapest way to make a node.
pub(super) fn price_at_least(claim: &NodeClaim<'_>) -> f64 {
    let first = claim.types.first();
    let cheapest = first.and_then(|kind| kind.cheapest(&claim.requirements));
    cheapest.map_or(0.0, |of| of.price)
}

/// As many of the first nodes as possible go, with one node in their place at most.
pub(super) fn many<'a>(
    cluster: Cluster<'a>,
    pass: &Pass<'_>,
    all: &[Candidate<'a>],
    budgets: Vec<i64>,
) -> Option<Command<'a>> {
    let order = within_budgets(by_savings(all), budgets);
    if order.len() < 2 {
        return None;
    }
    let totals = totals(cluster);
    // Numbers of nodes less one: a single node is the next method's.
    let (mut least, mut most) = (1, MOST_NODES.min(order.len()));
    if order.len() <= most {
        most = order.len() - 1;
    }
    let mut found = None;
    while least <= most {
        let middle = usize::midpoint(least, most);
        let first = &order[..=middle];
        let command = compute(cluster, pass, Method::MultiNode, first)
            .and_then(|command| without_same_types(cluster, command, first))
            .filter(|command| approve(cluster, &totals, first, command.savings));
        match command {
            Some(command) => {
                found = Some(command);
                least = middle + 1;
            }
            None => most = middle - 1,
        }
    }
    if let Some(command) = &found {
        let gone = &order[..command.nodes.len()];
        for (pool, score) in scores(cluster, &totals, gone, command.savings) {
            pass.note(|| Note::PoolApproved(pool, score));
        }
    }
    found
}

/// If one of the types that go could take their place, only cheaper ones may: otherwise keeping
/// that node and letting the others go is less of a disruption.
fn without_same_types<'a>(
    cluster: Cluster<'a>,
    mut command: Command<'a>,
    candidates: &[&Candidate<'a>],
) -> Option<Command<'a>> {
    let Some(claim) = command.replacements.first_mut() else {
        return Some(command);
    };
    let mut prices: BTreeMap<&str, Option<f64>> = BTreeMap::new();
    for candidate in candidates {
        let node = &cluster.nodes[candidate.node];
        let Some(kind) = candidate.kind else {
            continue;
        };
        let price = prices.entry(kind.name.as_str()).or_default();
        let offered = kind.price(&node.zone, node.spot);
        *price = match (*price, offered) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
    let same = claim
        .types
        .iter()
        .filter_map(|kind| prices.get(kind.name.as_str()));
    // A type whose nodes cannot be had any more counts as free of charge.
    let most = same
        .map(|price| price.unwrap_or_default())
        .fold(f64::MAX, f64::min);
    if !claim.keep_cheaper_than(most) || claim.types.is_empty() {
        return None;
    }
    let (price, _) = price_of(cluster, candidates);
    command.savings = price - price_at_least(claim);
    Some(command)
}

/// The first node that can go, or be replaced by a cheaper one; pools take turns.
pub(super) fn one<'a>(
    cluster: Cluster<'a>,
    pass: &Pass<'_>,
    all: &[Candidate<'a>],
    budgets: &[i64],
) -> Option<Command<'a>> {
    let mut of_pool: Vec<usize> = vec![0; cluster.pools.len()];
    let mut order: Vec<(usize, usize, &Candidate<'_>)> = by_savings(all)
        .into_iter()
        .map(|candidate| {
            let turn = of_pool[candidate.pool];
            of_pool[candidate.pool] += 1;
            (turn, candidate.pool, candidate)
        })
        .collect();
    order.sort_by_key(|(turn, pool, _)| (*turn, *pool));
    let totals = totals(cluster);
    order
        .into_iter()
        .map(|(_, _, candidate)| candidate)
        .filter(|candidate| budgets[candidate.pool] > 0 && can_pass(cluster, &totals, candidate))
        .find_map(|candidate| {
            let command = compute(cluster, pass, Method::SingleNode, &[candidate])?;
            let scores = scores(cluster, &totals, &[candidate], command.savings);
            if let Some((_, score)) = scores.first()
                && score.is_approved()
            {
                pass.note(|| Note::Approved(candidate.node, *score));
            }
            let approved = scores.iter().all(|(_, score)| score.is_approved());
            approved.then_some(command)
        })
}
