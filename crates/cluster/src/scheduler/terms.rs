//! InterPodAffinity: what affinities of a pod and of those on nodes say of each node
//! (`plugins/interpodaffinity`).

use std::collections::BTreeMap;
use std::rc::Rc;

use super::diagnosis::Refusal;
use crate::api::{Labelled, Node, Opinion, Placement, Pod, PodAffinityTerm, PodTemplate, Store};

/// Counts by topology key and value.
type Pairs<'a> = BTreeMap<(&'a str, &'a str), i64>;

/// Copied only for a node whose pods come and go.
type Counts<'a> = Rc<Pairs<'a>>;

/// The weight that a required affinity of a pod on a node has for pods that match it
/// (`hardPodAffinityWeight`).
const HARD_WEIGHT: i64 = 1;

/// What the filter sees (`preFilterState`).
#[derive(Debug, Clone, Default)]
pub(super) struct Terms<'a> {
    /// Pods whose anti-affinity keeps the pod away.
    existing: Counts<'a>,
    /// Pods that match all terms of its affinity.
    near: Counts<'a>,
    /// Pods that match a term of its anti-affinity.
    apart: Counts<'a>,
    required: &'a [PodAffinityTerm],
    forbidden: &'a [PodAffinityTerm],
    /// Whether the pod matches its own affinity: the first of a group may go anywhere.
    matches_itself: bool,
}

/// Whether pods on nodes say anything about a pod; that they say something is not certain.
pub(super) fn concerned(pod: &Pod, store: &Store) -> bool {
    store.opinions().iter().any(|one| may_concern(one, pod))
}

fn may_concern(opinion: &Opinion, pod: &Pod) -> bool {
    let Some(placement) = &opinion.template.placement else {
        return false;
    };
    let owner = Labelled {
        namespace: &opinion.namespace,
        labels: &opinion.template.labels,
    };
    let all = terms(placement);
    // Labels that only pods have may decide: those are looked at later.
    all.into_iter().any(|term| {
        let has_keys = !term.same.is_empty() || !term.different.is_empty();
        has_keys || term.matches(owner, Labelled::of(pod))
    })
}

fn terms(placement: &Placement) -> Vec<&PodAffinityTerm> {
    let (near, apart) = (&placement.affinity, &placement.anti_affinity);
    let preferred = near.preferred.iter().chain(&apart.preferred);
    let required = near.required.iter().chain(&apart.required);
    required.chain(preferred.map(|(_, term)| term)).collect()
}

fn matches_all(terms: &[PodAffinityTerm], owner: Labelled<'_>, other: Labelled<'_>) -> bool {
    !terms.is_empty() && terms.iter().all(|term| term.matches(owner, other))
}

fn placement_of(template: &PodTemplate) -> Option<&Placement> {
    template.placement.as_deref()
}

impl<'a> Terms<'a> {
    /// What all pods on nodes mean for this one.
    pub(super) fn new(pod: &'a Pod, store: &'a Store) -> Self {
        let own = placement_of(&pod.template);
        let required = own.map(|one| one.affinity.required.as_slice());
        let forbidden = own.map(|one| one.anti_affinity.required.as_slice());
        let mut made = Self {
            required: required.unwrap_or_default(),
            forbidden: forbidden.unwrap_or_default(),
            ..Self::default()
        };
        let me = Labelled::of(pod);
        made.matches_itself = matches_all(made.required, me, me);
        let asks = !made.required.is_empty() || !made.forbidden.is_empty();
        if asks || concerned(pod, store) {
            for (id, node) in store.nodes() {
                for (_, other) in store.pods_of_node(id) {
                    if asks || placement_of(&other.template).is_some() {
                        made.update(pod, other, node, 1);
                    }
                }
            }
        }
        made
    }

    /// A pod comes to a node, or leaves it.
    pub(super) fn update(&mut self, pod: &Pod, other: &'a Pod, node: &'a Node, by: i64) {
        let (me, it) = (Labelled::of(pod), Labelled::of(other));
        let theirs = placement_of(&other.template);
        let theirs = theirs.map(|one| one.anti_affinity.required.as_slice());
        for term in theirs.unwrap_or_default() {
            if term.matches(it, me) {
                add(&mut self.existing, node, &term.topology_key, by);
            }
        }
        if matches_all(self.required, me, it) {
            for term in self.required {
                add(&mut self.near, node, &term.topology_key, by);
            }
        }
        for term in self.forbidden {
            if term.matches(me, it) {
                add(&mut self.apart, node, &term.topology_key, by);
            }
        }
    }

    /// Whether the node is refused.
    pub(super) fn refusal(&self, node: &Node) -> Option<Refusal> {
        let value = |key: &str| node.labels().get(key).map(String::as_str);
        let count = |pairs: &Pairs<'_>, key: &str, value: &str| {
            pairs.get(&(key, value)).copied().unwrap_or_default()
        };
        let mut all_near = true;
        for term in self.required {
            let Some(value) = value(&term.topology_key) else {
                return Some(Refusal::Affinity);
            };
            all_near &= count(&self.near, &term.topology_key, value) > 0;
        }
        let is_first = self.near.is_empty() && self.matches_itself;
        if !(all_near || is_first) {
            return Some(Refusal::Affinity);
        }
        let too_near = |term: &PodAffinityTerm| {
            value(&term.topology_key)
                .is_some_and(|value| count(&self.apart, &term.topology_key, value) > 0)
        };
        if self.forbidden.iter().any(too_near) {
            return Some(Refusal::AntiAffinity);
        }
        let mut labels = node.labels().iter();
        let kept_away = !self.existing.is_empty()
            && labels.any(|(key, value)| count(&self.existing, key, value) > 0);
        kept_away.then_some(Refusal::ExistingAntiAffinity)
    }
}

fn add<'a>(counts: &mut Counts<'a>, node: &'a Node, key: &str, by: i64) {
    if let Some((key, value)) = node.labels().get_key_value(key) {
        let pair = (key.as_str(), value.as_str());
        let pairs = Rc::make_mut(counts);
        let count = pairs.entry(pair).or_default();
        *count += by;
        if *count == 0 {
            pairs.remove(&pair);
        }
    }
}

/// InterPodAffinity's scores of these nodes, normalised.
pub(super) fn scores(pod: &Pod, store: &Store, candidates: &[&Node]) -> Vec<i64> {
    let own = placement_of(&pod.template);
    let prefers = own.is_some_and(|one| {
        !one.affinity.preferred.is_empty() || !one.anti_affinity.preferred.is_empty()
    });
    if !prefers && !concerned(pod, store) {
        return vec![0; candidates.len()];
    }
    let me = Labelled::of(pod);
    let mut sums: Pairs<'_> = BTreeMap::new();
    for (id, node) in store.nodes() {
        for (_, other) in store.pods_of_node(id) {
            let it = Labelled::of(other);
            let mut count = |term: &PodAffinityTerm, weight, owner, of| {
                if term.matches(owner, of) {
                    let pair = node.labels().get_key_value(&term.topology_key);
                    if let Some((key, value)) = pair {
                        *sums.entry((key, value)).or_default() += weight;
                    }
                }
            };
            if let Some(own) = own {
                for (weight, term) in &own.affinity.preferred {
                    count(term, *weight, me, it);
                }
                for (weight, term) in &own.anti_affinity.preferred {
                    count(term, -weight, me, it);
                }
            }
            if let Some(theirs) = placement_of(&other.template) {
                for term in &theirs.affinity.required {
                    count(term, HARD_WEIGHT, it, me);
                }
                for (weight, term) in &theirs.affinity.preferred {
                    count(term, *weight, it, me);
                }
                for (weight, term) in &theirs.anti_affinity.preferred {
                    count(term, -weight, it, me);
                }
            }
        }
    }
    let score = |node: &&Node| -> i64 {
        let labels = node.labels().iter();
        labels
            .filter_map(|(key, value)| sums.get(&(key.as_str(), value.as_str())))
            .sum()
    };
    let raw: Vec<i64> = candidates.iter().map(score).collect();
    let least = raw.iter().min().copied().unwrap_or_default();
    let range = raw.iter().max().copied().unwrap_or_default() - least;
    let share = |raw: &i64| (100.0 * ((raw - least) as f64 / range as f64)) as i64;
    match range {
        0 => vec![0; raw.len()],
        _ => raw.iter().map(share).collect(),
    }
}
