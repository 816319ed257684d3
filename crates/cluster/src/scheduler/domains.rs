//! PodTopologySpread with constraints of the pod's own (`plugins/podtopologyspread`).

use std::collections::BTreeMap;
use std::rc::Rc;

use super::diagnosis::Refusal;
use super::score::spread_normalized;
use crate::api::{
    HOSTNAME, Node, NodeId, Pod, SpreadConstraint, Store, TaintEffect, allows_node, untolerated,
};

/// A constraint that has to be met.
#[derive(Debug, Clone)]
struct Hard<'a> {
    constraint: &'a SpreadConstraint,
    /// Pods that count, by value of the topology key.
    domains: BTreeMap<&'a str, i64>,
    /// The fewest in a domain; 0 if there are too few domains.
    least: i64,
    /// 1 if the pod itself counts.
    own: i64,
}

impl<'a> Hard<'a> {
    /// So many pods more count in a domain.
    fn add(&mut self, value: &'a str, by: i64) {
        let count = self.domains.entry(value).or_default();
        let before = *count;
        *count += by;
        let is_least = before <= self.least || *count < self.least;
        if is_least {
            self.find_least();
        }
    }

    fn find_least(&mut self) {
        let least = self.domains.values().min().copied();
        let enough = self.domains.len() >= self.constraint.min_domains;
        self.least = least.filter(|_| enough).unwrap_or_default();
    }
}

/// What the filter sees (`preFilterState`).
#[derive(Debug, Clone, Default)]
pub(super) struct Domains<'a> {
    /// Copied only for a node whose pods come and go.
    hard: Rc<Vec<Hard<'a>>>,
}

fn constraints(pod: &Pod, required: bool) -> impl Iterator<Item = &SpreadConstraint> {
    let all = pod.template.placement.iter().flat_map(|one| &one.spread);
    all.filter(move |one| one.required == required)
}

/// Whether the nodes count for a constraint (`matchNodeInclusionPolicies`).
fn includes(constraint: &SpreadConstraint, pod: &Pod, node: &Node) -> bool {
    let binds = |effect| effect != TaintEffect::PreferNoSchedule;
    let mut taints = untolerated(&node.taints, &pod.template.tolerations, binds);
    (!constraint.honors_affinity || allows_node(&pod.template, node))
        && (!constraint.honors_taints || taints.next().is_none())
}

fn counts(constraint: &SpreadConstraint, pod: &Pod, other: &Pod) -> bool {
    !other.is_deleting()
        && other.meta.namespace == pod.meta.namespace
        && constraint.counts(&pod.meta.labels, &other.meta.labels)
}

/// Pods on a node that count. An empty selector, to which no label of the pod is added, counts none.
fn matching(constraint: &SpreadConstraint, pod: &Pod, node: NodeId, store: &Store) -> i64 {
    let own = |key: &String| pod.meta.labels.contains_key(key);
    let is_empty = constraint
        .selector
        .as_ref()
        .is_none_or(|selector| selector.is_empty() && !constraint.same.iter().any(own));
    if is_empty {
        return 0;
    }
    let pods = store.pods_of_node(node);
    pods.filter(|(_, other)| counts(constraint, pod, other))
        .count() as i64
}

fn has_all(node: &Node, keys: &[&str]) -> bool {
    keys.iter().all(|key| node.labels().contains_key(*key))
}

impl<'a> Domains<'a> {
    /// What all pods on nodes mean for this one.
    pub(super) fn new(pod: &'a Pod, store: &'a Store) -> Self {
        let mut hard: Vec<Hard<'a>> = constraints(pod, true)
            .map(|constraint| Hard {
                constraint,
                domains: BTreeMap::new(),
                least: 0,
                own: i64::from(constraint.counts(&pod.meta.labels, &pod.meta.labels)),
            })
            .collect();
        if hard.is_empty() {
            return Self::default();
        }
        let keys: Vec<&str> = constraints(pod, true)
            .map(|one| one.topology_key.as_str())
            .collect();
        for (id, node) in store.nodes().filter(|(_, node)| has_all(node, &keys)) {
            for one in &mut hard {
                if includes(one.constraint, pod, node) {
                    let value = node.labels()[&one.constraint.topology_key].as_str();
                    *one.domains.entry(value).or_default() +=
                        matching(one.constraint, pod, id, store);
                }
            }
        }
        hard.iter_mut().for_each(Hard::find_least);
        Self {
            hard: Rc::new(hard),
        }
    }

    /// A pod comes to a node, or leaves it.
    pub(super) fn update(&mut self, pod: &Pod, other: &Pod, node: &'a Node, by: i64) {
        let labels = node.labels();
        let has = |one: &Hard<'_>| labels.contains_key(&one.constraint.topology_key);
        if !self.hard.iter().all(has) || other.meta.namespace != pod.meta.namespace {
            return;
        }
        let matches = |one: &Hard<'_>| {
            one.constraint.counts(&pod.meta.labels, &other.meta.labels)
                && includes(one.constraint, pod, node)
        };
        if self.hard.iter().any(matches) {
            let hard = Rc::make_mut(&mut self.hard).iter_mut();
            for one in hard.filter(|one| matches(one)) {
                one.add(labels[&one.constraint.topology_key].as_str(), by);
            }
        }
    }

    /// Whether the node is refused.
    pub(super) fn refusal(&self, node: &Node) -> Option<Refusal> {
        for one in self.hard.iter() {
            let Some(value) = node.labels().get(&one.constraint.topology_key) else {
                return Some(Refusal::NoDomain);
            };
            let there = one.domains.get(value.as_str()).copied().unwrap_or_default();
            if there + one.own - one.least > one.constraint.max_skew {
                return Some(Refusal::Spread);
            }
        }
        None
    }
}

/// Scores of these nodes by the constraints that only rank, normalised; `None` if the pod has no
/// constraints of its own.
pub(super) fn scores(pod: &Pod, store: &Store, candidates: &[(NodeId, &Node)]) -> Option<Vec<i64>> {
    let placement = pod.template.placement.as_ref()?;
    if placement.spread.is_empty() {
        return None;
    }
    let soft: Vec<&SpreadConstraint> = constraints(pod, false).collect();
    if soft.is_empty() {
        return Some(vec![0; candidates.len()]);
    }
    let keys: Vec<&str> = soft.iter().map(|one| one.topology_key.as_str()).collect();
    let ranked = |node: &Node| has_all(node, &keys);
    let mut domains: Vec<BTreeMap<&str, i64>> = vec![BTreeMap::new(); soft.len()];
    let taking_part = || candidates.iter().filter(|(_, node)| ranked(node));
    for (_, node) in taking_part() {
        for (constraint, domains) in soft.iter().zip(&mut domains) {
            if constraint.topology_key != HOSTNAME {
                domains
                    .entry(node.labels()[&constraint.topology_key].as_str())
                    .or_default();
            }
        }
    }
    let weight = |domains: usize| (domains as f64 + 2.0).ln();
    let weights: Vec<f64> = soft
        .iter()
        .zip(&domains)
        .map(|(one, domains)| match one.topology_key.as_str() {
            HOSTNAME => weight(taking_part().count()),
            _ => weight(domains.len()),
        })
        .collect();
    for (id, node) in store.nodes().filter(|(_, node)| ranked(node)) {
        for (constraint, domains) in soft.iter().zip(&mut domains) {
            let value = node.labels()[&constraint.topology_key].as_str();
            if includes(constraint, pod, node)
                && let Some(count) = domains.get_mut(value)
            {
                *count += matching(constraint, pod, id, store);
            }
        }
    }
    let raw = |id: NodeId, node: &Node| {
        let mut score = 0.0;
        for ((constraint, domains), weight) in soft.iter().zip(&domains).zip(&weights) {
            let count = match constraint.topology_key.as_str() {
                HOSTNAME => matching(constraint, pod, id, store),
                key => domains[node.labels()[key].as_str()],
            };
            score += count as f64 * weight + (constraint.max_skew - 1) as f64;
        }
        score.round() as i64
    };
    let scored: Vec<i64> = taking_part().map(|(id, node)| raw(*id, node)).collect();
    let mut normalized = spread_normalized(&scored).into_iter();
    let all = candidates.iter().map(|(_, node)| {
        // A node without one of the labels gets nothing.
        if ranked(node) {
            normalized.next().unwrap_or_default()
        } else {
            0
        }
    });
    Some(all.collect())
}
