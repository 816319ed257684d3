//! DefaultPreemption: which pods of lower priority go, on which node, so that a pod fits
//! (`plugins/defaultpreemption`, `framework/preemption`).

use std::cmp::Reverse;

use super::diagnosis::{Diagnosis, Preemption, Refusal};
use super::search::Search;
use crate::api::{LabelSelector, Node, NodeId, Pod, PodId, PodPhase, Store};
use crate::controller::disruption::budget_status;
use crate::sim::SimTime;

/// A node and the pods that have to go there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) node: NodeId,
    /// The most important first.
    pub(super) victims: Vec<PodId>,
    /// How many of them a PodDisruptionBudget protects.
    violations: usize,
}

/// A budget and how many of its pods may still go.
struct Budget<'a> {
    namespace: &'a str,
    selector: &'a LabelSelector,
    allowed: i32,
}

/// Candidates to look for at least (`minCandidateNodesAbsolute`), and as a share of the nodes that
/// come into question (`minCandidateNodesPercentage`).
const ENOUGH: usize = 100;
const ENOUGH_PERCENT: usize = 10;

/// Looks for victims: the best candidate, or why there is none. Where there are more nodes than
/// candidates needed the search begins where `offset`, from 0 to 1, says.
pub(super) fn preempt(
    search: &Search<'_>,
    diagnosis: &Diagnosis,
    offset: f64,
) -> Result<Candidate, Preemption> {
    let (store, pod) = (search.store, search.pod);
    if pod.template.never_preempts {
        return Err(Preemption::NotEligible("preemptionPolicy=Never."));
    }
    if let Some(node) = pod.nominated {
        let hopeless = |(id, refusal): &(NodeId, Refusal)| *id == node && !refusal.is_resolvable();
        let waits = store.pods_of_node(node).any(|(_, other)| {
            other.preempted.is_some() && other.is_deleting() && is_lower(other, pod)
        });
        if waits && !diagnosis.refused.iter().any(hopeless) {
            let why = "a terminating pod on the nominated node.";
            return Err(Preemption::NotEligible(why));
        }
    }
    let lower = store.lowest_priority();
    if lower.is_none_or(|lowest| lowest >= pod.template.priority) {
        return Err(Preemption::Useless(
            diagnosis.resolvable().map(|_| None).collect(),
        ));
    }
    let mut candidates = Vec::new();
    let mut tried = Vec::new();
    let mut nodes: Vec<NodeId> = diagnosis.resolvable().collect();
    let enough = ENOUGH.max(nodes.len() * ENOUGH_PERCENT / 100);
    if nodes.len() > enough {
        let first = (offset * nodes.len() as f64) as usize;
        let first = first.min(nodes.len() - 1);
        nodes.rotate_left(first);
    }
    let mut has_free = false;
    for id in nodes {
        let Some(node) = store.find_node(id) else {
            continue;
        };
        match victims(search, id, node) {
            Ok(candidate) => {
                has_free |= candidate.violations == 0;
                candidates.push(candidate);
            }
            Err(refusal) => tried.push(refusal),
        }
        // One that breaks no budget has to be among them.
        if has_free && candidates.len() >= enough {
            break;
        }
    }
    let best = candidates.into_iter().min_by_key(|one| rank(one, store));
    best.ok_or(Preemption::Useless(tried))
}

fn is_lower(victim: &Pod, pod: &Pod) -> bool {
    victim.template.priority < pod.template.priority
}

/// The more important, the smaller (`MoreImportantPod`): priority, then who started first.
fn importance(pod: &Pod) -> (Reverse<i32>, SimTime) {
    let started = pod.start_time.unwrap_or(SimTime::MAX);
    (Reverse(pod.template.priority), started)
}

/// Fewest violations, lowest highest priority, smallest sum of priorities, fewest victims, latest
/// start of the most important ones (`pickOneNodeForPreemption`).
fn rank(candidate: &Candidate, store: &Store) -> (usize, i32, i64, usize, Reverse<SimTime>) {
    let victims = || candidate.victims.iter().filter_map(|id| store.pod(*id));
    let priority = |pod: &Pod| pod.template.priority;
    let highest = victims().map(priority).max().unwrap_or(i32::MIN);
    let sum = victims()
        .map(|pod| i64::from(priority(pod)) + (1 << 31))
        .sum();
    let important = victims().filter(|pod| priority(pod) == highest);
    let earliest = important
        .map(|pod| pod.start_time.unwrap_or(SimTime::MAX))
        .min();
    (
        candidate.violations,
        highest,
        sum,
        candidate.victims.len(),
        Reverse(earliest.unwrap_or(SimTime::MAX)),
    )
}

/// The victims on a node (`SelectVictimsOnNode`), or what refuses the pod even without all pods
/// of lower priority; `None` if there are none of them.
fn victims(search: &Search<'_>, id: NodeId, node: &Node) -> Result<Candidate, Option<Refusal>> {
    let (store, pod) = (search.store, search.pod);
    let node = store.find_node(id).unwrap_or(node);
    let lower = store
        .pods_of_node(id)
        .filter(|(_, other)| is_lower(other, pod));
    let mut lower: Vec<(PodId, &Pod)> = lower.collect();
    if lower.is_empty() {
        return Err(None);
    }
    let mut on = search.on_node(id, node);
    for (_, other) in &lower {
        on.remove(pod, other);
    }
    if let Some(refusal) = search.refusal_with(&on) {
        return Err(Some(refusal));
    }
    lower.sort_by_key(|(_, other)| importance(other));
    let (protected, others) = by_budgets(&lower, store);
    let mut victims: Vec<(PodId, &Pod)> = Vec::new();
    let mut violations = 0;
    let first = protected.len();
    for (place, (other, victim)) in protected.into_iter().chain(others).enumerate() {
        on.add(pod, victim);
        if search.refusal_with(&on).is_some() {
            on.remove(pod, victim);
            victims.push((other, victim));
            violations += usize::from(place < first);
        }
    }
    victims.sort_by_key(|(_, victim)| importance(victim));
    if victims.is_empty() {
        return Err(None);
    }
    Ok(Candidate {
        node: id,
        victims: victims.into_iter().map(|(id, _)| id).collect(),
        violations,
    })
}

type Pods<'a> = Vec<(PodId, &'a Pod)>;

/// Pods whose eviction would break a budget, and the others (`filterPodsWithPDBViolation`).
fn by_budgets<'a>(pods: &[(PodId, &'a Pod)], store: &Store) -> (Pods<'a>, Pods<'a>) {
    let mut budgets: Vec<Budget<'_>> = store
        .pdbs()
        .map(|(id, pdb)| Budget {
            namespace: &pdb.meta.namespace,
            selector: &pdb.selector,
            allowed: budget_status(id, store).disruptions_allowed,
        })
        .collect();
    pods.iter().partition(|(_, pod)| {
        let mut violates = false;
        for budget in &mut budgets {
            let covers = *budget.namespace == *pod.meta.namespace
                && !budget.selector.is_empty()
                && budget.selector.matches(&pod.meta.labels);
            // A pod whose eviction is granted has been paid for.
            if covers && pod.evicted.is_none() && pod.phase != PodPhase::Failed {
                budget.allowed -= 1;
                violates |= budget.allowed < 0;
            }
        }
        violates
    })
}
